// A lock that the kernel takes back when its holder dies, whatever it died of: SQLite's EXCLUSIVE lock on a file that is
// nothing but a lock. Never unlink such a file (a second holder would lock the new one), and never open it by other means
// in the holder (closing any descriptor of it frees the lock).

import { DatabaseSync } from 'node:sqlite'
import { readFileSync, writeFileSync } from './fs.ts'

/** Who holds a lock, for messages and for ending a holder that overstays. Not what excludes: the kernel does that. */
export interface LockHolder {
  pid: number
  job: string
  /** The Claude Code session that asked for the work, where one did. */
  session?: string | null
  /** ms since the epoch */
  since: number
  /** These two tell this process from a later one with the same pid. */
  processStart: string | null
  startedAtMs: number
  /** Monotonic ms (asleep time not counted) after which the holder has overstayed; null = it may hold for ever. */
  overdueAtMonotonicMs: number | null
}

/** Who asks for a lock, and for how long it may be held at most, asleep time not counted. */
export interface LockTaker {
  job: string
  now: number
  session?: string | null
  overdueInMs?: number
}

/**
 * Everything that is held. Work that waits for ever can be garbage in all its frames, its lock with them, and a database
 * that is collected is closed: then a second run began beside the first.
 */
const held = new Set<DatabaseSync>()

export type LockResult = { held: true; release(): void } | { held: false; holder: LockHolder | null }

/**
 * Tries once, without waiting.
 * @throws Error when the lock file cannot be used at all (permission, full disk, a file system without locks)
 */
export function tryLock(path: string, me: LockTaker): LockResult {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Nothing is ever written to it, so its journal needs no file: on a full disk there would be no room for one, and then
    // not even the watchdog could say so.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return { held: false, holder: readHolder(path) }
    throw new Error(`lock ${path} cannot be used: ${(error as Error).message}`, { cause: error })
  }
  writeHolder(path, {
    pid: process.pid,
    job: me.job,
    session: me.session ?? null,
    since: me.now,
    processStart: processStart(process.pid),
    startedAtMs: Math.round(me.now - process.uptime() * 1000),
    overdueAtMonotonicMs: me.overdueInMs === undefined ? null : monotonicMs() + me.overdueInMs,
  })
  held.add(database)
  let released = false
  return {
    held: true,
    release() {
      if (released) return
      released = true
      held.delete(database)
      database.close()
    },
  }
}

/** Tries until `waitMs` are over or the signal says stop. */
export async function waitForLock(
  path: string,
  me: LockTaker,
  waitMs: number,
  signal?: AbortSignal,
): Promise<LockResult> {
  const deadline = monotonicMs() + waitMs
  for (;;) {
    const result = tryLock(path, me)
    if (result.held || monotonicMs() >= deadline || signal?.aborted) return result
    await new Promise(resolve => setTimeout(resolve, 40 + Math.random() * 40))
  }
}

/** The holder's own words, or null where they are missing or torn: the lock itself is what counts. */
export function readHolder(path: string): LockHolder | null {
  try {
    const holder = JSON.parse(readFileSync(infoPath(path), 'utf8')) as LockHolder
    return typeof holder.pid === 'number' && typeof holder.job === 'string' ? holder : null
  } catch {
    return null // Never written yet, or by an older version.
  }
}

/** ms that do not run while the machine sleeps and are the same in every process since boot. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

function writeHolder(path: string, holder: LockHolder): void {
  try {
    // In place: only the holder writes it, and a reader that comes in between takes a torn text for none.
    writeFileSync(infoPath(path), JSON.stringify(holder), { mode: 0o600 })
  } catch {
    // Only messages suffer: a full disk must not keep a job from running under a lock that it does hold.
  }
}

function infoPath(path: string): string {
  return `${path}.info`
}

function isBusy(error: unknown): boolean {
  return /database is locked|busy/i.test((error as Error).message)
}

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
