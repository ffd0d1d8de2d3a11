// What the run records say of each job at this moment. Reads only; no lock is tried.
import { join } from 'node:path'
import { judgeJob } from '../domain/job-state.ts'
import type { RunRecord } from '../domain/run-record.ts'
import type { StatusJob } from '../domain/status.ts'
import type { JsonReading } from '../edges/fs.ts'
import { isProcessAlive, processStart, readHolder } from '../edges/kernel-lock.ts'
import type { Paths } from '../paths.ts'
import { readRunRecord } from '../store/runs.ts'
import { CRON_PERIOD_MS, type JobName } from '../timings.ts'

export interface LookedJob {
  job: StatusJob
  /** null: it never ran, or its record is no good. */
  record: RunRecord | null
  /** What is wrong with its record; null = nothing. */
  trouble: string | null
}

/** @param failover whether it is turned on; a job that has nothing to do is none that could be missing */
export function lookAtJobs(paths: Paths, now: number, failover: boolean): LookedJob[] {
  const jobs = (Object.entries(CRON_PERIOD_MS) as Array<[JobName, number]>).filter(
    ([name]) => failover || name !== 'failover',
  )
  return jobs.map(([name, periodMs]) => {
    const reading = tolerant(() => readRunRecord(paths.runs, name))
    const record = reading.state === 'present' ? reading.value : null
    const alive = record?.outcome === 'running' && isRunAlive(paths, record)
    const known = reading.state === 'corrupt' ? 'corrupt' : record
    const trouble = reading.state === 'corrupt' ? reading.detail : null
    return { job: judgeJob(name, known, alive, now, periodMs), record, trouble }
  })
}

/** The lock is not tried, not even for a moment: a job that starts just then would take it for another run and leave. */
function isRunAlive(paths: Paths, record: RunRecord): boolean {
  const holder = readHolder(join(paths.locks, `${record.job}.lock`))
  // Another run has the lock since: the one of this record is over, however it ended.
  if (holder !== null && holder.pid !== record.pid) return false
  if (holder?.processStart && processStart(record.pid) !== holder.processStart) return false
  return isProcessAlive(record.pid)
}

/** A file that cannot be read is told as one that is no good, and hides nothing else. */
export function tolerant<T>(read: () => JsonReading<T>): JsonReading<T> {
  try {
    return read()
  } catch (error) {
    return { state: 'corrupt', detail: cannotRead(error) }
  }
}

export function cannotRead(error: unknown): string {
  return `it cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`
}
