import { describe, expect, it } from 'vitest'
import { CLOCK_TOLERANCE_MS } from '../../../lib/domain/freshness.ts'
import { retryAfterMs, withRateLimit } from '../../../lib/domain/retry-after.ts'
import {
  byLogin,
  decideRenewal,
  decideRequest,
  EMPTY_HISTORY,
  emptySlot,
  historyOf,
  type RequestHistory,
  type Slot,
  type SlotOwner,
  unionOf,
  withRequest,
} from '../../../lib/domain/slot.ts'

const NOW = 1_795_000_000_000
const MIN = 60_000
const rules = { everyMs: 5 * MIN, cronPeriodMs: 5 * MIN, maxRequestsPerHour: 20 }
const decide = (history: RequestHistory, measuredAt: number | null) => decideRequest(history, measuredAt, NOW, rules)

describe('whether an account may be asked', () => {
  it.each([
    ['never measured', null, 'fetch'],
    ['half a period old, less 1 ms', NOW - 2.5 * MIN + 1, 'skip'],
    ['half a period old', NOW - 2.5 * MIN, 'fetch'],
    ['a second under the whole period, as a run that starts early sees it', NOW - 5 * MIN + 1000, 'fetch'],
    ['from the future', NOW + 1, 'fetch'],
  ] as const)('%s -> %s', (_name, measuredAt, expected) => {
    expect(decide(EMPTY_HISTORY, measuredAt).do).toBe(expected)
  })

  it.each([
    [19, 'fetch'],
    [20, 'skip'],
    [21, 'skip'],
  ] as const)('after %i requests in the hour -> %s', (count, expected) => {
    const requestedAt = Array.from({ length: count }, (_, n) => NOW - 59 * MIN + n)
    expect(decide({ ...EMPTY_HISTORY, requestedAt }, null).do).toBe(expected)
  })

  it('frees the budget as the oldest request leaves the rolling hour', () => {
    const requestedAt = Array.from({ length: 20 }, (_, n) => NOW - 60 * MIN + n)
    expect(decide({ ...EMPTY_HISTORY, requestedAt }, null).do).toBe('fetch')
  })

  it('says until when and why', () => {
    const requestedAt = Array.from({ length: 20 }, () => NOW - 30 * MIN)
    expect(decide({ ...EMPTY_HISTORY, requestedAt }, null)).toMatchObject({
      code: 'budget',
      reason: 'budget 20/h used, free in 1800 s',
    })
    expect(decide(EMPTY_HISTORY, NOW - MIN)).toMatchObject({ code: 'fresh', reason: 'fresh for 90 s more' })
  })

  it('is not locked out by stamps that a wrong clock left in the far future', () => {
    const requestedAt = Array.from({ length: 20 }, () => NOW + 1e12)
    expect(decide({ requestedAt, blockedUntil: NOW + 1e12, rateLimitedInARow: 1 }, null).do).toBe('fetch')
  })

  it('forgets requests older than an hour when it notes a new one', () => {
    expect(withRequest({ ...EMPTY_HISTORY, requestedAt: [NOW - 61 * MIN, NOW - MIN] }, NOW).requestedAt).toEqual([
      NOW - MIN,
      NOW,
    ])
  })
})

describe('after a 429', () => {
  it.each([
    ['0 means at least 5 min', '0', 5 * MIN],
    ['a number is a fixed deadline', '3600', 60 * MIN],
    ['a missing one means 5 min', undefined, 5 * MIN],
    ['nonsense counts as missing', 'soon', 5 * MIN],
    ['a date', new Date(NOW + 20 * MIN).toUTCString(), 20 * MIN],
  ])('Retry-After: %s', (_name, header, waitMs) => {
    const blockedUntil = withRateLimit(EMPTY_HISTORY, header, NOW).blockedUntil!
    expect(Math.abs(blockedUntil - NOW - waitMs)).toBeLessThan(1000)
  })

  it('waits longer each time in a row, for half of the blocks outlast their deadline', () => {
    const second = withRateLimit(withRateLimit(EMPTY_HISTORY, '0', NOW), '0', NOW)
    expect(second.blockedUntil).toBe(NOW + 10 * MIN)
  })

  it.each([
    [-1, 'skip'],
    [0, 'fetch'],
    [1, 'fetch'],
  ] as const)('at the deadline %i ms -> %s', (offset, expected) => {
    expect(decide({ ...EMPTY_HISTORY, blockedUntil: NOW - offset }, null).do).toBe(expected)
  })

  it('takes no negative or endless wait from a header', () => {
    expect(retryAfterMs('-5', NOW)).toBeNull()
    expect(retryAfterMs('999999999', NOW)).toBe(24 * 60 * MIN)
    expect(retryAfterMs(new Date(NOW - MIN).toUTCString(), NOW)).toBe(0)
  })
})

describe('whether a refused token is renewed', () => {
  it.each([
    ['never', null, 'renew'],
    ['just now', NOW, 'leave'],
    ['the limit less 1 ms ago', NOW - 30 * MIN + 1, 'leave'],
    ['the limit ago', NOW - 30 * MIN, 'renew'],
    ['in the future, as clocks differ', NOW + CLOCK_TOLERANCE_MS, 'leave'],
    ['in the future, by a clock that was wrong', NOW + CLOCK_TOLERANCE_MS + 1, 'renew'],
  ] as const)('renewed before: %s -> %s', (_name, refreshedAt, expected) => {
    expect(decideRenewal(refreshedAt, NOW, 30 * MIN).do).toBe(expected)
  })
})

describe('the history of one login that stands in several slots', () => {
  const owner = (accountUuid: string | null, organizationUuid: string | null = 'org'): SlotOwner => ({
    accountUuid,
    organizationUuid,
    insteadOf: null,
  })
  const ANNA = owner('anna')
  const used = (name: string, count: number, by: SlotOwner | null, blockedUntil: number | null = null): Slot => ({
    ...emptySlot(name, `/${name}`),
    owner: by,
    requests: {
      requestedAt: Array.from({ length: count }, (_, n) => NOW - 30 * MIN + n),
      blockedUntil,
      rateLimitedInARow: 0,
    },
  })
  const seen = (slot: Slot, present: SlotOwner | null) => ({ slot, owner: present })
  const history = (present: SlotOwner | null, own: Slot, ...others: Array<ReturnType<typeof seen>>) =>
    historyOf(seen(own, present), byLogin([seen(own, present), ...others]), NOW)

  it('is all of its requests, and the block that ends last', () => {
    const other = seen(used('b', 8, ANNA, NOW + 9 * MIN), ANNA)
    const joined = history(ANNA, used('a', 12, ANNA, NOW + 5 * MIN), other)
    expect(joined.requestedAt).toHaveLength(20)
    expect(joined.blockedUntil).toBe(NOW + 9 * MIN)
    expect(decide(joined, null)).toMatchObject({ code: 'blocked' })
    expect(decide({ ...joined, blockedUntil: null }, null)).toMatchObject({ code: 'budget' })
  })
  it('stays with the login that made it, also where its directory holds another now', () => {
    expect(history(ANNA, used('a', 1, ANNA), seen(used('b', 5, ANNA), owner('ben'))).requestedAt).toHaveLength(6)
    expect(history(owner('ben'), used('b', 5, ANNA, NOW + MIN))).toEqual(EMPTY_HISTORY)
  })
  it.each([
    ['another person', owner('ben')],
    ['the same person for another organization', owner('anna', 'company')],
    ['nobody knows whom', owner(null)],
  ])('is not mixed with that of %s', (_name, other) => {
    expect(history(ANNA, used('a', 1, ANNA), seen(used('b', 5, other, NOW + MIN), other))).toMatchObject({
      requestedAt: { length: 1 },
      blockedUntil: null,
    })
  })
  it('is kept while nobody knows the login, and taken over from files that name none', () => {
    expect(history(null, used('a', 5, ANNA)).requestedAt).toHaveLength(5)
    expect(history(ANNA, used('a', 5, null)).requestedAt).toHaveLength(5)
    expect(history(ANNA, used('a', 0, ANNA), seen(used('b', 5, null), ANNA)).requestedAt).toHaveLength(5)
  })
  it('takes in older files the owner of the figures for the one of the requests', () => {
    const figures = { measuredAt: NOW, source: 'oauth' as const, windows: [], extraUsage: null }
    const old: Slot = { ...used('a', 5, null), observation: { ...figures, ...owner('ben') } }
    expect(history(ANNA, old)).toEqual(EMPTY_HISTORY)
  })
  it('does not let a deadline that a wrong clock left hide a true one', () => {
    const blocked = (blockedUntil: number): RequestHistory => ({ ...EMPTY_HISTORY, blockedUntil })
    expect(unionOf([blocked(NOW + 1e12), blocked(NOW + MIN)], NOW).blockedUntil).toBe(NOW + MIN)
    expect(unionOf([blocked(NOW)], NOW).blockedUntil).toBeNull()
  })
})
