// Speaks Claude Code's lock protocol: directories made by mkdir whose mtime its holder moves on. proper-lockfile is what
// Claude Code itself uses. Alone it lets two takers of a dead lock in (measured: 5 of 15 rounds), so Vigil's own kernel
// lock is always taken first.
import { Worker } from 'node:worker_threads'
import lockfile from 'proper-lockfile'
import { statSync, utimesSync } from './fs.ts'
import { monotonicMs } from './kernel-lock.ts'

/** A live holder beats every 5 s. Dead is one whose mtime is this old *and* stood still while we watched. */
const SILENT_AGE_MS = 15_000
const WATCH_MS = 6000
const POLL_MS = 200
/** Two takers of one dead lock can both succeed for a moment; by the next beat the loser knows. */
const TAKEOVER_SETTLE_MS = 1800
/**
 * For proper-lockfile: we alone judge who is dead, so by its own rule a lock practically never goes stale. A dead one is
 * made so old that it does; a shorter rule for those would not do, for proper-lockfile cuts its update time to half of it.
 */
const NEVER_STALE_MS = 365 * 24 * 3_600_000
/** lock-beat.ts beats. proper-lockfile's own timer, which takes every beat but its own for a theft, is put off. */
const NEVER_BEAT_MS = 24 * 3_600_000
/** A lock from the future was made under a wrong clock; this much is no more than two clocks differ by. */
const AHEAD_MS = 60_000

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
    const mtimeMs = beatOf(lockPath)
    if (mtimeMs === null) seen = null
    else if (seen === null || seen.mtimeMs !== mtimeMs) seen = { mtimeMs, since: monotonicMs() }
    // Both together, because a clock alone lies after a laptop slept: its holder slept too and goes on beating.
    const still = seen !== null && monotonicMs() - seen.since >= WATCH_MS
    const old = seen !== null && (clock() - seen.mtimeMs >= SILENT_AGE_MS || seen.mtimeMs - clock() > AHEAD_MS)
    const dead = still && old
    if (dead) makeOld(lockPath, clock() - 2 * NEVER_STALE_MS)
    if (seen === null || dead) {
      const taken = await tryOnce(lockPath)
      if (taken && dead) await new Promise(resolve => setTimeout(resolve, TAKEOVER_SETTLE_MS))
      if (taken && !taken.lost.aborted) return taken
    }
    if (monotonicMs() >= deadline || signal?.aborted) {
      const lastBeat = beatOf(lockPath)
      return { held: false, lockPath, lastBeatAgoMs: lastBeat === null ? null : Math.max(0, clock() - lastBeat) }
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

async function tryOnce(lockPath: string): Promise<ClaudeLock | null> {
  const lost = new AbortController()
  try {
    const release = await lockfile.lock(lockPath, {
      lockfilePath: lockPath,
      realpath: false,
      stale: NEVER_STALE_MS,
      update: NEVER_BEAT_MS,
      retries: 0,
      onCompromised: error => lost.abort(error),
    })
    beginBeating(lockPath, lost)
    return {
      held: true,
      lost: lost.signal,
      async release() {
        endBeating(lockPath)
        // Lost already: then it is another's now, and removing it would let a third one in.
        if (!lost.signal.aborted) await release()
      },
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return null
    throw error
  }
}

/** Held locks and whom to tell when one is lost. */
const held = new Map<string, AbortController>()
let beater: Worker | null = null

function beginBeating(lockPath: string, lost: AbortController): void {
  held.set(lockPath, lost)
  if (beater === null) {
    beater = new Worker(new URL('./lock-beat.ts', import.meta.url))
    beater.on('message', ({ path, state, reason }: { path: string; state: string; reason?: string }) => {
      if (state === 'lost') held.get(path)?.abort(new Error(reason))
    })
    // Without its beat every lock is as good as lost: nothing new may be begun under them.
    beater.on('error', error => {
      for (const each of held.values()) each.abort(error)
    })
    beater.unref()
  }
  beater.postMessage({ do: 'begin', path: lockPath })
}

function endBeating(lockPath: string): void {
  held.delete(lockPath)
  beater?.postMessage({ do: 'end', path: lockPath })
}

function beatOf(lockPath: string): number | null {
  try {
    return statSync(lockPath).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function makeOld(lockPath: string, at: number): void {
  try {
    utimesSync(lockPath, at / 1000, at / 1000)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
