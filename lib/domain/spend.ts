// What this machine's transcripts say was used, at API prices: the local day, ccusage's figures, and the point from which
// on a part of the history gives the same figures as the whole. Pure; how a point is found is told at `narrowCut`.
import type { Block } from './billing.ts'
import type { Usage, UsageBlock, UsageDay } from './ccusage.ts'

/** What was used at API prices on this machine; no invoice. */
export interface LocalSpend {
  /** The local day that "today" means, YYYY-MM-DD. */
  today: string
  todayUsd: number | null
  /** Today and the seven days before it; 0 = nothing was used, null = used, but ccusage gave no cost. */
  days: Record<string, number | null>
  /** null = none is active. */
  block: Block | null
  /** Used within `days` and priced 0: the figures are too low by what these cost. */
  unpricedModels: string[]
}

/** Today and the seven days before it: any week begins in there. */
export const DAYS_KEPT = 8

const MINUTE_MS = 60_000
const QUARTER_MS = 15 * MINUTE_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * The date at a moment in a zone, YYYY-MM-DD.
 * @throws RangeError when there is no such zone
 */
export function localDate(ms: number, zone: string): string {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
    formats.set(zone, format)
  }
  const [month, day, year] = format.format(ms).split('/')
  return `${year}-${month}-${day}`
}

/**
 * The first moment of the local day that `ms` lies in. Not midnight where clocks jump over it; where they go back across
 * it (00:01 to 23:01), the earlier of the two.
 */
export function startOfLocalDay(ms: number, zone: string): number {
  const date = localDate(ms, zone)
  // The longest local day is 25 h. Offsets are whole quarters of an hour, so no day begins and ends between two steps.
  let begun = Math.floor((ms - DAY_MS - 2 * HOUR_MS) / QUARTER_MS) * QUARTER_MS
  while (localDate(begun, zone) !== date) begun = Math.min(begun + QUARTER_MS, ms)
  let before = begun - QUARTER_MS
  while (begun - before > 1) {
    const middle = Math.floor((before + begun) / 2)
    if (localDate(middle, zone) === date) begun = middle
    else before = middle
  }
  return begun
}

/** A date some days later or earlier. */
export function shiftDate(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** From here on, a part of the history gives the figures of the whole. */
export interface Cut {
  /** No entry from before this moment may be in the part, and every later one has to be, ms. */
  at: number
  /** Where the first block of the part begins, ms. */
  blockStartsAt: number
}

/**
 * Where the history may be cut so that today and every block since are the same. ccusage begins a block at the full hour of
 * an entry that comes later than 5 h after the block's start, or more than 5 h after the entry before it; nothing else of
 * the past matters. So a part that has every entry since a block's beginning, and none before, goes on exactly as the
 * whole does. That bounds the part to 29 h however long the chain of blocks is (24-hour use has one of weeks).
 * @param blocks all blocks of the whole history
 * @returns null where the history has no block that begins by then, or only its first one
 */
export function narrowCut(blocks: UsageBlock[], startOfToday: number): Cut | null {
  const real = blocks.filter(block => !block.isGap).sort((a, b) => a.startsAt - b.startsAt)
  // A gap ends at the very entry that begins the next block, whose start is the full hour before.
  const gaps = new Map(
    blocks.filter(block => block.isGap).map(gap => [Math.floor(gap.endsAt / HOUR_MS) * HOUR_MS, gap]),
  )
  for (let index = real.length - 1; index > 0; index -= 1) {
    const block = real[index]!
    // An entry exactly 5 h on still belongs to the block before, hence the + 1.
    const closedAt = Math.max(real[index - 1]!.endsAt, gaps.get(block.startsAt)?.startsAt ?? 0) + 1
    const at = Math.max(block.startsAt, closedAt)
    if (at <= startOfToday) return { at, blockStartsAt: block.startsAt }
  }
  return null
}

/** The first block of the part has to be the one that the cut was made at; else the part is not the whole's end. */
export function beginsAtCut(blocks: UsageBlock[], cut: Cut): boolean {
  const starts = blocks.filter(block => !block.isGap).map(block => block.startsAt)
  return starts.length > 0 && Math.min(...starts) === cut.blockStartsAt
}

/** @param known days that the figures do not hold, from an earlier measurement of the whole */
export function spendOf(usage: Usage, known: UsageDay[], now: number, zone: string): LocalSpend {
  const today = localDate(now, zone)
  const days: Record<string, number | null> = {}
  const unpriced = new Set<string>()
  for (let back = DAYS_KEPT - 1; back >= 0; back -= 1) {
    const date = shiftDate(today, -back)
    const day = [...known, ...usage.days].find(candidate => candidate.date === date)
    days[date] = day === undefined ? 0 : day.costUsd
    for (const model of day?.unpricedModels ?? []) unpriced.add(model)
  }
  const active = usage.blocks.findLast(block => block.isActive && !block.isGap)
  return {
    today,
    todayUsd: days[today] ?? null,
    days,
    block: active ? blockOf(active, now) : null,
    unpricedModels: [...unpriced].sort(),
  }
}

function blockOf(block: UsageBlock, now: number): Block {
  return {
    startsAt: new Date(block.startsAt).toISOString(),
    endsAt: new Date(block.endsAt).toISOString(),
    costUsd: block.costUsd,
    remainingMinutes: Math.max(0, Math.round((block.endsAt - now) / MINUTE_MS)),
    burnRateUsdPerHour: block.burnRateUsdPerHour,
    projectedCostUsd: block.projectedCostUsd,
    tokens: block.tokens,
    models: block.models,
  }
}

/** What of two measurements is compared: every block since the cut and every day since the one that the cut was made for. */
export interface Compared {
  blocks: Array<{ startsAt: string; entries: number; tokens: number; costUsd: number | null }>
  days: Array<{ date: string; tokens: number; costUsd: number | null }>
}

export function comparable(usage: Usage, cut: Cut, sinceDate: string): Compared {
  return {
    blocks: usage.blocks
      .filter(block => !block.isGap && block.startsAt >= cut.blockStartsAt)
      .map(({ startsAt, entries, tokens, costUsd }) => ({
        startsAt: new Date(startsAt).toISOString(),
        entries,
        tokens,
        costUsd,
      })),
    days: usage.days
      .filter(day => day.date >= sinceDate)
      .map(({ date, tokens, costUsd }) => ({ date, tokens, costUsd })),
  }
}

/**
 * Every figure of `earlier` is in `later`, to the cent: the same, or (where the transcripts grew in between) no less.
 * Both ways round, with nothing grown, it means equal.
 */
export function contains(later: Compared, earlier: Compared, grew: boolean): boolean {
  const fits = (now: Amount | undefined, before: Amount) => {
    if (!now) return false
    const cost = (now.costUsd ?? -1) - (before.costUsd ?? -1)
    const tokens = now.tokens - before.tokens + ((now.entries ?? 0) - (before.entries ?? 0))
    return grew ? tokens >= 0 && cost > -HALF_CENT_USD : tokens === 0 && Math.abs(cost) < HALF_CENT_USD
  }
  return (
    earlier.blocks.every(block =>
      fits(
        later.blocks.find(other => other.startsAt === block.startsAt),
        block,
      ),
    ) &&
    earlier.days.every(day =>
      fits(
        later.days.find(other => other.date === day.date),
        day,
      ),
    )
  )
}

const HALF_CENT_USD = 0.005
type Amount = { tokens: number; costUsd: number | null; entries?: number }
