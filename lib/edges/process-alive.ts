import { readFileSync } from './fs.ts'

/** Whether a process of that id is at work. One that has ended and that nobody has waited for yet is not. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // There, but another user's.
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command in brackets may hold anything; the state stands behind it.
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return true // No /proc (macOS): the signal was enough.
  }
}

/** Enough to tell a process from a later one with the same pid. */
export interface ProcessMark {
  pid: number
  /** The kernel's own words for its start (Linux); null where there is no /proc. */
  processStart: string | null
  /** ms since the epoch, for systems without /proc. */
  startedAtMs: number
}

/** `ps` tells a start to the second, and the mark is made a moment after it. */
const START_TOLERANCE_MS = 3000

/** Whether that very process is still there: a pid alone proves nothing, and a stranger must never be ended. */
export async function isSameProcess(mark: ProcessMark): Promise<boolean> {
  if (mark.processStart !== null) return processStart(mark.pid) === mark.processStart
  if (!isProcessAlive(mark.pid)) return false
  const { execFileSync } = await import('node:child_process')
  try {
    const said = execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(mark.pid)], {
      env: { LC_ALL: 'C' },
      timeout: 5000,
    })
    return Math.abs(Date.parse(said.toString().trim()) - mark.startedAtMs) <= START_TOLERANCE_MS
  } catch {
    return false // ps knows no such process, or cannot say: then nobody is ended.
  }
}

/**
 * When a process began, in the kernel's own words, so that a pid that was given out again is not mistaken for it.
 * null where there is no /proc (macOS).
 */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in brackets and may hold anything; the start time is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null // No /proc, or no such process.
  }
}
