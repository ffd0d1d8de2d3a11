import { describe, expect, it } from 'vitest'
import {
  alive,
  badKeys,
  billingOf,
  factOf,
  HOUR_MS,
  jobSeen,
  MINUTE_MS,
  NOW,
  sightOf,
  verdicts,
  withSettings,
} from './sights.ts'

const budgets = (daily: number | null, block: number | null = null, weekly: number | null = null) =>
  withSettings({ billing: { budgetUsd: { daily, block, weekly } } })
const day = (usd: number | null, states = sightOf().states, billing = billingOf({ costTodayUsd: usd })) =>
  sightOf({ settings: budgets(100), billing, states })
const D80 = 'BudgetHigh{day,80}'
const D100 = 'BudgetHigh{day,100}'
const fires = (budget: string, level: string) => alive('BudgetHigh', { budget, level })

describe('BudgetHigh', () => {
  it.each([
    [79.99, []],
    [80, [D80]],
    [80.01, [D80]],
    [99.99, [D80]],
    [100, [D100]],
    [100.01, [D100]],
    [null, []],
    [0, []],
  ])('%f of 100 USD: %j', (usd, keys) => {
    expect(badKeys(day(usd))).toEqual(keys)
  })
  it('says how much, and that it is no invoice; the highest level is critical', () => {
    expect(factOf(day(85.5), D80)).toMatchObject({
      severity: 'warning',
      text: {
        summary: '85 % of the daily budget is spent',
        details: ['85.50 of 100.00 USD at API prices, which is no invoice'],
      },
    })
    expect(factOf(day(120), D100).severity).toBe('critical')
  })
  it('a rise tells each level once', () => {
    const sight = day(120, [fires('day', '80')])
    expect(badKeys(sight)).toEqual([D80, D100])
    expect(factOf(sight, D80).alsoMutedBy).toEqual([D100])
  })
  it.each<[string, ReturnType<typeof sightOf>, 'ok' | 'unknown' | 'bad']>([
    ['is unknown where nothing is known', day(null, [fires('day', '80')]), 'unknown'],
    ['is unknown without a cache', day(85, [fires('day', '80')], null as never), 'unknown'],
    ['ends with the day', day(85, [fires('day', '80')], billingOf({ costTodayUsd: 85 }, 'fresh', '2026-11-25')), 'ok'],
    ['ends without a budget', { ...day(85, [fires('day', '80')]), settings: budgets(null) }, 'ok'],
    ['ends with a higher budget', { ...day(85, [fires('day', '80')]), settings: budgets(200) }, 'ok'],
    [
      'stays, as a lower bound, with an old figure',
      day(85, [fires('day', '80')], billingOf({ costTodayUsd: 85 }, 'unreliable')),
      'bad',
    ],
    [
      'is unknown with an old figure below it',
      day(10, [fires('day', '80')], billingOf({ costTodayUsd: 10 }, 'unreliable')),
      'unknown',
    ],
    [
      'is unknown while vigil.yaml cannot be used',
      { ...day(85, [fires('day', '80')]), settingsProblem: { lines: ['x'], remedy: 'vi' } },
      'unknown',
    ],
  ])('%s', (_name, sight, expected) => {
    expect(verdicts(sight, 'BudgetHigh')[D80]).toBe(expected)
  })
  it('ends where its level is configured no more', () => {
    expect(verdicts(day(85, [fires('day', '60')]), 'BudgetHigh')['BudgetHigh{day,60}']).toBe('ok')
  })
  it.each([
    ['2026-11-29', 'bad'],
    ['2026-11-30', 'ok'],
  ])('a week lasts until Sunday: on %s it is %s', (today, expected) => {
    const billing = billingOf({ costWeekUsd: 300 }, 'fresh', today)
    const sight = sightOf({ settings: budgets(null, null, 300), billing, states: [fires('week', '100')] })
    expect(verdicts(sight, 'BudgetHigh')['BudgetHigh{week,100}']).toBe(expected)
  })
  it.each([
    [1, 'bad'],
    [0, 'ok'],
    [-1, 'ok'],
  ])('a block that ends in %i ms: %s', (leftMs, expected) => {
    const block = {
      startsAt: new Date(NOW - 4 * HOUR_MS).toISOString(),
      endsAt: new Date(NOW + leftMs).toISOString(),
      costUsd: 9,
      remainingMinutes: null,
      burnRateUsdPerHour: null,
      projectedCostUsd: null,
      tokens: null,
      models: [],
    }
    const sight = sightOf({
      settings: budgets(null, 10),
      billing: billingOf({ block }),
      states: [fires('block', '80')],
    })
    expect(verdicts(sight, 'BudgetHigh')['BudgetHigh{block,80}']).toBe(expected)
  })
})

describe('DataStale of billing', () => {
  const STALE = 'DataStale{billing}'
  it.each([
    ['fresh', 'ok'],
    ['stale', 'ok'],
    ['unreliable', 'bad'],
    ['absent', 'bad'],
  ] as const)('figures that are %s: %s', (state, expected) => {
    const lastFetched = state === 'absent' ? null : NOW - 2 * HOUR_MS
    expect(factOf(sightOf({ billing: billingOf({ lastFetched }, state) }), STALE).verdict).toBe(expected)
  })
  it('says why, since when, and what to do', () => {
    const last_attempt = { at: NOW, outcome: 'failed', reason: '1 of 1 could not be measured' }
    const billing = billingOf({ lastFetched: NOW - 2 * HOUR_MS, last_attempt }, 'unreliable')
    expect(factOf(sightOf({ billing }), STALE)).toMatchObject({
      since: NOW - 2 * HOUR_MS,
      text: {
        summary: 'the billing figures are too old to count on: 1 of 1 could not be measured',
        remedy: 'vigil run fetch-billing',
      },
    })
  })
  it.each([
    ['nothing measured, 3 min after the beginning', { billing: null, firstSeenAt: NOW - 3 * MINUTE_MS }, 'bad'],
    ['nothing measured, a little earlier', { billing: null, firstSeenAt: NOW - 3 * MINUTE_MS + 1 }, 'unknown'],
    [
      'nothing measured, for fetch-billing never ran in 4 min',
      { billing: null, jobs: [jobSeen('fetch-billing', null)], firstSeenAt: NOW - 4 * MINUTE_MS },
      'bad',
    ],
    [
      'nothing measured, for fetch-billing never ran, a little earlier',
      { billing: null, jobs: [jobSeen('fetch-billing', null)], firstSeenAt: NOW - 4 * MINUTE_MS + 1 },
      'unknown',
    ],
    ['no account', { billing: null, accounts: [] }, 'ok'],
    [
      'a registry that cannot be used',
      { billing: null, accounts: [], registryProblem: { lines: ['x'], remedy: 'vi' } },
      'unknown',
    ],
    [
      'a cache that is no good',
      { billing: null, troubles: [{ file: 'billing-shared.json', what: 'x', remedy: null }] },
      'unknown',
    ],
    ['a sleep until just now', { billing: billingOf({}, 'unreliable'), awakeSince: NOW - MINUTE_MS }, 'unknown'],
  ] as const)('with %s', (_name, change, expected) => {
    expect(factOf(sightOf(change as Parameters<typeof sightOf>[0]), STALE).verdict).toBe(expected)
  })
})
