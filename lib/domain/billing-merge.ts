// Puts a billing cache together from what each source brought. Pure. Good figures keep their own time beside a failure;
// a sum is as old as its oldest part, and unknown as soon as one part is unknown.
import {
  type AccountBilling,
  type BillingCache,
  type Block,
  type Paid,
  type SourceReport,
  ttlForBurnRate,
} from './billing.ts'
import { billingFreshness, judgeFreshness } from './freshness.ts'

export interface BillingInput {
  now: number
  day: string
  zone: string
  current: string | null
  /** In the registry's order: what is known of each account, new or kept; null = nothing for this day. */
  accounts: Array<{ slot: string; billing: AccountBilling | null }>
  /** Typed in by hand, still good; used only where accounts give no cost. */
  byHand: AccountBilling | null
  paid: Record<string, Paid>
  budgetUsd: { daily: number | null; block: number | null; weekly: number | null }
  sources: SourceReport[]
  attempt: { at: number; outcome: string; reason: string }
  /** Failed measurements in a row, this one included. */
  failures: number
  periodMs: number
  jitterMs: number
  measureMs: number
}

export function mergeBilling(input: BillingInput): BillingCache {
  const { now, accounts } = input
  const known = accounts.filter((entry): entry is { slot: string; billing: AccountBilling } => entry.billing !== null)
  const whole = known.length === accounts.length && known.length > 0
  const parts = whole ? known.map(entry => entry.billing) : input.byHand ? [input.byHand] : []
  const fromHand = !whole && input.byHand !== null
  const costTodayUsd = sum(parts.map(part => part.costTodayUsd))
  const costWeekUsd = sum(parts.map(part => part.costWeekUsd))
  const paidTimes = Object.values(input.paid).map(paid => paid.measuredAt)
  const measured = parts.length > 0 ? parts.map(part => part.measuredAt) : paidTimes
  const lastFetched = measured.length > 0 ? Math.min(...measured) : null
  const block = presentBlock(known, input.current, now)
  const ttlMs = ttlForBurnRate(sum(known.map(entry => burnRate(entry.billing.block, now))))
  const budget = billingFreshness(ttlMs, input.periodMs, input.jitterMs, input.measureMs)
  const daily = spent(input.budgetUsd.daily, costTodayUsd)
  const ofBlock = spent(input.budgetUsd.block, block?.costUsd ?? null)
  return {
    schema: 1,
    lastFetched,
    source: parts.length > 0 ? (fromHand ? 'subscription' : 'ccusage') : paidTimes.length > 0 ? 'oauth' : null,
    isFresh: judgeFreshness(lastFetched, now, budget).state === 'fresh',
    ttlMs,
    day: input.day,
    zone: input.zone,
    costTodayUsd,
    costWeekUsd,
    budgetUsd: daily.limitUsd,
    budgetUsedPercent: daily.usedPercent,
    budgets: {
      daily,
      block: {
        ...ofBlock,
        projectedPercent: spent(input.budgetUsd.block, block?.projectedCostUsd ?? null).usedPercent,
      },
      weekly: spent(input.budgetUsd.weekly, costWeekUsd),
    },
    block,
    byAccount: Object.fromEntries(known.map(({ slot, billing }) => [slot, billing])),
    paid: input.paid,
    unpricedModels: [...new Set(known.flatMap(entry => entry.billing.unpricedModels))].sort(),
    sources: input.sources,
    last_attempt: input.attempt,
    failures: input.failures,
  }
}

/** The figures of an account that may still stand: those of the same local day, with a block that has not ended. */
export function stillGood(kept: AccountBilling | undefined, day: string, now: number): AccountBilling | null {
  if (!kept || kept.day !== day) return null
  const ended = kept.block !== null && Date.parse(kept.block.endsAt) <= now
  return ended ? { ...kept, block: null } : kept
}

/** The current account's block, else the one that began last. */
function presentBlock(
  known: Array<{ slot: string; billing: AccountBilling }>,
  current: string | null,
  now: number,
): Block | null {
  const active = known.filter(({ billing }) => billing.block !== null && Date.parse(billing.block.endsAt) > now)
  const own = active.find(({ slot }) => slot === current)
  if (own) return own.billing.block
  return (
    active.map(({ billing }) => billing.block!).sort((a, b) => Date.parse(b.startsAt) - Date.parse(a.startsAt))[0] ??
    null
  )
}

/** No block burns nothing; a block whose rate is not known is not known. */
function burnRate(block: Block | null, now: number): number | null {
  return block === null || Date.parse(block.endsAt) <= now ? 0 : block.burnRateUsdPerHour
}

/** null as soon as one part is unknown, or there is none. Cents are kept exact enough by rounding to a millionth. */
function sum(parts: Array<number | null>): number | null {
  if (parts.length === 0 || parts.some(part => part === null)) return null
  return round(parts.reduce<number>((total, part) => total + part!, 0))
}

function spent(
  limitUsd: number | null,
  usedUsd: number | null,
): { limitUsd: number | null; usedUsd: number | null; usedPercent: number | null } {
  return {
    limitUsd,
    usedUsd,
    usedPercent: limitUsd === null || usedUsd === null ? null : Math.round((usedUsd / limitUsd) * 1000) / 10,
  }
}

function round(usd: number): number {
  return Math.round(usd * 1e6) / 1e6
}
