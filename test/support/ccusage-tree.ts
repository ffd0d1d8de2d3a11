// A copy of the jobs in whose node_modules ccusage is missing, so that the one on the PATH is taken: a stand-in that waits
// at a gate, counts who is inside, and answers as the test says. No switch for tests stands in the code itself.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Finished, REPO, runProcess, type ScratchVigil } from './scratch-vigil.ts'

export interface CcusageTree {
  /** Starts fetch-billing; `--force` and the like as words. */
  bill(vigil: ScratchVigil, words?: string[], onPid?: (pid: number) => void): Promise<Finished>
  /** What the stand-in does from now on. */
  behave(how: Behaviour): void
  /** Opens or closes the gate at which it waits before it answers. */
  gate(open: boolean): void
  /** The stand-in as a program, and the job that finds it on this PATH. */
  program: string
  job: string
  path: string
  /** The pids of those that are alive, their children too. */
  alive(): number[]
  /** How often it was started, and the most that were alive inside at once since the n-th start. */
  starts(): number
  mostAtOnce(since: number): number
  /** Resolves when it has been started `count` times. */
  started(count: number): Promise<void>
  dispose(): void
}
interface Behaviour {
  costUsd?: number
  burnRate?: number
  /** What it takes for the present, ms; the machine's clock unless told. */
  nowMs?: number
  /** Which of the two lists it is told to make waits at the gate; both unless told. */
  waits?: 'daily' | 'blocks'
  /** It has a child, which ignores SIGTERM as it does itself. */
  child?: boolean
  output?: 'good' | 'torn' | 'wrong' | 'huge' | 'exit1'
}

const STAND_IN = `
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, appendFileSync } from 'node:fs'
const root = ROOT
const behaviour = () => JSON.parse(readFileSync(root + '/behaviour', 'utf8'))
const me = root + '/inside/' + process.pid
mkdirSync(me)
const alive = pid => { try { process.kill(pid, 0); return readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1][0] !== 'Z' } catch { return false } }
appendFileSync(root + '/starts', process.pid + ' ' + readdirSync(root + '/inside').filter(pid => alive(Number(pid))).length + '\\n')
process.on('SIGTERM', () => undefined)
const child = behaviour().child && spawn('/bin/sh', ['-c', 'trap "" TERM; exec sleep 600'], { stdio: ['ignore', 'inherit', 'inherit'] })
if (child) appendFileSync(root + '/children', child.pid + '\\n')
const { waits } = behaviour()
while (!existsSync(root + '/open') && (!waits || process.argv.includes(waits))) {
  // A test that failed has taken everything away and opens no gate any more.
  if (!existsSync(root)) process.exit(1)
  await new Promise(done => setTimeout(done, 20))
}
rmSync(me, { recursive: true })
if (child) child.kill('SIGKILL')
const { costUsd = 1, burnRate = 0.5, output = 'good', nowMs: now = Date.now() } = behaviour()
const iso = ms => new Date(ms).toISOString()
const start = Math.floor(now / 3600000) * 3600000
const tokens = { inputTokens: 1, outputTokens: 2, cacheCreationTokens: 3, cacheReadTokens: 4 }
const local = new Date(now)
const date = [local.getFullYear(), local.getMonth() + 1, local.getDate()].map(part => String(part).padStart(2, '0')).join('-')
const answer = process.argv.includes('daily')
  ? { daily: [{ date, totalCost: costUsd, totalTokens: 10, modelBreakdowns: [{ modelName: 'claude-opus-4-8', cost: costUsd, ...tokens }] }] }
  : { blocks: [{ startTime: iso(start), endTime: iso(start + 5 * 3600000), isGap: false, isActive: true, entries: 1, totalTokens: 10, costUSD: costUsd, models: ['claude-opus-4-8'], burnRate: { costPerHour: burnRate }, projection: { totalCost: costUsd * 2 } }] }
const text = JSON.stringify(answer)
if (output === 'exit1') { console.error('it went wrong'); process.exitCode = 1 }
else if (output === 'torn') process.stdout.write(text.slice(0, text.length / 2))
else if (output === 'wrong') process.stdout.write('{"hello":1}')
else if (output === 'huge') process.stdout.write('x'.repeat(40 * 1024 * 1024))
else process.stdout.write(text)
`

/** One that has ended and that nobody has waited for yet is not. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)![0] !== 'Z'
  } catch {
    return false
  }
}

export function ccusageTree(): CcusageTree {
  const root = mkdtempSync(join(tmpdir(), 'vigil-tree-'))
  for (const part of ['jobs', 'lib', 'package.json']) cpSync(join(REPO, part), join(root, part), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  for (const name of readdirSync(join(REPO, 'node_modules'))) {
    if (name.startsWith('.') || name === 'ccusage' || name === '@ccusage') continue
    symlinkSync(join(REPO, 'node_modules', name), join(root, 'node_modules', name))
  }
  for (const folder of ['bin', 'inside']) mkdirSync(join(root, folder))
  const script = join(root, 'stand-in.mjs')
  writeFileSync(script, STAND_IN.replace('ROOT', JSON.stringify(root)))
  writeFileSync(join(root, 'bin', 'ccusage'), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`)
  chmodSync(join(root, 'bin', 'ccusage'), 0o755)
  writeFileSync(join(root, 'behaviour'), '{}')
  writeFileSync(join(root, 'open'), '')
  const job = join(root, 'jobs', 'fetch-billing.ts')
  const path = `${join(root, 'bin')}:/usr/bin:/bin`
  const lines = (name: string) =>
    existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8').trim().split('\n') : []
  const log = () => lines('starts')
  return {
    bill: (vigil, words = [], onPid) =>
      runProcess([process.execPath, job, ...words], { ...vigil.env, PATH: path }, onPid),
    program: join(root, 'bin', 'ccusage'),
    job,
    path,
    alive: () => [...log(), ...lines('children')].map(line => Number.parseInt(line, 10)).filter(isAlive),
    behave: how => writeFileSync(join(root, 'behaviour'), JSON.stringify(how)),
    gate: open => (open ? writeFileSync(join(root, 'open'), '') : rmSync(join(root, 'open'))),
    starts: () => log().length,
    mostAtOnce: since =>
      Math.max(
        0,
        ...log()
          .slice(since)
          .map(line => Number(line.split(' ')[1])),
      ),
    async started(count) {
      while (log().length < count) await new Promise(done => setTimeout(done, 20))
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  }
}
