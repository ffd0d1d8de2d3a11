// Each finding from the fault that makes it, and none from what is well.
import { describe, expect, it } from 'vitest'
import { checkChannels, type SeenChannels } from '../../../lib/doctor/check-channels.ts'
import { checkClock } from '../../../lib/doctor/check-clock.ts'
import {
  checkDisk,
  checkLeftovers,
  checkPermissions,
  type SeenDisk,
  type SeenPath,
} from '../../../lib/doctor/check-files.ts'
import {
  checkAnyLogin,
  checkConfigDir,
  checkLogins,
  checkOverrides,
  type SeenLogin,
} from '../../../lib/doctor/check-logins.ts'
import { checkPrograms, type SeenPrograms } from '../../../lib/doctor/check-programs.ts'
import { checkRivals, checkRuns, checkSchedule, type SeenSchedule } from '../../../lib/doctor/check-schedule.ts'
import { checkPersonsFiles, checkSecrets } from '../../../lib/doctor/check-settings.ts'
import type { Finding } from '../../../lib/doctor/finding.ts'
import type { StatusJob } from '../../../lib/domain/status.ts'

const NOW = Date.parse('2026-02-08T12:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Severity, what it says, and what mends it. */
const said = (findings: Finding[]) => findings.map(({ severity, what, remedy }) => [severity, what, remedy])

describe('permissions', () => {
  const file: SeenPath = { path: '/h/f', shown: '~/f', uid: 7, mode: 0o100600, kind: 'file', role: 'ours' }
  const folder: SeenPath = { ...file, path: '/h', shown: '~/d', mode: 0o40700, kind: 'folder' }
  it.each([
    ['a file of ours', file],
    ['a folder of ours', folder],
    ["a person's file that others may read", { ...file, mode: 0o100644, role: 'person' }],
    ['a folder above', { ...folder, mode: 0o40755, role: 'above' }],
    ["a folder above that is the system's", { ...folder, uid: 0, mode: 0o40755, role: 'above' }],
    ['a sticky one above', { ...folder, uid: 0, mode: 0o41777, role: 'above' }],
  ] as const)('%s is well', (_name, path) => {
    expect(checkPermissions([path], 7)).toEqual([])
  })
  it.each([
    ['a file of ours that others read', { ...file, mode: 0o100640 }, 'chmod 600 ~/f', 0o600],
    ['a folder of ours that others enter', { ...folder, mode: 0o40711 }, 'chmod 700 ~/d', 0o700],
    ["a person's file that others write", { ...file, mode: 0o100664, role: 'person' }, 'chmod go-w ~/f', 0o644],
    ['a folder above that others write', { ...folder, mode: 0o40775, role: 'above' }, 'chmod go-w ~/d', undefined],
    ['a file of another user', { ...file, uid: 8 }, 'sudo chown 7 ~/f', undefined],
    ['a name with a space', { ...file, mode: 0o100640, shown: "~/it's here" }, "chmod 600 ~/'it'\\''s here'", 0o600],
  ] as const)('%s is an error', (_name, path, remedy, mode) => {
    const [finding, ...more] = checkPermissions([path], 7)
    expect([finding?.severity, finding?.remedy, finding?.fix?.mode, more]).toEqual(['error', remedy, mode, []])
  })
})

describe('the clock', () => {
  const MINUTE = 60_000
  const at = (aheadMs: number, ageMs = MINUTE) => ({ measuredAt: NOW - ageMs, aheadMs })
  it.each([0, MINUTE, -MINUTE])('that is off by %i ms is well', aheadMs => {
    expect(checkClock(at(aheadMs), NOW, 'linux')).toEqual([])
  })
  it.each([
    [MINUTE + 1, 'linux', 'warning', '1 min ahead of', 'sudo timedatectl set-ntp true'],
    [5 * MINUTE, 'linux', 'warning', '5 min ahead of', 'sudo timedatectl set-ntp true'],
    [5 * MINUTE + 1, 'linux', 'error', '5 min ahead of', 'sudo timedatectl set-ntp true'],
    [-5 * MINUTE - 1, 'linux', 'error', '5 min behind', 'sudo timedatectl set-ntp true'],
    [-2 * HOUR, 'darwin', 'error', '2 h behind', 'sudo sntp -sS time.apple.com'],
  ])('that is off by %i ms on %s: %s', (aheadMs, platform, severity, evidence, remedy) => {
    expect(checkClock(at(aheadMs), NOW, platform)).toEqual([
      expect.objectContaining({
        check: 'clock',
        severity,
        evidence: `${evidence} the usage endpoint's, compared 1 min ago`,
        remedy,
      }),
    ])
  })
  it.each([
    [null, 'no answer'],
    [at(HOUR, -1), 'it was set back'],
    [at(HOUR, DAY + 1), 'it was last compared 1 d ago'],
  ])('cannot be judged by %o', (seen, why) => {
    expect(() => checkClock(seen, NOW, 'linux')).toThrow(why)
  })
  it('is judged by what is a day old, and no older', () => {
    expect(checkClock(at(HOUR, DAY), NOW, 'linux')).toHaveLength(1)
  })
})

describe('the disk', () => {
  const disk: SeenDisk = { freeBytes: 1e9, totalBytes: 1e10, freeInodes: 1e6, inodes: 1e7, type: 0xef53 }
  it('is well with room, on a local file system; where inodes are not counted, too', () => {
    expect(checkDisk(disk, 'linux')).toEqual([])
    expect(checkDisk({ ...disk, freeInodes: 0, inodes: 0 }, 'linux')).toEqual([])
  })
  it.each([
    [{ freeBytes: 100 * 1024 * 1024 - 1 }, 'nearly full'],
    [{ freeInodes: 999 }, 'takes hardly any more files'],
    [{ type: 0x6969 }, 'lies on NFS'],
    [{ type: -11317950 }, 'lies on CIFS'],
    [{ type: 0x65735546 }, 'lies on FUSE'],
  ])('with %o it %s', (change, words) => {
    expect(checkDisk({ ...disk, ...change }, 'linux').map(({ what }) => what)).toEqual([expect.stringContaining(words)])
  })
  it('of a Mac has another kind of numbers', () => {
    expect(checkDisk({ ...disk, type: 0x6969 }, 'darwin')).toEqual([])
  })
  it('with files of cut writes is told so', () => {
    expect(checkLeftovers(0)).toEqual([])
    expect(said(checkLeftovers(2))).toEqual([
      ['info', '2 temporary files of writes that were cut short', 'vigil doctor --fix'],
    ])
  })
})

describe('a login', () => {
  const login: SeenLogin = {
    slot: 'work',
    dir: '~/.claude-work',
    command: 'LOGIN',
    isDir: true,
    state: 'present',
    trouble: null,
    loggedOut: false,
    canBeRenewed: true,
    scopes: ['user:inference', 'user:profile'],
    endsAt: NOW + 7 * DAY,
    isSpent: false,
    copyOf: null,
    lasted: [2 * DAY, 3 * DAY],
  }
  const trouble = { detail: 'DETAIL', remedy: 'REMEDY' }
  it('is missed where none is known, but for a list that cannot be read', () => {
    expect(said(checkAnyLogin(0))).toEqual([
      ['error', 'no login is looked after', 'claude /login   # then: vigil run refresh-tokens'],
    ])
    expect([checkAnyLogin(1), checkAnyLogin(null)]).toEqual([[], []])
  })
  it('is well, also where the store says less', () => {
    expect(checkLogins([login, { ...login, scopes: null, endsAt: null, lasted: [HOUR] }], NOW)).toEqual([])
  })
  it.each<[Partial<SeenLogin>, string, string, string]>([
    [
      { isDir: false, state: 'absent' },
      'error',
      'its directory is not there',
      'LOGIN   # or: vigil accounts pause work',
    ],
    [{ state: 'absent' }, 'error', 'no login is in its directory', 'LOGIN'],
    [{ state: 'noLogin' }, 'error', 'no login is in its directory', 'LOGIN'],
    [{ state: 'unknown', trouble }, 'warning', 'its login cannot be seen', 'REMEDY'],
    [{ state: 'corrupt', trouble }, 'error', 'its login is corrupt', 'LOGIN'],
    [{ state: 'refused', trouble }, 'error', 'its login is not safe to use', 'REMEDY'],
    [{ loggedOut: true }, 'error', 'it is logged out: Claude Code has blanked its login', 'LOGIN'],
    [
      { copyOf: '~/.claude' },
      'error',
      'its login is a copy of another one, and the first renewal of either ends both',
      'LOGIN',
    ],
    [{ isSpent: true }, 'error', 'its refresh token was used up elsewhere: an old copy, or another machine', 'LOGIN'],
    [{ canBeRenewed: false }, 'warning', 'its token cannot be renewed and cannot ask for quota', 'LOGIN'],
    [{ scopes: ['user:inference'] }, 'warning', 'its login may not ask for quota', 'LOGIN'],
    [{ endsAt: NOW + 7 * DAY - 1 }, 'warning', 'its login ends in 6 d, whatever is renewed', 'LOGIN'],
    [{ endsAt: NOW + DAY - 1 }, 'warning', 'its login ends in less than a day, whatever is renewed', 'LOGIN'],
    [{ endsAt: NOW }, 'warning', 'its login has reached its end, whatever is renewed', 'LOGIN'],
    [
      { lasted: [9 * DAY, 5 * HOUR, 3 * DAY - 1] },
      'warning',
      "its logins end far too soon, as they do where two machines use one and spend each other's tokens",
      'log in separately on each machine: LOGIN',
    ],
  ])('with %o: %s', (change, severity, what, remedy) => {
    expect(said(checkLogins([{ ...login, ...change }], NOW))).toEqual([[severity, `work: ${what}`, remedy]])
  })
  it.each([
    ['account', '~/.claude-work', null],
    ['nobody', '~/my logins', "vigil accounts add ~/'my logins'"],
    ['default', '~/.claude', "unset CLAUDE_CONFIG_DIR   # and take it out of your shell's start files"],
  ] as const)('in the directory of %s, which %s is by the variable: %j', (isOf, shown, remedy) => {
    expect(checkConfigDir(null)).toEqual([])
    expect(checkConfigDir({ shown, isOf }).map(finding => finding.remedy)).toEqual(remedy === null ? [] : [remedy])
  })
  it('is left aside by Claude Code where a variable says so', () => {
    expect(checkOverrides([])).toEqual([])
    const found = checkOverrides([
      { name: 'ANTHROPIC_API_KEY', where: 'the environment' },
      { name: 'apiKeyHelper', where: '~/.claude/settings.json' },
    ])
    expect(found.map(({ remedy }) => remedy)).toEqual([
      "unset ANTHROPIC_API_KEY   # and take it out of your shell's start files",
      'take apiKeyHelper out of ~/.claude/settings.json',
    ])
  })
})

describe('settings', () => {
  it('are told with every problem', () => {
    expect(checkPersonsFiles([{ file: 'vigil.yaml', problems: [], edit: 'EDIT' }])).toEqual([])
    const wrong = checkPersonsFiles([{ file: 'vigil.yaml', problems: ['line 1: a', 'line 2: b'], edit: 'EDIT' }])
    expect(wrong.map(({ evidence, remedy }) => [evidence, remedy])).toEqual([
      ['line 1: a', 'EDIT'],
      ['line 2: b', 'EDIT'],
    ])
  })
  it.each([
    ['file', null, []],
    ['cmd', null, []],
    ['plain', null, ['warning']],
    ['env', null, ['warning']],
    ['file', 'it is not there', ['error']],
  ] as const)('a secret as %s with the trouble %s: %j', (kind, trouble, severities) => {
    expect(checkSecrets([{ key: 'K', kind, trouble }], 'EDIT').map(({ severity }) => severity)).toEqual(severities)
  })
})

describe('the schedule', () => {
  const root = { shown: '~/vigil', isThere: true, isThis: true }
  const schedule: SeenSchedule = { by: ['cron'], roots: [root], cronRuns: true }
  it('is well', () => {
    expect(checkSchedule(schedule)).toEqual([])
    expect(checkSchedule({ ...schedule, by: ['systemd'], cronRuns: false })).toEqual([])
  })
  it.each<[Partial<SeenSchedule>, string, string, string]>([
    [{ by: [], roots: [] }, 'error', 'nothing starts the jobs', 'vigil install'],
    [
      { roots: [{ ...root, isThere: false, isThis: false }] },
      'error',
      'the schedule leads to a checkout that is gone',
      'vigil install',
    ],
    [
      { roots: [{ ...root, isThis: false }] },
      'warning',
      'the schedule leads to another checkout than this one',
      'vigil install',
    ],
    [{ by: ['cron', 'systemd'] }, 'warning', 'more than one scheduler starts the jobs', 'vigil install'],
    [{ cronRuns: false }, 'error', 'no cron runs on this machine', 'sudo service cron start'],
  ])('with %o: %s', (change, severity, what, remedy) => {
    expect(said(checkSchedule({ ...schedule, ...change }))).toEqual([[severity, what, remedy]])
  })
  const job = (state: StatusJob['state']): StatusJob => ({
    job: 'watchdog',
    state,
    reason: 'REASON',
    last_started_at: null,
    last_success_at: null,
    exit_code: null,
    streak: null,
  })
  it.each([
    ['ok', null],
    ['running', null],
    ['failing', ['error', 'vigil log watchdog']],
    ['killed', ['warning', 'vigil log watchdog']],
    ['overdue', ['error', 'vigil run watchdog']],
    ['never', ['warning', 'vigil run watchdog']],
  ] as const)('of a job that is %s: %j', (state, expected) => {
    expect(checkRuns([job(state)]).map(({ severity, remedy }) => [severity, remedy])[0] ?? null).toEqual(expected)
  })
  it('of jobs that never ran are one, and settings that are wrong are not told at each job', () => {
    expect(checkRuns([job('never'), job('never')]).map(({ what, remedy }) => [what, remedy])).toEqual([
      ['no job has ever run', 'vigil install'],
    ])
    const reason = 'vigil.yaml has 2 problems; nothing was changed:\n  line 1: no\n  line 2: no'
    expect(checkRuns([{ ...job('failing'), reason }]).map(({ evidence }) => evidence)).toEqual([
      'vigil.yaml has 2 problems; nothing was changed',
    ])
  })
  it('shares the machine with no other that renews logins', () => {
    expect(checkRivals(['/usr/bin/vim notes-on-ccflare.md', 'claude', 'sshd: me'])).toEqual([])
    const found = checkRivals([
      'node /opt/ccflare/server.js',
      '/usr/local/bin/ccflare',
      'python3 /x/claude-swap --daemon',
    ])
    expect(found.map(({ what }) => what.split(' ')[0])).toEqual(['ccflare', 'claude-swap'])
  })
})

describe('channels', () => {
  const channels: SeenChannels = {
    anyConfirms: true,
    hasDeadMan: true,
    desktop: { problem: null },
    smtp: { server: 'smtp.example.com', problem: null },
  }
  it('are well, also without a desktop and without mail', () => {
    expect(checkChannels(channels, 'EDIT')).toEqual([])
    expect(checkChannels({ ...channels, desktop: null, smtp: null }, 'EDIT')).toEqual([])
  })
  it.each<[Partial<SeenChannels>, Array<[string, string]>]>([
    [{ smtp: { server: 'mx', problem: '535' } }, [['smtp', 'error']]],
    [{ desktop: { problem: 'no bus' } }, [['desktop', 'info']]],
    [
      { desktop: { problem: 'no bus' }, anyConfirms: false },
      [
        ['desktop', 'warning'],
        ['channels', 'warning'],
      ],
    ],
    [{ hasDeadMan: false }, [['dead_man', 'info']]],
  ])('with %o: %j', (change, expected) => {
    const found = checkChannels({ ...channels, ...change }, 'EDIT')
    expect(found.map(({ check, severity }) => [check, severity])).toEqual(expected)
  })
})

describe('programs', () => {
  const programs: SeenPrograms = {
    node: 'v26.10.0',
    pinnedNode: '26.10.0',
    lockProblem: null,
    ccusageProblem: null,
    claude: '2.1.250',
  }
  it('are well, also where Claude Code does not say its version', () => {
    expect(checkPrograms(programs)).toEqual([])
    expect(checkPrograms({ ...programs, claude: null })).toEqual([])
  })
  it.each<[Partial<SeenPrograms>, string, string]>([
    [{ node: 'v24.1.0' }, 'node', 'error'],
    [{ lockProblem: 'no sqlite' }, 'locks', 'error'],
    [{ ccusageProblem: 'missing' }, 'ccusage', 'error'],
    [{ claude: '2.2.0' }, 'claude', 'info'],
  ])('with %o: %s', (change, check, severity) => {
    expect(checkPrograms({ ...programs, ...change }).map(finding => [finding.check, finding.severity])).toEqual([
      [check, severity],
    ])
  })
})
