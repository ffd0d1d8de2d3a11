import { describe, expect, it } from 'vitest'
import {
  type AccountBilling,
  type BillingCache,
  type Block,
  decideBilling,
  ttlForBurnRate,
} from '../../../lib/domain/billing.ts'
import { type BillingInput, mergeBilling, stillGood } from '../../../lib/domain/billing-merge.ts'
import { billingFreshness } from '../../../lib/domain/freshness.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const MIN = 60_000
const DAY = '2026-11-20'

const block = (change: Partial<Block> = {}): Block => ({
  startsAt: '2026-11-20T11:00:00.000Z',
  endsAt: '2026-11-20T16:00:00.000Z',
  costUsd: 4,
  remainingMinutes: 240,
  burnRateUsdPerHour: 2,
  projectedCostUsd: 12,
  tokens: 1000,
  models: ['claude-opus-4-8'],
  ...change,
})
const account = (change: Partial<AccountBilling> = {}): AccountBilling => ({
  costTodayUsd: 10,
  costWeekUsd: 40,
  block: block(),
  source: 'ccusage',
  measuredAt: NOW - 10_000,
  day: DAY,
  unpricedModels: [],
  ...change,
})
const input = (change: Partial<BillingInput> = {}): BillingInput => ({
  now: NOW,
  day: DAY,
  zone: 'UTC',
  current: 'slot-1',
  accounts: [{ slot: 'slot-1', billing: account() }],
  byHand: null,
  paid: {},
  budgetUsd: { daily: 50, block: null, weekly: null },
  sources: [],
  attempt: { at: NOW, outcome: 'ok', reason: '' },
  failures: 0,
  periodMs: MIN,
  jitterMs: 20_000,
  measureMs: 62_000,
  ...change,
})
const cache = (change: Partial<BillingCache> = {}): BillingCache => ({ ...mergeBilling(input()), ...change })
const decide = (known: BillingCache | null, change: object = {}) =>
  decideBilling(known, { now: NOW, requestedAt: NOW, day: DAY, periodMs: MIN, force: false, ...change })

describe('the time to live', () => {
  it.each([
    [null, 5],
    [0, 5],
    [0.99, 5],
    [1, 2],
    [5, 2],
    [5.01, 1],
  ])('at %s $/h is %i min', (rate, minutes) => {
    expect(ttlForBurnRate(rate)).toBe(minutes * MIN)
  })
  it.each([1, 2, 5])('of %i min leaves figures fresh until the next ones are there', minutes => {
    const { freshForMs, staleAfterMs, unreliableAfterMs } = billingFreshness(minutes * MIN, MIN, 20_000, 62_000)
    expect(freshForMs).toBeGreaterThanOrEqual(minutes * MIN + 20_000 + 62_000)
    expect(staleAfterMs).toBeGreaterThanOrEqual(freshForMs)
    expect(unreliableAfterMs).toBeGreaterThan(staleAfterMs)
  })
})

describe('whether to measure', () => {
  const aged = (ms: number) =>
    cache({ lastFetched: NOW - ms, last_attempt: { at: NOW - ms, outcome: 'ok', reason: '' } })
  it.each([
    ['nothing was measured yet', null, {}, 'measure'],
    ['90 s at a life of 2 min, the tolerance included', aged(90_000), {}, 'measure'],
    ['1 ms less', aged(89_999), {}, 'skip'],
    ['just measured, but asked for by hand', aged(1), { force: true }, 'measure'],
    ['measured yesterday, a minute ago', { ...aged(30_000), day: '2026-11-19' }, {}, 'measure'],
    ['from the future', aged(-1), {}, 'measure'],
  ] as const)('%s', (_name, known, change, expected) => {
    expect(decide(known, change).do).toBe(expected)
  })
  it('says how long they are fresh for', () => {
    expect(decide(aged(60_000))).toEqual({
      do: 'skip',
      code: 'fresh',
      reason: 'fresh for 30 s more',
      untilMs: NOW + 30_000,
    })
  })
  it('takes a measurement that ended while it waited for its own, good or not, by hand or not', () => {
    const tried = cache({ failures: 1, last_attempt: { at: NOW - 1, outcome: 'failed', reason: 'x' } })
    expect(decide(tried, { requestedAt: NOW - 1 })).toMatchObject({ do: 'skip', code: 'waited' })
    expect(decide(tried, { requestedAt: NOW - 1, force: true })).toMatchObject({ do: 'skip', code: 'waited' })
    expect(decide(tried, { requestedAt: NOW, force: true })).toMatchObject({ do: 'measure' })
  })
  it.each([
    [1, 0.5],
    [2, 1.5],
    [3, 3.5],
    [5, 14.5],
    [9, 14.5],
  ])('after %i failures it pauses %s min', (failures, minutes) => {
    const failed = (ago: number) => cache({ failures, last_attempt: { at: NOW - ago, outcome: 'failed', reason: 'x' } })
    expect(decide(failed(minutes * MIN - 1), { requestedAt: NOW })).toMatchObject({ do: 'skip', code: 'backoff' })
    expect(decide(failed(minutes * MIN), { requestedAt: NOW })).toMatchObject({ do: 'measure' })
  })
})

describe('the merged figures', () => {
  it('hold day, block and week against their budgets', () => {
    const merged = mergeBilling(input({ budgetUsd: { daily: 50, block: 8, weekly: 100 } }))
    expect(merged).toMatchObject({ costTodayUsd: 10, budgetUsd: 50, budgetUsedPercent: 20, costWeekUsd: 40 })
    expect(merged.budgets.block).toEqual({ limitUsd: 8, usedUsd: 4, usedPercent: 50, projectedPercent: 150 })
    expect(merged.budgets.weekly).toMatchObject({ usedPercent: 40 })
  })
  it('are unknown, never 0, where there is no budget or no cost', () => {
    const merged = mergeBilling(
      input({
        budgetUsd: { daily: null, block: 5, weekly: null },
        accounts: [{ slot: 'slot-1', billing: account({ costTodayUsd: null, block: null }) }],
      }),
    )
    expect(merged).toMatchObject({ costTodayUsd: null, budgetUsedPercent: null, block: null })
    expect(merged.budgets.block).toEqual({ limitUsd: 5, usedUsd: null, usedPercent: null, projectedPercent: null })
  })
  it('of several accounts add up, and are as old as the oldest', () => {
    const merged = mergeBilling(
      input({
        accounts: [
          { slot: 'slot-1', billing: account({ costTodayUsd: 0.1, measuredAt: NOW - MIN, block: null }) },
          { slot: 'slot-2', billing: account({ costTodayUsd: 0.2, block: block({ burnRateUsdPerHour: 6 }) }) },
        ],
      }),
    )
    expect(merged).toMatchObject({
      costTodayUsd: 0.3,
      lastFetched: NOW - MIN,
      ttlMs: MIN,
      block: { burnRateUsdPerHour: 6 },
    })
  })
  it('are unknown as a whole as soon as one account is, and fall to those typed in by hand', () => {
    const accounts = [
      { slot: 'slot-1', billing: account() },
      { slot: 'slot-2', billing: null },
    ]
    expect(mergeBilling(input({ accounts }))).toMatchObject({
      costTodayUsd: null,
      lastFetched: null,
      source: null,
      isFresh: false,
    })
    const byHand = account({ costTodayUsd: 7, source: 'subscription', measuredAt: NOW - 3 * 60 * MIN, block: null })
    const merged = mergeBilling(input({ accounts, byHand }))
    expect(merged).toMatchObject({
      costTodayUsd: 7,
      source: 'subscription',
      lastFetched: NOW - 3 * 60 * MIN,
      isFresh: false,
    })
    expect(merged.byAccount).toHaveProperty('slot-1')
  })
  it('name the API where only paid use is known', () => {
    const paid = { 'slot-1': { enabled: true, usedUsd: 3, limitUsd: 50, measuredAt: NOW - MIN } }
    expect(mergeBilling(input({ accounts: [{ slot: 'slot-1', billing: null }], paid }))).toMatchObject({
      source: 'oauth',
      lastFetched: NOW - MIN,
      costTodayUsd: null,
    })
  })
  it("show the current account's block, else the one that began last, and none that is over", () => {
    const later = block({ startsAt: '2026-11-20T11:30:00.000Z', costUsd: 1 })
    const accounts = [
      { slot: 'slot-1', billing: account() },
      { slot: 'slot-2', billing: account({ block: later }) },
    ]
    expect(mergeBilling(input({ accounts })).block?.costUsd).toBe(4)
    expect(mergeBilling(input({ accounts, current: null })).block?.costUsd).toBe(1)
    expect(
      mergeBilling(
        input({
          accounts: [{ slot: 'slot-1', billing: account({ block: block({ endsAt: '2026-11-20T12:00:00.000Z' }) }) }],
        }),
      ).block,
    ).toBeNull()
  })
  it('list models that were priced 0', () => {
    expect(
      mergeBilling(input({ accounts: [{ slot: 'slot-1', billing: account({ unpricedModels: ['new-model'] }) }] }))
        .unpricedModels,
    ).toEqual(['new-model'])
  })
})

describe('figures that are kept', () => {
  it('stand for their own day only', () => {
    expect(stillGood(account(), DAY, NOW)).toEqual(account())
    expect(stillGood(account(), '2026-11-21', NOW)).toBeNull()
    expect(stillGood(undefined, DAY, NOW)).toBeNull()
  })
  it('lose a block that has ended', () => {
    expect(stillGood(account(), DAY, Date.parse('2026-11-20T16:00:00Z'))?.block).toBeNull()
  })
})
