import * as v from '../valibot.ts'

/**
 * What kind of trouble a failure is; decides the exit code and, later, which alert.
 * `temporary` and `network` mend themselves, `permission` and `settings` need a person, `disk` needs room, `bug` is ours.
 */
const FAILURE_CLASSES = ['settings', 'network', 'temporary', 'permission', 'disk', 'bug'] as const
export type FailureClass = (typeof FAILURE_CLASSES)[number]

/** What became of one account in one run. A fact about the account (a dead login) has no failure. */
export const AccountResult = v.object({
  outcome: v.string(),
  reason: v.string(),
  failure: v.nullable(v.picklist(FAILURE_CLASSES)),
})
export type AccountResult = v.InferOutput<typeof AccountResult>

const Streak = v.object({ kind: v.picklist(['ok', 'failed']), count: v.number(), since: v.number() })

/** What a job's latest run left behind. All times ms since the epoch. Outcome `running` without a live holder = killed. */
export const RunRecord = v.object({
  schema: v.literal(1),
  job: v.string(),
  run_id: v.string(),
  pid: v.number(),
  version: v.string(),
  started_at: v.number(),
  ended_at: v.nullable(v.number()),
  outcome: v.picklist(['running', 'ok', 'partial', 'failed', 'timeout', 'terminated', 'crashed']),
  exit_code: v.nullable(v.number()),
  /** One sentence for a person. */
  reason: v.string(),
  failure: v.nullable(v.picklist(FAILURE_CLASSES)),
  accounts: v.record(v.string(), AccountResult),
  counters: v.record(v.string(), v.number()),
  /** The same counters over all runs so far. */
  totals: v.optional(v.record(v.string(), v.number()), {}),
  streak: v.nullable(Streak),
  last_success_at: v.nullable(v.number()),
  /** The run before this one, if it began and never ended: killed, or the power went. */
  unfinished_before: v.nullable(v.object({ run_id: v.string(), started_at: v.number() })),
})
export type RunRecord = v.InferOutput<typeof RunRecord>

/** The record at a run's start. A predecessor that never ended counts as a failure. */
export function beginRecord(
  previous: RunRecord | null,
  run: { job: string; runId: string; pid: number; version: string; now: number },
): RunRecord {
  const unfinished = previous?.outcome === 'running' ? previous : null
  return {
    schema: 1,
    job: run.job,
    run_id: run.runId,
    pid: run.pid,
    version: run.version,
    started_at: run.now,
    ended_at: null,
    outcome: 'running',
    exit_code: null,
    reason: 'running',
    failure: null,
    accounts: {},
    counters: {},
    totals: previous?.totals ?? {},
    streak: unfinished ? nextStreak(unfinished.streak, 'failed', unfinished.started_at) : (previous?.streak ?? null),
    last_success_at: previous?.last_success_at ?? null,
    unfinished_before: unfinished ? { run_id: unfinished.run_id, started_at: unfinished.started_at } : null,
  }
}

export interface RunEnd {
  outcome: Exclude<RunRecord['outcome'], 'running'>
  exitCode: number
  reason: string
  failure: FailureClass | null
}

export function endRecord(record: RunRecord, end: RunEnd, now: number): RunRecord {
  const ok = end.outcome === 'ok'
  const totals = { ...record.totals }
  for (const [name, count] of Object.entries(record.counters)) totals[name] = (totals[name] ?? 0) + count
  return {
    ...record,
    totals,
    ended_at: now,
    outcome: end.outcome,
    exit_code: end.exitCode,
    reason: end.reason,
    failure: end.failure,
    streak: nextStreak(record.streak, ok ? 'ok' : 'failed', record.started_at),
    last_success_at: ok ? now : record.last_success_at,
  }
}

function nextStreak(streak: RunRecord['streak'], kind: 'ok' | 'failed', now: number): NonNullable<RunRecord['streak']> {
  return streak?.kind === kind ? { ...streak, count: streak.count + 1 } : { kind, count: 1, since: now }
}

/** How a run ended, judged by what became of its accounts. Exit codes as in sysexits: 75 try later, 77 permission. */
export function judgeResults(accounts: Record<string, AccountResult>): RunEnd {
  const all = Object.entries(accounts)
  const failed = all.filter(([, result]) => result.failure !== null)
  if (failed.length === 0) return { outcome: 'ok', exitCode: 0, reason: summary(all), failure: null }
  const classes = new Set(failed.map(([, result]) => result.failure!))
  const [slot, first] = failed[0]!
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''
  const mendsItself = [...classes].every(kind => kind === 'temporary' || kind === 'network')
  const exitCode = mendsItself ? 75 : classes.size === 1 && classes.has('permission') ? 77 : 1
  const whole = failed.length === all.length
  return {
    outcome: whole ? 'failed' : 'partial',
    exitCode: whole ? exitCode : 1,
    reason: `${slot}: ${first.reason}${more}`,
    failure: worst(classes),
  }
}

/** Of several kinds of trouble the one that least mends itself. */
function worst(classes: Set<FailureClass>): FailureClass {
  const order: FailureClass[] = ['bug', 'settings', 'disk', 'permission', 'temporary', 'network']
  return order.find(kind => classes.has(kind)) ?? 'bug'
}

function summary(all: Array<[string, AccountResult]>): string {
  if (all.length === 0) return 'nothing to do'
  const counts = new Map<string, number>()
  for (const [, { outcome }] of all) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
}

const CLASS_OF_CODE: Record<string, FailureClass> = {
  ENOSPC: 'disk',
  EDQUOT: 'disk',
  EFBIG: 'disk',
  EIO: 'disk',
  EACCES: 'permission',
  EPERM: 'permission',
  EROFS: 'permission',
}

/** An error that ended one account's turn; the other accounts go on. */
export function resultOfError(error: unknown): AccountResult {
  const { code, message } = error as NodeJS.ErrnoException
  return { outcome: 'failed', reason: message, failure: CLASS_OF_CODE[code ?? ''] ?? 'bug' }
}
