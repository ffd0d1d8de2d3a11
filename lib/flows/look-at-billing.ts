// Billing for `vigil status`: judged at this moment, whatever the file says of itself.
import type { BillingCache } from '../domain/billing.ts'
import { billingFreshness, judgeFreshness } from '../domain/freshness.ts'
import { localDate } from '../domain/spend.ts'
import type { Problem, StatusBilling } from '../domain/status.ts'
import { billingProblems, cacheProblem } from '../domain/status-problems.ts'
import type { Paths } from '../paths.ts'
import type { Settings } from '../settings.ts'
import { readBilling } from '../store/billing.ts'
import { CCUSAGE_KILL_GRACE_MS, CRON_PERIOD_MS, START_JITTER_MS } from '../timings.ts'
import { localDay } from './known-billing.ts'
import { tolerant } from './look-at-jobs.ts'

export const BILLING_COMMAND = 'vigil run fetch-billing'

export function lookAtBilling(
  paths: Paths,
  settings: Settings,
  now: number,
  jobRuns: boolean,
): {
  billing: StatusBilling | null
  problems: Problem[]
  cache: BillingCache | null
  today: string | null
  trouble: string | null
} {
  const reading = tolerant(() => readBilling(paths))
  if (reading.state === 'corrupt') {
    return {
      billing: null,
      problems: [cacheProblem(`billing-shared.json is corrupt: ${reading.detail}`, BILLING_COMMAND)],
      cache: null,
      today: null,
      trouble: reading.detail,
    }
  }
  if (reading.state === 'absent') return { billing: null, problems: [], cache: null, today: null, trouble: null }
  const cache = reading.value
  const measureMs = settings.billing.ccusageTimeoutMs + CCUSAGE_KILL_GRACE_MS
  const budget = billingFreshness(cache.ttlMs, CRON_PERIOD_MS['fetch-billing'], START_JITTER_MS, measureMs)
  const { state, ageMs } = judgeFreshness(cache.lastFetched, now, budget)
  // Asking for another zone costs a start 7 ms, so that is left for when this machine's own says that the day is over.
  const today = localDay(now) === cache.day ? cache.day : localDate(now, cache.zone)
  const sameDay = today === cache.day
  const { block } = cache
  const going = block !== null && Date.parse(block.endsAt) > now ? block : null
  const { daily, weekly } = cache.budgets
  const billing: StatusBilling = {
    source: cache.source,
    freshness: { state, age_ms: ageMs },
    measured_at: cache.lastFetched,
    cost_today_usd: sameDay ? cache.costTodayUsd : null,
    cost_week_usd: sameDay ? cache.costWeekUsd : null,
    block: going && {
      cost_usd: going.costUsd,
      burn_rate_usd_per_hour: going.burnRateUsdPerHour,
      projected_cost_usd: going.projectedCostUsd,
      ends_at: Date.parse(going.endsAt),
    },
    budgets: {
      daily: { limit_usd: daily.limitUsd, used_percent: sameDay ? daily.usedPercent : null },
      block: { limit_usd: cache.budgets.block.limitUsd, used_percent: going && cache.budgets.block.usedPercent },
      weekly: { limit_usd: weekly.limitUsd, used_percent: sameDay ? weekly.usedPercent : null },
    },
    unpriced_models: cache.unpricedModels,
    last_attempt: cache.last_attempt,
  }
  const problems = billingProblems(billing, { now, jobRuns, command: BILLING_COMMAND })
  return { billing, problems, cache, today, trouble: null }
}
