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
