// The stand-in as a process of its own: prints {"url","tokenUrl"} as one line of JSON when it is ready, ends on SIGTERM.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseLogins } from './logins.ts'
import { type StandInOptions, startStandIn } from './stand-in.ts'

const USAGE = 'usage: node sandbox/serve.ts [--port N] [--latency-ms N] [--logins FILE.json]'

function readOptions(args: string[]): StandInOptions {
  const flags = { port: { type: 'string' }, 'latency-ms': { type: 'string' }, logins: { type: 'string' } } as const
  const { values } = parseArgs({ args, options: flags })
  return {
    port: parseCount(values.port, '--port', 65_535),
    latencyMs: parseCount(values['latency-ms'], '--latency-ms', 3600_000),
    logins: values.logins === undefined ? [] : parseLogins(JSON.parse(readFileSync(values.logins, 'utf8'))),
  }
}

function parseCount(text: string | undefined, flag: string, most: number): number {
  if (text === undefined) return 0
  if (!/^\d+$/.test(text) || Number(text) > most) throw new Error(`${flag} must be a whole number from 0 to ${most}.`)
  return Number(text)
}

async function serve(options: StandInOptions): Promise<void> {
  const standIn = await startStandIn(options)
  const asked = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => asked.resolve())
  process.stdout.write(`${JSON.stringify({ url: standIn.url, tokenUrl: standIn.tokenUrl })}\n`)
  await asked.promise
  await standIn.close()
}

let options: StandInOptions | null = null
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
  process.exitCode = 64
}
if (options !== null) await serve(options)
