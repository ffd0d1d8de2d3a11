import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Paths, pathsFor } from '../../lib/paths.ts'
import { loadSettings, readEnvironment } from '../../lib/settings.ts'
import { DEFAULT_SETTINGS, SettingsError } from '../../lib/settings-defaults.ts'
import { parseSettings } from '../../lib/settings-schema.ts'
import { DEFAULT_STATUSLINE } from '../../lib/statusline/line.ts'

const problemsOf = (text: string): string[] => {
  try {
    parseSettings(text)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

describe('vigil.yaml', () => {
  it('may be empty, or all comments', () => {
    expect(parseSettings('')).toMatchObject(DEFAULT_SETTINGS)
    expect(parseSettings('# nothing yet\n')).toMatchObject(DEFAULT_SETTINGS)
  })
  it('takes the example of the contract', () => {
    const settings = parseSettings(`
endpoints: { api: https://api.anthropic.com, token: https://platform.claude.com/v1/oauth/token }
refresh: direct
refresh_ahead: 30m
quota:   { sources: [statusline, oauth], every: 5m, fresh_for: 10m, stale_after: 15m, unreliable_after: 60m, max_requests_per_hour: 20, alert_at: [80, 95] }
billing: { budget_usd: { daily: 50, block: null, weekly: null }, alert_at: [80, 100], ccusage_timeout: 60s }
alerts:  { repeat_every: 4h, quiet_hours: { from: "22:00", to: "07:00", zone: Europe/Berlin } }
channels:
  desktop:  { enabled: true, min_severity: warning }
  email:    { to: [me@example.com], from: vigil@example.com, smtp: { host: smtp.example.com, port: 587, user: me, password: "file:~/.config/vigil/smtp" }, min_severity: warning }
  webhooks: [ { name: phone, kind: ntfy, url: "https://ntfy.sh/mytopic" }, { name: team, kind: slack, url: "file:~/.config/vigil/slack" } ]
dead_man: { watchdog: "https://hc-ping.com/…", jobs: {} }
failover: { enabled: false }
`)
    expect(settings.billing.budgetUsd).toEqual({ daily: 50, block: null, weekly: null })
    expect(settings.alerts.quietHours?.zone).toBe('Europe/Berlin')
    expect(settings.channels.webhooks.map(hook => hook.minSeverity)).toEqual(['warning', 'warning'])
    expect(settings.quota).toEqual(DEFAULT_SETTINGS.quota)
  })
  it('says what the status line shows', () => {
    const { statusline } = parseSettings(
      'statusline: { segments: [git, weekly], variant: ascii, lines: 2, levels: [70] }',
    )
    expect(statusline).toEqual({
      ...DEFAULT_SETTINGS.statusline,
      segments: ['git', 'weekly'],
      variant: 'ascii',
      lines: 2,
      levels: [70],
    })
    const wrong = [
      'segments: []',
      'segments: [git, git]',
      'segments: [moon]',
      'variant: bold',
      'lines: 0',
      'lines: 4',
      'colors: 1',
      'levels: [9, 9]',
    ]
    for (const one of wrong) expect([one, problemsOf(`statusline: { ${one} }`).length]).toEqual([one, 1])
  })
  it('reports all problems at once, each with its line', () => {
    const text = [
      'refresh: sometimes',
      'quota:',
      '  every: 5 minutes',
      '  chanels: 1',
      'billing:',
      '  alert_at: [95, 80]',
      'endpoints: { api: "http://example.com" }',
    ].join('\n')
    expect(problemsOf(text)).toEqual([
      'line 1: refresh has to be direct or off (it is "sometimes")',
      'line 3: quota.every is no duration; write a number and a unit, such as 30s, 5m or 4h (it is "5 minutes")',
      'line 4: quota.chanels is unknown here; check its spelling and indentation, or remove it',
      'line 6: billing.alert_at has to rise, such as [80, 95]',
      'line 7: endpoints.api may not receive tokens; only https on anthropic.com or claude.com, or http on loopback, may (it is "http://example.com")',
    ])
  })
  it('reports what YAML itself cannot read, with its line', () => {
    expect(problemsOf('quota:\n  every: [5m\nrefresh: off\n')[0]).toMatch(/^line \d+: /)
    expect(problemsOf('refresh: off\nrefresh: direct\n')[0]).toMatch(/^line 2: Map keys must be unique/)
  })
  it('refuses a list or a text as the whole', () => {
    expect(problemsOf('- a\n')).toEqual(['the file has to be a section with keys of its own, such as: refresh: off'])
  })
  it('takes "refresh: off" as it stands, which other YAML readers take for false', () => {
    expect(parseSettings('refresh: off').refresh).toBe('off')
  })
  it.each([
    ['quota: { every: 9m }', 'line 1: quota.fresh_for is 10m, but figures grow 640s old between two fetches'],
    ['quota: { fresh_for: 20m }', 'line 1: quota.stale_after is 15m, which is less than fresh_for (20m)'],
    ['quota: { stale_after: 60m }', 'line 1: quota.unreliable_after is 1h, which is not more than stale_after (1h)'],
    [
      'quota: { max_requests_per_hour: 11 }',
      'line 1: quota.max_requests_per_hour is 11, but every 5m needs 12 requests an hour',
    ],
    ['refresh_ahead: 19m', 'line 1: refresh_ahead is 19m, which leaves no second try'],
  ])('refuses %s by its relation to the others', (text, problem) => {
    expect(problemsOf(text)[0]).toContain(problem)
  })
  it.each([
    'quota: { every: 5m }',
    'quota: { stale_after: 10m }',
    'quota: { max_requests_per_hour: 12 }',
    'refresh_ahead: 20m',
  ])('takes %s, which is just right', text => {
    expect(problemsOf(text)).toEqual([])
  })
  it.each([
    'https://api.anthropic.com.evil.example',
    'https://user@api.anthropic.com',
    'https://evilanthropic.com',
    'http://api.anthropic.com',
    'http://127.0.0.1.evil.example',
    'http://10.0.0.1',
    'ftp://127.0.0.1',
    'api.anthropic.com',
  ])('lets no token go to %s', url => {
    expect(problemsOf(`endpoints: { api: "${url}" }`)).toHaveLength(1)
  })
  it.each([
    'https://api.anthropic.com',
    'https://anthropic.com',
    'https://platform.claude.com/x',
    'http://127.0.0.1:8080',
    'http://[::1]:9',
    'http://localhost:1',
  ])('lets tokens go to %s', url => {
    expect(problemsOf(`endpoints: { api: "${url}" }`)).toEqual([])
  })
})

describe('a problem', () => {
  const SECRET = 'hunter2-geheim'
  it.each([
    [
      'a password with a line break',
      `channels:\n  email: { to: [a], from: b, smtp: { host: h, port: 1, password: "${SECRET}\\n" } }`,
    ],
    ['a password block', `channels:\n  email: { to: [a], from: b, smtp: { host: h, port: 1, password: [${SECRET}] } }`],
    ['a webhook of two lines', `channels:\n  webhooks: [{ name: n, kind: slack, url: "https://h/${SECRET}\\n" }]`],
    ['a webhook that is no list', `channels: { webhooks: "https://h/${SECRET}" }`],
    ['key and value in one', `channels:\n  webhooks:\n    - { name: n, kind: slack, url=https://h/${SECRET} }`],
    ['a ping that is no section', `dead_man: "https://h/${SECRET}"`],
    ['pings that are no section', `dead_man: { jobs: "https://h/${SECRET}" }`],
    ['a ping that is no text', `dead_man: { jobs: { "https://h/${SECRET}": 1 } }`],
    ['an address for a token', `endpoints: { token: "https://h/${SECRET}" }`],
    ['a password that begins with *', `channels:\n  email: { smtp: { password: *${SECRET} } }`],
    ['a password that begins with |', `channels:\n  email:\n    smtp:\n      password: |${SECRET}\n`],
    ['a password with a backslash', `channels:\n  email: { smtp: { password: "\\U${SECRET}" } }`],
    ['a misspelt section', `chanels:\n  email:\n    password: |${SECRET}\n`],
  ])('never shows a secret: %s', (_name, text) => {
    const problems = problemsOf(text)
    expect(problems).not.toEqual([])
    for (const part of [SECRET, SECRET.slice(0, 7), SECRET.slice(8)]) expect(problems.join('\n')).not.toContain(part)
  })
  it('says all the same where it is and what to do', () => {
    expect(
      problemsOf(
        'channels:\n  email:\n    to: [a@b.example]\n    from: a@b.example\n    smtp:\n      host: h\n      port: 1\n      password: |\n        p\n',
      ),
    ).toEqual(['line 8: channels.email.smtp.password has to be one line of text'])
    expect(problemsOf('channels:\n  webhooks: "x"\n')).toEqual([
      'line 2: channels.webhooks Invalid type: Expected Array',
    ])
    expect(problemsOf('dead_man:\n  watchdog: "\\q"\n')).toEqual([
      'line 2: YAML cannot read this (BAD_DQ_ESCAPE); mind quotes and indentation',
    ])
  })
})

describe('user_agent', () => {
  it.each(['vigil – anna', 'Büro', '日本', 'a\\tb', ' a', ''])(
    'refuses %j, with which no request could be sent',
    name => {
      expect(problemsOf(`refresh: off\nuser_agent: "${name}"\n`)).toHaveLength(1)
    },
  )
  it('takes printable ASCII', () => {
    expect(parseSettings('user_agent: "vigil/1.0 (me@example.com; ~!)"').userAgent).toBe(
      'vigil/1.0 (me@example.com; ~!)',
    )
  })
})

describe('the file and what is kept of it', () => {
  let paths: Paths
  beforeEach(() => {
    const home = mkdtempSync(join(homedir(), 'settings-'))
    paths = pathsFor(home, join(home, '.claude'))
    mkdirSync(dirname(paths.settings), { recursive: true })
  })
  /** Long enough after the file's last change for its meaning to be kept. */
  const load = () => loadSettings(paths, Date.now() + 60_000)
  const writeOff = () => writeFileSync(paths.settings, 'refresh: off\n')
  const problemOf = async () => ((await load().catch(caught => caught)) as SettingsError).problems

  it('that was here and is gone is a problem, and no reason for the defaults', async () => {
    writeOff()
    expect((await load()).refresh).toBe('off')
    renameSync(paths.settings, `${paths.settings}.away`)
    expect(await problemOf()).toEqual([
      'it was here and is gone; put it back, or, to go on with the defaults, confirm that by removing ~/.claude/session-health/parsed/vigil.json',
    ])
    rmSync(paths.parsedSettings)
    expect(await load()).toBe(DEFAULT_SETTINGS)
  })
  it('is a problem as a link that leads nowhere, known from before or not', async () => {
    symlinkSync(join(paths.home, 'dotfiles', 'vigil.yaml'), paths.settings)
    expect(await problemOf()).toEqual(['~/.claude/config/vigil.yaml is a link that leads nowhere; mend or remove it'])
  })
  it('never keeps the run waiting as a FIFO', async () => {
    execFileSync('mkfifo', [paths.settings])
    expect(await problemOf()).toEqual(['it cannot be read: it is no regular file'])
  })
  it.each([
    ['without a key', (kept: { settings: Record<string, unknown> }) => delete kept.settings['billing']],
    [
      'with a key of another type',
      (kept: { settings: Record<string, unknown> }) => (kept.settings['refreshAheadMs'] = '30m'),
    ],
    ['of another version', (kept: object) => Object.assign(kept, { version: '0.0.0' })],
  ])('is parsed again where the copy is %s', async (_name, spoil) => {
    writeOff()
    const settings = await load()
    const kept = JSON.parse(readFileSync(paths.parsedSettings, 'utf8'))
    kept.settings.refresh = 'direct'
    writeFileSync(paths.parsedSettings, JSON.stringify(kept))
    expect((await load()).refresh).toBe('direct') // The copy answers while it is whole.
    spoil(kept)
    writeFileSync(paths.parsedSettings, JSON.stringify(kept))
    expect(await load()).toEqual(settings)
  })
})

describe('the environment', () => {
  const env = { HOME: homedir() }
  it('puts everything under ~/.claude, whatever CLAUDE_CONFIG_DIR says', () => {
    expect(readEnvironment({ ...env, CLAUDE_CONFIG_DIR: '/elsewhere' }).paths.vigilHome).toBe(`${homedir()}/.claude`)
    expect(readEnvironment({ ...env, VIGIL_HOME: '/v' }).paths.health).toBe('/v/session-health')
  })
  it('refuses a VIGIL_HOME that is relative', () => {
    expect(() => readEnvironment({ ...env, VIGIL_HOME: 'here' })).toThrow('no absolute path')
  })
  it('hands no token of the environment to a child', () => {
    expect(
      readEnvironment({ ...env, ANTHROPIC_API_KEY: 'sk', CLAUDE_CODE_OAUTH_TOKEN: 'x' }).childEnv,
    ).not.toHaveProperty('ANTHROPIC_API_KEY')
  })
  it('has settings without any file, and reads one that is there', async () => {
    const { paths } = readEnvironment({ HOME: homedir(), VIGIL_HOME: `${homedir()}/v` })
    expect(await loadSettings(paths, Date.now())).toBe(DEFAULT_SETTINGS)
    mkdirSync(dirname(paths.settings), { recursive: true })
    writeFileSync(paths.settings, 'refresh: off\n')
    expect((await loadSettings(paths, Date.now())).refresh).toBe('off')
  })
})

it('has the same defaults for the status line in both places', () => {
  expect(DEFAULT_SETTINGS.statusline).toEqual(DEFAULT_STATUSLINE)
})
