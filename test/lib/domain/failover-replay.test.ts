import { expect, it } from 'vitest'
import { type RecordedFigure, replay } from '../../../lib/domain/failover-replay.ts'
import { HOUR, MINUTE, NOON, RULES } from './failover-cases.ts'

/** a rises from 80 by 1 % each five minutes, b stays at 10; a's week ends after an hour with 30 % used. */
function recorded(): RecordedFigure[] {
  return Array.from({ length: 25 }, (_, n) => {
    const measuredAt = NOON + n * 5 * MINUTE
    const five = (slot: string, used: number) => ({
      slot,
      measuredAt,
      window: 'five_hour',
      scope: null,
      used,
      resetsAt: NOON + 4 * HOUR,
    })
    const week = {
      slot: 'a',
      measuredAt,
      window: 'seven_day',
      scope: null,
      used: n < 12 ? 30 : 0,
      resetsAt: NOON + (n < 12 ? 1 : 169) * HOUR,
    }
    return [five('a', Math.min(100, 80 + n)), week, five('b', 10)]
  }).flat()
}
const played = (rules: Partial<typeof RULES>) =>
  replay(recorded(), [], { slots: ['a', 'b'], current: 'a', from: NOON, to: NOON + 2 * HOUR }, { ...RULES, ...rules })

it('a recording is replayed with other levels: swaps, blocked minutes, and what of a week was not used', () => {
  expect(played({})).toMatchObject({
    swaps: [{ at: NOON + 75 * MINUTE, from: 'a', to: 'b' }],
    blockedMinutes: 0,
    minutes: 121,
  })
  const wall = { levels: { five_hour: null, seven_day: null } }
  expect(played(wall).swaps).toMatchObject([{ at: NOON + 100 * MINUTE }])
  expect(played({}).unusedPercent).toEqual({ a: [70] })
})

it('minutes without an account are counted as blocked', () => {
  const only = replay(recorded(), [], { slots: ['a'], current: 'a', from: NOON, to: NOON + 2 * HOUR }, RULES)
  expect(only).toMatchObject({ swaps: [], blockedMinutes: 21 })
})
