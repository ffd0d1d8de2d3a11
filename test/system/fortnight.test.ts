// Fourteen days in virtual time: what every channel received is what the oracle wrote down, one for one, extras as failures.
import { describe, expect, it } from 'vitest'
import type { ChannelSpec } from '../../lib/domain/alert.ts'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { createExpectations } from '../model/expected.ts'
import { FORTNIGHT_MIN, minuteMs, writeScript } from '../model/fortnight-script.ts'
import { isQuiet } from '../model/oracle.ts'
import { type Machine, newWorld, run } from '../model/world.ts'

const CHANNELS: ChannelSpec[] = [
  { name: 'desktop', minSeverity: 'warning', confirms: false },
  { name: 'email', minSeverity: 'warning', confirms: true },
  { name: 'phone', minSeverity: 'info', confirms: true },
]
const real: Machine = { step, planDelivery, markSent }
// 2026-02-09, 00:00:07 in Berlin.
const START_AT = 1_770_591_607_000
const RULES = {
  channels: CHANNELS,
  repeatEveryMs: minuteMs(240),
  quietHours: { from: '22:00', to: '07:00', zone: 'Europe/Berlin' },
  intervalMs: minuteMs(1),
}

/** @returns the oracle's list, and what was received */
function live(seed: number, machine: Machine): { list: string[]; received: string[] } {
  const script = writeScript(seed, CHANNELS.length)
  const world = newWorld(machine, RULES, START_AT)
  const { saw, list, received } = createExpectations(CHANNELS, RULES.repeatEveryMs)
  const isOpen = (channel: string, severity: string) =>
    world.moods[CHANNELS.findIndex(({ name }) => name === channel)] === 'ok' &&
    (severity === 'critical' || !isQuiet(RULES, world.now))
  for (let minute = 0; minute < FORTNIGHT_MIN; minute += 1) {
    if (script.isAsleep(minute)) continue
    world.now = START_AT + minuteMs(minute)
    world.moods = script.moods(minute)
    world.crashAt = script.crash(minute)
    const facts = script.facts(minute, world.runs)
    const seen = run(world, facts)
    if (seen.saved) saw(facts, world.now, seen, isOpen)
  }
  world.oracle.ended(world.file)
  return { list, received }
}

describe('a fortnight', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('of trouble, drawn from seed %i, is told exactly', seed => {
    const { list, received } = live(seed, real)
    expect(received).toEqual(list)
    // It was no quiet fortnight: each of these happened.
    const all = received.join('\n')
    for (const what of [
      'firing 3',
      'escalated',
      'resolved',
      'combined',
      'NoData{',
      'ChannelBroken{',
      'AllInactive firing',
    ])
      expect([what, all.includes(what)]).toEqual([what, true])
  })
  it('would show a repeat that comes 7 minutes late', () => {
    const late: Machine = {
      ...real,
      step: (file, facts, now, rules) =>
        step(file, facts, now, { ...rules, repeatEveryMs: rules.repeatEveryMs + minuteMs(7) }),
    }
    const { list, received } = live(3, late)
    expect(received).not.toEqual(list)
  })
})
