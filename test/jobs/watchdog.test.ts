// The watchdog as a process of its own, against a mail server and a webhook on this machine.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AlertsFile } from '../../lib/domain/alert.ts'
import { readAlertEvents } from '../../lib/store/history.ts'
import { startReceiver } from '../support/receiver.ts'
import { runProcess } from '../support/scratch-vigil.ts'
import { inactive, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const NOON = Date.parse('2030-02-08T12:00:00Z')

async function open(count = 2): Promise<VirtualDays> {
  const days = await virtualDays(NOON, { count })
  onTestFinished(() => days.dispose())
  return days
}
const alerts = ({ vigil }: VirtualDays) => vigil.json(vigil.paths.alerts) as AlertsFile
/** A minute later. */
const look = async (days: VirtualDays) => {
  days.pass(1)
  return days.vigil.run('watchdog', days.env())
}
const FINE = { code: 0, signal: null, stdout: '', stderr: '' }

describe('a run', () => {
  it('with nothing wrong, in an empty environment, prints nothing, sends nothing and ends with 0', async () => {
    const days = await open()
    inactive(days.vigil)
    const { HOME, PATH } = days.vigil.env
    const env = `HOME=${HOME} PATH=${PATH}`.split(' ')
    const job = join(import.meta.dirname, '../../jobs/watchdog.ts')
    expect(await runProcess(['/usr/bin/env', '-i', ...env, process.execPath, job], {})).toEqual(FINE)
    expect(days.told()).toEqual([])
    expect(days.vigil.record('watchdog')).toMatchObject({ outcome: 'ok', exit_code: 0, failure: null })
    expect(statSync(days.vigil.paths.alerts).mode & 0o777).toBe(0o600)
  })

  it('that finds something sends it everywhere, once, and is a good run', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    expect(await look(days)).toEqual(FINE)
    expect(days.told().sort()).toEqual([
      '12:01 hook AccountInactive{slot-2} f1',
      '12:01 mail 🟠 Vigil: Account inactive (slot-2)',
    ])
    expect(days.vigil.record('watchdog')).toMatchObject({ outcome: 'ok', counters: { accepted: 2, fired: 1 } })
    expect(statSync(days.vigil.paths.alerts).mode & 0o777).toBe(0o600)
    expect(await look(days)).toEqual(FINE)
    expect(days.told()).toEqual([])
  })

  it('has its promises on the disk before anything is sent', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    // No other channel, whose answer would be put down.
    days.rawSettings(days.channels.email)
    let promised: unknown
    days.answers.data = () => {
      const { states, outbox } = existsSync(days.vigil.paths.alerts) ? alerts(days) : { states: [], outbox: [] }
      promised = [states.map(({ phase }) => phase), outbox.map(({ channel, tries }) => [channel, tries])]
      return null
    }
    await look(days)
    expect(promised).toEqual([['firing'], [['email', 0]]])
    expect(alerts(days).outbox).toEqual([])
  })

  it('leaves out a channel that takes only what is worse', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    days.rawSettings(`${days.channels.email}${days.channels.hook.replace('kind', 'min_severity: critical, kind')}`)
    await look(days)
    expect(days.told()).toEqual(['12:01 mail 🟠 Vigil: Account inactive (slot-2)'])
  })
})

describe('a channel', () => {
  it('that is busy makes the run one to try later, and has the message with the next try', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    days.answers.data = () => '451 4.3.0 try later'
    const run = await look(days)
    expect(run).toMatchObject({ code: 75, stdout: '' })
    expect(run.stderr).toContain('vigil watchdog: email: 451 4.3.0 try later')
    expect(days.told()).toEqual(['12:01 hook AccountInactive{slot-2} f1'])
    delete days.answers.data
    expect(await look(days)).toEqual(FINE)
    expect(days.told()).toEqual(['12:02 mail 🟠 Vigil: Account inactive (slot-2)'])
  })

  it('that refuses is told on the others, gets what it missed once it is mended, and that it refused is over', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    days.answers.rcpt = () => '550 5.1.1 no such user'
    expect(await look(days)).toMatchObject({ code: 77 })
    expect(days.told()).toEqual(['12:01 hook AccountInactive{slot-2} f1'])
    expect(await look(days)).toEqual(FINE)
    expect(days.told()).toEqual(['12:02 hook ChannelBroken{email} f1'])
    expect(days.hookTexts()[1]).toContain('550 5.1.1 no such user')
    delete days.answers.rcpt
    days.pass(28)
    await look(days)
    expect(days.told()).toEqual(['12:31 mail 🟠 Vigil: Account inactive (slot-2)'])
    for (const _ of [1, 2, 3]) await look(days)
    expect(days.told()).toEqual(['12:34 hook ChannelBroken{email} r'])
  })

  it('that waits for somebody at the desktop fails no run where another has taken the alert, and each where none has', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    const onDesktopAnd = (other: string) => {
      days.rawSettings(other)
      const { settings } = days.vigil.paths
      writeFileSync(settings, readFileSync(settings, 'utf8').replace('enabled: false', 'enabled: true'))
    }
    onDesktopAnd(days.channels.hook)
    expect(await look(days)).toEqual(FINE)
    expect(days.told()).toEqual(['12:01 hook AccountInactive{slot-2} f1'])
    expect(alerts(days).outbox).toMatchObject([
      { channel: 'desktop', last_error: expect.stringContaining('unavailable') },
    ])
    onDesktopAnd('')
    days.pass(10)
    expect(await look(days)).toMatchObject({ code: 75, stderr: expect.stringContaining('nobody is logged in') })
  })

  it('that confirms is needed for what is critical: without one each run fails and says so', async () => {
    const days = await open(1)
    inactive(days.vigil, 0)
    days.rawSettings('')
    await look(days)
    for (const _ of [1, 2]) {
      const run = await look(days)
      expect(run.code).toBe(77)
      expect(run.stderr).toContain('AllInactive: no channel that confirms has taken it; check with: vigil alerts test')
    }
    days.rawSettings(days.channels.hook)
    expect(await look(days)).toEqual(FINE)
    expect(days.told()[0]).toBe('12:04 hook AllInactive f1')
  })
})

it('with settings that cannot be used, messages go out all the same, and the exit code is 78', async () => {
  const days = await open()
  inactive(days.vigil, 1)
  days.vigil.settings('quota: { every: often }')
  expect(await look(days)).toMatchObject({ code: 78, stdout: '' })
  expect(days.told().sort()).toEqual([
    '12:01 hook AccountInactive{slot-2} f1',
    '12:01 hook SettingsWrong{vigil.yaml} f1',
    '12:01 mail 🔴 Vigil: Settings wrong (vigil.yaml)',
    '12:01 mail 🟠 Vigil: Account inactive (slot-2)',
  ])
  expect(days.vigil.record('watchdog')).toMatchObject({ outcome: 'failed', failure: 'settings' })
})

it('with settings that hide the channels, nothing that is promised to them is dropped', async () => {
  const days = await open()
  inactive(days.vigil, 1)
  days.answers.data = () => '451 4.3.0 try later'
  await look(days)
  inactive(days.vigil)
  await look(days)
  delete days.answers.data
  days.rawSettings('  email: [')
  for (const _ of [1, 2, 3]) expect(await look(days)).toMatchObject({ code: 78 })
  days.told()
  days.vigil.settings('')
  days.pass(30)
  await look(days)
  // What waited from before goes out with what came to it: that there was a slip, and that nobody could be told of it.
  expect(days.told().sort()).toEqual([
    '12:36 hook AccountInactive{slot-2} r + NoConfirmedChannel f1',
    '12:36 hook SettingsWrong{vigil.yaml} f1',
    '12:36 mail 🔴 Vigil: Settings wrong (vigil.yaml)',
    '12:36 mail 🟠 Vigil: 2 alerts: Account inactive (slot-2), No confirmed channel',
  ])
})

it('a cache that is no good is one fact, and hides no other', async () => {
  const days = await open()
  const { paths } = days.vigil
  inactive(days.vigil, 1)
  mkdirSync(paths.mergedQuota, { recursive: true })
  writeFileSync(paths.billing, '{"schema":1,')
  mkdirSync(paths.slots, { recursive: true })
  writeFileSync(join(paths.slots, 'slot-1.json'), 'x')
  await look(days)
  const files = ['billing-shared.json', 'merged-quota-cache.json', 'slots/slot-1.json']
  const keys = alerts(days).states.map(({ key }) => key)
  expect(keys.sort()).toEqual(['AccountInactive{slot-2}', ...files.map(file => `CacheCorrupt{${file}}`)])
  expect(days.told()).toHaveLength(2)
})

describe('the dead man’s switch', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/
  async function pinged(days: VirtualDays, yaml: (url: string) => string) {
    const service = await startReceiver()
    onTestFinished(() => service.close())
    days.vigil.settings(yaml(service.url))
    return () => service.received.splice(0).map(({ path }) => new URL(path, service.url))
  }
  it('hears the start and the end of each run under one id, and which end it was', async () => {
    const days = await open()
    inactive(days.vigil)
    const pings = await pinged(days, url => `dead_man: { watchdog: "${url}/w" }`)
    expect(await look(days)).toEqual(FINE)
    const good = pings()
    expect(good.map(({ pathname }) => pathname)).toEqual(['/w/start', '/w'])
    const ids = good.map(({ searchParams }) => searchParams.get('rid'))
    expect(ids[0]).toMatch(UUID)
    expect(ids[1]).toBe(ids[0])
    inactive(days.vigil, 1)
    days.answers.data = () => '451 4.3.0 try later'
    expect(await look(days)).toMatchObject({ code: 75 })
    const failed = pings()
    expect(failed.map(({ pathname }) => pathname)).toEqual(['/w/start', '/w/fail'])
    expect(failed[0]!.searchParams.get('rid')).not.toBe(ids[0])
  })
  it('of a job hears each of its runs once', async () => {
    const days = await open()
    inactive(days.vigil)
    const pings = await pinged(days, url => `dead_man: { jobs: { refresh-tokens: "${url}/r" } }`)
    await look(days)
    expect(pings()).toEqual([])
    await days.run('refresh-tokens')
    await look(days)
    await look(days)
    expect(pings().map(({ pathname }) => pathname)).toEqual(['/r'])
    await days.run('refresh-tokens')
    await look(days)
    expect(pings().map(({ pathname }) => pathname)).toEqual(['/r'])
  })
})

describe('history.sqlite', () => {
  it('gets what became of each alert', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    await look(days)
    const events = readAlertEvents(days.vigil.paths.history, 'AccountInactive{slot-2}', 0)!
    expect(events.map(({ event }) => event).sort()).toEqual([
      'fired',
      'promised firing to email',
      'promised firing to hook',
    ])
    expect(statSync(days.vigil.paths.history).mode & 0o777).toBe(0o600)
  })
  it.each([
    ['is broken', (path: string) => writeFileSync(path, 'no database at all, but long enough to be taken for one')],
    ['cannot be written', (path: string) => mkdirSync(path)],
  ])('that %s costs no alert', async (_how, harm) => {
    const days = await open()
    await look(days)
    rmSync(days.vigil.paths.history, { force: true })
    harm(days.vigil.paths.history)
    inactive(days.vigil, 1)
    expect(await look(days)).toEqual(FINE)
    expect(days.told()).toHaveLength(2)
  })
})
