/** How old a figure may be, ms. Checked when settings load: freshFor <= staleAfter < unreliableAfter. */
export interface FreshnessBudget {
  freshForMs: number
  staleAfterMs: number
  unreliableAfterMs: number
}

export interface Freshness {
  state: 'fresh' | 'stale' | 'unreliable' | 'absent'
  /** null where nothing was ever measured. Negative where the time stamp lies in the future. */
  ageMs: number | null
}

/** Clocks of one machine and its sources differ by this much without anything being wrong. */
export const CLOCK_TOLERANCE_MS = 2 * 60_000

/**
 * Judges a figure by when its source measured it, never by a file's own time. A time stamp from the future beyond
 * the tolerance proves nothing, so it is unreliable, not fresh.
 */
export function judgeFreshness(measuredAt: number | null, now: number, budget: FreshnessBudget): Freshness {
  if (measuredAt === null || !Number.isFinite(measuredAt) || measuredAt <= 0) return { state: 'absent', ageMs: null }
  const ageMs = now - measuredAt
  if (ageMs < -CLOCK_TOLERANCE_MS) return { state: 'unreliable', ageMs }
  if (ageMs <= budget.freshForMs) return { state: 'fresh', ageMs }
  return { state: ageMs <= budget.unreliableAfterMs ? 'stale' : 'unreliable', ageMs }
}

/**
 * How old figures of billing may be, from the TTL in force: until the next run that finds them due has brought new ones.
 * @param measureMs the longest that a measurement takes
 */
export function billingFreshness(
  ttlMs: number,
  periodMs: number,
  jitterMs: number,
  measureMs: number,
): FreshnessBudget {
  const freshForMs = Math.ceil(ttlMs / periodMs) * periodMs + periodMs / 2 + jitterMs + measureMs
  return { freshForMs, staleAfterMs: Math.max(freshForMs, 15 * 60_000), unreliableAfterMs: 60 * 60_000 }
}

/** One window as one source told it. */
export interface Seen {
  /** 0-1000. */
  usedPercent: number
  /** ms; null = not told. */
  resetsAt: number | null
  /** ms; null = nobody knows: then it can be of any age. */
  measuredAt: number | null
}

/** What is shown. `absent` has no figure; an `unreliable` one is the least that it can be by now. */
export type Figure =
  | { mark: 'absent' }
  | { mark: 'fresh' | 'stale' | 'unreliable'; usedPercent: number; resetsAt: number | null }

/** The time stamps of two sources for one reset differ by fractions; two windows differ by hours. */
const SAME_RESET_MS = 10 * 60_000
/** One source gives whole percent, the other fractions. */
const ROUNDING_PERCENT = 1

/**
 * The newer of two looks at one window, in truth: a later reset is a later window; within one window use only rises, so the
 * lower figure is the older one (the echo of an idle session), whatever its time stamp; else the time of measuring decides.
 */
export function newerOf(one: Seen | null, other: Seen | null, now: number): Seen | null {
  if (one === null || other === null) return one ?? other
  // What is dated in the future proves nothing beside what is not.
  const [isOneOdd, isOtherOdd] = [isFromFuture(one, now), isFromFuture(other, now)]
  if (isOneOdd !== isOtherOdd) return isOneOdd ? other : one
  if (one.resetsAt !== null && other.resetsAt !== null) {
    const apartMs = one.resetsAt - other.resetsAt
    if (Math.abs(apartMs) > SAME_RESET_MS) return apartMs > 0 ? one : other
    const apart = one.usedPercent - other.usedPercent
    if (Math.abs(apart) > ROUNDING_PERCENT) return apart > 0 ? one : other
  }
  return (one.measuredAt ?? 0) >= (other.measuredAt ?? 0) ? one : other
}

function isFromFuture({ measuredAt }: Seen, now: number): boolean {
  return measuredAt !== null && measuredAt > now + CLOCK_TOLERANCE_MS
}

/**
 * @param lengthMs of the window: a reset further away than that is no reset
 */
export function figureOf(seen: Seen | null, now: number, budget: FreshnessBudget, lengthMs: number): Figure {
  if (seen === null) return { mark: 'absent' }
  const isReset = seen.resetsAt !== null && seen.resetsAt <= now + lengthMs + SAME_RESET_MS
  const resetsAt = isReset ? seen.resetsAt : null
  if (resetsAt !== null && resetsAt <= now) return { mark: 'absent' }
  const { state } = judgeFreshness(seen.measuredAt, now, budget)
  const mark = state === 'absent' ? 'unreliable' : state
  // The least that it can be holds only while the window lasts, and nobody knows how long this one does.
  if (mark === 'unreliable' && resetsAt === null) return { mark: 'absent' }
  return { mark, usedPercent: seen.usedPercent, resetsAt }
}
