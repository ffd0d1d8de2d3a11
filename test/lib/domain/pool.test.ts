import { expect, test } from 'vitest'
import { judgePool, type PoolAccount } from '../../../lib/domain/pool.ts'

/** The highest alert level in these tests. */
const NEAR = 95
const FIVE_HOURS_RESET = 1_000_000
const WEEK_RESET = 9_000_000

interface Change extends Partial<Omit<PoolAccount, 'windows'>> {
  five?: number | null
  week?: number | null
  opus?: number
  fiveResets?: number | null
}

function account(slot: string, change: Change = {}): PoolAccount {
  const { five = 10, week = 20, opus, fiveResets = FIVE_HOURS_RESET, ...rest } = change
  const windows = [
    { name: 'five_hour', scope: null, usedPercent: five, resetsAt: fiveResets },
    { name: 'seven_day', scope: null, usedPercent: week, resetsAt: WEEK_RESET },
  ]
  const model = opus === undefined ? [] : [{ name: 'weekly', scope: 'Opus', usedPercent: opus, resetsAt: WEEK_RESET }]
  return { slot, standing: 'active', freshness: 'fresh', windows: [...windows, ...model], ...rest }
}

const inactive = (slot: string) => account(slot, { standing: 'inactive' })
const paused = (slot: string) => account(slot, { standing: 'paused' })
const stale = (slot: string, change: Change = {}) => account(slot, { freshness: 'stale', ...change })
const unreliable = (slot: string, change: Change = {}) => account(slot, { freshness: 'unreliable', ...change })
const absent = (slot: string) => account(slot, { freshness: 'absent', five: null, week: null })

test.each([
  ['nothing', [], 'empty', 'no account is known yet'],
  ['one paused by hand', [paused('a')], 'empty', 'the only account is paused by hand'],
  ['all paused by hand', [paused('a'), paused('b')], 'empty', 'both accounts are paused by hand'],
  ['one with room', [account('a')], 'usable', 'the only account has room'],
  ['two with room', [account('a'), account('b')], 'usable', 'both accounts have room'],
  ['three with room', [account('a'), account('b'), account('c')], 'usable', 'all 3 accounts have room'],
  ['a paused one counts for nothing', [account('a'), paused('b')], 'usable', 'the only account has room'],
  ['one logged out', [inactive('a')], 'logged-out', 'the only account is logged out'],
  ['all logged out', [inactive('a'), inactive('b')], 'logged-out', 'both accounts are logged out'],
  ['all logged out but a paused one', [inactive('a'), paused('b')], 'logged-out', 'the only account is logged out'],
  ['one of two logged out', [account('a'), inactive('b')], 'degraded', 'b is logged out'],
  ['one of two used up', [account('a'), account('b', { week: 100 })], 'degraded', 'b is used up'],
  ['one with old figures', [stale('a')], 'degraded', 'a has old figures only'],
  ['one of two unreliable', [account('a'), unreliable('b')], 'degraded', 'b has no reliable figures'],
  ['one of two never measured', [account('a'), absent('b')], 'degraded', 'b has no reliable figures'],
  ['a full model window', [account('a', { opus: 100 })], 'degraded', 'a is near a limit'],
  ['unreliable ones only', [unreliable('a')], 'blind', 'no figure of a is new enough to tell what is left'],
  [
    'an unreliable 100 %',
    [unreliable('a', { week: 100 })],
    'blind',
    'no figure of a is new enough to tell what is left',
  ],
  ['never measured', [absent('a')], 'blind', 'no figure of a is new enough to tell what is left'],
  [
    'fresh, but both windows have reset since',
    [account('a', { five: null, week: null })],
    'blind',
    'no figure of a is new enough to tell what is left',
  ],
  [
    'blind, and another one logged out',
    [absent('a'), inactive('b')],
    'blind',
    'no figure of a is new enough to tell what is left; b is logged out',
  ],
  ['one used up', [account('a', { five: 100 })], 'exhausted', 'a is used up; it recovers'],
  ['one used up by old figures', [stale('a', { week: 100 })], 'exhausted', 'a is used up; it recovers'],
  [
    'used up, and the rest logged out or unseen',
    [account('a', { five: 100 }), inactive('b'), unreliable('c')],
    'exhausted',
    'a is used up; b is logged out; c has no reliable figures; a is the first to recover',
  ],
  [
    'all troubles at once, in this order',
    [account('a'), account('b', { week: 96 }), stale('c'), account('d', { five: 100 }), inactive('e'), absent('f')],
    'degraded',
    'd is used up; e is logged out; f has no reliable figures; b is near a limit; c has old figures only',
  ],
  [
    'many of a kind',
    [account('a'), inactive('b'), inactive('c'), inactive('d'), inactive('e')],
    'degraded',
    '4 accounts (b, c and 2 more) are logged out',
  ],
  [
    'three of a kind',
    [account('a'), inactive('b'), inactive('c'), inactive('d')],
    'degraded',
    'b, c and d are logged out',
  ],
] as const)('%s', (_name, accounts, verdict, reason) => {
  expect(judgePool(accounts, NEAR)).toMatchObject({ verdict, reason })
})

test.each([
  [94, 'usable'],
  [94.9, 'usable'],
  [95, 'degraded'],
  [96, 'degraded'],
  [99.9, 'degraded'],
  [100, 'exhausted'],
  [101, 'exhausted'],
  [null, 'usable'],
] as const)('with the five-hour window at %s percent it is %s', (five, verdict) => {
  expect(judgePool([account('a', { five })], NEAR).verdict).toBe(verdict)
  expect(judgePool([account('a', { week: five })], NEAR).verdict).toBe(verdict)
})

test('without an alert level nothing is near', () => {
  expect(judgePool([account('a', { week: 99 })], null).verdict).toBe('usable')
})

test('the earliest recovery counts, and an account recovers only when the last of its full windows resets', () => {
  const later = account('later', { five: 100, fiveResets: 2_000_000 })
  const both = account('both', { five: 100, week: 100, fiveResets: 1 })
  const first = account('first', { five: 100, fiveResets: 1_500_000 })
  expect(judgePool([later, both, first], NEAR)).toEqual({
    verdict: 'exhausted',
    reason: 'later, both and first are used up; first is the first to recover',
    recoversAt: 1_500_000,
  })
  expect(judgePool([both], NEAR).recoversAt).toBe(WEEK_RESET)
})

test('a full window that does not say when it resets says nothing about a recovery', () => {
  const silent = account('a', { five: 100, fiveResets: null })
  expect(judgePool([silent], NEAR)).toEqual({
    verdict: 'exhausted',
    reason: 'a is used up; it is not known when one recovers',
    recoversAt: null,
  })
  expect(judgePool([silent, account('b', { week: 100 })], NEAR).recoversAt).toBe(WEEK_RESET)
})

test('no verdict but exhausted has a recovery, and no reason holds a figure without its age', () => {
  const all = [account('a', { five: 99 }), inactive('b'), unreliable('c', { week: 98 })]
  for (const accounts of [all, all.slice(1), all.slice(2), []]) {
    const { recoversAt, reason } = judgePool(accounts, NEAR)
    expect(recoversAt).toBeNull()
    expect(reason).not.toMatch(/\d\s*%/)
  }
})
