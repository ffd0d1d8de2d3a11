// What else can go wrong, played as the 49 hours are: real jobs, made-up days, the exact list of what is told. The watchdog
// is the last to run in each minute; fetch-quota runs at :01, :06 and so on, refresh-tokens at :01, :11.
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RecordedRequest } from '../../sandbox/stand-in.ts'
import type { ScratchOptions } from '../support/scratch-vigil.ts'
import { both, CRON, SELDOM, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const MORNING = Date.parse('2030-02-08T09:00:00Z')
const { 'fetch-quota': _quota, ...WITHOUT_QUOTA } = CRON
const { 'refresh-tokens': _tokens, ...WITHOUT_TOKENS } = CRON
const { watchdog: _watchdog, ...WITHOUT_WATCHDOG } = CRON

async function open(options: ScratchOptions = {}, startAt = MORNING): Promise<VirtualDays> {
  const days = await virtualDays(startAt, options)
  onTestFinished(() => days.dispose())
  return days
}

/** A fetch-quota that is struck by a signal while it waits for its answer. */
function striking(signal: NodeJS.Signals) {
  const struck = { armed: false, pid: 0 }
  const onRequest = ({ endpoint }: RecordedRequest) => {
    if (!struck.armed || endpoint !== 'usage') return
    struck.armed = false
    process.kill(struck.pid, signal)
  }
  const strike = (days: VirtualDays) => {
    struck.armed = true
    let ended = false
    // One that is stopped would outlive a test that failed.
    onTestFinished(() => void (ended || process.kill(struck.pid, 'SIGKILL')))
    return days
      .run('fetch-quota', pid => {
        struck.pid = pid
      })
      .finally(() => {
        ended = true
      })
  }
  return { onRequest, strike, pid: () => struck.pid }
}

describe('a job', () => {
  it('that never starts is told once its grace is over, and when it runs at last', async () => {
    const days = await open()
    await days.live(25, WITHOUT_QUOTA)
    expect(days.told().sort()).toEqual(
      both('09:15', 'JobMissing{fetch-quota} f1', '🟠 Vigil: Job missing (fetch-quota)'),
    )
    expect(days.hookTexts()[0]).toContain('fetch-quota has never run')
    await days.live(10)
    expect(days.told().sort()).toEqual(
      both('09:28', 'JobMissing{fetch-quota} r', '✅ Vigil: Job missing (fetch-quota)'),
    )
  })

  it('that hangs is told once it has overstayed, although cron goes on starting it', async () => {
    const { onRequest, strike, pid } = striking('SIGSTOP')
    const days = await open({ onRequest })
    await days.live(5)
    days.pass(1)
    const hanging = strike(days)
    await expect.poll(() => days.vigil.standIn.state().usageGets).toBe(2)
    await days.live(20)
    expect(days.told().sort()).toEqual(
      both('09:20', 'JobMissing{fetch-quota} f1', '🟠 Vigil: Job missing (fetch-quota)'),
    )
    expect(days.hookTexts()[0]).toContain('fetch-quota hangs: its run began 14 min ago')
    process.kill(pid(), 'SIGKILL')
    await hanging
    await days.live(10)
    expect(days.told().sort()).toEqual(
      both('09:33', 'JobMissing{fetch-quota} r', '✅ Vigil: Job missing (fetch-quota)'),
    )
  })

  it('that is killed is told at the second look, and its next good run ends it', async () => {
    const { onRequest, strike } = striking('SIGKILL')
    const days = await open({ onRequest })
    await days.live(5)
    days.pass(1)
    expect(await strike(days)).toEqual({ code: null, signal: 'SIGKILL' })
    await days.live(10)
    expect(days.told().sort()).toEqual(
      [
        ...both('09:08', 'JobMissing{fetch-quota} f1', '🟠 Vigil: Job missing (fetch-quota)'),
        ...both('09:13', 'JobMissing{fetch-quota} r', '✅ Vigil: Job missing (fetch-quota)'),
      ].sort(),
    )
    expect(days.hookTexts()[0]).toContain('fetch-quota was killed in the middle of a run')
  })
})

it('mail that is down for six hours: the other channel tells in time, and mail tells late, each thing once', async () => {
  const { onRequest, strike } = striking('SIGKILL')
  const days = await open({ count: 2, onRequest })
  const { vigil } = days
  await days.live(10)
  await days.mailDown()
  vigil.standIn.revoke(vigil.logins[1]!.email)
  const codes = new Set<number | null>()
  await days.live(6 * 60, SELDOM, async () => {
    codes.add(vigil.record('watchdog').exit_code)
    if (days.time() === '12:10') await strike(days)
  })
  expect(days.told()).toEqual([
    '09:19 hook AccountInactive{slot-2} f1',
    '12:16 hook JobMissing{fetch-quota} f1',
    '12:25 hook JobMissing{fetch-quota} r',
    '13:19 hook AccountInactive{slot-2} f2',
  ])
  // A run that fails to deliver fails; one in between, with no try due, does not.
  expect([...codes].sort()).toEqual([0, 75])
  await days.mailUp()
  await days.live(30, SELDOM)
  expect(days.told().map(words => words.slice('15:10 '.length))).toEqual([
    'mail ✅ Vigil: Job missing (fetch-quota)',
    'mail 🟠 Vigil: Account inactive (slot-2)',
  ])
  // What began and ended in between is one message, and the repeat did not pile up on what had not been said.
  expect(days.mailIds().map(id => /\.(\w+)@/.exec(id)![1])).toEqual(['c', 'f1'])
})

it('a laptop that sleeps for ten hours: nothing false is told when it wakes, and everything true', async () => {
  const days = await open({ count: 2 }, Date.parse('2030-02-08T22:00:00Z'))
  const { vigil } = days
  await days.live(10)
  vigil.standIn.revoke(vigil.logins[1]!.email)
  // Opened for a moment in between: one look, which sees nothing clearly.
  days.pass(5 * 60)
  await days.run('watchdog')
  days.pass(5 * 60)
  // The worst order: the watchdog looks before any job has had its turn. And refresh-tokens is not started any more.
  await days.run('watchdog')
  await days.live(30, WITHOUT_TOKENS)
  expect(days.told().sort()).toEqual([
    ...both('+1 08:11', 'AccountInactive{slot-2} f1', '🟠 Vigil: Account inactive (slot-2)'),
    ...both('+1 08:23', 'JobMissing{refresh-tokens} f1', '🟠 Vigil: Job missing (refresh-tokens)'),
  ])
})

it('a sleep that ends where there is no network for half an hour: nobody is troubled with what mends itself', async () => {
  const days = await open({ expiresInMin: 1000 })
  await days.live(10)
  days.pass(10 * 60)
  days.vigil.standIn.fault({ endpoint: 'usage', times: Number.POSITIVE_INFINITY, action: { kind: 'drop-before' } })
  await days.live(30)
  days.vigil.standIn.clearFaults()
  await days.live(15)
  expect(days.told()).toEqual([])
  expect(days.vigil.log('watchdog')).toContain('HostOffline fired')
})

it('a clock that is set back by half an hour is told, and no job is missing for it', async () => {
  const days = await open()
  await days.live(13)
  days.pass(-30)
  await days.live(20)
  expect(days.told().sort()).toEqual(both('08:44', 'ClockJump f1', '🟠 Vigil: Clock jump'))
})

it('a watchdog that is gone is told by the next job, once, with what it still had to send; its return ends it', async () => {
  const days = await open({ count: 2 })
  await days.live(10)
  days.vigil.standIn.revoke(days.vigil.logins[1]!.email)
  days.answers.data = () => '451 4.3.0 try later'
  await days.live(1)
  expect(days.told()).toEqual(['09:11 hook AccountInactive{slot-2} f1'])
  delete days.answers.data
  // At 09:16 it was seen five minutes ago, which is not yet too long.
  await days.live(14, WITHOUT_WATCHDOG)
  expect(days.told().sort()).toEqual([
    '09:21 hook WatchdogMissing f1',
    '09:21 mail 🔴 Vigil: Watchdog missing',
    '09:21 mail 🟠 Vigil: Account inactive (slot-2)',
  ])
  await days.live(10)
  expect(days.told().sort()).toEqual(both('09:28', 'WatchdogMissing r', '✅ Vigil: Watchdog missing'))
})

it('a checkout that was away for three hours is told when it is back: once by each channel, since when, and that it is over', async () => {
  const days = await open()
  const { health } = days.vigil.paths
  await days.live(10)
  // What deploy/gone.sh leaves, which goes by the machine's own clock.
  const mark = (name: string) => {
    writeFileSync(join(health, name), '')
    utimesSync(join(health, name), days.now() / 1000, days.now() / 1000)
  }
  days.pass(2)
  mark('gone.since')
  days.pass(178)
  mark('gone.seen')
  await days.live(1)
  expect(days.told().sort()).toEqual(both('12:11', 'WatchdogMissing f1', '🔴 Vigil: Watchdog missing'))
  expect(days.hookTexts()[0]).toMatch(/were away; they are back\.\n.*Since 09:12 \(2 h 59 min\)\./s)
  await days.live(30)
  expect(days.told().sort()).toEqual(both('12:14', 'WatchdogMissing r', '✅ Vigil: Watchdog missing'))
  expect(days.hookTexts()[1]).toContain('3 h')
  // A sleep is one still, with the marks of before.
  days.pass(10 * 60)
  await days.live(30)
  expect(days.told()).toEqual([])
})

it('a checkout on a volume that is there some minutes after the lid was opened is no watchdog that was missing all night', async () => {
  const days = await open()
  const { health } = days.vigil.paths
  await days.live(10)
  days.pass(9 * 60)
  for (const name of ['gone.since', 'gone.told', 'gone.seen']) {
    writeFileSync(join(health, name), '')
    utimesSync(join(health, name), days.now() / 1000, days.now() / 1000)
    days.pass(1)
  }
  await days.live(30)
  expect(days.told()).toEqual([])
})

it('a slip in another section of vigil.yaml is told by mail all the same, and stands for the jobs that it stops', async () => {
  const days = await open()
  await days.live(10)
  days.vigil.settings('billing: { budgte_usd: { daily: 5 } }')
  await days.live(10)
  expect(days.told().sort()).toEqual(
    both('09:11', 'SettingsWrong{vigil.yaml} f1', '🔴 Vigil: Settings wrong (vigil.yaml)'),
  )
  expect(days.hookTexts()[0]).toContain('budgte_usd')
  for (const job of ['watchdog', 'fetch-quota', 'refresh-tokens'])
    expect(days.vigil.record(job)).toMatchObject({ outcome: 'failed', exit_code: 78 })
  days.vigil.settings('billing: { budget_usd: { daily: 5 } }')
  await days.live(15)
  expect(days.told().sort()).toEqual(
    both('09:23', 'SettingsWrong{vigil.yaml} r', '✅ Vigil: Settings wrong (vigil.yaml)'),
  )
})
