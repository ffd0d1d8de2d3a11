// When a job must have had its turn.
import { GRACE_MS, overdueAfterMs } from '../domain/job-state.ts'
import { CRON_PERIOD_MS, JOB_DEADLINE_MS, type JobName, TERM_GRACE_MS } from '../timings.ts'
import type { Sight } from './sight.ts'

/**
 * The moment by which a job has had one whole turn after `since`, a slow one and its end included, ms.
 * @param since ms; null = nothing to wait for, so 0
 */
export function firstCycleAfter(job: JobName, since: number | null): number {
  return since === null ? 0 : since + CRON_PERIOD_MS[job] + GRACE_MS
}

/** The moment by which a job must have measured what was never measured, ms. Where it never ran, that is told in its place. */
export function firstFiguresBy(job: JobName, { jobs, firstSeenAt }: Pick<Sight, 'jobs' | 'firstSeenAt'>): number {
  const neverRan = jobs.some(seen => seen.job.job === job && seen.job.state === 'never')
  return neverRan ? firstSeenAt + overdueAfterMs(CRON_PERIOD_MS[job]) : firstCycleAfter(job, firstSeenAt)
}

/** A run that is longer at it than this has overstayed its own deadline, so it hangs; ms. */
export function hangsAfterMs(job: JobName): number {
  return JOB_DEADLINE_MS[job] + 2 * TERM_GRACE_MS
}
