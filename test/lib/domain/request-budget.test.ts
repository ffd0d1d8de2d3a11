import { describe, expect, it } from 'vitest'
import {
  decideRequest,
  EMPTY_HISTORY,
  type RequestHistory,
  withRateLimit,
  withRequest,
} from '../../../lib/domain/request-budget.ts'
import { retryAfterMs } from '../../../lib/domain/retry-after.ts'

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
