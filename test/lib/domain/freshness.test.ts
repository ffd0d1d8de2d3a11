import { expect, it } from 'vitest'
import { judgeFreshness } from '../../../lib/domain/freshness.ts'

const NOW = 1_795_000_000_000
const MIN = 60_000
const budget = { freshForMs: 10 * MIN, staleAfterMs: 15 * MIN, unreliableAfterMs: 60 * MIN }

it.each([
  ['just measured', NOW, 'fresh'],
  ['fresh_for - 1', NOW - 10 * MIN + 1, 'fresh'],
  ['fresh_for', NOW - 10 * MIN, 'fresh'],
  ['fresh_for + 1', NOW - 10 * MIN - 1, 'stale'],
  ['unreliable_after - 1', NOW - 60 * MIN + 1, 'stale'],
  ['unreliable_after', NOW - 60 * MIN, 'stale'],
  ['unreliable_after + 1', NOW - 60 * MIN - 1, 'unreliable'],
  ['49 hours', NOW - 49 * 60 * MIN, 'unreliable'],
  ['a clock two minutes ahead', NOW + 2 * MIN, 'fresh'],
  ['a stamp from the future', NOW + 2 * MIN + 1, 'unreliable'],
  ['never', null, 'absent'],
  ['zero, which is no time', 0, 'absent'],
  ['not a number', Number.NaN, 'absent'],
] as const)('figures of %s are judged %s -> %s', (_name, measuredAt, expected) => {
  expect(judgeFreshness(measuredAt, NOW, budget).state).toBe(expected)
})
