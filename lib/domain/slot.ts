import * as v from '../valibot.ts'
import type { Account, Identity } from './account.ts'
import { CLOCK_TOLERANCE_MS } from './freshness.ts'
import { belongsTo, isOtherLogin, isSameLogin, loginKey, type Owner, QuotaObservation } from './quota.ts'

/** What became of the latest try to measure, whether or not it brought figures. */
const Attempt = v.object({ at: v.number(), outcome: v.string(), reason: v.string() })

/** The login that a slot was last used for. */
const SlotOwner = v.object({
  accountUuid: v.nullable(v.string()),
  organizationUuid: v.nullable(v.string()),
  /** What `.claude.json` claimed then and the credential store contradicted; null = it did not. */
  insteadOf: v.optional(v.nullable(v.string()), null),
})
export type SlotOwner = v.InferOutput<typeof SlotOwner>

/** How far this machine's clock was from the endpoint's when it answered. */
const ClockError = v.object({
  /** By this machine's clock, ms. */
  measuredAt: v.number(),
  /** Positive where this machine's is ahead. 0 = no difference that the answer's way could not explain. */
  aheadMs: v.number(),
})
export type ClockError = v.InferOutput<typeof ClockError>

/** One account's quota: its last good observation, its last attempt and what it has used of its request budget. */
export const Slot = v.object({
  schema: v.literal(1),
  slot: v.string(),
  configDir: v.string(),
  observation: v.nullable(QuotaObservation),
  lastAttempt: v.nullable(Attempt),
  requests: v.object({
    requestedAt: v.array(v.number()),
    blockedUntil: v.nullable(v.number()),
    rateLimitedInARow: v.number(),
  }),
  /** Whose requests they are: budget and block are a login's, not a directory's. null = unknown, as in older files. */
  owner: v.optional(v.nullable(SlotOwner), null),
  /** From the latest answer, good or bad, that had a time in it. null = none had, as in older files. */
  clock: v.optional(v.nullable(ClockError), null),
})
export type Slot = v.InferOutput<typeof Slot>

export function emptySlot(slot: string, configDir: string): Slot {
  return {
    schema: 1,
    slot,
    configDir,
    observation: null,
    lastAttempt: null,
    requests: { requestedAt: [], blockedUntil: null, rateLimitedInARow: 0 },
    owner: null,
    clock: null,
  }
}

/**
 * Compares the clocks by an answer. Only what its way and the header's whole seconds cannot explain is an error: a slow
 * answer makes no clock wrong.
 * @param date the header; undefined or unreadable gives null
 */
export function clockError(date: string | undefined, sentAt: number, receivedAt: number): ClockError | null {
  const from = Date.parse(date ?? '')
  if (Number.isNaN(from)) return null
  const aheadMs = Math.max(0, sentAt - (from + 999)) - Math.max(0, from - receivedAt)
  return { measuredAt: receivedAt, aheadMs }
}

/** One account with all that is known of its quota. */
export interface MeasuredAccount {
  account: Account
  slot: Slot
  /** The present login; null = unknown. An observation of another one is nobody's figure here. */
  owner: Owner | null
}

/** The present login as `.claude.json` claims it, unless the store was found to contradict just this claim. */
export function ownerOf(claimed: Identity | null, slot: Slot): SlotOwner | null {
  if (claimed !== null && slot.owner?.insteadOf === loginKey(claimed)) return slot.owner
  return checkedOwner(claimed, null)
}

/**
 * The present login, with the credential store beside the claim, which can lag behind it or come from another directory.
 * Where the two disagree nobody knows the person, only the organization that the tokens are of.
 * @param storedOrganization as the store names it; null where it does not
 */
export function checkedOwner(claimed: Identity | null, storedOrganization: string | null): SlotOwner | null {
  if (claimed === null) return null
  const { accountUuid, organizationUuid } = claimed
  return storedOrganization === null || organizationUuid === null || storedOrganization === organizationUuid
    ? { accountUuid, organizationUuid, insteadOf: null }
    : { accountUuid: null, organizationUuid: storedOrganization, insteadOf: loginKey(claimed) }
}

/** The present login's e-mail before the registry's, which discovery wrote once for whoever was logged in then. */
export function emailOf(account: Account, claimed: Identity | null, owner: Owner | null): string | null {
  if (claimed === null || owner?.accountUuid) return claimed?.email ?? account.email
  return account.email === claimed.email ? null : account.email
}

/** The slot as this login goes on with it: what is known to be another's is left behind. */
export function takenOver(slot: Slot, owner: SlotOwner | null): Slot {
  return {
    ...slot,
    observation: slot.observation !== null && belongsTo(slot.observation, owner) ? slot.observation : null,
    requests: isOtherLogin(requesterOf(slot), owner) ? EMPTY_HISTORY : slot.requests,
    owner: owner ?? slot.owner,
  }
}

export type Holder = Pick<MeasuredAccount, 'slot' | 'owner'>

/** For each login the slots that may hold figures or requests of it: no account has to look through a thousand others. */
export function byLogin(all: readonly Holder[]): ReadonlyMap<string, readonly Holder[]> {
  const index = new Map<string, Holder[]>()
  for (const holder of all) {
    const { owner, slot } = holder
    for (const key of new Set([owner, slot.observation, slot.owner].map(loginKey))) {
      if (key === null) continue
      const others = index.get(key)
      if (others) others.push(holder)
      else index.set(key, [holder])
    }
  }
  return index
}

/** All that is known of one login's requests, through whichever slots they were made: a paused one counts too. */
export function historyOf(
  { slot, owner }: Holder,
  index: ReadonlyMap<string, readonly Holder[]>,
  now: number,
): RequestHistory {
  const elsewhere = (index.get(loginKey(owner) ?? '') ?? []).filter(
    other => other.slot.slot !== slot.slot && isSameLogin(requesterOf(other.slot) ?? other.owner, owner),
  )
  const own = isOtherLogin(requesterOf(slot), owner) ? [] : [slot.requests]
  return unionOf([...own, ...elsewhere.map(other => other.slot.requests)], now)
}

/** Older files name only the owner of the figures. */
function requesterOf({ owner, observation }: Slot): Owner | null {
  return owner ?? (observation?.accountUuid ? observation : null)
}

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
