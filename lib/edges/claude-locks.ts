// Speaks Claude Code's lock protocol: directories made by mkdir whose mtime its holder moves on. proper-lockfile is what
// Claude Code itself uses. Alone it lets two takers of a dead lock in (measured: 5 of 15 rounds), so Vigil's own kernel
// lock is always taken first.
import { stat } from 'node:fs/promises'
import lockfile from 'proper-lockfile'
import { monotonicMs } from './kernel-lock.ts'

/** Well under the 11 s after which a silent lock was seen to be taken over, and under what a busy machine delays. */
const BEAT_MS = 1500
/** A live holder beats every 5 s. Dead is one whose mtime is this old *and* stood still while we watched. */
const SILENT_AGE_MS = 15_000
const WATCH_MS = 6000
const POLL_MS = 200
/** Two takers of one dead lock can both succeed for a moment; by the next beat the loser knows. */
const TAKEOVER_SETTLE_MS = BEAT_MS + 300
/** For proper-lockfile: we alone judge who is dead, so by its own rule a lock practically never goes stale. */
const NEVER_STALE_MS = 365 * 24 * 3_600_000

// proper-lockfile brings signal-exit, which ends the process at SIGXFSZ (a write over a file-size limit) unless somebody
// else listens too. Node itself ignores that signal, so that the write fails with EFBIG and is reported.
process.on('SIGXFSZ', () => undefined)

export interface ClaudeLock {
  held: true
  /** Aborted when somebody took the lock from us: what it guards must not be begun any more. */
  lost: AbortSignal
  release(): Promise<void>
}
export interface ClaudeLockBusy {
  held: false
  lockPath: string
  /** How long ago the holder last gave a sign of life, ms; null when the lock went away just now. */
  lastBeatAgoMs: number | null
}

/**
 * Takes one lock directory, waiting up to `waitMs`. A lock that still beats is alive however old it is.
 * @throws Error with `code` when the directory cannot be made (EACCES, ENOSPC, EROFS, ENOENT)
 */
export async function takeClaudeLock(
  lockPath: string,
  waitMs: number,
  clock: () => number,
  signal?: AbortSignal,
): Promise<ClaudeLock | ClaudeLockBusy> {
  const deadline = monotonicMs() + waitMs
  let seen: { mtimeMs: number; since: number } | null = null
  for (;;) {
    const mtimeMs = await beatOf(lockPath)
    if (mtimeMs === null) seen = null
    else if (seen === null || seen.mtimeMs !== mtimeMs) seen = { mtimeMs, since: monotonicMs() }
    // Both together, because a clock alone lies after a laptop slept: its holder slept too and goes on beating.
    const dead = seen !== null && monotonicMs() - seen.since >= WATCH_MS && clock() - seen.mtimeMs >= SILENT_AGE_MS
    if (seen === null || dead) {
      const taken = await tryOnce(lockPath, dead ? SILENT_AGE_MS : NEVER_STALE_MS)
      if (taken && dead) await new Promise(resolve => setTimeout(resolve, TAKEOVER_SETTLE_MS))
      if (taken && !taken.lost.aborted) return taken
    }
    if (monotonicMs() >= deadline || signal?.aborted) {
      const lastBeat = await beatOf(lockPath)
      return { held: false, lockPath, lastBeatAgoMs: lastBeat === null ? null : Math.max(0, clock() - lastBeat) }
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

async function tryOnce(lockPath: string, staleMs: number): Promise<ClaudeLock | null> {
  const lost = new AbortController()
  try {
    const release = await lockfile.lock(lockPath, {
      lockfilePath: lockPath,
      realpath: false,
      stale: staleMs,
      update: BEAT_MS,
      retries: 0,
      onCompromised: error => lost.abort(error),
    })
    return {
      held: true,
      lost: lost.signal,
      async release() {
        // Lost already: then it is another's now, and removing it would let a third one in.
        if (!lost.signal.aborted) await release()
      },
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return null
    throw error
  }
}

async function beatOf(lockPath: string): Promise<number | null> {
  try {
    return (await stat(lockPath)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
