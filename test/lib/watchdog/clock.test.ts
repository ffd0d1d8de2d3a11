import { expect, it } from 'vitest'
import { emptyAlerts } from '../../../lib/domain/alert.ts'
import { awakeSinceAt, goneTime, withoutSleep } from '../../../lib/watchdog/clock.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const KEY = 'DataStale{billing}'

it.each([
  ['3 min are no sleep', 3 * MINUTE, NOW - 40 * MINUTE],
  ['a little more is one', 3 * MINUTE + 1, NOW - 40 * MINUTE + 3 * MINUTE + 1],
  ['ten hours, of which it was unseen for a minute before', 600 * MINUTE, NOW - MINUTE],
])('of the time without sight what was slept does not count: %s', (_name, gapMs, since) => {
  const unseenMs = Math.max(40 * MINUTE, gapMs + MINUTE)
  const file = { ...emptyAlerts(NOW), lastRunAt: NOW - gapMs, unseen: { [KEY]: NOW - unseenMs } }
  expect(withoutSleep(file, NOW, MINUTE).unseen).toEqual({ [KEY]: since })
})

it('nothing is moved where nobody looked before, or the clock went back', () => {
  for (const lastRunAt of [null, NOW + 600 * MINUTE]) {
    const file = { ...emptyAlerts(NOW), lastRunAt, unseen: { [KEY]: NOW - 40 * MINUTE } }
    expect(withoutSleep(file, NOW, MINUTE)).toBe(file)
  }
})

it.each([
  ['a look 3 min ago is no sleep', NOW - 3 * MINUTE, null],
  ['one a little longer ago is', NOW - 3 * MINUTE - 1, NOW],
  ['a clock that is slewed by 10 s', NOW + 10_000, null],
  ['a clock that was set back by more', NOW + 10_001, NOW],
  ['nobody has looked before', null, null],
] as const)(
  'the jobs have to have their turn again after a sleep or a clock set back: %s',
  (_name, lastRunAt, since) => {
    expect(awakeSinceAt({ ...emptyAlerts(NOW), lastRunAt }, NOW, MINUTE)).toBe(since)
  },
)

it('a sleep of before is still known, and never lies in the future', () => {
  const file = { ...emptyAlerts(NOW), lastRunAt: NOW - MINUTE }
  expect(awakeSinceAt({ ...file, awakeSince: NOW - 5 * MINUTE }, NOW, MINUTE)).toBe(NOW - 5 * MINUTE)
  expect(awakeSinceAt({ ...file, awakeSince: NOW + 5 * MINUTE }, NOW, MINUTE)).toBe(NOW)
})

const GAP = { from: NOW - 59 * MINUTE, until: NOW - MINUTE }
const LOOK = NOW - 60 * MINUTE
it.each([
  ['for an hour', LOOK, GAP.from, GAP.until, GAP],
  ['to this very moment', LOOK, GAP.from, NOW, { ...GAP, until: NOW }],
  ['once, as beside npm ci', LOOK, NOW - MINUTE, NOW - MINUTE, { from: NOW - MINUTE, until: NOW - MINUTE }],
  ['for two minutes behind a sleep', LOOK, NOW - 2 * MINUTE, NOW, { from: NOW - 2 * MINUTE, until: NOW }],
  ['before this gap', LOOK, LOOK - 5 * MINUTE, LOOK, null],
  ['from before this gap on, as no script of ours puts down', LOOK, LOOK, GAP.until, null],
  ['in the time to come, by a clock that was set back', LOOK, GAP.from, NOW + 1, null],
  ['without a beginning, as an earlier one left it', LOOK, null, GAP.until, null],
  ['from behind its own end on', LOOK, GAP.until + 1, GAP.until, null],
  ['before anybody looked', null, GAP.from, GAP.until, null],
])(
  'the script in place of a checkout shows a gap for no sleep: it ran %s',
  (_name, lastRunAt, sinceAt, seenAt, expected) => {
    expect(goneTime({ lastRunAt }, { sinceAt, seenAt }, NOW)).toEqual(expected)
  },
)
