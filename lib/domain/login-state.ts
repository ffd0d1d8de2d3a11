import * as v from '../valibot.ts'
import { type Account, type JobReason, standingOf } from './account.ts'
import { needsRefresh } from './credential.ts'
import type { StoreReading } from './credential-store.ts'

/** What the refresh job remembers of one account between runs. Holds fingerprints, never a token. */
export const LoginState = v.object({
  schema: v.literal(1),
  slot: v.string(),
  configDir: v.string(),
  /** The refresh token that is known to be over; another one in the store is a new login. */
  dead: v.nullable(v.object({ fingerprint: v.string(), reason: v.string(), at: v.number() })),
  /** Failed tries in a row, and the moment before which there is no next one (ms). */
  failures: v.number(),
  notBefore: v.nullable(v.number()),
  refreshedAt: v.nullable(v.number()),
  /** The login's hard end as last seen, ms; null = the store does not say. */
  loginEndsAt: v.nullable(v.number()),
  /** When the present login was first seen, ms; null = it was there before anybody looked, as in older files. */
  since: v.optional(v.nullable(v.number()), null),
  /** How long earlier logins lasted until the endpoint ended them, ms, the latest last. */
  lasted: v.optional(v.array(v.number()), []),
  /** End of the stored access token when it was last looked at, ms: one that changes long before it was due is a new login's. */
  accessEndsAt: v.optional(v.nullable(v.number()), null),
})
export type LoginState = v.InferOutput<typeof LoginState>

export function freshLoginState(account: Pick<Account, 'slot' | 'configDir'>): LoginState {
  return {
    schema: 1,
    slot: account.slot,
    configDir: account.configDir,
    dead: null,
    failures: 0,
    notBefore: null,
    refreshedAt: null,
    loginEndsAt: null,
    since: null,
    lasted: [],
    accessEndsAt: null,
  }
}

const DAY_MS = 24 * 3_600_000

/**
 * The end of a login that nobody tells: as long after its beginning as the shortest of the latest earlier ones lasted.
 * null: nothing was learned, or what was learned is disproved by a login that goes on after it.
 */
export function learnedEnd({ since, lasted }: Pick<LoginState, 'since' | 'lasted'>, now: number): number | null {
  if (since === null || lasted.length === 0) return null
  const endsAt = since + Math.min(...lasted.slice(-3))
  return now > endsAt + DAY_MS ? null : endsAt
}

/** What to do about one login, with the reason. `standing` is what the registry should say; null = as it is. */
export type LoginPlan =
  | { do: 'refresh'; reason: string; standing: null }
  | { do: 'nothing'; outcome: LoginOutcome; reason: string; standing: 'active' | JobReason | null }
  | { do: 'report'; outcome: 'refused' | 'corrupt' | 'unknown'; reason: string; standing: null }

type LoginOutcome =
  | 'fresh'
  | 'paused'
  | 'inactive'
  | 'became_active'
  | 'logged_out'
  | 'no_login'
  | 'no_refresh_token'
  | 'waiting'
  | 'off'

export interface LoginRules {
  refreshAheadMs: number
  /** `off` = read-only. */
  refresh: 'direct' | 'off'
  /** An access token that the API refused: refresh although it is not due, if it is still the stored one. */
  rejectedAccessToken?: string
}

/**
 * Decides for one login from what its store holds. Pure.
 * @param storedFingerprint of the refresh token in the store; null where there is none
 */
export function planLogin(
  account: Account,
  reading: StoreReading,
  storedFingerprint: string | null,
  state: LoginState,
  now: number,
  rules: LoginRules,
): LoginPlan {
  const standing = standingOf(account)
  if (standing === 'pausedByPerson') return nothing('paused', 'paused by hand; vigil leaves it alone', null)
  switch (reading.state) {
    case 'refused':
    case 'corrupt':
    case 'unknown':
      return { do: 'report', outcome: reading.state, reason: `${reading.detail}; ${reading.remedy}`, standing: null }
    case 'absent':
    case 'noLogin':
      return nothing('no_login', 'no login is stored here', 'no_login')
  }
  const { credential } = reading
  const need = needsRefresh(credential, now, rules.refreshAheadMs)
  if (need === 'loggedOut') return nothing('logged_out', 'Claude Code is logged out here', 'logged_out')
  const valid = now < credential.expiresAt
  if (need === 'noRefreshToken') {
    return valid
      ? nothing(
          'no_refresh_token',
          'a token that cannot be refreshed (claude setup-token); good until its end',
          'active',
        )
      : nothing('no_refresh_token', 'a token that cannot be refreshed, and it has run out', 'token_expired')
  }
  if (state.dead !== null && state.dead.fingerprint === storedFingerprint) {
    return nothing(
      'inactive',
      `${state.dead.reason} since ${new Date(state.dead.at).toISOString()}; waiting for a new login`,
      state.dead.reason as JobReason,
    )
  }
  const rejected = rules.rejectedAccessToken !== undefined && rules.rejectedAccessToken === credential.accessToken
  if (need === 'fresh' && !rejected) {
    const leftMin = Math.floor((credential.expiresAt - now) / 60_000)
    return standing === 'active'
      ? nothing('fresh', `good for ${leftMin} min more`, null)
      : nothing('became_active', 'a new login was seen', 'active')
  }
  if (rules.refresh === 'off') return nothing('off', 'due, but refresh is off: only Claude Code itself renews it', null)
  // A stamp far ahead can only be the work of a clock that was wrong; it must not lock the account out.
  if (state.notBefore !== null && now < state.notBefore && state.notBefore - now <= 24 * 3_600_000) {
    return nothing(
      'waiting',
      `next try at ${new Date(state.notBefore).toISOString()}, after ${state.failures} failed`,
      null,
    )
  }
  return { do: 'refresh', reason: rejected ? 'the API refused its access token' : 'due', standing: null }
}

/** Longest pause between tries of a login that is due: it is dying meanwhile. */
const LONGEST_PAUSE_MS = 3_600_000

/**
 * After a failed try. The schedule itself is the first pause; from the third failure on it doubles to an hour.
 * A server's own `Retry-After` always counts.
 */
export function withFailure(state: LoginState, retryAfterMs: number | null, now: number): LoginState {
  const failures = state.failures + 1
  const ownMs = failures < 3 ? 0 : Math.min(10 * 60_000 * 2 ** (failures - 3), LONGEST_PAUSE_MS)
  const waitMs = Math.max(ownMs, retryAfterMs ?? 0)
  return { ...state, failures, notBefore: waitMs > 0 ? now + waitMs : null }
}

/** @param tokens of the renewed login; `isNew`: the account was out until now, so this is another login than the one before */
export function withSuccess(
  state: LoginState,
  now: number,
  loginEndsAt: number | null,
  tokens: { accessEndsAt: number; isNew: boolean },
): LoginState {
  const known = tokens.isNew ? { ...state, since: now, loginEndsAt: null } : state
  return {
    ...known,
    dead: null,
    failures: 0,
    notBefore: null,
    refreshedAt: now,
    loginEndsAt: loginEndsAt ?? known.loginEndsAt,
    accessEndsAt: tokens.accessEndsAt,
  }
}

/** Whoever renews a token does so when it is nearly over: Claude Code 5 min before, and we look every 10. */
const RENEWED_EARLY_MS = 30 * 60_000
/** Two spellings of one moment. */
const SAME_END_MS = 3_600_000

/**
 * What a look at a login that works teaches: when it ends, and whether it is another one than at the look before. Without a
 * word of the store's on its end, that shows by a token that was replaced long before it was due; one that Claude Code
 * had to renew early (the API refused it) is taken for a new login too, which only puts the learned end off.
 * @returns the very same state where there is nothing new
 */
export function withLook(
  state: LoginState,
  login: { expiresAt: number; refreshTokenExpiresAt: number | null },
  isBack: boolean,
  now: number,
): LoginState {
  const { expiresAt: accessEndsAt, refreshTokenExpiresAt: endsAt } = login
  const replacedEarly =
    state.accessEndsAt !== null && state.accessEndsAt !== accessEndsAt && now < state.accessEndsAt - RENEWED_EARLY_MS
  const endsLater = endsAt !== null && state.loginEndsAt !== null && endsAt > state.loginEndsAt + SAME_END_MS
  const isNew = (isBack && state.accessEndsAt !== accessEndsAt) || replacedEarly || endsLater
  const since = isNew ? now : state.since
  const loginEndsAt = endsAt ?? (isNew ? null : state.loginEndsAt)
  if (since === state.since && loginEndsAt === state.loginEndsAt && accessEndsAt === state.accessEndsAt) return state
  return { ...state, since, loginEndsAt, accessEndsAt }
}

/** The endpoint ended this login. How long it lasted is learned only where its beginning was seen. */
export function withEnd(state: LoginState, dead: NonNullable<LoginState['dead']>): LoginState {
  const learns = dead.reason === 'session_expired' && state.since !== null && dead.at > state.since
  return {
    ...state,
    dead,
    failures: 0,
    notBefore: null,
    since: null,
    lasted: learns ? [...state.lasted, dead.at - state.since!].slice(-5) : state.lasted,
  }
}

function nothing(outcome: LoginOutcome, reason: string, standing: 'active' | JobReason | null): LoginPlan {
  return { do: 'nothing', outcome, reason, standing }
}
