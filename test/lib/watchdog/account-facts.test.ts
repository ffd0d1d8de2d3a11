import { describe, expect, it, test } from 'vitest'
import { alive, badKeys, DAY_MS, factOf, HOUR_MS, loggedOut, NOW, seen, sightOf, verdicts } from './sights.ts'

test('where all is well nothing is bad and nothing is unknown', async () => {
  const { findFacts } = await import('../../../lib/watchdog/find-facts.ts')
  expect(findFacts(sightOf()).filter(({ verdict }) => verdict !== 'ok')).toEqual([])
})

describe('AllInactive', () => {
  const other = loggedOut('slot-2', { since: NOW - 2 * HOUR_MS })
  it('is bad where every account that is not paused is logged out, since the last of them went', () => {
    const accounts = [loggedOut('slot-1'), other, seen({ slot: 'slot-3', standing: 'paused' })]
    expect(factOf(sightOf({ accounts, current: 'slot-2' }), 'AllInactive')).toEqual({
      name: 'AllInactive',
      labels: {},
      verdict: 'bad',
      severity: 'critical',
      text: {
        summary: 'all 2 accounts are logged out',
        details: [
          'slot-1: logged out: the login is over; run: CLAUDE_CONFIG_DIR=~/.claude-slot-1 claude /login',
          'slot-2: logged out: the login is over; run: CLAUDE_CONFIG_DIR=~/.claude-slot-2 claude /login',
        ],
        remedy: 'CLAUDE_CONFIG_DIR=~/.claude-slot-2 claude /login',
        affects: 'every new session; no figure is measured until one account is logged in again',
      },
      since: NOW - HOUR_MS,
    })
  })
  it('says so of the only account', () => {
    expect(factOf(sightOf({ accounts: [loggedOut('slot-1')] }), 'AllInactive').text.summary).toBe(
      'the only account (slot-1) is logged out',
    )
  })
  it.each([
    ['one still works', [seen(), other]],
    ['all are paused', [seen({ standing: 'paused' })]],
    ['there is none', []],
  ])('is ok where %s', (_name, accounts) => {
    expect(verdicts(sightOf({ accounts }), 'AllInactive')).toEqual({ AllInactive: 'ok' })
  })
  it('is unknown where the registry cannot be used, and so is every key of an account', () => {
    const states = [alive('AllInactive', {}), alive('AccountInactive', { slot: 'slot-1' })]
    const sight = sightOf({ accounts: [], registryProblem: { lines: ['line 1: no'], remedy: 'vi x' }, states })
    expect(verdicts(sight, 'AllInactive')).toEqual({ AllInactive: 'unknown' })
    expect(verdicts(sight, 'AccountInactive')).toEqual({ 'AccountInactive{slot-1}': 'unknown' })
  })
  it('names a hundred accounts in a few lines', () => {
    const accounts = Array.from({ length: 100 }, (_, n) => loggedOut(`slot-${n}`))
    const { details } = factOf(sightOf({ accounts }), 'AllInactive').text
    expect(details).toHaveLength(8)
    expect(details.at(-1)).toBe('and 93 more')
  })
})

describe('AccountInactive', () => {
  it('says what is wrong, the command that mends it, and what is left', () => {
    const accounts = [seen(), loggedOut('slot-2'), seen({ slot: 'slot-3' })]
    expect(factOf(sightOf({ accounts }), 'AccountInactive{slot-2}')).toMatchObject({
      verdict: 'bad',
      severity: 'warning',
      certain: true,
      since: NOW - HOUR_MS,
      text: {
        summary: 'slot-2 is logged out: the login is over',
        remedy: 'CLAUDE_CONFIG_DIR=~/.claude-slot-2 claude /login',
        affects: 'slot-1 and slot-3 are left to new sessions',
      },
    })
    expect(factOf(sightOf({ accounts, current: 'slot-2' }), 'AccountInactive{slot-2}').text.affects).toBe(
      'new sessions use this very account; slot-1 and slot-3 are left to new sessions',
    )
  })
  it.each(['logged_out', 'no_login', 'token_expired', 'refresh_interrupted', 'copied_login'])(
    'is not certain at once by %s',
    reason => {
      const fact = factOf(sightOf({ accounts: [seen(), loggedOut('slot-2', { reason })] }), 'AccountInactive{slot-2}')
      expect([fact.verdict, fact.certain]).toEqual(['bad', undefined])
    },
  )
  it.each([
    ['is logged in again', [seen({ slot: 'slot-2' })], 'slot-2 is logged in'],
    ['is paused by a person', [seen({ slot: 'slot-2', standing: 'paused' })], 'slot-2 is paused by hand'],
    ['was removed', [seen()], 'slot-2 is not in claude-sessions.yaml any more'],
  ])('ends where the account %s', (_name, accounts, why) => {
    const states = [{ ...alive('AccountInactive', { slot: 'slot-2' }), severity: 'critical' as const }]
    expect(factOf(sightOf({ accounts, states }), 'AccountInactive{slot-2}')).toMatchObject({
      verdict: 'ok',
      severity: 'critical',
      text: { summary: why },
    })
  })
})

describe('LoginEnding', () => {
  const at = (leftMs: number, states = sightOf().states) =>
    sightOf({ accounts: [seen({ login_ends_at: NOW + leftMs })], states })
  it.each([
    [7 * DAY_MS + 1, []],
    [7 * DAY_MS, ['LoginEnding{slot-1,7d}']],
    [7 * DAY_MS - 1, ['LoginEnding{slot-1,7d}']],
    [3 * DAY_MS + 1, ['LoginEnding{slot-1,7d}']],
    [3 * DAY_MS, ['LoginEnding{slot-1,3d}']],
    [3 * DAY_MS - 1, ['LoginEnding{slot-1,3d}']],
    [DAY_MS + 1, ['LoginEnding{slot-1,3d}']],
    [DAY_MS, ['LoginEnding{slot-1,1d}']],
    [DAY_MS - 1, ['LoginEnding{slot-1,1d}']],
    [0, ['LoginEnding{slot-1,1d}']],
    [-DAY_MS, ['LoginEnding{slot-1,1d}']],
  ])('with %i ms left only the nearest level is told: %j', (leftMs, keys) => {
    expect(badKeys(at(leftMs))).toEqual(keys)
  })
  it('is not there where nobody tells the end and none was learned', () => {
    expect(badKeys(sightOf({ accounts: [seen({ login_ends_at: null })] }))).toEqual([])
  })
  it('keeps a wider level that was told, muted by the nearest', () => {
    const states = [alive('LoginEnding', { slot: 'slot-1', left: '7d' })]
    const sight = at(2 * DAY_MS, states)
    expect(badKeys(sight)).toEqual(['LoginEnding{slot-1,7d}', 'LoginEnding{slot-1,3d}'])
    expect(factOf(sight, 'LoginEnding{slot-1,7d}').alsoMutedBy).toEqual(['LoginEnding{slot-1,3d}'])
    expect(factOf(sight, 'LoginEnding{slot-1,3d}')).toMatchObject({
      severity: 'warning',
      text: { summary: 'slot-1: its login ends in 2 days', remedy: 'claude /login' },
    })
  })
  it('lets go of a wider level that was never told', () => {
    const states = [alive('LoginEnding', { slot: 'slot-1', left: '7d' }, 'pending')]
    expect(verdicts(at(2 * DAY_MS, states), 'LoginEnding')['LoginEnding{slot-1,7d}']).toBe('ok')
  })
  it('ends at every level after a new login', () => {
    const states = ['7d', '3d', '1d'].map(left => alive('LoginEnding', { slot: 'slot-1', left }))
    expect(Object.values(verdicts(at(29 * DAY_MS, states), 'LoginEnding'))).toEqual(['ok', 'ok', 'ok'])
  })
  it('stays, once told, while the account is logged out, and does not begin then', () => {
    const accounts = [seen(), loggedOut('slot-2', { login_ends_at: NOW - HOUR_MS })]
    const states = [alive('LoginEnding', { slot: 'slot-2', left: '1d' })]
    expect(verdicts(sightOf({ accounts, states }), 'LoginEnding')).toEqual({ 'LoginEnding{slot-2,1d}': 'bad' })
    expect(verdicts(sightOf({ accounts }), 'LoginEnding')).toEqual({})
  })
  it.each([
    [20 * DAY_MS, []],
    [21 * DAY_MS, ['LoginEnding{slot-1,7d}']],
    [27 * DAY_MS, ['LoginEnding{slot-1,1d}']],
    [29 * DAY_MS, ['LoginEnding{slot-1,1d}']],
    [29 * DAY_MS + 1, []],
  ])('by what earlier logins lasted, %i ms after this one began: %j', (agoMs, keys) => {
    const state = { since: NOW - agoMs, lasted: [30 * DAY_MS, 28 * DAY_MS, 29 * DAY_MS] }
    expect(badKeys(sightOf({ accounts: [seen({ login_ends_at: null, state })] }))).toEqual(keys)
  })
})
