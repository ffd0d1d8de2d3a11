// The two files that a status line reads: built whole from the slots, and looked through for flags that lie.
import * as v from '../valibot.ts'
import { CLOCK_TOLERANCE_MS, type FreshnessBudget, judgeFreshness } from './freshness.ts'
import { accountWindow, belongsTo, isSameLogin, loginKey, type QuotaObservation, voidIfReset } from './quota.ts'
import { byLogin, type Holder, type MeasuredAccount } from './slot.ts'

const nullableNumber = v.nullable(v.number())
const nullableString = v.nullable(v.string())

const CachedSlot = v.object({
  email: nullableString,
  status: v.picklist(['active', 'inactive']),
  five_hour_util: nullableNumber,
  seven_day_util: nullableNumber,
  five_hour_resets_at: nullableString,
  seven_day_resets_at: nullableString,
  weekly_budget_remaining_hours: nullableNumber,
  weekly_reset_day: nullableString,
  windows: v.array(
    v.object({ name: v.string(), scope: nullableString, used_percent: nullableNumber, resets_at: nullableString }),
  ),
  extra_usage: v.nullable(
    v.object({ enabled: v.nullable(v.boolean()), used_usd: nullableNumber, limit_usd: nullableNumber }),
  ),
  /** ms since the epoch: when the source measured. null = never. */
  last_fetched: nullableNumber,
  source: nullableString,
  /** For older readers only. No reader of ours believes it. */
  is_fresh: v.boolean(),
  last_attempt: v.nullable(v.object({ at: v.number(), outcome: v.string() })),
})

/** `merged-quota-cache.json`. `ts` in seconds, `last_fetched` in ms: existing readers know them so. */
export const MergedQuotaCache = v.object({
  schema: v.literal(1),
  ts: v.number(),
  current: nullableString,
  slots: v.record(v.string(), CachedSlot),
})
export type MergedQuotaCache = v.InferOutput<typeof MergedQuotaCache>

/**
 * The observation that may be shown for this account: the newest of any slot with the same login, and never one of
 * another (somebody logged in as another person, or for another organization, in this directory). One stamped in the
 * future proves nothing about now, so it stands only where there is no other.
 */
export function observationOf(
  { slot, owner }: Holder,
  index: ReadonlyMap<string, readonly Holder[]>,
  now: number,
): QuotaObservation | null {
  const sharing = index.get(loginKey(owner) ?? '') ?? []
  const candidates = sharing.flatMap(({ slot: { observation } }) =>
    isSameLogin(observation, owner) ? [observation!] : [],
  )
  if (slot.observation !== null && belongsTo(slot.observation, owner)) candidates.push(slot.observation)
  const believable = candidates.filter(seen => seen.measuredAt <= now + CLOCK_TOLERANCE_MS)
  return (believable.length > 0 ? believable : candidates).reduce<QuotaObservation | null>(
    (best, seen) => (best === null || seen.measuredAt > best.measuredAt ? seen : best),
    null,
  )
}

/** @param now ms; the cache's `ts` and the moment at which `is_fresh` is judged and windows are void */
export function buildMergedCache(
  all: readonly MeasuredAccount[],
  current: string | null,
  now: number,
  budget: FreshnessBudget,
): MergedQuotaCache {
  const slots: MergedQuotaCache['slots'] = {}
  const index = byLogin(all)
  for (const measured of all) {
    const seen = observationOf(measured, index, now)
    const fiveHour = accountWindow(seen, 'five_hour', now)
    const sevenDay = accountWindow(seen, 'seven_day', now)
    const extra = seen?.extraUsage ?? null
    const usd = (amount: number | null) => (extra?.currency === 'USD' ? amount : null)
    const { lastAttempt } = measured.slot
    slots[measured.account.slot] = {
      email: measured.account.email,
      status: measured.account.status,
      five_hour_util: fiveHour?.usedPercent ?? null,
      seven_day_util: sevenDay?.usedPercent ?? null,
      five_hour_resets_at: iso(fiveHour?.resetsAt ?? null),
      seven_day_resets_at: iso(sevenDay?.resetsAt ?? null),
      weekly_budget_remaining_hours: sevenDay?.resetsAt ? Math.floor((sevenDay.resetsAt - now) / 3_600_000) : null,
      weekly_reset_day: sevenDay?.resetsAt ? weekday(sevenDay.resetsAt) : null,
      windows: (seen?.windows ?? [])
        .filter(window => window.scope !== null || (window.name !== 'five_hour' && window.name !== 'seven_day'))
        .map(window => voidIfReset(window, now))
        .map(window => ({
          name: window.name,
          scope: window.scope,
          used_percent: window.usedPercent,
          resets_at: iso(window.resetsAt),
        })),
      extra_usage: extra ? { enabled: extra.enabled, used_usd: usd(extra.used), limit_usd: usd(extra.limit) } : null,
      last_fetched: seen?.measuredAt ?? null,
      source: seen?.source ?? null,
      is_fresh: judgeFreshness(seen?.measuredAt ?? null, now, budget).state === 'fresh',
      last_attempt: lastAttempt ? { at: lastAttempt.at, outcome: lastAttempt.outcome } : null,
    }
  }
  return { schema: 1, ts: Math.floor(now / 1000), current, slots }
}

/**
 * `hot-swap-quota.json`: slot by slot at the top level, as older readers know it (`email` is always a text there, and
 * `daily_reset_time` is the five-hour window's end, HH:MM in UTC).
 */
export function buildHotSwapCache(
  cache: MergedQuotaCache,
  all: readonly MeasuredAccount[],
): Record<string, Record<string, unknown>> {
  const flat: Record<string, Record<string, unknown>> = {}
  for (const { account } of all) {
    const cached = cache.slots[account.slot]!
    flat[account.slot] = {
      email: cached.email ?? '',
      five_hour_util: cached.five_hour_util,
      seven_day_util: cached.seven_day_util,
      five_hour_resets_at: cached.five_hour_resets_at,
      seven_day_resets_at: cached.seven_day_resets_at,
      weekly_budget_remaining_hours: cached.weekly_budget_remaining_hours,
      weekly_reset_day: cached.weekly_reset_day,
      daily_reset_time: cached.five_hour_resets_at?.slice(11, 16) ?? null,
      last_fetched: cached.last_fetched,
      is_fresh: cached.is_fresh,
      config_dir: account.configDir,
    }
  }
  return flat
}

export interface FreshFlagFinding {
  slot: string
  /** `lied`: the flag was false when it was written. `outlived`: it was true then, and nobody has merged since. */
  kind: 'lied' | 'outlived'
  ageMs: number
}

/** `is_fresh: true` beside old figures: 49 hours of "fresh" began so. Such figures are stale whatever the flag says. */
export function findFalseFreshFlags(cache: MergedQuotaCache, now: number, budget: FreshnessBudget): FreshFlagFinding[] {
  const findings: FreshFlagFinding[] = []
  for (const [slot, { is_fresh: flag, last_fetched: measuredAt }] of Object.entries(cache.slots)) {
    if (!flag || judgeFreshness(measuredAt, now, budget).state === 'fresh') continue
    const atWriting = judgeFreshness(measuredAt, cache.ts * 1000 + 999, {
      ...budget,
      freshForMs: budget.freshForMs + 1000,
    })
    findings.push({ slot, kind: atWriting.state === 'fresh' ? 'outlived' : 'lied', ageMs: now - (measuredAt ?? 0) })
  }
  return findings
}

/** ISO without fractions, as the cache's readers know it. */
function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** In the machine's own time zone. */
function weekday(ms: number): string {
  return WEEKDAYS[new Date(ms).getDay()]!
}
