import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  badPath,
  cronLine,
  cronTimes,
  EXAMPLE_PLACE,
  type Place,
  placeNamed,
  startJitterMs,
  startScript,
} from '../../../lib/install/start-script.ts'
import { launchAgent, systemdService } from '../../../lib/install/units.ts'

const MINUTE_MS = 60_000

it.each([
  [1, '* * * * *'],
  [5, '*/5 * * * *'],
  [10, '*/10 * * * *'],
  [60, '0 * * * *'],
  [360, '0 */6 * * *'],
  [1440, '20 12 * * *'],
])('every %i min is %s', (minutes, times) => {
  expect(cronTimes(minutes * MINUTE_MS)).toBe(times)
})

it.each([7, 0.5, 90, 2880])('every %f min cannot be said to cron, and is refused', minutes => {
  expect(() => cronTimes(minutes * MINUTE_MS)).toThrow('cron has no times')
})

describe('the jitter', () => {
  const jobs = ['refresh-tokens', 'fetch-quota', 'fetch-billing', 'watchdog'] as const
  it('is the same each time, and whole seconds from 0 to 20', () => {
    const all = Array.from({ length: 500 }, (_, n) => startJitterMs('fetch-quota', `machine ${n}`))
    expect(all).toEqual(Array.from({ length: 500 }, (_, n) => startJitterMs('fetch-quota', `machine ${n}`)))
    expect([Math.min(...all), Math.max(...all)]).toEqual([0, 20_000])
    expect(all.filter(ms => ms % 1000 !== 0)).toEqual([])
  })
  it('differs between the jobs of a machine', () => {
    expect(new Set(jobs.map(job => startJitterMs(job, 'machine 1'))).size).toBeGreaterThan(1)
  })
})

it.each([
  ['/opt/vigil', null],
  ["/home/me/my vigil's 100% (new) ü", null],
  ['/opt/$HOME', 'it has a $ in its name, which no schedule can hold'],
  ['/opt/a"b', 'it has a " in its name, which no schedule can hold'],
  ['/opt/a\\b', 'it has a \\ in its name, which no schedule can hold'],
  ['/opt/a`b', 'it has a ` in its name, which no schedule can hold'],
  ['/opt/a\nb', 'it has a control character in its name, which no schedule can hold'],
])('the path %j: %s', (path, reason) => {
  expect(badPath(path)).toBe(reason)
})

describe('every schedule tells where it leads', () => {
  it.each(['/opt/vigil', "/home/me/my vigil's 100% (new) & ü"])('%s', root => {
    const place: Place = { root, home: '/home/me', vigilHome: '/data/vigil' }
    expect(placeNamed(cronLine('watchdog', MINUTE_MS, place, 3000))).toBe(root)
    expect(placeNamed(systemdService('watchdog', place))).toBe(root)
    expect(placeNamed(launchAgent('watchdog', MINUTE_MS, place, 3000, '/home/me/logs'))).toBe(root)
  })
  it('and a line that is not ours leads nowhere', () => {
    expect(placeNamed('0 4 * * * v="/opt"; backup')).toBeNull()
  })
})

it('a % is escaped from cron and from systemd, and a $ from systemd', () => {
  const place = { ...EXAMPLE_PLACE, root: '/opt/100%' }
  expect(cronLine('watchdog', MINUTE_MS, place, 0)).toContain('v="/opt/100\\%"')
  expect(systemdService('watchdog', place)).toContain('v="/opt/100%%"; h="$$HOME/.claude/session-health"')
})

it('less than a second is not slept', () => {
  expect(startScript('watchdog', EXAMPLE_PLACE, 0)).not.toContain('sleep')
  expect(startScript('watchdog', EXAMPLE_PLACE, 12_000)).toContain('; sleep 12; ')
})

describe('run by a shell', () => {
  /** What cron does with a line: its escapes, then its shell. */
  const run = (place: Place, home: string, shell = '/bin/sh') => {
    const command = cronLine('watchdog', MINUTE_MS, place, 0).replace('* * * * * ', '').replaceAll('\\%', '%')
    const env = { HOME: home, LOGNAME: 'me', PATH: '/usr/bin:/bin', SHELL: shell }
    const { status, stdout, stderr } = spawnSync(shell, ['-c', command], { env, encoding: 'utf8', cwd: '/' })
    return { status, stdout, stderr }
  }
  /** A checkout whose node says what it was given. */
  const checkout = (name: string) => {
    const root = join(mkdtempSync(join(homedir(), 'checkout-')), name)
    mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true })
    const node = join(root, 'node_modules', '.bin', 'node')
    writeFileSync(node, '#!/bin/sh\necho "$1|$HOME|$VIGIL_HOME|$PATH|$NODE_COMPILE_CACHE|$(umask)"\necho oh >&2\n')
    chmodSync(node, 0o755)
    return root
  }

  it.each(['plain', "it's 100% (new) & ü"])('in a folder named %s the job gets what it needs', name => {
    const home = mkdtempSync(join(homedir(), 'home-'))
    const root = checkout(name)
    const { status, stdout, stderr } = run({ root, home: null, vigilHome: null }, home)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.trim().split('|')).toEqual([
      join(root, 'jobs', 'watchdog.ts'),
      home,
      '',
      '/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin',
      join(root, 'node_modules', '.cache', 'compile'),
      '0077',
    ])
    const logs = join(home, '.claude', 'session-health', 'logs')
    expect(readFileSync(join(logs, 'cron.err'), 'utf8')).toBe('oh\n')
    for (const path of [logs, join(home, '.claude')]) expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(logs, 'cron.err')).mode & 0o777).toBe(0o600)
  })

  it('under a SHELL of the user’s own too, and in other homes where that is said', () => {
    const home = mkdtempSync(join(homedir(), 'home-'))
    const root = checkout('vigil')
    const { stdout } = run({ root, home, vigilHome: join(home, 'v h') }, '/nonexistent-home', '/bin/bash')
    expect(stdout.split('|').slice(1, 3)).toEqual([home, join(home, 'v h')])
    expect(readFileSync(join(home, 'v h', 'session-health', 'logs', 'cron.err'), 'utf8')).toBe('oh\n')
  })

  it('a node that is not there is told in cron.err, and nowhere else', () => {
    const home = mkdtempSync(join(homedir(), 'home-'))
    const { status, stdout, stderr } = run({ root: '/nonexistent/vigil', home: null, vigilHome: null }, home)
    expect({ status, stdout, stderr }).toEqual({ status: 127, stdout: '', stderr: '' })
    const said = readFileSync(join(home, '.claude', 'session-health', 'logs', 'cron.err'), 'utf8')
    expect(said).toContain('/nonexistent/vigil/node_modules/.bin/node: not found')
  })

  it('a log that cannot be written is told to cron, which mails it', () => {
    const home = mkdtempSync(join(homedir(), 'home-'))
    writeFileSync(join(home, '.claude'), 'a file')
    const { status, stderr } = run({ root: checkout('vigil'), home: null, vigilHome: null }, home)
    expect(status).not.toBe(0)
    expect(stderr).toContain('.claude')
  })
})
