// Writes the two JSON schemas that are generated from ours: vigil.schema.json, with which editors complete and check
// vigil.yaml, and docs/status.schema.json for `vigil status --json`. With --check it only says whether they are in step.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toJsonSchema } from '@valibot/to-json-schema'
import { Status } from '../lib/domain/status.ts'
import { DEFAULT_SETTINGS } from '../lib/settings-defaults.ts'
import { SettingsFile } from '../lib/settings-schema.ts'
import { span } from '../lib/timings.ts'

interface Note {
  description: string
  default?: unknown
  examples?: unknown[]
}

const { endpoints, quota, billing, alerts, statusline } = DEFAULT_SETTINGS
const severity: Note = { description: 'Nothing below this severity goes here.', default: 'warning' }
const secret = 'Rather file:PATH (mode 0600), env:NAME or cmd:COMMAND than the secret itself.'

/** What an editor shows beside each key; `[]` stands for the items of a list, `*` for keys of one's own choice. */
const NOTES: Record<string, Note> = {
  endpoints: { description: "Where Claude's endpoints are. Tokens go nowhere else." },
  'endpoints.api': {
    description: 'Of the usage figures: https on anthropic.com or claude.com, or http on loopback.',
    default: endpoints.api,
  },
  'endpoints.token': {
    description: 'Of the token refresh: https on anthropic.com or claude.com, or http on loopback.',
    default: endpoints.token,
  },
  refresh: {
    description: 'direct: Vigil renews tokens itself. off: read-only, no token is ever rotated.',
    default: DEFAULT_SETTINGS.refresh,
  },
  refresh_ahead: {
    description: 'How long before its end an access token is renewed; at least two runs of refresh-tokens (20m).',
    default: span(DEFAULT_SETTINGS.refreshAheadMs),
    examples: ['30m', '1h'],
  },
  user_agent: { description: 'How Vigil names itself to the endpoints; vigil/<version> unless set.' },
  quota: { description: 'How quota figures are fetched, and how old they may be.' },
  'quota.sources': { description: 'Where figures may come from.', default: quota.sources },
  'quota.every': { description: 'How often an account is asked.', default: span(quota.everyMs), examples: ['5m'] },
  'quota.fresh_for': {
    description: 'Up to this age figures are fresh; it has to cover the time between two fetches.',
    default: span(quota.freshForMs),
    examples: ['10m'],
  },
  'quota.stale_after': {
    description: 'At least fresh_for and less than unreliable_after.',
    default: span(quota.staleAfterMs),
    examples: ['15m'],
  },
  'quota.unreliable_after': {
    description: 'Above this age figures are only a lower bound.',
    default: span(quota.unreliableAfterMs),
    examples: ['60m'],
  },
  'quota.max_requests_per_hour': {
    description: 'For each account, over all machines. 20 is safe; from about 28 on the endpoint blocks the account.',
    default: quota.maxRequestsPerHour,
  },
  'quota.alert_at': {
    description: 'Percent used, rising: the first level is high, the last one is near the limit.',
    default: quota.alertAt,
  },
  billing: { description: 'What may be spent, and how it is measured.' },
  'billing.budget_usd': { description: 'Budgets in US dollars; null = none.' },
  'billing.budget_usd.daily': { description: 'US dollars a day; null = none.', default: billing.budgetUsd.daily },
  'billing.budget_usd.block': {
    description: 'US dollars a five-hour block; null = none.',
    default: billing.budgetUsd.block,
  },
  'billing.budget_usd.weekly': { description: 'US dollars a week; null = none.', default: billing.budgetUsd.weekly },
  'billing.alert_at': { description: 'Percent of a budget, rising.', default: billing.alertAt },
  'billing.ccusage_timeout': {
    description: 'How long one run of ccusage may take before it is ended.',
    default: span(billing.ccusageTimeoutMs),
    examples: ['60s'],
  },
  alerts: { description: 'When messages are sent.' },
  'alerts.repeat_every': {
    description: 'How often an alert that goes on is told again.',
    default: span(alerts.repeatEveryMs),
    examples: ['4h'],
  },
  'alerts.quiet_hours': {
    description: 'Meanwhile only critical alerts are told; null = never quiet.',
    default: alerts.quietHours,
  },
  'alerts.quiet_hours.from': { description: 'Hours and minutes, quoted.', examples: ['22:00'] },
  'alerts.quiet_hours.to': { description: 'Hours and minutes, quoted.', examples: ['07:00'] },
  'alerts.quiet_hours.zone': { description: 'The time zone of both.', examples: ['Europe/Berlin'] },
  channels: { description: 'Where alerts go.' },
  'channels.desktop': { description: 'Notices on the desktop of this machine. They are never confirmed.' },
  'channels.desktop.enabled': { description: 'Whether there are any.', default: true },
  'channels.desktop.min_severity': severity,
  'channels.email': { description: 'Mail by way of an SMTP server; null = none.' },
  'channels.email.to': { description: 'Who gets it.', examples: [['me@example.com']] },
  'channels.email.from': { description: "The sender's address.", examples: ['vigil@example.com'] },
  'channels.email.smtp': { description: 'The server. TLS is required except on loopback.' },
  'channels.email.smtp.host': { description: 'Its name.', examples: ['smtp.example.com'] },
  'channels.email.smtp.port': { description: 'Usually 587, or 465 for TLS from the start.', examples: [587, 465] },
  'channels.email.smtp.user': { description: 'The login there; null = none.' },
  'channels.email.smtp.password': { description: secret, examples: ['file:~/.config/vigil/smtp'] },
  'channels.email.min_severity': severity,
  'channels.webhooks': { description: 'Services that take a message by HTTP.' },
  'channels.webhooks[].name': { description: 'Its name in messages and logs.', examples: ['phone'] },
  'channels.webhooks[].kind': { description: 'What the service expects.' },
  'channels.webhooks[].url': {
    description: `Many of these URLs are secrets. Not needed for pagerduty, nor beside peers. ${secret}`,
  },
  'channels.webhooks[].token': {
    description: `A Bearer token for json, ntfy and alertmanager; for pagerduty the routing key. ${secret}`,
    examples: ['file:~/.config/vigil/ntfy'],
  },
  'channels.webhooks[].peers': {
    description: 'For alertmanager: the base URL of each peer of the cluster; all of them are told.',
    examples: [['http://127.0.0.1:9093']],
  },
  'channels.webhooks[].min_severity': severity,
  'channels.exec': { description: 'Programs of yours, which get the alert as JSON on stdin.' },
  'channels.exec[].name': { description: 'Its name in messages and logs.', examples: ['lamp'] },
  'channels.exec[].command': {
    description:
      'The program and its arguments; no shell. Exit code 0 = delivered, 75 = try later, any other = refused.',
    examples: [['~/bin/tell-me', '--loud']],
  },
  'channels.exec[].min_severity': severity,
  dead_man: {
    description:
      'URLs to ping, for a service that raises the alarm when the pings stop: it covers a machine that is off.',
  },
  'dead_man.watchdog': { description: 'Pinged after each run of the watchdog; null = none.' },
  'dead_man.jobs': { description: 'One URL for each job that is to have its own.' },
  'dead_man.jobs.*': { description: 'The URL for this job.' },
  failover: { description: 'Moving new sessions to another account when the current one is used up.' },
  'failover.enabled': { description: 'Off until you turn it on.', default: DEFAULT_SETTINGS.failover.enabled },
  'failover.strategy': {
    description:
      'Of several accounts that have room: the one with most, the one whose week ends soonest, or by priority.',
    default: DEFAULT_SETTINGS.failover.strategy,
  },
  'failover.levels': {
    description: 'Percent of a window at which an account is left ahead of the wall; null = only at the wall.',
    default: DEFAULT_SETTINGS.failover.levels,
  },
  'failover.levels.five_hour': { description: 'Of the five-hour window.' },
  'failover.levels.seven_day': { description: 'Of the weekly window.' },
  'failover.levels.accounts': {
    description: 'By slot, where one has levels of its own.',
    examples: [{ work: { five_hour: 80 } }],
  },
  'failover.levels.accounts.*': { description: 'The levels of this account.' },
  'failover.levels.accounts.*.five_hour': { description: 'Of its five-hour window.' },
  'failover.levels.accounts.*.seven_day': { description: 'Of its weekly window.' },
  'failover.cooldown': { description: 'After a switch nothing is switched for so long.', default: '5m' },
  'failover.priority': {
    description: 'Slots, the best first. Decides between equals with the other strategies.',
    examples: [['work', 'slot-2']],
  },
  'failover.priority[]': { description: 'A slot of claude-sessions.yaml.' },
  'failover.tmux': {
    description: 'Look for the banner of a reached limit in panes of tmux, for those without the StopFailure hook.',
    default: DEFAULT_SETTINGS.failover.tmux,
  },
  statusline: { description: 'What `vigil statusline` shows.' },
  'statusline.segments': {
    description: 'Which, in this order. On a narrow terminal the least important ones are left out.',
    default: statusline.segments,
  },
  'statusline.segments[]': { description: 'One part of the line.' },
  'statusline.variant': {
    description: 'emoji; ascii for terminals without; nerd for Nerd Fonts.',
    default: statusline.variant,
  },
  'statusline.colors': { description: 'Colours by level; NO_COLOR turns them off too.', default: statusline.colors },
  'statusline.lines': { description: 'On how many lines the segments stand.', default: statusline.lines },
  'statusline.levels': {
    description: 'Percent of a quota window or budget, rising: from the first on yellow, from the last on red.',
    default: statusline.levels,
  },
  'statusline.context_levels': {
    description: 'Percent of the context, rising: from the first on yellow, from the last on red.',
    default: statusline.contextLevels,
  },
}

/** Path below the repository's root and content of each generated file. */
export function schemaFiles(): Map<string, string> {
  const settings = toJsonSchema(SettingsFile, { typeMode: 'input', errorMode: 'ignore' }) as Node
  const unused = new Set(Object.keys(NOTES))
  annotate(settings, '', unused)
  if (unused.size > 0) throw new Error(`there is no such setting: ${[...unused].join(', ')}`)
  const head = { title: 'Vigil settings', description: 'vigil.yaml: every key is optional.' }
  const text = (schema: object) => `${JSON.stringify(schema, null, 2)}\n`
  return new Map([
    ['vigil.schema.json', text({ $schema: settings.$schema, ...head, ...settings })],
    ['docs/status.schema.json', text(toJsonSchema(Status, { typeMode: 'output', errorMode: 'throw' }))],
  ])
}

/** The files that are not what they should be. */
export function outOfStep(root: string): string[] {
  return [...schemaFiles()].filter(([path, text]) => readIfThere(`${root}/${path}`) !== text).map(([path]) => path)
}

interface Node extends Partial<Note> {
  $schema?: string
  properties?: Record<string, Node>
  additionalProperties?: Node | boolean
  items?: Node
  anyOf?: Node[]
  required?: string[]
}

function annotate(node: Node, path: string, unused: Set<string>): void {
  unused.delete(path)
  Object.assign(node, NOTES[path])
  if (node.required?.length === 0) delete node.required
  // A key that may be null: the note is about the key, so what is below belongs to the same path.
  for (const choice of node.anyOf ?? []) annotateBelow(choice, path, unused)
  annotateBelow(node, path, unused)
}

function annotateBelow(node: Node, path: string, unused: Set<string>): void {
  if (node.required?.length === 0) delete node.required
  for (const [key, child] of Object.entries(node.properties ?? {}))
    annotate(child, path === '' ? key : `${path}.${key}`, unused)
  if (node.items) annotate(node.items, `${path}[]`, unused)
  if (typeof node.additionalProperties === 'object') annotate(node.additionalProperties, `${path}.*`, unused)
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null // Never written yet, so out of step.
    throw error
  }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const changed = outOfStep(root)
  if (process.argv.includes('--check')) {
    for (const path of changed) process.stderr.write(`${path} is out of step; run: npm run schemas\n`)
    if (changed.length > 0) process.exitCode = 1
  } else {
    const files = schemaFiles()
    for (const path of changed) writeFileSync(`${root}/${path}`, files.get(path)!)
  }
}
