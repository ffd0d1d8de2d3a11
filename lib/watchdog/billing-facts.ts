// What is wrong with money: BudgetHigh, and DataStale of billing.
import { alertKey, type Fact } from '../domain/alert.ts'
import { shiftDate } from '../domain/spend.ts'
import { staleBilling } from '../domain/status-problems.ts'
import { firstCycleAfter, firstFiguresBy } from './cycles.ts'
import { judgeLevels } from './levels.ts'
import { bad, ok, stateOf, statesOf, unknown } from './make-fact.ts'
import type { SeenBilling, Sight } from './sight.ts'

const FETCH_BILLING = 'vigil run fetch-billing'

export function billingFacts(sight: Sight): Fact[] {
  return [...(['day', 'block', 'week'] as const).flatMap(span => budgetHigh(span, sight)), dataStale(sight)]
}

type Span = 'day' | 'block' | 'week'
const WORDS: Record<Span, string> = { day: 'daily budget', block: 'budget of a block', week: 'weekly budget' }

/** What is spent of one budget, or why nobody can say. `over`: its time is over, so nothing is spent of the next one yet. */
type Spent = { percent: number; usedUsd: number; limitUsd: number; endsAt: number | null } | 'over' | 'unknown' | 'none'

function budgetHigh(span: Span, sight: Sight): Fact[] {
  const { billing, settings, states } = sight
  const alive = statesOf(states, 'BudgetHigh', { budget: span })
  const why = (text: string) => alive.map(({ labels }) => unknown('BudgetHigh', labels, text))
  if (sight.settingsProblem !== null) return why('vigil.yaml cannot be used')
  const spent = billing === null ? 'unknown' : spentOf(span, billing, sight)
  if (spent === 'unknown') return why('what was spent is not known')
  if (spent === 'none') return alive.map(({ labels }) => ok('BudgetHigh', labels, `no ${WORDS[span]} is set`))
  if (spent === 'over') return alive.map(({ labels }) => ok('BudgetHigh', labels, `a new ${span} has begun`))
  const levels = settings.billing.alertAt
  const labelsOf = (level: number) => ({ budget: span, level: String(level) })
  const { state } = billing!.status.freshness
  const isOld = state === 'unreliable' || state === 'absent'
  const verdicts = judgeLevels(spent.percent, levels, isOld, level => stateOf(states, 'BudgetHigh', labelsOf(level)))
  const facts = verdicts.flatMap(({ level, verdict, severity, below }) => {
    const labels = labelsOf(level)
    const known = stateOf(states, 'BudgetHigh', labels)
    const summary = `${isOld ? 'at least ' : ''}${Math.floor(spent.percent)} % of the ${WORDS[span]} is spent`
    if (verdict === 'bad') {
      const figures = `${spent.usedUsd.toFixed(2)} of ${spent.limitUsd.toFixed(2)} USD at API prices, which is no invoice`
      const alsoMutedBy = below === null ? [] : [alertKey({ name: 'BudgetHigh', labels: labelsOf(below) })]
      return [bad('BudgetHigh', labels, { severity, summary, details: [figures], alsoMutedBy })]
    }
    if (known === undefined) return []
    return verdict === 'ok'
      ? [ok('BudgetHigh', labels, summary)]
      : [unknown('BudgetHigh', labels, 'the figures are old')]
  })
  const gone = alive.filter(({ labels }) => !levels.some(level => String(level) === labels['level']))
  return [
    ...facts,
    ...gone.map(({ labels }) => ok('BudgetHigh', labels, 'it is no level of billing.alert_at any more')),
  ]
}

/** By the settings in force, for the cache was written with those of its time. */
function spentOf(span: Span, { cache, today }: SeenBilling, { now, settings }: Sight): Spent {
  const { daily, block, weekly } = settings.billing.budgetUsd
  const of = (limitUsd: number | null, usedUsd: number | null, endsAt: number | null = null): Spent => {
    if (limitUsd === null || limitUsd <= 0) return 'none'
    return usedUsd === null ? 'unknown' : { percent: (usedUsd / limitUsd) * 100, usedUsd, limitUsd, endsAt }
  }
  if (span === 'block') {
    if (block === null) return 'none'
    if (cache.block === null) return 'over'
    const endsAt = Date.parse(cache.block.endsAt)
    return endsAt <= now ? 'over' : of(block, cache.block.costUsd, endsAt)
  }
  if (span === 'day') return cache.day < today ? (daily === null ? 'none' : 'over') : of(daily, cache.costTodayUsd)
  if (mondayOf(cache.day) < mondayOf(today)) return weekly === null ? 'none' : 'over'
  return of(weekly, cache.costWeekUsd)
}

/** @param day YYYY-MM-DD */
function mondayOf(day: string): string {
  return shiftDate(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7))
}

function dataStale(sight: Sight): Fact {
  const { billing, accounts, now } = sight
  const labels = { of: 'billing' }
  if (sight.troubles.some(({ file }) => file === 'billing-shared.json'))
    return unknown('DataStale', labels, 'billing-shared.json cannot be used')
  const state = billing?.status.freshness.state ?? 'absent'
  if (state === 'fresh' || state === 'stale') return ok('DataStale', labels, 'the billing figures are new enough')
  if (state === 'absent' && sight.registryProblem !== null)
    return unknown('DataStale', labels, 'claude-sessions.yaml cannot be used, so nobody knows whose use to count')
  if (state === 'absent' && accounts.length === 0 && !sight.still)
    return ok('DataStale', labels, 'there is no account whose use could be counted')
  const due = Math.max(
    firstCycleAfter('fetch-billing', sight.awakeSince),
    state === 'absent' ? firstFiguresBy('fetch-billing', sight) : 0,
  )
  if (now < due) return unknown('DataStale', labels, 'fetch-billing has not had its turn yet')
  const measuredAt = billing?.status.measured_at ?? null
  return bad('DataStale', labels, {
    severity: 'warning',
    summary: billing === null ? 'what was spent is not known' : staleBilling(billing.status),
    remedy: FETCH_BILLING,
    affects: 'budgets: nobody sees when one is spent',
    since: measuredAt !== null && measuredAt <= now ? measuredAt : null,
    alsoMutedBy:
      sight.settingsProblem === null ? [] : [alertKey({ name: 'SettingsWrong', labels: { file: 'vigil.yaml' } })],
  })
}
