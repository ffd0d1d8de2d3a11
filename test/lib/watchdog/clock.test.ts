import { expect, it } from 'vitest'
import { emptyAlerts } from '../../../lib/domain/alert.ts'
import { withoutSleep } from '../../../lib/watchdog/clock.ts'

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
