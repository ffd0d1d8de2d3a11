// What a person typed in, where nothing could be measured.
import type { AccountBilling, SourceReport } from '../domain/billing.ts'
import type { Run } from '../job.ts'
import { readSubscription } from '../store/subscription.ts'
import { localDay } from './known-billing.ts'

/** Its time is the file's own: when the figures were typed in. */
export async function typedIn(
  run: Run,
  day: string,
): Promise<{ billing: AccountBilling | null; report: SourceReport }> {
  const reading = await readSubscription(run.paths, run.now)
  const none = (outcome: 'none' | 'failed', reason: string) => ({
    billing: null,
    report: { source: 'subscription' as const, outcome, measuredAt: null, reason },
  })
  if (reading.state === 'absent') return none('none', 'subscription.yaml is not there')
  if (reading.state === 'tooOld')
    return none('none', `subscription.yaml is ${Math.round(reading.ageMs / 3_600_000)} h old; it holds for 4 h`)
  if (reading.state === 'wrong') {
    run.log('warn', `subscription.yaml is wrong: ${reading.problems.join('; ')}`)
    return none('failed', `subscription.yaml is wrong: ${reading.problems.join('; ')}`)
  }
  const { costTodayUsd, costWeekUsd, measuredAt } = reading
  // What was typed in before midnight is of another day than today, and before a Monday of another week.
  const sameDay = localDay(measuredAt) === day
  const sameWeek = sameDay || new Date(`${day}T00:00:00Z`).getUTCDay() !== 1
  const billing: AccountBilling = {
    costTodayUsd: sameDay ? costTodayUsd : null,
    costWeekUsd: sameWeek ? costWeekUsd : null,
    block: null,
    source: 'subscription',
    measuredAt,
    day,
    unpricedModels: [],
  }
  const reason = sameDay ? 'typed in by hand' : 'typed in by hand, on a day that is over'
  return { billing, report: { source: 'subscription', outcome: 'ok', measuredAt, reason } }
}
