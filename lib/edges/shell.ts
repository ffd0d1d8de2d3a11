// The one way a program is started: zx, quiet, in a process group of its own, with nothing of our environment but what
// is listed. stderr goes to a file, never to nowhere (the bug this project was born from) and never to a pipe (one stays
// open as long as any grandchild holds it). Import this file late: zx costs 40 ms of start.
import { type SpawnOptions, spawn } from 'node:child_process'
import { $, quote } from 'zx'
import { closeSync, constants, fstatSync, openSync, readSync } from './fs.ts'

export interface ProgramOptions {
  /** Absolute path of the file that takes the program's stderr; appended to. */
  stderrPath: string
  deadlineMs: number
  /** Between SIGTERM and SIGKILL to the whole group at the deadline. */
  killGraceMs?: number
  /** More than this on stdout ends the program: the output is refused (stdout is then ''), not cut. */
  maxOutputBytes: number
  /** The whole environment of the program. */
  env: Record<string, string>
  /** What it reads on stdin; nothing = /dev/null. Secrets go here, never into arguments. */
  input?: string
  /** `latin1` keeps every byte of input and output, one a character; UTF-8 unless told. */
  encoding?: 'latin1'
  /** Called with the program's pid before it can have read any input. */
  onStart?: (pid: number) => void
  /** Ends the program as the deadline does; one that was aborted before starts nothing. */
  signal?: AbortSignal
}

export interface ProgramResult {
  /** null where a signal ended it. */
  exitCode: number | null
  stdout: string
  /** The last 2 KiB of what it wrote to stderr in this run. */
  stderrTail: string
  ended: 'byItself' | 'atDeadline' | 'tooMuchOutput' | 'aborted'
}

const STDERR_TAIL_BYTES = 2048
/** A grandchild may hold stdout open after the program is gone; what it still says is not waited for longer. */
const DRAIN_MS = 1000

/**
 * Runs one program to its end, which comes at the deadline at the latest.
 * @throws Error when it cannot be started (no such file, no permission)
 */
export async function runProgram(command: [string, ...string[]], options: ProgramOptions): Promise<ProgramResult> {
  if (options.signal?.aborted) return { exitCode: null, stdout: '', stderrTail: '', ended: 'aborted' }
  const stderr = openSync(options.stderrPath, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600)
  try {
    const before = fstatSync(stderr).size
    const running = $({
      quiet: true,
      nothrow: true,
      detached: true,
      quote,
      spawn: withoutShell(command, options.onStart),
      env: options.env,
      // zx never closes the stdin of a program whose input is '', so that one gets /dev/null too.
      stdio: [options.input ? 'pipe' : 'ignore', 'pipe', stderr],
      ...(options.input ? { input: Buffer.from(options.input, options.encoding ?? 'utf8') } : {}),
    })`${command}`
    // EPIPE: it ended before it had read everything. Its exit code says how; unheard, this would end our own process.
    running.stdin?.on('error', () => undefined)
    const chunks: Buffer[] = []
    let size = 0
    let ended: ProgramResult['ended'] = 'byItself'
    const end = (why: ProgramResult['ended']) => {
      if (ended !== 'byItself') return
      ended = why
      signalGroup(running.pid, 'SIGTERM')
      killTimer = setTimeout(() => signalGroup(running.pid, 'SIGKILL'), options.killGraceMs ?? 2000)
    }
    let killTimer: NodeJS.Timeout | undefined
    const deadline = setTimeout(() => end('atDeadline'), options.deadlineMs)
    const onAbort = () => end('aborted')
    options.signal?.addEventListener('abort', onAbort, { once: true })
    running.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= options.maxOutputBytes) chunks.push(chunk)
      else {
        chunks.length = 0
        end('tooMuchOutput')
        // zx keeps all that comes: 750 MB were measured within a kill grace of 1.5 s.
        running.stdout?.destroy()
      }
    })
    const exited = new Promise<number | null>(resolve => running.child?.once('exit', code => resolve(code)))
    try {
      const closed: Promise<number | null> = (async () => {
        const { exitCode, cause } = await running
        if (cause !== undefined && cause !== null) throw notStarted(command[0], cause)
        return exitCode
      })()
      const drained = exited.then(
        code => new Promise<number | null>(done => setTimeout(() => done(code), DRAIN_MS).unref()),
      )
      const exitCode = await Promise.race<number | null>([closed, drained])
      // Whatever the program left behind in its group goes with it.
      if (ended !== 'byItself') signalGroup(running.pid, 'SIGKILL')
      running.stdout?.destroy()
      const stdout = Buffer.concat(chunks).toString(options.encoding ?? 'utf8')
      return { exitCode, stdout, stderrTail: tail(stderr, before), ended }
    } finally {
      clearTimeout(deadline)
      clearTimeout(killTimer)
      options.signal?.removeEventListener('abort', onAbort)
    }
  } finally {
    closeSync(stderr)
  }
}

/**
 * zx builds a line for a shell. A shell adds PWD and SHLVL to the environment, and tells a missing program by exit code
 * 127, which may as well be the program's own; so the words go to spawn as they are.
 */
function withoutShell([program, ...words]: [string, ...string[]], onStart?: (pid: number) => void): typeof spawn {
  const start = (_line: string, _words: string[], options: SpawnOptions) => {
    const child = spawn(program, words, { ...options, shell: false })
    if (child.pid !== undefined) onStart?.(child.pid)
    return child
  }
  return start as typeof spawn
}

function notStarted(program: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException
  return new Error(`${program} cannot be started (${code ?? message})`, { cause })
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, signal)
  } catch {
    // ESRCH: the whole group is gone, which is what was wanted.
  }
}

function tail(descriptor: number, from: number): string {
  const { size } = fstatSync(descriptor)
  const start = Math.max(from, size - STDERR_TAIL_BYTES)
  const buffer = Buffer.alloc(Math.max(0, size - start))
  readSync(descriptor, buffer, 0, buffer.length, start)
  return buffer.toString('utf8')
}
