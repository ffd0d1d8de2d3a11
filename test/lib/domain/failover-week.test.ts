// Weeks of simulated work beside an oracle. An earlier simulation moved running sessions with the switch, which nobody does:
// what an account had left at its level then went to waste, and a light week was blocked 1.27 times as long as the oracle's.
import { describe, expect, it } from 'vitest'
import type { FailoverRules } from '../../../lib/domain/failover-state.ts'
import { HOUR, RULES } from './failover-cases.ts'
import { oneDesk, oracle, ours, type Pace, twoDesks, type Week } from './failover-week.ts'

const SEEDS = Array.from({ length: 12 }, (_, n) => n + 1)
/** The settings' own. */
const rules: FailoverRules = { ...RULES, levels: { five_hour: 95, seven_day: 95 } }

const light: Pace = { least: 0.3, more: 1.4 }
const full: Pace = { least: 0.3, more: 1.6 }
const busy: Pace = { least: 0.5, more: 1.8 }
const tooMuch: Pace = { least: 0.5, more: 2.5 }

function sum(weeks: readonly Week[], of: keyof Week): number {
  return weeks.reduce((total, week) => total + week[of], 0)
}

describe.each(['together', 'firstUse'] as const)('%s: in weeks of work on three accounts', windows => {
  it.each([
    ['one desk', 'light', oneDesk, light],
    ['one desk', 'full', oneDesk, full],
    ['one desk', 'busy', oneDesk, busy],
    ['one desk', 'too much', oneDesk, tooMuch],
    ['two desks', 'light', twoDesks, light],
    ['two desks', 'full', twoDesks, full],
    ['two desks', 'busy', twoDesks, busy],
    ['two desks', 'too much', twoDesks, tooMuch],
  ])(
    'at %s, %s: blocked at most 1.1 times as long as with an oracle, swaps at most 1.5 times',
    (_d, _k, desks, pace) => {
      const work = SEEDS.map(seed => desks(seed, pace))
      const mine = work.map(sessions => ours(sessions, windows, rules))
      const best = work.map(sessions => oracle(sessions, windows))
      expect(sum(best, 'blocked'), 'there is a wall').toBeGreaterThan(SEEDS.length)
      expect(sum(mine, 'blocked') / sum(best, 'blocked')).toBeLessThanOrEqual(1.1)
      expect(sum(mine, 'swaps') / sum(best, 'swaps')).toBeLessThanOrEqual(1.5)
    },
  )
})

it('a decision that notices only the wall itself, or never switches, is blocked for longer', () => {
  const work = SEEDS.map(seed => twoDesks(seed, light))
  const blocked = (weeks: readonly Week[]) => sum(weeks, 'blocked')
  const best = blocked(work.map(sessions => oracle(sessions, 'together')))
  const late = { ...rules, levels: { five_hour: null, seven_day: null } }
  const never = { ...rules, cooldownMs: 200 * HOUR }
  const blind = work.map(sessions => ours(sessions, 'together', late, { statusLines: false }))
  expect(blocked(blind)).toBeGreaterThan(1.1 * best)
  expect(blocked(work.map(sessions => ours(sessions, 'together', never)))).toBeGreaterThan(10 * best)
})
