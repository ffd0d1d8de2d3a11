// In the watchdog's place: that it is missing, and what it still had to send. Nothing else is judged here, so that what may
// have ended the watchdog does not end this too.
import { join } from 'node:path'
import type { Fact } from '../domain/alert.ts'
import { overdueAfterMs } from '../domain/job-state.ts'
import { tryLock } from '../edges/kernel-lock.ts'
import type { Run } from '../job.ts'
import { CRON_PERIOD_MS, type JobName } from '../timings.ts'
import { closeWatch, openWatch } from './watch.ts'

/**
 * One that has not been seen for long, though this job has had its turn in between, is not asleep with the machine: it is
 * gone.
 * @param seenAt when the watchdog last began a run, ms; null = it never did
 * @param previousStartedAt when this job last had its turn, ms
 */
export async function tellWatchdogMissing(
  run: Run,
  { job, seenAt, previousStartedAt }: { job: JobName; seenAt: number | null; previousStartedAt: number },
): Promise<void> {
  const { paths, now } = run
  if (seenAt !== null && seenAt >= previousStartedAt) return
  const agoMs = now - previousStartedAt
  // Just awake, or not long enough here to miss anybody.
  if (agoMs > overdueAfterMs(CRON_PERIOD_MS[job]) || (seenAt === null && agoMs < CRON_PERIOD_MS[job] / 2)) return
  const lock = tryLock(join(paths.locks, 'watchdog.lock'), { job, now })
  if (!lock.held) return
  try {
    run.log('warn', `the watchdog has not run since ${seenAt === null ? 'ever' : new Date(seenAt).toISOString()}`)
    // The job's own record is written already, and a channel that fails is no failure of its work.
    const report: Run['report'] = (name, { outcome, reason }) => run.log('warn', `${name} ${outcome}: ${reason}`)
    const inItsPlace: Run = { ...run, report, count: () => undefined }
    await closeWatch(await openWatch(inItsPlace), [missing(seenAt)], inItsPlace)
  } finally {
    lock.release()
  }
}

function missing(seenAt: number | null): Fact {
  return {
    name: 'WatchdogMissing',
    labels: {},
    verdict: 'bad',
    severity: 'critical',
    text: {
      summary: 'the watchdog does not run, so nobody tells you what else is wrong',
      details: ['what the shell said is in logs/cron.err; its own log is logs/watchdog.log'],
      remedy: 'vigil install',
      affects: 'every other alert',
    },
    since: seenAt,
  }
}
