// A program of the person's own: it gets the message as JSON on stdin, and its exit code is the answer.
import { join } from 'node:path'
import type { Message, SendResult } from '../domain/alert.ts'
import { CHANNEL_TIMEOUT_MS } from '../timings.ts'
import { accepted, refused, retry } from './channel.ts'
import { render } from './render.ts'
import { alertJson } from './webhook-kinds.ts'

export interface ExecOptions {
  home: string
  /** Its whole environment. */
  childEnv: Record<string, string>
  /** Takes what it says on stderr. */
  stderrPath: string
  signal: AbortSignal
  timeZone?: string
  /** For tests. */
  deadlineMs?: number
}

/** For SIGTERM and SIGKILL, within what a channel may take. */
const KILL_GRACE_MS = 1000
/** EX_TEMPFAIL of sysexits.h. */
const TRY_LATER = 75

export async function runExec(
  [program, ...words]: [string, ...string[]],
  message: Message,
  options: ExecOptions,
): Promise<SendResult> {
  const { runProgram } = await import('../edges/shell.ts')
  const { deadlineMs = CHANNEL_TIMEOUT_MS - KILL_GRACE_MS - 500 } = options
  const expanded = (word: string) => (word.startsWith('~/') ? join(options.home, word.slice(2)) : word)
  try {
    const result = await runProgram([expanded(program), ...words.map(expanded)], {
      stderrPath: options.stderrPath,
      deadlineMs,
      killGraceMs: KILL_GRACE_MS,
      maxOutputBytes: 1024 * 1024,
      env: options.childEnv,
      input: `${JSON.stringify(alertJson(message, render(message, options.timeZone)))}\n`,
      signal: options.signal,
    })
    const said = result.stderrTail.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
    const why = said && `: ${said}`
    if (result.ended === 'atDeadline') return retry(`it was ended after ${deadlineMs / 1000} s${why}`)
    if (result.ended !== 'byItself') return retry(`it was ended (${result.ended})`)
    if (result.exitCode === 0) return accepted('it exited with 0')
    if (result.exitCode === TRY_LATER) return retry(`it exited with 75${why}`)
    return refused(`it ${result.exitCode === null ? 'was killed' : `exited with ${result.exitCode}`}${why}`)
  } catch (error) {
    // By its own name as written: the system's message holds the whole path.
    const code = /\((\w+)\)/.exec((error as Error).message)?.[1] ?? 'unknown'
    return refused(`${program} cannot be started (${code}); mend channels.exec`)
  }
}
