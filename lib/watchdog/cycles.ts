// When a job must have had its turn.
import { GRACE_MS } from '../domain/job-state.ts'
import { CRON_PERIOD_MS, JOB_DEADLINE_MS, type JobName, TERM_GRACE_MS } from '../timings.ts'

/**
 * The moment by which a job has had one whole turn after `since`, a slow one and its end included, ms.
 * @param since ms; null = nothing to wait for, so 0
 */
export function firstCycleAfter(job: JobName, since: number | null): number {
  return since === null ? 0 : since + CRON_PERIOD_MS[job] + GRACE_MS
}

/** A run that is longer at it than this has overstayed its own deadline, so it hangs; ms. */
export function hangsAfterMs(job: JobName): number {
  return JOB_DEADLINE_MS[job] + 2 * TERM_GRACE_MS
}
