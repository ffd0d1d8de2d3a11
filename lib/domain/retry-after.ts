/** Longest wait that a server can impose on us; beyond it the header is taken for a mistake. */
const LONGEST_MS = 24 * 3_600_000

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
