// What a job's run record says about it now. The record alone cannot tell a run from one that was killed: the caller
// knows whether its process lives.
import { CLOCK_TOLERANCE_MS } from './freshness.ts'
import type { RunRecord } from './run-record.ts'
import type { StatusJob } from './status.ts'

/** Two periods may pass without a success, and a slow start on top of them. */
export const GRACE_MS = 2 * 60_000

export function overdueAfterMs(periodMs: number): number {
  return 2 * periodMs + GRACE_MS
}

/** `22 min`; in hours from two of them on. */
export function roundSpan(ms: number): string {
  return ms >= 120 * 60_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 60_000)} min`
}

/** @param alive whether the process of the record's run is still there; asked only of a run that has not ended */
export function judgeJob(
  job: string,
  record: RunRecord | 'corrupt' | null,
  alive: boolean,
  now: number,
  periodMs: number,
): StatusJob {
  const none = { last_started_at: null, last_success_at: null, exit_code: null, streak: null }
  if (record === null) return { job, state: 'never', reason: 'it has never run', ...none }
  // Not a success, and not "never" either.
  if (record === 'corrupt') return { job, state: 'failing', reason: 'its run record is no good', ...none }
  const limitMs = overdueAfterMs(periodMs)
  const due = `it is due every ${roundSpan(periodMs)}`
  const said = (state: StatusJob['state'], reason: string): StatusJob => ({
    job,
    state,
    last_started_at: record.started_at,
    last_success_at: record.last_success_at,
    reason,
    exit_code: record.exit_code,
    streak: record.streak,
  })
  if (record.outcome === 'running') {
    return alive ? said('running', 'it is at work') : said('killed', 'its latest run began and its process is gone')
  }
  if (isOld(record.started_at, now, limitMs)) {
    const last = record.outcome === 'ok' ? '' : `; its last run failed: ${inOneLine(record.reason)}`
    return said('overdue', `${due}, and nothing has started it for more than ${roundSpan(limitMs)}${last}`)
  }
  if (record.outcome !== 'ok') return said('failing', record.reason)
  if (record.last_success_at === null || isOld(record.last_success_at, now, limitMs)) {
    return said('overdue', `${due}, and has not succeeded for more than ${roundSpan(limitMs)}`)
  }
  return said('ok', record.reason)
}

/** A time in the future proves nothing: a clock was wrong once, and the run may be long ago. */
function isOld(at: number, now: number, limitMs: number): boolean {
  return now - at > limitMs || at - now > CLOCK_TOLERANCE_MS
}

/** What a run came to, where there is room for a line: of settings that are wrong, without each of their problems. */
export function inOneLine(reason: string): string {
  return reason.split('\n')[0]!.replace(/:$/, '')
}
