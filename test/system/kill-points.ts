// A recorded run as a list of the system calls at which it can be killed, and the means to kill it at exactly one.
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import type { ScratchVigil } from '../support/scratch-vigil.ts'
import { jobCommand, type SystemCall, type Traced, traced, until } from './tools.ts'

/** What changes a file, and what speaks to the network. Killed before each of them, a run is killed at every step. */
const CHANGES = [
  ...['mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2', 'link', 'linkat'],
  ...['symlink', 'symlinkat', 'open', 'openat', 'creat', 'write', 'writev', 'pwrite64', 'pwritev', 'copy_file_range'],
  ...['fsync', 'fdatasync', 'ftruncate', 'truncate', 'fallocate', 'utime', 'utimes', 'utimensat', 'futimesat'],
  ...['chmod', 'fchmod', 'fchmodat', 'chown', 'fchown', 'fchownat'],
]
/** What starts a child. */
const SPAWNS = ['clone', 'clone3', 'fork', 'vfork']
const TRACED = [...CHANGES, '%network', ...SPAWNS.map(name => `?${name}`)].join(',')

export interface Step {
  name: string
  /**
   * The file, with `{pid}` for the process id and `{print:16}` for the first 16 digits of the stored refresh token's
   * SHA-256, after which some files are named; null for a call on the network, or one that starts a child.
   */
  path: string | null
  /** Every file that the call names. */
  names: string[]
  /** Which one of this name (and on this path) in its thread, from 1. */
  nth: number
  /** Position among all steps of the recording. */
  index: number
}

/** One pool thread, so that the same run makes the same calls in the same thread each time. */
function envOf(vigil: ScratchVigil): Record<string, string> {
  return { ...vigil.env, UV_THREADPOOL_SIZE: '1' }
}

function storedPrint(vigil: ScratchVigil): string {
  return createHash('sha256')
    .update(String(vigil.credentials(0).claudeAiOauth['refreshToken']))
    .digest('hex')
}

export async function recordSteps(vigil: ScratchVigil, command = jobCommand('refresh-tokens')): Promise<Step[]> {
  await until('the settings are no longer new', () => Date.now() - statSync(vigil.paths.settings).ctimeMs > 3_000)
  const print = storedPrint(vigil)
  const run = await traced(command, envOf(vigil), { trace: TRACED })
  if (run.signal !== null || run.stderr !== '') throw new Error(`The recording failed: ${run.signal} ${run.stderr}`)
  return stepsOf(run, vigil.home, print)
}

function stepsOf(run: Traced, home: string, print: string): Step[] {
  const counted = new Map<string, number>()
  const first = new Map<string, number>()
  const steps: Step[] = []
  let connected = false
  for (const call of run.calls) {
    const inHome = call.paths.map(path => inGeneral(path, run.pid, print)).filter(path => path.startsWith(`${home}/`))
    // What a link will point to is only words to the kernel, and to strace.
    const path = (call.name.startsWith('symlink') ? inHome.at(-1) : inHome[0]) ?? null
    const what = `${call.name} ${path ?? ''}`
    const nth = (counted.get(`${call.tid} ${what}`) ?? 0) + 1
    counted.set(`${call.tid} ${what}`, nth)
    // Without a path strace counts every call of that name, so the count of those must be kept as well.
    const all = (counted.get(`${call.tid} ${call.name} *`) ?? 0) + 1
    counted.set(`${call.tid} ${call.name} *`, all)
    connected ||= call.name === 'connect' && call.text.includes('AF_INET')
    if (path === null) {
      // A thread is a clone as well, but its end is told to nobody.
      const isSpawn = SPAWNS.includes(call.name) && call.tid === run.pid && call.text.includes('SIGCHLD')
      if (isSpawn || (connected && call.network))
        steps.push({ name: call.name, path, names: [], nth: all, index: steps.length })
      continue
    }
    if (!changesSomething(call)) continue
    // A lock is touched once when it is made; its heartbeats come when their time has come, not at a step of the run.
    if (call.name.startsWith('utime') && steps.some(step => step.name === call.name)) continue
    // strace counts in each thread by itself, so of two threads that make the same call only the first can be struck.
    const before = first.get(`${what} ${nth}`) ?? call.tid
    first.set(`${what} ${nth}`, before)
    if (before !== call.tid) throw new Error(`Two threads do ${what}; they cannot be told apart.`)
    steps.push({ name: call.name, path, names: call.paths, nth, index: steps.length })
  }
  return steps
}

function inGeneral(path: string, pid: number, print: string): string {
  return path
    .replace(new RegExp(`(?<=\\.)${pid}(?=\\.)`, 'g'), '{pid}')
    .replace(/[0-9a-f]{16,64}/g, digits => (print.startsWith(digits) ? `{print:${digits.length}}` : digits))
}

function changesSomething(call: SystemCall): boolean {
  return call.name.startsWith('open') ? /O_CREAT|O_TRUNC/.test(call.text) : CHANGES.includes(call.name)
}

/** Runs the job and does `what` to it as that step begins: `kill` ends it before the call has an effect, all else is strace's. */
export function strike(
  vigil: ScratchVigil,
  step: Step,
  what: string,
  command = jobCommand('refresh-tokens'),
): Promise<Traced> {
  const path = step.path?.replace(/\{print:(\d+)\}/g, (_, digits) => storedPrint(vigil).slice(0, Number(digits)))
  return traced(command, envOf(vigil), {
    trace: step.name,
    ...(what === 'kill' ? { killAt: step } : { inject: `${step.name}:${what}:when=${step.nth}` }),
    ...(path !== undefined && { path }),
  })
}

export function nameOf(step: Step, home: string): string {
  const path =
    step.path?.replace(home, '~').replace(/[0-9a-f]{16}|\{print:16\}/, '…') ??
    (SPAWNS.includes(step.name) ? 'of a child' : 'the socket')
  return `${step.name} ${path}${step.nth > 1 && step.path !== null ? ` (${step.nth})` : ''}`
}
