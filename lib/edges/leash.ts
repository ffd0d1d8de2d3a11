// A program that may run only once at a time outlives us if we are killed. So it is put on a leash: who it is stands in a
// file before it begins to work, and the next run ends it there before it starts another.
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from './fs.ts'
import { isProcessAlive, isSameProcess, type ProcessMark, processStart } from './kernel-lock.ts'

/**
 * The command behind a gate: a shell that waits for a line on stdin and then becomes the program, with the same pid. If we
 * die before we have written down who it is, the gate sees the end of its input and the program never begins.
 */
export function gated(command: readonly string[]): [string, ...string[]] {
  return ['/bin/sh', '-c', 'read -r go && exec "$0" "$@"', ...command]
}

/** What opens the gate. */
export const GO = 'go\n'

/** Puts down who is on the leash; called between the start and the opening of the gate. */
export function putOnLeash(path: string, pid: number, now: number): void {
  const mark: ProcessMark = { pid, processStart: processStart(pid), startedAtMs: now }
  const descriptor = openSync(path, 'w', 0o600)
  try {
    writeSync(descriptor, JSON.stringify(mark))
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Ends what a killed run left behind, with its whole group, and waits until it is gone.
 * @returns the pid that was ended, or null where nothing was left
 */
export async function endLeftover(path: string): Promise<number | null> {
  const mark = readMark(path)
  if (mark === null) return null
  let ended: number | null = null
  if (await isSameProcess(mark)) {
    ended = mark.pid
    signalGroup(mark.pid)
    while (isProcessAlive(mark.pid)) await new Promise(resolve => setTimeout(resolve, 20))
  }
  takeOffLeash(path)
  return ended
}

export function takeOffLeash(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function readMark(path: string): ProcessMark | null {
  try {
    const mark = JSON.parse(readFileSync(path, 'utf8')) as ProcessMark
    return Number.isInteger(mark.pid) && mark.pid > 1 ? mark : null
  } catch {
    return null // Nobody is on the leash, or its gate was never opened.
  }
}

function signalGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // ESRCH: gone by itself in this moment.
  }
}
