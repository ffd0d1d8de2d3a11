import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import type { StandInState } from '../../sandbox/stand-in.ts'
import { NOW, PATIENT } from './start.ts'

const SERVE = fileURLToPath(new URL('../../sandbox/serve.ts', import.meta.url))
const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))

type Child = ChildProcessByStdio<null, Readable, Readable>

function serve(...args: string[]): Child {
  const child = spawn(NODE, [SERVE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

async function ready(child: Child): Promise<{ url: string; tokenUrl: string }> {
  const [line] = await once(child.stdout, 'data')
  return JSON.parse(line.toString())
}

async function finished(child: Child): Promise<{ code: number | null; signal: string | null; said: string }> {
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, said }
}

async function usageGets(url: string): Promise<number> {
  const response = await fetch(`${url}/_stand-in/state`)
  return ((await response.json()) as StandInState).usageGets
}

function loginsFile(value: unknown): string {
  const path = join(mkdtempSync(join(homedir(), 'serve-')), 'logins.json')
  writeFileSync(path, JSON.stringify(value))
  return path
}

test('it serves the logins of a file, prints where, and can be steered over HTTP', async () => {
  const logins = makeLogins(2, Date.now())
  const { url, tokenUrl } = await ready(serve('--logins', loginsFile(logins)))
  expect(tokenUrl).toBe(`${url}/v1/oauth/token`)
  const headers = { authorization: `Bearer ${logins[0]!.accessToken}`, 'anthropic-beta': 'oauth-2025-04-20' }
  const usage = await fetch(`${url}/api/oauth/usage`, { headers })
  expect(await usage.json()).toEqual(logins[0]!.usage)

  const rule = { endpoint: 'usage', action: { kind: 'answer', status: 429, body: {} } }
  await fetch(`${url}/_stand-in/faults`, { method: 'POST', body: JSON.stringify(rule) })
  expect((await fetch(`${url}/api/oauth/usage`, { headers })).status).toBe(429)
  const state = await fetch(`${url}/_stand-in/state`)
  expect(await state.json()).toMatchObject({ usageGets: 2, logins: [{ usageGets: 2 }, { usageGets: 0 }] })
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it cleanly, hanging connections and all', async signal => {
  const child = serve()
  const { url } = await ready(child)
  const rule = { action: { kind: 'hang-before' } }
  await fetch(`${url}/_stand-in/faults`, { method: 'POST', body: JSON.stringify(rule) })
  const hanging = expect(fetch(`${url}/api/oauth/usage`)).rejects.toThrow('fetch failed')
  await expect.poll(() => usageGets(url), PATIENT).toBe(1)
  child.kill(signal)
  expect(await finished(child)).toEqual({ code: 0, signal: null, said: '' })
  await hanging
})

test('--port and --latency-ms are heeded', async () => {
  const first = serve()
  const { url } = await ready(first)
  first.kill()
  await finished(first)
  const second = await ready(serve('--port', new URL(url).port, '--latency-ms', '120'))
  expect(second.url).toBe(url)
  const before = performance.now()
  await fetch(`${url}/api/oauth/usage`)
  expect(performance.now() - before).toBeGreaterThan(115)
})

test.each([
  [['--port', '70000'], /--port must be a whole number from 0 to 65535\./],
  [['--latency-ms', 'soon'], /--latency-ms must be a whole number/],
  [['--tokens', '3'], /--tokens/],
  [['--logins', '/nowhere/logins.json'], /ENOENT/],
  [['--logins', loginsFile([{ ...makeLogins(1, NOW)[0], email: 7 }])], /Login 1 has a wrong or missing "email": 7\./],
])('%j is a wrong usage', async (args, sentence) => {
  const { code, said } = await finished(serve(...args))
  expect({ code, said }).toEqual({ code: 64, said: expect.stringMatching(sentence) })
  expect(said).toContain('usage: node sandbox/serve.ts')
})

test('a port that is taken is a failure', async () => {
  const { url } = await ready(serve())
  const { code, said } = await finished(serve('--port', new URL(url).port))
  expect(code).toBe(1)
  expect(said).toContain('EADDRINUSE')
})
