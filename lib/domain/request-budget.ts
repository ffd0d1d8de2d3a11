import { CLOCK_TOLERANCE_MS } from './freshness.ts'

/** What an account's requests to the usage endpoint have used up. Kept in its slot file. */
export interface RequestHistory {
  /** ms since the epoch of each request of the last hour, oldest first. */
  requestedAt: number[]
  /** No request before this moment (a 429's deadline); null = free. */
  blockedUntil: number | null
  /** 429s in a row; each makes the next wait longer. */
  rateLimitedInARow: number
}

export const EMPTY_HISTORY: RequestHistory = { requestedAt: [], blockedUntil: null, rateLimitedInARow: 0 }

const HOUR_MS = 3_600_000

export type RequestDecision =
  | { do: 'fetch'; usedThisHour: number }
  | { do: 'skip'; code: 'fresh' | 'blocked' | 'budget'; reason: string; untilMs: number }

/**
 * May this account be asked now? Due has half a cron period of tolerance: a run that starts a second early must not
 * wait for the next one, or figures age by a whole period.
 */
export function decideRequest(
  history: RequestHistory,
  measuredAt: number | null,
  now: number,
  rules: { everyMs: number; cronPeriodMs: number; maxRequestsPerHour: number },
): RequestDecision {
  const recent = withinHour(history.requestedAt, now)
  if (measuredAt !== null && measuredAt <= now) {
    const dueAt = measuredAt + rules.everyMs - rules.cronPeriodMs / 2
    if (now < dueAt) return skip('fresh', `fresh for ${seconds(dueAt - now)} s more`, dueAt)
  }
  if (history.blockedUntil !== null && isBlock(history.blockedUntil, now)) {
    return skip('blocked', `rate limited for ${seconds(history.blockedUntil - now)} s more`, history.blockedUntil)
  }
  if (recent.length >= rules.maxRequestsPerHour) {
    const freeAt = recent[recent.length - rules.maxRequestsPerHour]! + HOUR_MS
    return skip('budget', `budget ${rules.maxRequestsPerHour}/h used, free in ${seconds(freeAt - now)} s`, freeAt)
  }
  return { do: 'fetch', usedThisHour: recent.length }
}

export function withRequest(history: RequestHistory, now: number): RequestHistory {
  return { ...history, requestedAt: [...withinHour(history.requestedAt, now), now] }
}

export function withoutRateLimit(history: RequestHistory): RequestHistory {
  return { ...history, blockedUntil: null, rateLimitedInARow: 0 }
}

/** One login's history, made through several slots: all of its requests, and the block that holds longest. */
export function unionOf(histories: readonly RequestHistory[], now: number): RequestHistory {
  const blocks = histories.flatMap(({ blockedUntil }) =>
    blockedUntil !== null && isBlock(blockedUntil, now) ? [blockedUntil] : [],
  )
  return {
    requestedAt: histories.flatMap(({ requestedAt }) => withinHour(requestedAt, now)).sort((one, other) => one - other),
    blockedUntil: blocks.length > 0 ? Math.max(...blocks) : null,
    rateLimitedInARow: Math.max(0, ...histories.map(({ rateLimitedInARow }) => rateLimitedInARow)),
  }
}

/** A deadline further ahead than any server sets is the work of a clock that was wrong. */
function isBlock(blockedUntil: number, now: number): boolean {
  return now < blockedUntil && blockedUntil - now <= 24 * HOUR_MS
}

/**
 * May a token that the API refused be renewed? Where one as young as that is refused, the endpoint itself is at fault, and
 * more rotations would not mend it.
 * @param refreshedAt when Vigil last renewed this login, ms; null = never
 */
export function decideRenewal(
  refreshedAt: number | null,
  now: number,
  againAfterMs: number,
): { do: 'renew' } | { do: 'leave'; reason: string } {
  const agoMs = refreshedAt === null ? againAfterMs : now - refreshedAt
  if (agoMs >= againAfterMs || agoMs < -CLOCK_TOLERANCE_MS) return { do: 'renew' }
  const ago = Math.max(0, Math.floor(agoMs / 60_000))
  const again = Math.ceil(againAfterMs / 60_000)
  return {
    do: 'leave',
    reason: `the API refused an access token that was renewed ${ago} min ago; it is not renewed again within ${again} min`,
  }
}

/** Stamps up to an hour ahead (a clock that was stepped back) count too: rather too few requests than a block. */
function withinHour(requestedAt: readonly number[], now: number): number[] {
  return requestedAt.filter(at => Math.abs(now - at) < HOUR_MS)
}

function skip(code: 'fresh' | 'blocked' | 'budget', reason: string, untilMs: number): RequestDecision {
  return { do: 'skip', code, reason, untilMs }
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
