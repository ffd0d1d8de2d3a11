// What of a sight is worth remembering: what is new since the last look, and no run that found nothing to do.
import type { RunRecord } from '../domain/run-record.ts'
import { MINUTE_MS } from '../timings.ts'
import type { PastFigure, Sight } from './sight.ts'

/** From measuring to publishing a run takes this long at most; what is told twice is kept once. */
const LATE_MS = 2 * MINUTE_MS
/** From a run's end to its record on the disk. */
const LATE_RUN_MS = 10_000

export interface RememberedRun {
  job: string
  runId: string
  startedAt: number
  endedAt: number | null
  outcome: string
}

/** @param lastRunAt when the watchdog last looked, ms; null = never */
export function historyEntries(
  { accounts, jobs }: Sight,
  lastRunAt: number | null,
): { figures: PastFigure[]; runs: RememberedRun[] } {
  const from = lastRunAt === null ? 0 : lastRunAt - LATE_MS
  const figures = accounts.flatMap(({ account: { slot }, observation }) => {
    if (observation === null || observation.measuredAt < from) return []
    const { measuredAt, windows, extraUsage } = observation
    const measured: PastFigure[] = windows.flatMap(({ name, scope, usedPercent, resetsAt }) =>
      usedPercent === null ? [] : [{ slot, measuredAt, window: name, scope, used: usedPercent, resetsAt }],
    )
    if (extraUsage?.enabled && extraUsage.used !== null)
      measured.push({ slot, measuredAt, window: 'extra_usage', scope: null, used: extraUsage.used, resetsAt: null })
    return measured
  })
  const runs = jobs.flatMap(({ record }) => {
    if (record === null || record.ended_at === null || !isWorthIt(record)) return []
    if (lastRunAt !== null && record.ended_at < lastRunAt - LATE_RUN_MS) return []
    const { job, run_id: runId, started_at: startedAt, ended_at: endedAt, outcome } = record
    return [{ job, runId, startedAt, endedAt, outcome }]
  })
  return { figures, runs }
}

/** A run that failed, turned a streak or asked somebody. The others are a thousand a day, and all the same. */
function isWorthIt({ outcome, streak, counters }: RunRecord): boolean {
  if (outcome === 'running') return false
  if (outcome !== 'ok' || streak?.count === 1) return true
  return Object.keys(counters).some(name => !/^(skipped_|waited)/.test(name))
}
