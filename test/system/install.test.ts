// `vigil install` with what Debian has: its cron runs the installed lines for a user of its own, and the tools that read
// the generated files find nothing wrong with them.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, it, type TestContext } from 'vitest'
import { cronLine, DAILY_AT, EXAMPLE_PLACE, type Place, startScript } from '../../lib/install/start-script.ts'
import { systemdService, systemdTimer, unitName } from '../../lib/install/units.ts'
import { CRON_PERIOD_MS, type JobName } from '../../lib/timings.ts'
import { makeLogins, writeConfigDir } from '../../sandbox/sample-accounts.ts'
import { startStandIn } from '../../sandbox/stand-in.ts'
import { type DesktopUser, makeUser, startDesktop } from '../support/desktop.ts'
import { fakeSchedulers } from '../support/fake-schedulers.ts'
import { startReceiver } from '../support/receiver.ts'
import { REPO, scratchVigil } from '../support/scratch-vigil.ts'
import { filesBelow, ifThere, needs, needsRoot, sideFolder } from './tools.ts'

const JOBS = Object.entries(CRON_PERIOD_MS) as Array<[JobName, number]>
const ODD_PLACE: Place = { root: "/opt/it's 100% (new) & ü", home: '/home/me', vigilHome: '/data/v h' }
const SOME_MINUTES = { timeout: 240_000, interval: 500 }

it('shellcheck finds nothing in any shell line', () => {
  needs('shellcheck', 'shellcheck')
  const check = (script: string) => {
    const options = { input: `#!/bin/sh\n${script}\n`, encoding: 'utf8' } as const
    const { status, stdout } = spawnSync('shellcheck', ['--shell=sh', '-'], options)
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  }
  for (const place of [EXAMPLE_PLACE, ODD_PLACE]) {
    for (const [job, periodMs] of JOBS) {
      check(startScript(job, place, 7000))
      check(
        cronLine(job, periodMs, place, 7000)
          .replace(/^(\S+ ){5}/, '')
          .replaceAll('\\%', '%'),
      )
    }
  }
  check(readFileSync(join(REPO, 'deploy', 'gone.sh'), 'utf8'))
})

it('systemd-analyze finds nothing wrong with the units', test => {
  needs('systemd-analyze', 'systemd')
  for (const place of [EXAMPLE_PLACE, ODD_PLACE]) {
    const folder = sideFolder(test)
    const units = JOBS.flatMap(([job, periodMs]) => {
      const files = [
        [unitName(job, 'service'), systemdService(job, place)],
        [unitName(job, 'timer'), systemdTimer(job, periodMs)],
      ] as const
      for (const [name, text] of files) writeFileSync(join(folder, name), text)
      return files.map(([name]) => join(folder, name))
    })
    const env = { PATH: '/usr/bin:/bin', HOME: folder, XDG_RUNTIME_DIR: folder, SYSTEMD_LOG_LEVEL: 'warning' }
    const options = { env, encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--user', '--man=no', ...units], options)
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  }
})

it('a reader of property lists finds in an agent exactly the script that is meant', () => {
  needs('python3', 'python3')
  const read = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))'
  for (const [job, periodMs] of JOBS) {
    const path = join(REPO, 'deploy', 'launchd', `local.vigil.${job}.plist`)
    const agent = JSON.parse(execFileSync('/usr/bin/python3', ['-c', read, path], { encoding: 'utf8' }))
    const when =
      periodMs < 86_400_000 ? { StartInterval: periodMs / 1000 } : { StartCalendarInterval: { Hour: 12, Minute: 20 } }
    expect(agent).toEqual({
      Label: `local.vigil.${job}`,
      ProgramArguments: ['/bin/sh', '-c', startScript(job, EXAMPLE_PLACE, 0)],
      ...when,
      RunAtLoad: true,
      Umask: 0o77,
      StandardErrorPath: '/Users/me/.claude/session-health/logs/cron.err',
    })
  }
})

it.each([
  ['n', 'Nothing was changed.', false],
  ['\n', 'Nothing was changed.', false],
  ['y', 'Done.', true],
])('on a terminal it asks, and %j is taken at its word', async (answer, said, installs) => {
  needs('script', 'bsdutils')
  const vigil = await scratchVigil({ expiresInMin: 300, settings: 'channels: { desktop: { enabled: false } }' })
  try {
    const fake = fakeSchedulers(vigil.home)
    const child = spawn('script', ['-qec', `'${join(REPO, 'bin', 'vigil')}' install`, '/dev/null'], {
      env: { ...vigil.env, PATH: `${fake.bin}:/usr/bin:/bin`, TERM: 'xterm', COLUMNS: '40' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      shown += chunk
    })
    const ended = new Promise<number | null>(resolve => child.once('close', resolve))
    await expect.poll(() => shown, { timeout: 30_000 }).toContain('Go on? [y/N] ')
    expect(fake.crontab()).toBeNull()
    child.stdin.write(`${answer}\n`)
    expect(await ended).toBe(0)
    expect(shown).toContain(said)
    expect(fake.crontab() !== null).toBe(installs)
  } finally {
    await vigil.dispose()
  }
})

// ---- Debian's cron

/** The time zone in which it is so late now. */
function zoneWhereItIs(hour: number, minute: number): string {
  const [, hours, minutes] = /T(\d\d):(\d\d)/.exec(new Date().toISOString())!
  const day = 24 * 60
  const aheadMinutes = ((hour * 60 + minute - (Number(hours) * 60 + Number(minutes)) + day + day / 2) % day) - day / 2
  const offset = Math.abs(aheadMinutes)
  // What POSIX puts there is how far it is behind.
  return `<VGL>${aheadMinutes > 0 ? '-' : '+'}${Math.floor(offset / 60)}:${String(offset % 60).padStart(2, '0')}`
}

/**
 * cron with a sendmail that keeps the mails, both in a mount namespace of their own: the machine's are not touched. It alone
 * is in this time zone: it hands its jobs none of its variables.
 */
function startCronWithMail(test: TestContext, zone: string): { mails(): string } {
  const folder = sideFolder(test)
  const box = join(folder, 'mails.txt')
  const programs = join(folder, 'sbin')
  execFileSync('cp', ['-a', '/usr/sbin', programs])
  writeFileSync(join(programs, 'sendmail'), `#!/bin/sh\ncat >>'${box}'\n`, { mode: 0o755 })
  writeFileSync(box, '')
  chmodSync(folder, 0o755)
  chmodSync(box, 0o666)
  const words = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    'mount --bind "$1" /usr/sbin && exec /usr/sbin/cron -f',
  ]
  const cron: ChildProcess = spawn('unshare', [...words, 'sh', programs], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TZ: zone },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  cron.stderr!.setEncoding('utf8').on('data', chunk => {
    said += chunk
  })
  cron.once('exit', (code, signal) => {
    if (signal === null) throw new Error(`cron ended with ${code}: ${said}; does another one run here?`)
  })
  const spaceOf = (pid: number | string) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/mnt`)
    } catch {
      return null // It ended meanwhile, or is none that root of this container may ask.
    }
  }
  test.onTestFinished(async () => {
    const space = spaceOf(cron.pid!)
    expect(space).not.toBe(spaceOf('self'))
    cron.kill()
    // What it forked for a job outlives it, under its name, until that job is over.
    const left = () => readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && spaceOf(pid) === space)
    await expect.poll(left, { timeout: 60_000, interval: 100 }).toEqual([])
  })
  return { mails: () => readFileSync(box, 'utf8') }
}

/** A checkout of the user's own, with a name that no schedule may stumble over. */
function checkOut(user: DesktopUser): string {
  const root = join(user.home, "it's 100% vigil")
  mkdirSync(root)
  for (const part of ['bin', 'cli', 'deploy', 'jobs', 'lib', 'package.json'])
    execFileSync('cp', ['-a', join(REPO, part), root])
  // As links where they can be: they are 300 MB.
  const copy = spawnSync('cp', ['-al', join(REPO, 'node_modules'), root])
  if (copy.status !== 0) execFileSync('cp', ['-a', join(REPO, 'node_modules'), root])
  execFileSync('rm', ['-rf', join(root, 'node_modules', '.cache')])
  return root
}

/** Runs to its end while the servers of this test answer. */
function runAs(user: DesktopUser, [program, ...words]: [string, ...string[]]) {
  const { uid, gid } = statSync(user.home)
  const env = { HOME: user.home, PATH: '/usr/bin:/bin' }
  const child = spawn(program, words, { uid, gid, cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
  })
  return new Promise<{ code: number | null; stdout: string; stderr: string }>(resolve =>
    child.once('close', code => resolve({ code, stdout, stderr })),
  )
}

it('cron runs the installed lines; a checkout that is moved away is told within two runs; uninstalled is as before', async test => {
  needsRoot('to make a user with a crontab and a desktop of its own')
  for (const [program, from] of [
    ['cron', 'cron'],
    ['unshare', 'util-linux'],
    ['dunst', 'dunst'],
    ['Xvfb', 'xvfb'],
    ['dbus-daemon', 'dbus-daemon'],
    ['notify-send', 'libnotify-bin'],
  ] as const)
    needs(program, from)
  const user = makeUser()
  test.onTestFinished(() => user.remove())
  const screen = await startDesktop(user, '700x320')
  const [login] = makeLogins(1, Date.now(), { expiresInMs: 5 * 60_000 })
  const claude = join(user.home, '.claude')
  writeConfigDir(claude, join(user.home, '.claude.json'), login!)
  const standIn = await startStandIn({ logins: [login!] })
  test.onTestFinished(() => standIn.close())
  const deadMan = await startReceiver()
  test.onTestFinished(() => deadMan.close())
  mkdirSync(join(claude, 'config'))
  writeFileSync(
    join(claude, 'config', 'vigil.yaml'),
    `endpoints: { api: "${standIn.url}", token: "${standIn.tokenUrl}" }\ndead_man: { watchdog: "${deadMan.url}/watchdog" }\n`,
    { mode: 0o600 },
  )
  execFileSync('chown', ['-R', `${user.uid}:${statSync(user.home).gid}`, user.home])
  const root = checkOut(user)
  const crontab = (words: string[], input?: string) =>
    execFileSync('crontab', ['-u', user.name, ...words], {
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    })
  const mine = '# mine\nMAILTO=me\n* * * * * env >above.txt\n'
  crontab(['-'], mine)
  test.onTestFinished(() => void spawnSync('crontab', ['-u', user.name, '-r']))
  const record = (job: string) => {
    const read = () => JSON.parse(readFileSync(join(claude, 'session-health', 'runs', `${job}.json`), 'utf8'))
    return ifThere(read) as { outcome: string; started_at: number; streak: { kind: string; count: number } } | null
  }
  const pings = () => deadMan.received.filter(({ path }) => path === '/watchdog').length

  const installed = await runAs(user, [join(root, 'bin', 'vigil'), 'install', '--yes'])
  console.log(installed.stdout)
  expect(installed).toMatchObject({ code: 0, stderr: '' })
  for (const [job] of JOBS) expect(record(job)).toMatchObject({ outcome: 'ok', streak: { kind: 'ok', count: 1 } })
  // Below our block too, nothing of ours holds.
  crontab(['-'], `${crontab(['-l'])}* * * * * env >below.txt\n`)

  const installedAt = Date.now()
  // Three minutes in which each job has its turn, whatever time it is: also the one that has it once a day.
  const { mails } = startCronWithMail(test, zoneWhereItIs(DAILY_AT.hour, DAILY_AT.minute - 2))
  const everyMinute = JOBS.filter(([, periodMs]) => periodMs === 60_000).map(([job]) => job)
  expect(everyMinute).toContain('watchdog')
  for (const job of everyMinute)
    await expect.poll(() => record(job)!.streak.count, SOME_MINUTES).toBeGreaterThanOrEqual(4)
  for (const [job] of JOBS) {
    // Each of the other three had its one turn, some seconds after the minute.
    await expect.poll(() => record(job)!.streak.count, SOME_MINUTES).toBeGreaterThanOrEqual(2)
    expect(record(job)).toMatchObject({ outcome: 'ok', streak: { kind: 'ok' } })
    expect(record(job)!.started_at).toBeGreaterThan(installedAt)
  }
  expect(record('watchdog')!.started_at - installedAt).toBeGreaterThan(120_000)
  const cronErr = join(claude, 'session-health', 'logs', 'cron.err')
  expect(readFileSync(cronErr, 'utf8')).toBe('')
  expect(mails()).toBe('')
  for (const file of ['above.txt', 'below.txt']) {
    const names = readFileSync(join(user.home, file), 'utf8')
      .split('\n')
      .map(line => line.split('=')[0])
    expect(names.filter(name => !/^(HOME|LOGNAME|MAILTO|PATH|LANG|SHELL|PWD|SHLVL|_|)$/.test(name!))).toEqual([])
    expect(readFileSync(join(user.home, file), 'utf8')).toMatch(/^PATH=\/usr\/bin:\/bin$/m)
  }
  for (const path of filesBelow(join(claude, 'session-health')))
    expect([path, statSync(path).mode & (path.endsWith('gone.sh') ? 0o022 : 0o077)]).toEqual([path, 0])

  // Moved away: the desktop and cron's mail tell at the second minute, and the dead man hears nothing more.
  screen.takeNotices()
  const elsewhere = join(user.home, 'elsewhere')
  await expect.poll(() => record('watchdog')!.outcome, SOME_MINUTES).toBe('ok')
  const goneAt = Date.now()
  renameSync(root, elsewhere)
  const pingsBefore = pings()
  await expect.poll(mails, SOME_MINUTES).toContain('Vigil is gone')
  expect(Date.now() - goneAt).toBeLessThan(150_000)
  expect(mails()).toContain("No login is looked after any more: what was in ~/it's 100% vigil is not there")
  await expect.poll(() => screen.shown(), { timeout: 30_000 }).toBe(1)
  expect(screen.takeNotices()[0]).toMatchObject({ title: 'Vigil is gone' })
  expect(pings() - pingsBefore).toBeLessThanOrEqual(1)
  expect(readFileSync(cronErr, 'utf8')).toContain('/node_modules/.bin/node: not found')
  const toldOnce = mails()

  // Installed from where it is now, it goes on; the link and the lines lead there.
  mkdirSync(join(user.home, '.local', 'bin'), { recursive: true })
  execFileSync('chown', ['-R', String(user.uid), join(user.home, '.local')])
  const again = await runAs(user, [join(elsewhere, 'bin', 'vigil'), 'install', '--yes'])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  expect(again.stdout).toContain("Until now it led to ~/it's 100% vigil.")
  const backAt = Date.now()
  await expect
    .poll(() => record('watchdog')!.started_at > backAt && record('watchdog')!.outcome, SOME_MINUTES)
    .toBe('ok')
  expect(mails()).toBe(toldOnce)

  expect(await runAs(user, [join(user.home, '.local', 'bin', 'vigil'), 'uninstall', '--yes'])).toMatchObject({
    code: 0,
    stderr: '',
  })
  expect(crontab(['-l'])).toBe(`${mine}* * * * * env >below.txt\n`)
  expect(readdirSync(join(user.home, '.local', 'bin'))).toEqual([])
  expect(existsSync(join(claude, 'session-health', 'gone.sh'))).toBe(false)
})
