// What reaches a person of failover, with the real jobs as processes: each message once, and none too many.
import { afterEach, expect, it } from 'vitest'
import { both, MINUTE, SELDOM, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const NOON = Date.parse('2030-02-08T12:00:00Z')
const HOUR = 60 * MINUTE
const EACH_MINUTE = {
  'refresh-tokens': 10,
  'fetch-quota': 5,
  'fetch-billing': 1,
  janitor: 1440,
  failover: 1,
  watchdog: 1,
}
const WIDE = { ...SELDOM, failover: 3, watchdog: 3 }
let days: VirtualDays
afterEach(() => days.dispose())

interface Used {
  five?: number
  week?: number
  /** ms */
  fiveResets?: number | null
  weekResets?: number
}

/** What the endpoint says of an account from now on. */
function use(n: number, { five = 10, week = 20, fiveResets = NOON + 5 * HOUR, weekResets = NOON + 90 * HOUR }: Used) {
  days.vigil.standIn.setUsage(days.vigil.logins[n]!.email, {
    five_hour: { utilization: five, resets_at: fiveResets && new Date(fiveResets).toISOString() },
    seven_day: { utilization: week, resets_at: new Date(weekResets).toISOString() },
  })
}

/** Failover on; the hook takes what is only news too, the mail what is a warning. */
async function begin(count: number): Promise<void> {
  days = await virtualDays(NOON - 10 * MINUTE, { count })
  days.rawSettings(
    `${days.channels.email}  webhooks: [{ name: hook, kind: json, url: "${days.channels.hookUrl}", min_severity: info }]\n` +
      'quota: { alert_at: [] }\nfailover: { enabled: true }',
  )
  for (let n = 0; n < count; n += 1) use(n, {})
  await days.live(10, EACH_MINUTE)
  expect([days.time(), current(), days.told()]).toEqual(['12:00', 'slot-1', []])
}
const current = () => /^current: (\S+)/m.exec(days.vigil.registry())![1]

it('a swap is told once, and nothing else', async () => {
  await begin(3)
  use(0, { five: 96 })
  await days.live(40, EACH_MINUTE)
  expect(current()).toBe('slot-2')
  expect(days.told()).toEqual(['12:01 hook SwapMade{slot-1,slot-2} f1'])
})

it('all accounts used up: told once with the first recovery, again each 4 h, and once when it is over', async () => {
  await begin(3)
  // The first reset falls between two measurements.
  const spent = { five: 0, fiveResets: null, week: 100 }
  for (const n of [0, 1, 2]) use(n, { ...spent, weekResets: NOON + (11 - n) * HOUR + 2 * MINUTE })
  await days.live(6, EACH_MINUTE)
  expect(days.told().sort()).toEqual(both('12:01', 'PoolExhausted f1', '🔴 Vigil: Pool exhausted'))
  expect(days.hookTexts()[0]).toContain('the first one recovers at 2030-02-08 21:02')
  await days.live(8 * 60 + 51, WIDE)
  expect(days.told().sort()).toEqual(
    [
      ...both('16:03', 'PoolExhausted f2', '🔴 Vigil: Pool exhausted'),
      ...both('20:03', 'PoolExhausted f3', '🔴 Vigil: Pool exhausted'),
    ].sort(),
  )
  await days.live(5, EACH_MINUTE)
  expect(days.time()).toBe('21:02')
  use(2, { ...spent, week: 0, weekResets: NOON + 177 * HOUR })
  await days.live(40, EACH_MINUTE)
  expect(current()).toBe('slot-3')
  const over = both('21:06', 'PoolExhausted r', '✅ Vigil: Pool exhausted')
  expect(days.told().sort()).toEqual(['21:04 hook SwapMade{slot-1,slot-3} f1', ...over].sort())
  expect(days.hookTexts().at(-1)).toContain('It lasted 9 h 3 min, from 12:01 to 21:04.')
})

it('all used up, and the current one recovers first: no swap, and one message that it is over', async () => {
  await begin(2)
  use(0, { five: 100, fiveResets: NOON + 22 * MINUTE })
  use(1, { five: 100, fiveResets: NOON + 3 * HOUR })
  await days.live(21, EACH_MINUTE)
  expect(days.told().sort()).toEqual(both('12:01', 'PoolExhausted f1', '🔴 Vigil: Pool exhausted'))
  use(0, { five: 0, fiveResets: null })
  await days.live(30, EACH_MINUTE)
  expect(current()).toBe('slot-1')
  expect(days.told().sort()).toEqual(both('12:24', 'PoolExhausted r', '✅ Vigil: Pool exhausted'))
})

it('a target whose proof fails, twice: told once that nothing could be switched to, and once when it is over', async () => {
  await begin(2)
  const body = { account: { uuid: 'somebody-else' }, organization: { uuid: 'other' } }
  days.vigil.standIn.fault({ endpoint: 'profile', times: 2, action: { kind: 'answer', status: 200, body } })
  use(0, { five: 100 })
  await days.live(59, EACH_MINUTE)
  expect(current()).toBe('slot-1')
  expect(days.told().sort()).toEqual(both('12:01', 'SwapBlocked f1', '🟠 Vigil: Swap blocked'))
  expect(days.hookTexts()[0]).toContain('a switch to slot-2 was put back')
  await days.live(31, EACH_MINUTE)
  expect([current(), days.vigil.standIn.state().profileGets]).toEqual(['slot-2', 3])
  const over = both('13:03', 'SwapBlocked r', '✅ Vigil: Swap blocked')
  expect(days.told().sort()).toEqual(['13:01 hook SwapMade{slot-1,slot-2} f1', ...over].sort())
  expect(days.hookTexts().at(-1)).toContain('It lasted 1 h, from 12:01 to 13:01.')
})

it('a target whose proof fails, and another one: that is switched to after the cooldown', async () => {
  await begin(3)
  use(2, { five: 40 })
  const body = { account: { uuid: 'somebody-else' }, organization: { uuid: 'other' } }
  days.vigil.standIn.fault({ endpoint: 'profile', action: { kind: 'answer', status: 200, body } })
  use(0, { five: 100 })
  await days.live(30, EACH_MINUTE)
  expect(current()).toBe('slot-3')
  expect(days.told().sort()).toEqual(
    [
      ...both('12:01', 'SwapBlocked f1', '🟠 Vigil: Swap blocked'),
      '12:06 hook SwapMade{slot-1,slot-3} f1',
      ...both('12:08', 'SwapBlocked r', '✅ Vigil: Swap blocked'),
    ].sort(),
  )
})
