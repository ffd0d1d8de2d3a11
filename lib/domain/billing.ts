// What was spent: per account and together, each figure with its source and the time at which that source measured it.
import * as v from '../valibot.ts'

const usd = v.nullable(v.number())
const ms = v.nullable(v.number())

/** The present five-hour block of one account, at API prices. */
export const Block = v.object({
  startsAt: v.string(),
  endsAt: v.string(),
  costUsd: usd,
  remainingMinutes: v.nullable(v.number()),
  burnRateUsdPerHour: usd,
  /** What it will have cost at its end if it goes on so. */
  projectedCostUsd: usd,
  tokens: v.nullable(v.number()),
  models: v.array(v.string()),
})
export type Block = v.InferOutput<typeof Block>

export const AccountBilling = v.object({
  /** What the account's use of this local day would have cost at API prices; no invoice. */
  costTodayUsd: usd,
  /** Monday to today, in the zone of `day`. */
  costWeekUsd: usd,
  block: v.nullable(Block),
  source: v.picklist(['ccusage', 'subscription']),
  /** ms: when its source measured, which moves only with new figures. */
  measuredAt: v.number(),
  /** The local day, YYYY-MM-DD, that "today" means in these figures. */
  day: v.string(),
  unpricedModels: v.array(v.string()),
})
export type AccountBilling = v.InferOutput<typeof AccountBilling>

const Budget = v.object({ limitUsd: usd, usedUsd: usd, usedPercent: v.nullable(v.number()) })

/** Paid use beyond the plan, as the usage endpoint says: real money, of the calendar month. */
const Paid = v.object({ enabled: v.nullable(v.boolean()), usedUsd: usd, limitUsd: usd, measuredAt: v.number() })
export type Paid = v.InferOutput<typeof Paid>

const SourceReport = v.object({
  source: v.picklist(['oauth', 'ccusage', 'subscription']),
  outcome: v.picklist(['ok', 'partial', 'failed', 'none']),
  measuredAt: ms,
  reason: v.string(),
})
export type SourceReport = v.InferOutput<typeof SourceReport>

/** `billing-shared.json`. */
export const BillingCache = v.object({
  schema: v.literal(1),
  /** ms: the oldest measurement among the figures of the whole; null = never measured. */
  lastFetched: ms,
  /** Where `costTodayUsd` comes from; `oauth` where only paid use is known. */
  source: v.nullable(v.picklist(['oauth', 'ccusage', 'subscription'])),
  /** For older readers only. No reader of ours believes it. */
  isFresh: v.boolean(),
  ttlMs: v.number(),
  /** The local day that "today" means, and its zone. */
  day: v.string(),
  zone: v.string(),
  costTodayUsd: usd,
  costWeekUsd: usd,
  budgetUsd: usd,
  budgetUsedPercent: v.nullable(v.number()),
  budgets: v.object({
    daily: Budget,
    block: v.object({ ...Budget.entries, projectedPercent: v.nullable(v.number()) }),
    weekly: Budget,
  }),
  block: v.nullable(Block),
  byAccount: v.record(v.string(), AccountBilling),
  paid: v.record(v.string(), Paid),
  /** Models that were used and priced 0: the cost is too low by what they cost. */
  unpricedModels: v.array(v.string()),
  sources: v.array(SourceReport),
  last_attempt: v.nullable(v.object({ at: v.number(), outcome: v.string(), reason: v.string() })),
  /** Failed measurements in a row. */
  failures: v.number(),
})
export type BillingCache = v.InferOutput<typeof BillingCache>

const MINUTE_MS = 60_000

/** How long figures hold: the faster the money goes, the shorter. Null (no block, or not known) is taken for slow. */
export function ttlForBurnRate(usdPerHour: number | null): number {
  if (usdPerHour === null || usdPerHour < 1) return 5 * MINUTE_MS
  return usdPerHour > 5 ? MINUTE_MS : 2 * MINUTE_MS
}

export type BillingDecision =
  | { do: 'measure'; reason: string }
  | { do: 'skip'; code: 'fresh' | 'waited' | 'backoff'; reason: string; untilMs: number }

/** Between failed measurements: each takes up to a minute of a core. */
const LONGEST_PAUSE_MS = 15 * MINUTE_MS

/**
 * Measure now? There is no cooldown: figures that are due are due, whoever asked last. Only a measurement that came to its
 * end while this run waited for it counts as this run's own.
 * @param requestedAt when this run was asked for, before any waiting, ms
 */
export function decideBilling(
  cache: BillingCache | null,
  options: { now: number; requestedAt: number; day: string; periodMs: number; force: boolean },
): BillingDecision {
  const { now, requestedAt, day, periodMs, force } = options
  if (cache === null) return { do: 'measure', reason: 'nothing was measured yet' }
  const attemptAt = cache.last_attempt?.at ?? null
  if (attemptAt !== null && attemptAt >= requestedAt && attemptAt <= now) {
    return skip('waited', 'the run that was waited for has just measured', now)
  }
  if (force) return { do: 'measure', reason: 'asked for by hand' }
  if (cache.day !== day) return { do: 'measure', reason: `${day} has begun since` }
  if (cache.failures > 0 && attemptAt !== null && attemptAt <= now) {
    const pauseMs = Math.min(MINUTE_MS * 2 ** (cache.failures - 1), LONGEST_PAUSE_MS) - periodMs / 2
    const untilMs = attemptAt + pauseMs
    if (now < untilMs)
      return skip('backoff', `${cache.failures} failed, next try in ${seconds(untilMs - now)} s`, untilMs)
    return { do: 'measure', reason: `try ${cache.failures + 1} after failures` }
  }
  if (cache.lastFetched === null || cache.lastFetched > now)
    return { do: 'measure', reason: 'no figures with a time that can be' }
  const dueAt = cache.lastFetched + cache.ttlMs - periodMs / 2
  if (now < dueAt) return skip('fresh', `fresh for ${seconds(dueAt - now)} s more`, dueAt)
  return {
    do: 'measure',
    reason: `figures are ${seconds(now - cache.lastFetched)} s old, good for ${cache.ttlMs / 1000} s`,
  }
}

function skip(code: 'fresh' | 'waited' | 'backoff', reason: string, untilMs: number): BillingDecision {
  return { do: 'skip', code, reason, untilMs }
}

function seconds(spanMs: number): number {
  return Math.ceil(spanMs / 1000)
}
