// The 49 hours that this project exists for, replayed: three logins die at once, cron's output is thrown away, merging goes
// on. Then one person was told nothing for two days; here a mail and a webhook tell it at the second look.
import { afterEach, expect, it } from 'vitest'
import { judgeFreshness } from '../../lib/domain/freshness.ts'
import { DEFAULT_SETTINGS } from '../../lib/settings-defaults.ts'
import { readMergedCache } from '../../lib/store/quota.ts'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import { MINUTE, SELDOM, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const DEATH = Date.parse('2030-02-08T13:36:00Z')
let days: VirtualDays
afterEach(() => days.dispose())

/** The state of each account's figures, as any reader of the cache has to judge it. */
function judged(): string[] {
  const cache = readMergedCache(days.vigil.paths)
  if (cache.state !== 'present') throw new Error('there is no cache')
  return Object.values(cache.value.slots).map(
    ({ last_fetched }) => judgeFreshness(last_fetched, days.now(), DEFAULT_SETTINGS.quota).state,
  )
}

async function status() {
  const { stdout } = await days.command('status', '--json')
  const { pool, accounts } = JSON.parse(stdout) as {
    pool: { verdict: string }
    accounts: { standing: string; freshness: { state: string } }[]
  }
  return [pool.verdict, ...accounts.map(({ standing, freshness }) => `${standing} ${freshness.state}`)]
}

it('three logins that die at 13:36 are told at the second look, each 4 h for 49 h, and once when it is over', async () => {
  days = await virtualDays(DEATH - 16 * MINUTE, { count: 3 })
  const { vigil } = days
  await days.live(16)
  expect(judged()).toEqual(['fresh', 'fresh', 'fresh'])
  expect(days.told()).toEqual([])

  for (const { email } of vigil.logins) vigil.standIn.revoke(email)
  // fetch-quota meets the dead logins in its turn at 13:41.
  await days.live(15)
  expect(vigil.registry().match(/inactive_reason: session_expired/g)).toHaveLength(3)
  expect(days.told().sort()).toEqual(['13:42 hook AllInactive f1', '13:42 mail 🔴 Vigil: All inactive'])
  expect(days.hookTexts()[0]).toContain('all 3 accounts are logged out')

  // Every look is taken, none is spared: the watchdog at the widest step that is no sleep to it, each job as often as it
  // must run not to be missing.
  const measured = new Set<string>()
  let looks = 0
  await days.live(49 * 60 - 15, SELDOM, async () => {
    looks += 1
    for (const state of judged()) measured.add(state)
    if (looks % 240 === 0) expect(await status()).toEqual(['logged-out', ...Array(3).fill('inactive unreliable')])
  })
  expect([...measured]).toEqual(['stale', 'unreliable'])
  const repeats = ['17:42', '21:42', '+1 01:42', '+1 05:42', '+1 09:42', '+1 13:42', '+1 17:42', '+1 21:42']
  repeats.push('+2 01:42', '+2 05:42', '+2 09:42', '+2 13:42')
  expect(days.told().sort()).toEqual(
    repeats
      .flatMap((at, index) => [`${at} hook AllInactive f${index + 2}`, `${at} mail 🔴 Vigil: All inactive`])
      .sort(),
  )
  expect(new Set(days.mailIds()).size).toBe(13)

  expect(days.time()).toBe('+2 14:36')
  writeConfigDir(vigil.dir(0), `${vigil.home}/.claude.json`, vigil.standIn.login(vigil.logins[0]!.email))
  await days.live(15)
  expect(await status()).toEqual(['degraded', 'active fresh', 'inactive unreliable', 'inactive unreliable'])
  const told = days.told()
  expect(told.slice(0, 2).sort()).toEqual(['+2 14:39 hook AllInactive r', '+2 14:39 mail ✅ Vigil: All inactive'])
  // The two that are left were held back by the greater trouble, and are told once it has been over for two looks.
  expect(told.slice(2).sort()).toEqual([
    '+2 14:41 hook AccountInactive{slot-2} f1 + AccountInactive{slot-3} f1',
    '+2 14:41 mail 🟠 Vigil: 2 alerts: Account inactive (slot-2), Account inactive (slot-3)',
  ])
})
