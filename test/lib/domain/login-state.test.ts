import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import type { Account } from '../../../lib/domain/account.ts'
import type { StoreReading } from '../../../lib/domain/credential-store.ts'
import {
  freshLoginState,
  type LoginRules,
  LoginState,
  learnedEnd,
  planLogin,
  withEnd,
  withFailure,
  withLook,
  withSuccess,
} from '../../../lib/domain/login-state.ts'

const NOW = 1_795_000_000_000
const MIN = 60_000
const account = (change: Partial<Account> = {}): Account => ({
  slot: 'slot-1',
  configDir: '/home/me/.claude',
  isDefault: true,
  email: null,
  status: 'active',
  inactiveReason: null,
  inactiveSince: null,
  ...change,
})
const holds = (change: Record<string, unknown> = {}): StoreReading => ({
  state: 'present',
  credential: {
    accessToken: 'a',
    refreshToken: 'r',
    expiresAt: NOW + 480 * MIN,
    refreshTokenExpiresAt: null,
    scopes: null,
    subscriptionType: null,
    ...change,
  },
  blob: { claudeAiOauth: {} },
})
const rules: LoginRules = { refreshAheadMs: 30 * MIN, refresh: 'direct' }
const plan = (who: Account, reading: StoreReading, state: Partial<LoginState> = {}, more: Partial<LoginRules> = {}) =>
  planLogin(who, reading, 'fp', { ...freshLoginState(who), ...state }, NOW, { ...rules, ...more })
const dead = (fingerprint: string) => ({ fingerprint, reason: 'session_expired', at: NOW - MIN })
const inactive = account({
  status: 'inactive',
  inactiveReason: 'session_expired',
  inactiveSince: '2026-02-08T12:36:00Z',
})

describe('what to do about a login', () => {
  it('refreshes one that is due', () => {
    expect(plan(account(), holds({ expiresAt: NOW }))).toEqual({ do: 'refresh', reason: 'due', standing: null })
  })
  it('leaves a fresh one alone, whatever the registry says of times', () => {
    expect(plan(account(), holds())).toMatchObject({ do: 'nothing', outcome: 'fresh', standing: null })
  })
  it.each([
    ['by hand with its reason', { inactiveReason: 'paused' }],
    ['by hand without a reason', { inactiveReason: null }],
    ['by hand with words of the person', { inactiveReason: 'on holiday' }],
  ])('leaves one alone that was set inactive %s', (_name, change) => {
    expect(plan(account({ status: 'inactive', ...change }), holds({ expiresAt: 0 }))).toMatchObject({
      do: 'nothing',
      outcome: 'paused',
    })
  })
  it('does not send a token again that is known to be dead', () => {
    expect(plan(inactive, holds({ expiresAt: 0 }), { dead: dead('fp') })).toMatchObject({
      do: 'nothing',
      outcome: 'inactive',
    })
  })
  it('sees another token as a new login and sets the account active again', () => {
    expect(plan(inactive, holds(), { dead: dead('old') })).toMatchObject({
      outcome: 'became_active',
      standing: 'active',
    })
  })
  it('tries a token once where what was known of it got lost', () => {
    expect(plan(inactive, holds({ expiresAt: 0 }))).toMatchObject({ do: 'refresh' })
  })
  it('sees a husk as logged out, and never refreshes it', () => {
    expect(plan(account(), holds({ accessToken: '', refreshToken: '', expiresAt: 0 }))).toMatchObject({
      outcome: 'logged_out',
      standing: 'logged_out',
    })
  })
  it.each(['absent', 'noLogin'] as const)('sees %s as no login', state => {
    expect(plan(account(), { state })).toMatchObject({ outcome: 'no_login', standing: 'no_login' })
  })
  it.each(['refused', 'corrupt', 'unknown'] as const)('reports a store that is %s and changes no standing', state => {
    expect(plan(account(), { state, detail: 'why', remedy: 'mend it' })).toEqual({
      do: 'report',
      outcome: state,
      reason: 'why; mend it',
      standing: null,
    })
  })
  it('takes a token without a refresh token until its end, and not longer', () => {
    expect(plan(account(), holds({ refreshToken: null }))).toMatchObject({
      outcome: 'no_refresh_token',
      standing: 'active',
    })
    expect(plan(account(), holds({ refreshToken: null, expiresAt: NOW }))).toMatchObject({
      outcome: 'no_refresh_token',
      standing: 'token_expired',
    })
  })
  it('rotates nothing while refresh is off', () => {
    expect(plan(account(), holds({ expiresAt: 0 }), {}, { refresh: 'off' })).toMatchObject({
      do: 'nothing',
      outcome: 'off',
      standing: null,
    })
  })
  it('refreshes one that is not due if the API refused the very token that is stored', () => {
    expect(plan(account(), holds(), {}, { rejectedAccessToken: 'a' })).toMatchObject({
      do: 'refresh',
      reason: 'the API refused its access token',
    })
    expect(plan(account(), holds(), {}, { rejectedAccessToken: 'older' })).toMatchObject({
      do: 'nothing',
      outcome: 'fresh',
    })
  })
  it.each([
    [1, 'nothing'],
    [0, 'refresh'],
    [-1, 'refresh'],
  ] as const)('waits for its next try while %i ms are left', (leftMs, expected) => {
    expect(plan(account(), holds({ expiresAt: 0 }), { notBefore: NOW + leftMs, failures: 3 }).do).toBe(expected)
  })
  it('does not wait for a moment that only a wrong clock can have set', () => {
    expect(plan(account(), holds({ expiresAt: 0 }), { notBefore: NOW + 25 * 60 * MIN, failures: 3 }).do).toBe('refresh')
  })
})

describe('the pause after failed tries', () => {
  it('is the schedule itself twice, then 10, 20, 40, 60 and again 60 min', () => {
    let state = freshLoginState(account())
    const waits: Array<number | null> = []
    for (let n = 0; n < 7; n++) {
      state = withFailure(state, null, NOW)
      waits.push(state.notBefore === null ? null : (state.notBefore - NOW) / MIN)
    }
    expect(waits).toEqual([null, null, 10, 20, 40, 60, 60])
  })
  it("is never shorter than the server's Retry-After", () => {
    expect(withFailure(freshLoginState(account()), 7 * MIN, NOW).notBefore).toBe(NOW + 7 * MIN)
  })
})

describe('how long a login lasts', () => {
  const DAY = 24 * 60 * MIN
  const state = (change: Partial<LoginState> = {}): LoginState => ({ ...freshLoginState(account()), ...change })
  const tokens = (expiresAt: number, refreshTokenExpiresAt: number | null = null) => ({
    expiresAt,
    refreshTokenExpiresAt,
  })

  it('a file of an older Vigil still reads', () => {
    const { since: _since, lasted: _lasted, accessEndsAt: _access, ...older } = state({ refreshedAt: NOW })
    expect(v.parse(LoginState, older)).toEqual(state({ refreshedAt: NOW }))
  })
  it('the first look learns the end, and not the beginning', () => {
    expect(withLook(state(), tokens(NOW + 60 * MIN, NOW + 9 * DAY), false, NOW)).toEqual(
      state({ accessEndsAt: NOW + 60 * MIN, loginEndsAt: NOW + 9 * DAY }),
    )
  })
  it('the same login again teaches nothing', () => {
    const known = state({ accessEndsAt: NOW + 60 * MIN, loginEndsAt: NOW + 9 * DAY, since: NOW - DAY })
    expect(withLook(known, tokens(NOW + 60 * MIN, NOW + 9 * DAY), false, NOW)).toBe(known)
    expect(withLook(known, tokens(NOW + 60 * MIN), false, NOW)).toBe(known)
  })
  it('an account that is back has a new login', () => {
    const old = state({ loginEndsAt: NOW - DAY, since: NOW - 30 * DAY, accessEndsAt: NOW - DAY })
    expect(withLook(old, tokens(NOW + 60 * MIN), true, NOW)).toMatchObject({ since: NOW, loginEndsAt: null })
  })
  it.each([
    [30 * MIN, false],
    [30 * MIN + 1, true],
    [-MIN, false],
  ])('a token that is replaced with %i ms to go is a new login: %s', (leftMs, isNew) => {
    const known = state({ accessEndsAt: NOW + leftMs, since: NOW - DAY })
    expect(withLook(known, tokens(NOW + 480 * MIN), false, NOW).since).toBe(isNew ? NOW : NOW - DAY)
  })
  it.each([
    [60 * MIN, false],
    [60 * MIN + 1, true],
  ])('an end that moves by %i ms is that of a new login: %s', (moveMs, isNew) => {
    const known = state({ accessEndsAt: NOW + MIN, loginEndsAt: NOW + 2 * DAY, since: NOW - DAY })
    const next = withLook(known, tokens(NOW + 480 * MIN, NOW + 2 * DAY + moveMs), false, NOW)
    expect([next.since, next.loginEndsAt]).toEqual([isNew ? NOW : NOW - DAY, NOW + 2 * DAY + moveMs])
  })
  it('a renewal goes on with the same login, and with a new one where the account was out', () => {
    const known = state({ since: NOW - DAY, loginEndsAt: NOW + DAY })
    const renewed = { accessEndsAt: NOW + 480 * MIN, isNew: false }
    expect(withSuccess(known, NOW, null, renewed)).toMatchObject({ since: NOW - DAY, loginEndsAt: NOW + DAY })
    expect(withSuccess(known, NOW, null, { ...renewed, isNew: true })).toMatchObject({ since: NOW, loginEndsAt: null })
  })
  it.each([
    ['session_expired', NOW - 28 * DAY, [DAY, 28 * DAY]],
    ['session_expired', null, [DAY]],
    ['copied_login', NOW - 28 * DAY, [DAY]],
    ['refresh_interrupted', NOW - 28 * DAY, [DAY]],
  ])('one that ends by %s teaches its age where its beginning was seen', (reason, since, lasted) => {
    const end = { fingerprint: 'fp', reason, at: NOW }
    expect(withEnd(state({ since, lasted: [DAY] }), end)).toMatchObject({ dead: end, since: null, lasted })
  })
  it('keeps the five latest', () => {
    const many = withEnd(state({ since: NOW - 6, lasted: [1, 2, 3, 4, 5] }), { ...dead('fp'), at: NOW })
    expect(many.lasted).toEqual([2, 3, 4, 5, 6])
  })
  it('the end is guessed by the shortest of the latest three, until it is disproved by a day', () => {
    const lasted = [DAY, 30 * DAY, 28 * DAY, 29 * DAY]
    const since = NOW - 20 * DAY
    expect(learnedEnd({ since, lasted }, NOW)).toBe(since + 28 * DAY)
    expect(learnedEnd({ since, lasted }, since + 29 * DAY)).toBe(since + 28 * DAY)
    expect(learnedEnd({ since, lasted }, since + 29 * DAY + 1)).toBeNull()
    expect(learnedEnd({ since: null, lasted }, NOW)).toBeNull()
    expect(learnedEnd({ since, lasted: [] }, NOW)).toBeNull()
  })
})
