// `vigil alerts` and `vigil why`, with the watchdog that they speak of as a real process.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AlertsFile } from '../../lib/domain/alert.ts'
import { inactive, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const NOON = Date.parse('2030-02-08T12:00:00Z')

/** With the accounts of these numbers logged out, and told so at 12:01. */
async function open(count = 3, ...loggedOut: number[]): Promise<VirtualDays> {
  const days = await virtualDays(NOON, { count })
  onTestFinished(() => days.dispose())
  if (loggedOut.length > 0) {
    inactive(days.vigil, ...loggedOut)
    days.pass(1)
    await days.run('watchdog')
    days.told()
  }
  return days
}
const alerts = ({ vigil }: VirtualDays) => vigil.json(vigil.paths.alerts) as AlertsFile
/** Some minutes later, for repeats and what resolves; a gap is a sleep to the watchdog, which changes nothing here. */
const look = async (days: VirtualDays, minutes = 1) => {
  days.pass(minutes)
  await days.run('watchdog')
  return days.told().filter(words => words.includes('hook'))
}
const said = (stdout: string) => ({ code: 0, signal: null, stderr: '', stdout })
const wrong = (code: number, stderr: string) => ({ code, signal: null, stdout: '', stderr: `${stderr}\n` })

describe('vigil alerts', () => {
  it('on a machine where nothing ever ran says just that, and makes nothing', async () => {
    const days = await open()
    expect(await days.command('alerts')).toEqual(said('Nothing is firing.\nThe watchdog has not run yet.\n'))
    expect(existsSync(days.vigil.paths.health)).toBe(false)
  })

  it('shows what fires and since when, the command that mends it, what waits and why, and what is silenced', async () => {
    const days = await open()
    inactive(days.vigil, 1)
    days.answers.data = () => '451 4.3.0 try later'
    await look(days)
    await days.command('alerts', 'silence', 'DiskLow', '--for', '2d', '--note', 'the new disk comes on Monday')
    const { code, stdout } = await days.command('alerts', 'list')
    expect(code).toBe(0)
    expect(stdout).toContain('warning   firing      AccountInactive{slot-2}, since 11:30 (31 min ago)')
    expect(stdout).toContain('run: CLAUDE_CONFIG_DIR=~/.claude-0001 claude /login')
    expect(stdout).toContain('1 waiting for email: 451 4.3.0 try later')
    expect(stdout).toContain('firing AccountInactive{slot-2}, promised just now, 1 try')
    expect(stdout).toContain('silenced (1): DiskLow* until Sun 12:01: the new disk comes on Monday')
    const json = await days.command('alerts', '--json')
    expect(JSON.parse(json.stdout)).toEqual(alerts(days))
  })

  it('of a corrupt alerts.json says so, and changes nothing in it', async () => {
    const days = await open(2, 1)
    writeFileSync(days.vigil.paths.alerts, '{"schema":1')
    expect((await days.command('alerts')).stdout).toMatch(/^alerts\.json is corrupt: .*; the watchdog begins anew/)
    const silence = await days.command('alerts', 'silence', 'DiskLow')
    expect(silence).toMatchObject({ code: 1, stdout: '' })
    expect(silence.stderr).toContain('vigil run watchdog')
  })
})

describe('vigil alerts ack', () => {
  it('stops the repeats of what fires; the end is told, and a later episode', async () => {
    const days = await open(3, 1)
    // Nothing runs here but the watchdog.
    await days.command('alerts', 'silence', 'JobMissing', '--for', '2d')
    const ack = await days.command('alerts', 'ack', 'accountinactive', '--for', '2d')
    expect(ack).toEqual(said('AccountInactive{slot-2} is acknowledged until Sun 12:01\n'))
    expect(await look(days, 5 * 60)).toEqual([])
    inactive(days.vigil)
    await look(days)
    expect(await look(days, 2)).toEqual(['17:04 hook AccountInactive{slot-2} r'])
    inactive(days.vigil, 1)
    expect(await look(days)).toEqual(['17:05 hook AccountInactive{slot-2} f1'])
    expect(await look(days, 4 * 60)).toEqual(['21:05 hook AccountInactive{slot-2} f2'])
  })
  it('ends by itself, and what still fires is told again', async () => {
    const days = await open(3, 1)
    await days.command('alerts', 'ack', 'AccountInactive{slot-2}', '--for', '6h')
    expect(await look(days, 5 * 60)).toEqual([])
    expect(await look(days, 60)).toEqual(['18:01 hook AccountInactive{slot-2} f2'])
  })
})

describe('vigil alerts silence', () => {
  it('holds a key that does not fire yet; what still fires at its end is told', async () => {
    const days = await open(3, 1)
    const silence = await days.command('alerts', 'silence', 'accountinactive{slot-3}', '--for', '30m')
    expect(silence).toEqual(said('AccountInactive{slot-3} is silenced until 12:31\n'))
    inactive(days.vigil, 1, 2)
    expect(await look(days)).toEqual([])
    expect(await look(days, 29)).toEqual(['12:31 hook AccountInactive{slot-3} f1'])
  })
  it.each(['AccountInactive', 'accountinactive', 'AccountInactive*', 'Account*', 'AccountInactive{slot-*'])(
    'of %s holds each of them',
    async words => {
      const days = await open(4)
      inactive(days.vigil)
      await days.run('watchdog')
      expect((await days.command('alerts', 'silence', words)).code).toBe(0)
      inactive(days.vigil, 1, 2)
      expect(await look(days)).toEqual([])
      expect(alerts(days).states.map(({ phase }) => phase)).toEqual(['firing', 'firing'])
    },
  )
  it('is ended by its number or its key, and then told at once', async () => {
    const days = await open(4)
    inactive(days.vigil)
    await days.command('alerts', 'silence', 'AccountInactive{slot-2}')
    await days.command('alerts', 'silence', 'AccountInactive{slot-3}')
    inactive(days.vigil, 1, 2)
    expect(await look(days)).toEqual([])
    const ended = await days.command('alerts', 'unsilence', '1')
    expect(ended).toEqual(said('AccountInactive{slot-2} is told again from the next run on\n'))
    expect(await look(days)).toEqual(['12:02 hook AccountInactive{slot-2} f1'])
    await days.command('alerts', 'unsilence', 'AccountInactive{slot-3}')
    expect(await look(days)).toEqual(['12:03 hook AccountInactive{slot-3} f1'])
  })
  it('said again takes the place of what was said before, and ends by the same words', async () => {
    const days = await open(3, 1)
    await days.command('alerts', 'silence', 'DiskLow', '--for', '2d')
    await days.command('alerts', 'silence', 'DiskLow', '--for', '1h')
    await days.command('alerts', 'ack', 'AccountInactive')
    await days.command('alerts', 'ack', 'AccountInactive')
    expect(alerts(days).silences.map(({ kind, match }) => `${kind} ${match}`)).toEqual([
      'silence DiskLow*',
      'ack AccountInactive{slot-2}',
    ])
    expect(await days.command('alerts', 'unsilence', 'disklow')).toEqual(
      said('DiskLow* is told again from the next run on\n'),
    )
  })
})

it('what is said wrong is 64 with the reason, and changes nothing', async () => {
  const days = await open(2, 1)
  const before = JSON.stringify(alerts(days))
  const list = 'look with: vigil alerts list'
  const cases: [string[], string][] = [
    [['alerts', 'ack', 'DiskLow'], `vigil alerts ack: "DiskLow" does not fire; ${list}`],
    [
      ['alerts', 'ack', 'AccountInactive', '--for', 'ever'],
      'vigil alerts ack: "ever" is no duration; write a number up to 9999 and a unit, such as 30m, 4h or 2d',
    ],
    [
      ['alerts', 'silence', 'DiskLow', '--for', '0h'],
      'vigil alerts silence: "0h" is no duration; write a number up to 9999 and a unit, such as 30m, 4h or 2d',
    ],
    [
      ['alerts', 'silence', 'AcountInactive{slot-2}'],
      'vigil alerts silence: there is no alert "AcountInactive{slot-2}"; all of them are in docs/alerts.md',
    ],
    [['alerts', 'unsilence', '7'], `vigil alerts unsilence: nothing is silenced as "7"; ${list}`],
    [
      ['why', 'Nothing'],
      'vigil why: there is no alert "Nothing"; lately there were AccountInactive{slot-2}, DataStale{quota,slot-1}, DataStale{billing}; all of them are in docs/alerts.md',
    ],
    [['why', 'DiskLow', '--hours', 'x'], 'vigil why: --hours is "x"; write a number such as 48'],
  ]
  for (const [words, stderr] of cases) expect(await days.command(...words)).toEqual(wrong(64, stderr))
  expect(JSON.stringify(alerts(days))).toBe(before)
})

describe('vigil why', () => {
  it('tells where an alert stands, what each channel was told, and how it came to that', async () => {
    const days = await open(3, 1)
    const { code, stdout } = await days.command('why', 'accountinactive')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^AccountInactive\{slot-2\}\n {2}firing since 12:01 \(episode \d+\)\n/)
    expect(stdout).toContain('  email: told at 12:01; told again at 16:01 if it is so then\n')
    expect(stdout).toContain('  hook: told at 12:01; told again at 16:01 if it is so then\n')
    expect(stdout).toContain('    12:01  fired: certain at once\n')
  })
  it('tells why there is no message: another says more, it waits, it is silenced, it is not bad', async () => {
    const days = await open(2)
    inactive(days.vigil, 0, 1)
    days.answers.data = () => '451 4.3.0 try later'
    await look(days)
    await look(days)
    expect((await days.command('why', 'AccountInactive{slot-2}')).stdout).toContain(
      'hook: not told; AllInactive says more',
    )
    expect((await days.command('why', 'AllInactive')).stdout).toContain('the last try said: 451 4.3.0 try later')
    await days.command('alerts', 'silence', 'AllInactive')
    expect((await days.command('why', 'AllInactive')).stdout).toMatch(/waits: next try in \d+ s, after 1/)
    expect((await days.command('why', 'DiskLow')).stdout).toBe(
      'DiskLow\n  it is not bad now, as far as the watchdog saw in its latest run\n',
    )
  })
})

describe('vigil alerts test', () => {
  it('sends through each channel, shows what each answered, and remembers nothing', async () => {
    const days = await open()
    expect(await days.command('alerts', 'test')).toEqual(
      said('email  accepted: 250 2.0.0 kept\nhook   accepted: HTTP 200\n'),
    )
    expect(days.told()).toHaveLength(2)
    expect(existsSync(days.vigil.paths.alerts)).toBe(false)
  })
  it('says what is wrong with vigil.yaml, for a channel may be missing for it', async () => {
    const days = await open()
    const before = readFileSync(days.vigil.paths.settings, 'utf8')
    writeFileSync(days.vigil.paths.settings, `${before}\nnothing_like_it: 1\n`)
    const { code, stdout, stderr } = await days.command('alerts', 'test')
    expect(stdout).toContain('hook   accepted: HTTP 200')
    expect(code).toBe(78)
    expect(stderr).toMatch(/^vigil alerts: vigil.yaml has 1 problem; .*\n.*nothing_like_it is unknown here/)
  })
  it('fails where one of them refuses, and shows the others all the same', async () => {
    const days = await open()
    days.answers.rcpt = () => '550 5.1.1 no such user'
    const { code, stdout } = await days.command('alerts', 'test')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^email {2}refused: .*550 5\.1\.1 no such user\nhook {3}accepted: HTTP 200\n$/)
  })
  it('says where no channel is set up', async () => {
    const days = await open()
    days.rawSettings('')
    expect(await days.command('alerts', 'test')).toEqual(
      wrong(1, 'vigil alerts test: no channel is set up; README.md says how, under "Where alerts go"'),
    )
    rmSync(days.vigil.paths.health, { recursive: true, force: true })
  })
})
