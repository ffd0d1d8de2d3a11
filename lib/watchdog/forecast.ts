// A straight line through the figures of late, and how wrong the same line was a moment ago.

export interface Point {
  /** ms */
  measuredAt: number
  used: number
}

export interface Forecast {
  /** What it will stand at when the window begins anew, if it goes on so. */
  atResetPercent: number
  /** How far off that may be, by how far off the same forecast was of the present figure. */
  errorPercent: number
  /** When it reaches 100 %, ms. */
  spentAt: number
}

/** Two measurements make a line; the third and fourth say whether it held. */
const FEWEST_POINTS = 4
/** Whole percents in a shorter time are mostly rounding. */
const SHORTEST_SPAN_MS = 10 * 60_000

/**
 * @param points oldest first, the present one last
 * @param resetsAt ms
 * @returns null where the figures are too few, or do not rise
 */
export function forecast(points: readonly Point[], resetsAt: number): Forecast | null {
  const last = points.at(-1)
  const first = points[0]
  if (points.length < FEWEST_POINTS || !first || !last) return null
  const spanMs = last.measuredAt - first.measuredAt
  if (spanMs < SHORTEST_SPAN_MS) return null
  const perMs = (last.used - first.used) / spanMs
  if (perMs <= 0) return null
  const aheadMs = resetsAt - last.measuredAt
  // The figure in the middle, asked the same question: what will the last one be?
  const middle = points[Math.floor((points.length - 1) / 2)]!
  const beforeMs = middle.measuredAt - first.measuredAt
  const wasPerMs = beforeMs > 0 ? (middle.used - first.used) / beforeMs : 0
  const backMs = last.measuredAt - middle.measuredAt
  const missed = Math.abs(middle.used + wasPerMs * backMs - last.used)
  return {
    atResetPercent: last.used + perMs * aheadMs,
    errorPercent: backMs > 0 ? (missed / backMs) * aheadMs : 0,
    spentAt: last.measuredAt + Math.max(0, 100 - last.used) / perMs,
  }
}
