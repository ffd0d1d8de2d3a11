// What a server's `Retry-After` means, and what a 429 does to an account's request budget.
import type { RequestHistory } from './slot.ts'

const HOUR_MS = 3_600_000
/** Longest wait that a server can impose on us; beyond it the header is taken for a mistake. */
const LONGEST_MS = 24 * HOUR_MS
/** `Retry-After: 0` was seen to mean at least this. */
const SHORTEST_BLOCK_MS = 5 * 60_000

/**
 * `Retry-After` in either of its forms, seconds or an HTTP date.
 * @returns ms from now, at least 0; null where the header is missing or makes no sense
 */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_MS)
  const date = /^[A-Za-z]{3},/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? null : Math.min(Math.max(0, date - now), LONGEST_MS)
}

/** After a 429: its deadline is fixed, half of the blocks outlast it, so each one in a row doubles our own minimum. */
export function withRateLimit(history: RequestHistory, retryAfter: string | undefined, now: number): RequestHistory {
  const inARow = history.rateLimitedInARow + 1
  const ownMs = Math.min(SHORTEST_BLOCK_MS * 2 ** (inARow - 1), HOUR_MS)
  const waitMs = Math.max(retryAfterMs(retryAfter, now) ?? 0, ownMs)
  return { ...history, blockedUntil: now + waitMs, rateLimitedInARow: inARow }
}
