import { expect, test } from 'vitest'
import type { StatusBilling } from '../../../lib/domain/status.ts'
import { HOUR_MS, MINUTE_MS, NOW, screen, statusOf } from './samples.ts'

const billing = (change: Partial<StatusBilling> = {}): StatusBilling => ({
  source: 'ccusage',
  freshness: { state: 'fresh', age_ms: MINUTE_MS },
  measured_at: NOW - MINUTE_MS,
  cost_today_usd: 12.34,
  cost_week_usd: 80,
  block: { cost_usd: 4.2, burn_rate_usd_per_hour: 1.4, projected_cost_usd: 5.2, ends_at: NOW + HOUR_MS },
  budgets: {
    daily: { limit_usd: 50, used_percent: 24.68 },
    block: { limit_usd: null, used_percent: null },
    weekly: { limit_usd: 300, used_percent: 26.6 },
  },
  unpriced_models: [],
  last_attempt: null,
  ...change,
})
const cost = (change: Partial<StatusBilling> = {}, options: object = {}) =>
  screen(statusOf({ accounts: [], jobs: [], billing: billing(change) }), options)
    .split('\n')
    .slice(3)
    .join('\n')

test('the cost of day, block and week, against their budgets', () => {
  expect(cost()).toMatchInlineSnapshot(`
    "cost  today $12.34 of $50 (24 %) · block $4.20 · $1.40 an hour · $5.20 by 12:50
          week $80.00 of $300 (26 %)
          at API prices, by ccusage · measured 1 min ago
    "
  `)
})
test('a terminal of 40 columns', () => {
  expect(cost({}, { columns: 40 })).toMatchInlineSnapshot(`
    "
    cost  today $12.34 of $50 (24 %)
          block $4.20 · $1.40 an hour
          $5.20 by 12:50
          week $80.00 of $300 (26 %)
          at API prices, by ccusage
          measured 1 min ago
    "
  `)
})
test('figures that are old are marked, and the least that it can be', () => {
  expect(
    cost({ freshness: { state: 'unreliable', age_ms: 2 * HOUR_MS }, measured_at: NOW - 2 * HOUR_MS }),
  ).toMatchInlineSnapshot(`
    "cost  today ⚠⚠ ≥$12.34 of $50 (24 %) · block ⚠⚠ ≥$4.20 · ⚠⚠ ≥$1.40 an hour · ⚠⚠ ≥$5.20 by 12:50
          week ⚠⚠ ≥$80.00 of $300 (26 %)
          at API prices, by ccusage · measured 2 h ago
    "
  `)
})
test('what is not known', () => {
  expect(
    cost({
      cost_today_usd: null,
      cost_week_usd: null,
      block: null,
      measured_at: null,
      source: null,
      freshness: { state: 'absent', age_ms: null },
    }),
  ).toMatchInlineSnapshot(`
    "cost  today – of $50 (24 %)
    "
  `)
})
