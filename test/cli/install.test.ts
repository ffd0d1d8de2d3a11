// `vigil install` as a person runs it, on a machine whose schedulers are stand-ins; the jobs that it starts are the real ones.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withBlock } from '../../lib/install/crontab-text.ts'
import { cronLines } from '../../lib/install/plan.ts'
import { CRON_PERIOD_MS } from '../../lib/timings.ts'
import { type FakeSchedulers, fakeSchedulers } from '../support/fake-schedulers.ts'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

const JOBS = Object.keys(CRON_PERIOD_MS)

let vigil: ScratchVigil
let fake: FakeSchedulers
beforeEach(async () => {
  vigil = await scratchVigil({ expiresInMin: 300, settings: 'channels: { desktop: { enabled: false } }' })
  fake = fakeSchedulers(vigil.home)
})
afterEach(() => vigil.dispose())

const env = () => ({ ...vigil.env, PATH: `${fake.bin}:/usr/bin:/bin` })
const cli = (...words: string[]) => runProcess([join(REPO, 'bin', 'vigil'), ...words], env())
/** The same on a Mac, as far as Vigil looks. */
function cliOnMac(...words: string[]) {
  const preload = join(vigil.home, 'mac.mjs')
  writeFileSync(preload, "Object.defineProperty(process, 'platform', { value: 'darwin' })")
  return runProcess([process.execPath, '--import', preload, join(REPO, 'cli', 'vigil.ts'), ...words], env())
}
const filesInHome = () => readdirSync(vigil.home, { recursive: true, encoding: 'utf8' }).sort()
const link = () => join(vigil.home, '.local', 'bin', 'vigil')

describe('with cron', () => {
  it.each([
    ['no crontab', null],
    ['comments and MAILTO', Buffer.from('# mine\nMAILTO=me@example.com\n0 4 * * * backup # 100\\%\n')],
    [
      'CRLF, bytes that are no UTF-8, no newline at the end',
      Buffer.from('MAILTO=j\u00fc\r\n@daily echo \u00ff', 'latin1'),
    ],
  ])('%s: install, install, uninstall is byte for byte what was there', async (_name, before) => {
    if (before !== null) fake.setCrontab(before)
    mkdirSync(join(vigil.home, '.local', 'bin'), { recursive: true })

    const first = await cli('install', '--yes')
    expect(first).toMatchObject({ code: 0, stderr: '' })
    for (const job of JOBS) {
      expect(first.stdout).toMatch(new RegExp(`^  ${job} +ok after \\d+\\.\\d s: `, 'm'))
      expect(vigil.record(job)).toMatchObject({ outcome: 'ok', exit_code: 0 })
    }
    expect(first.stdout).toContain(
      'Nobody would be told of anything; set up mail or a phone in ~/.claude/config/vigil.yaml',
    )
    const installed = fake.crontab()!
    expect(installed.subarray(0, before?.length ?? 0)).toEqual(before ?? Buffer.alloc(0))
    for (const job of JOBS) expect(installed.toString()).toContain(`jobs/${job}.ts`)
    expect(readlinkSync(link())).toBe(join(REPO, 'bin', 'vigil'))
    expect(statSync(join(vigil.paths.health, 'gone.sh')).mode & 0o777).toBe(0o600)
    // Another person's lines are nobody's business on a screen.
    expect(first.stdout).not.toContain('MAILTO')

    const second = await cli('install', '--yes')
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toContain('Everything is in place already.')
    expect(fake.crontab()).toEqual(installed)

    for (const mark of ['gone.since', 'gone.seen', 'gone.told']) writeFileSync(join(vigil.paths.health, mark), '')
    const gone = await cli('uninstall', '--yes')
    expect(gone).toMatchObject({ code: 0, stderr: '' })
    expect(fake.crontab()).toEqual(before)
    expect(lstatSync(link(), { throwIfNoEntry: false })).toBeUndefined()
    expect(readdirSync(vigil.paths.health).filter(name => name.startsWith('gone'))).toEqual([])
    expect(await cli('uninstall')).toMatchObject({ code: 0, stdout: 'Nothing of Vigil is installed here.\n' })
  })

  it.each(['install', 'uninstall'])(
    'without a terminal and --yes, %s changes nothing and says what to do',
    async command => {
      fake.setCrontab(withBlock('# mine\n', ['* * * * * old'])!)
      const before = [fake.crontab(), filesInHome()]
      const run = await cli(command)
      expect(run.code).toBe(64)
      expect(run.stderr).toBe(
        `vigil ${command}: there is no terminal to ask on, so nothing was changed; to go on: vigil ${command} --yes\n`,
      )
      expect([fake.crontab(), filesInHome()]).toEqual(before)
    },
  )

  it('--dry-run shows what would change, and writes nothing', async () => {
    const before = filesInHome()
    const run = await cli('install', '--dry-run')
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(/^ {2}\+ \*\/5 \* \* \* \* \/bin\/sh -c '.*jobs\/fetch-quota\.ts"'$/m)
    expect(run.stdout).toContain('Nothing was changed.')
    expect(filesInHome()).toEqual(before)
  })

  it('a schedule and a link that lead to where the checkout was are brought here, and that is said', async () => {
    const old = { root: join(vigil.home, 'old'), home: null, vigilHome: null }
    fake.setCrontab(withBlock('# mine\n', cronLines(old, 'm'))!)
    mkdirSync(join(vigil.home, '.local', 'bin'), { recursive: true })
    symlinkSync(join(old.root, 'bin', 'vigil'), link())
    const run = await cli('install', '--yes')
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toContain('Until now it led to ~/old.\nMind: a status line, hook or alias from there is brought')
    expect(fake.crontab()!.toString()).not.toContain('/old')
    expect(
      fake
        .crontab()!
        .toString()
        .match(/>>> vigil >>>/g),
    ).toHaveLength(1)
    expect(readlinkSync(link())).toBe(join(REPO, 'bin', 'vigil'))
  })

  it('somebody else’s vigil on the PATH stays where it is', async () => {
    mkdirSync(join(vigil.home, '.local', 'bin'), { recursive: true })
    writeFileSync(link(), 'theirs')
    const run = await cli('install', '--yes')
    expect(run.stdout).toContain('~/.local/bin/vigil is not ours and stays as it is; call')
    await cli('uninstall', '--yes')
    expect(readFileSync(link(), 'utf8')).toBe('theirs')
  })

  it('a crontab that cannot be read is left alone', async () => {
    fake.breakCrontab('you are not allowed to use this program')
    const run = await cli('install', '--yes')
    expect(run.code).toBe(1)
    expect(run.stderr).toBe(
      'vigil install: your crontab cannot be read (crontab -l: exit code 1: you are not allowed to use this program)\n',
    )
    expect(existsSync(vigil.paths.health)).toBe(false)
  })

  it('half a block is nobody’s to mend but its owner’s', async () => {
    const half = '# >>> vigil >>>\n0 4 * * * backup\n'
    fake.setCrontab(half)
    const run = await cli('install', '--yes')
    expect(run.code).toBe(78)
    expect(run.stderr).toContain('without the other; mend that with: crontab -e')
    expect(fake.crontab()!.toString()).toBe(half)
  })

  it('a job that fails is shown with its reason, and the exit code says so', async () => {
    vigil.settings('quota: { evry: 5m }')
    const run = await cli('install', '--yes')
    expect(run.code).toBe(1)
    expect(run.stdout).toMatch(/^ {2}fetch-quota +failed after .* vigil\.yaml has 1 problem/m)
    expect(fake.crontab()!.toString()).toContain('jobs/fetch-quota.ts')
  })
})

it('it says where alerts go, without any secret, and what would be told to nobody', async () => {
  const alerts = async (yaml: string) => {
    vigil.settings(yaml)
    const { stdout } = await cli('install', '--yes')
    return stdout.slice(stdout.indexOf('\nAlerts go')).trim().split('\n')
  }
  expect(
    await alerts(`channels:
  desktop: { min_severity: info }
  email: { to: [me@example.com], from: v@example.com, min_severity: critical, smtp: { host: localhost, port: 25 } }
  webhooks: [{ name: phone, kind: ntfy, url: "https://ntfy.example.com/secret-topic" }]
dead_man: { watchdog: "http://127.0.0.1:9/secret-path" }`),
  ).toEqual([
    'Alerts go to:',
    '  desktop  a notice on this machine',
    '  email    mail to me@example.com, critical',
    '  phone    ntfy, warning and worse',
    'Try them: vigil alerts test',
  ])
  expect(await alerts('')).toEqual([
    'Alerts go to:',
    '  desktop  a notice on this machine, warning and worse',
    'A notice cannot tell whether anybody saw it; set up mail or a phone in ~/.claude/config/vigil.yaml',
    'When this machine is off, nobody is told: only a dead_man URL in ~/.claude/config/vigil.yaml covers that',
    'Try them: vigil alerts test',
  ])
})

it('two schedulers at once are wrong usage', async () => {
  const run = await cli('install', '--cron', '--systemd')
  expect(run).toMatchObject({ code: 64, stderr: 'vigil install: choose one of --cron, --launchd and --systemd\n' })
})

it('systemd: units, links and timers come, take the place of cron, and go again', async () => {
  fake.setCrontab(withBlock('# mine\n', cronLines({ root: REPO, home: null, vigilHome: null }, 'm'))!)
  const units = join(vigil.home, '.config', 'systemd', 'user')
  const run = await cli('install', '--systemd', '--yes')
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(fake.crontab()!.toString()).toBe('# mine\n')
  const names = JOBS.flatMap(job => [`vigil-${job}.service`, `vigil-${job}.timer`]).sort()
  expect(readdirSync(units).sort()).toEqual([...names, 'timers.target.wants'].sort())
  const timers = names.filter(name => name.endsWith('.timer'))
  for (const timer of timers)
    expect(readFileSync(join(units, 'timers.target.wants', timer), 'utf8')).toContain('[Timer]')
  expect(fake.calls()).toEqual(['systemctl --user daemon-reload', `systemctl --user restart ${timers.join(' ')}`])

  expect((await cli('install', '--yes')).stdout).toContain('are started by systemd: as before.')
  expect(fake.calls()).toHaveLength(2)

  expect(await cli('uninstall', '--yes')).toMatchObject({ code: 0, stderr: '' })
  expect(readdirSync(units, { recursive: true })).toEqual(['timers.target.wants'])
  expect(fake.calls().slice(2)).toEqual([`systemctl --user stop ${timers.join(' ')}`, 'systemctl --user daemon-reload'])
})

it('a unit of our name that is not ours is not overwritten', async () => {
  const units = join(vigil.home, '.config', 'systemd', 'user')
  mkdirSync(units, { recursive: true })
  writeFileSync(join(units, 'vigil-watchdog.timer'), '[Timer]\n')
  const run = await cli('install', '--systemd', '--yes')
  expect(run).toMatchObject({ code: 1 })
  expect(run.stderr).toContain('vigil-watchdog.timer is there, and Vigil did not make it; move it away')
  expect(readdirSync(units)).toEqual(['vigil-watchdog.timer'])
})

it('a Mac gets agents of launchd, loaded anew; its cron comes with a warning', async () => {
  const gui = `gui/${userInfo().uid}`
  const agents = join(vigil.home, 'Library', 'LaunchAgents')
  const run = await cliOnMac('install', '--yes')
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const names = JOBS.map(job => `local.vigil.${job}`).sort()
  expect(readdirSync(agents).sort()).toEqual(names.map(name => `${name}.plist`))
  expect(fake.calls()).toEqual(
    names.flatMap(name => [
      `launchctl bootout ${gui}/${name}`,
      `launchctl bootstrap ${gui} ${join(agents, `${name}.plist`)}`,
    ]),
  )
  const cron = await cliOnMac('install', '--cron', '--dry-run')
  expect(cron.stdout).toContain('stays locked; better: vigil install --launchd')

  expect(await cliOnMac('uninstall', '--yes')).toMatchObject({ code: 0, stderr: '' })
  expect(readdirSync(agents)).toEqual([])
  expect(fake.calls().slice(2 * JOBS.length)).toEqual(names.map(name => `launchctl bootout ${gui}/${name}`))
})
