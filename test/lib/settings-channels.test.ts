import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pathsFor } from '../../lib/paths.ts'
import { loadAllSettings, loadSettings, readEnvironment } from '../../lib/settings.ts'
import { DEFAULT_SETTINGS } from '../../lib/settings-defaults.ts'
import { parseSettings } from '../../lib/settings-schema.ts'

const problemsOf = (text: string): string[] => {
  try {
    parseSettings(text)
  } catch (error) {
    return (error as { problems: string[] }).problems
  }
  return []
}
const hook = (words: string) => `channels:\n  webhooks:\n    - { name: a, ${words} }\n`

const EXAMPLE = `
channels:
  desktop: { min_severity: critical }
  email: { to: [me@example.com], from: "Vigil <vigil@example.com>", smtp: { host: smtp.example.com, port: 587, user: me, password: "env:P" } }
  webhooks:
    - { name: phone, kind: ntfy, url: "https://ntfy.example/topic", token: "file:~/.config/vigil/ntfy", min_severity: info }
    - { name: pager, kind: pagerduty, token: "cmd:pass show pager" }
    - { name: am, kind: alertmanager, peers: ["http://am-1.example:9093", "http://am-2.example:9093"] }
  exec:
    - { name: lamp, command: [~/bin/lamp, --red] }
dead_man: { jobs: { refresh-tokens: "https://ping.example/x" } }
`

describe('delivery', () => {
  it('is the desktop alone without any settings', () => {
    expect(parseSettings('').delivery).toEqual(DEFAULT_SETTINGS.delivery)
    expect(DEFAULT_SETTINGS.delivery).toEqual({
      channels: [{ name: 'desktop', minSeverity: 'warning', confirms: false }],
      mirrors: [],
      deadMan: false,
    })
  })
  it('names every channel, and holds no part of any secret', () => {
    const { delivery } = parseSettings(EXAMPLE)
    expect(delivery).toEqual({
      channels: [
        { name: 'desktop', minSeverity: 'critical', confirms: false },
        { name: 'email', minSeverity: 'warning', confirms: true },
        { name: 'phone', minSeverity: 'info', confirms: true },
        { name: 'pager', minSeverity: 'warning', confirms: true },
        { name: 'lamp', minSeverity: 'warning', confirms: true },
      ],
      mirrors: ['am'],
      deadMan: true,
    })
  })
  it('knows where PagerDuty is, and every peer of an Alertmanager', () => {
    const { webhooks, exec } = parseSettings(EXAMPLE).channels
    expect(webhooks.map(({ urls }) => urls)).toEqual([
      ['https://ntfy.example/topic'],
      ['https://events.pagerduty.com/v2/enqueue'],
      ['http://am-1.example:9093', 'http://am-2.example:9093'],
    ])
    expect(exec).toEqual([{ name: 'lamp', command: ['~/bin/lamp', '--red'], minSeverity: 'warning' }])
  })
  it('is without the desktop where that is turned off', () => {
    expect(parseSettings('channels: { desktop: { enabled: false } }').delivery.channels).toEqual([])
  })
  it('is kept with the parsed copy, and the channels themselves are not', async () => {
    const home = mkdtempSync(join(homedir(), 'delivery-'))
    const paths = pathsFor(home, join(home, '.claude'))
    mkdirSync(dirname(paths.settings), { recursive: true })
    writeFileSync(paths.settings, EXAMPLE)
    const settings = await loadSettings(paths, Date.now() + 60_000)
    expect(settings.delivery.mirrors).toEqual(['am'])
    expect(settings).not.toHaveProperty('channels')
    const kept = readFileSync(paths.parsedSettings, 'utf8')
    expect(kept).toContain('"phone"')
    for (const secret of ['ntfy.example', 'pass show', 'env:P', 'ping.example', 'smtp.example', '/bin/lamp']) {
      expect(kept).not.toContain(secret)
    }
    expect((await loadAllSettings(paths)).channels.exec).toHaveLength(1)
  })
  it('is had in full without a file too', async () => {
    const home = mkdtempSync(join(homedir(), 'delivery-'))
    const all = await loadAllSettings(pathsFor(home, join(home, '.claude')))
    expect(all.channels).toEqual({
      desktop: { enabled: true, minSeverity: 'warning' },
      email: null,
      webhooks: [],
      exec: [],
    })
  })
})

describe('channels in vigil.yaml', () => {
  it.each([
    [hook('kind: json'), 'line 3: channels.webhooks.0.name has no url'],
    [hook('kind: alertmanager'), 'line 3: channels.webhooks.0.name has no url and no peers'],
    [
      hook('kind: json, peers: ["https://h"]'),
      'line 3: channels.webhooks.0.peers are for alertmanager only; give a url',
    ],
    [hook('kind: pagerduty'), 'line 3: channels.webhooks.0.kind needs a token: the integration’s routing key'],
    [
      hook('kind: slack, url: "https://h/x", token: t'),
      'line 3: channels.webhooks.0.token is not for slack: its secret is a part of the url',
    ],
    [
      hook('kind: json, url: h/x'),
      'line 3: channels.webhooks.0.url has to begin with https:// (or http://), or to be file:PATH, env:NAME or cmd:COMMAND',
    ],
    [
      hook('kind: slack, url: "http://slack.example/x"'),
      'line 3: channels.webhooks.0.url slack.example would get a secret unencrypted; use https',
    ],
    [
      hook('kind: ntfy, url: "http://box.example/x", token: t'),
      'line 3: channels.webhooks.0.url box.example would get a secret unencrypted; use https',
    ],
    [
      'channels:\n  exec:\n    - { name: x, command: [a] }\n    - { name: x, command: [b] }\n',
      'line 4: channels.exec.1.name is taken: each channel needs a name of its own',
    ],
    [
      'channels:\n  webhooks: [{ name: email, kind: json, url: "https://h" }]\n',
      'line 2: channels.webhooks.0.name is taken: each channel needs a name of its own',
    ],
    [
      'channels:\n  exec: [{ name: "a@b#1", command: [a] }]\n',
      'line 2: channels.exec.0.name has to be a short name of letters, digits, dots, dashes and underscores',
    ],
    ['channels:\n  exec: [{ name: x, command: [] }]\n', 'line 2: channels.exec.0.command needs at least the program'],
    [
      'channels:\n  email: { to: [a@b.example, "c@d.example, e@f.example"], from: a@b.example, smtp: { host: h, port: 1 } }\n',
      'line 2: channels.email.to.1 is no mail address',
    ],
    [
      'channels:\n  email:\n    to: [a@b.example]\n    from: a@b.example\n    smtp: { host: h, port: 1, user: u }\n',
      'line 5: channels.email.smtp.user needs a password beside it',
    ],
  ])('refuse %j', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })
  it.each([
    hook('kind: ntfy, url: "http://box.example/topic"'),
    hook('kind: json, url: "http://box.example/x"'),
    hook('kind: slack, url: "http://127.0.0.1:1/x"'),
    hook('kind: slack, url: "file:~/x"'),
    hook('kind: alertmanager, url: "http://am.example:9093", peers: ["http://am-2.example:9093"]'),
    'channels:\n  exec: [{ name: Büro-1, command: [a] }]\n',
  ])('take %j', text => {
    expect(problemsOf(text)).toEqual([])
  })
})

describe('the environment', () => {
  it('gives one variable by its name, and no child any of them', () => {
    const environment = readEnvironment({ HOME: '/h', SMTP_PASSWORD: 'hunter2' })
    expect(environment.secretFromEnv('SMTP_PASSWORD')).toBe('hunter2')
    expect(environment.secretFromEnv('NONE')).toBeNull()
    expect(JSON.stringify(environment)).not.toContain('hunter2')
  })
})
