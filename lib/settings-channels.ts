// The part of vigil.yaml that says where messages go. What is wrong here is never shown with its value: it may be a secret.

import { messageRefusal } from './edges/http.ts'
import { type AllSettings, carriesSecret, type Settings } from './settings-defaults.ts'
import * as v from './valibot.ts'

/** One line of text. */
export const oneLine = v.pipe(v.string('is no text'), v.regex(/^[^\r\n\0]+$/, 'has to be one line of text'))
export const flag = v.boolean('has to be true or false')
const severity = v.picklist(['info', 'warning', 'critical'], 'has to be info, warning or critical')
const name = v.pipe(
  v.string('is no text'),
  v.regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,31}$/u,
    'has to be a short name of letters, digits, dots, dashes and underscores',
  ),
)
const SPEC = /^(?:file|env|cmd):./
/** No part of it is checked where it is only named here. */
const address = v.pipe(
  oneLine,
  v.check(
    text => SPEC.test(text) || /^https?:\/\/[^/]/.test(text),
    'has to begin with https:// (or http://), or to be file:PATH, env:NAME or cmd:COMMAND',
  ),
)
/** An address, alone or behind a name in angle brackets. More than one, or none, would be found out only by the server. */
const mailbox = v.pipe(
  oneLine,
  v.regex(/^(?:[^<>,;@]*<[^\s<>,;@]+@[^\s<>,;@]+>|[^\s<>,;@]+@[^\s<>,;@]+)$/, 'is no mail address'),
)

export const ChannelsFile = v.strictObject({
  desktop: v.optional(v.strictObject({ enabled: v.optional(flag), min_severity: v.optional(severity) })),
  email: v.optional(
    v.nullable(
      v.strictObject({
        to: v.pipe(
          v.array(mailbox, 'is no list; write addresses such as [me@example.com]'),
          v.minLength(1, 'needs at least one address'),
        ),
        from: mailbox,
        smtp: v.strictObject({
          host: v.pipe(oneLine, v.regex(/^[\w.:-]+$/, 'has to be the name of a server, such as smtp.example.com')),
          port: v.pipe(
            v.number('is no port'),
            v.integer('is no port'),
            v.minValue(1, 'is no port'),
            v.maxValue(65535, 'is no port'),
          ),
          user: v.optional(v.nullable(oneLine)),
          password: v.optional(v.nullable(oneLine)),
        }),
        min_severity: v.optional(severity),
      }),
    ),
  ),
  webhooks: v.optional(
    v.array(
      v.strictObject({
        name,
        kind: v.picklist(
          ['json', 'slack', 'discord', 'ntfy', 'telegram', 'pagerduty', 'ping', 'alertmanager'],
          'is no kind of webhook; known are json, slack, discord, ntfy, telegram, pagerduty, ping, alertmanager',
        ),
        url: v.optional(address),
        token: v.optional(oneLine),
        peers: v.optional(
          v.pipe(
            v.array(address, 'is no list; write URLs such as [http://127.0.0.1:9093]'),
            v.minLength(1, 'needs at least one URL'),
          ),
        ),
        min_severity: v.optional(severity),
      }),
    ),
  ),
  exec: v.optional(
    v.array(
      v.strictObject({
        name,
        command: v.pipe(
          v.array(oneLine, 'is no list; write the program and its arguments, such as [~/bin/tell-me, --loud]'),
          v.minLength(1, 'needs at least the program'),
        ),
        min_severity: v.optional(severity),
      }),
    ),
  ),
})
type ChannelsFile = v.InferOutput<typeof ChannelsFile>
type WebhookFile = NonNullable<ChannelsFile['webhooks']>[number]

export const DeadManFile = v.strictObject({
  watchdog: v.optional(v.nullable(oneLine)),
  jobs: v.optional(v.record(v.string(), oneLine)),
})
type DeadManFile = v.InferOutput<typeof DeadManFile>

interface ChannelProblem {
  path: (string | number)[]
  message: string
}

/** What the parts of the section have to be to each other. */
export function checkChannels(file: ChannelsFile): ChannelProblem[] {
  const problems: ChannelProblem[] = []
  const say = (path: (string | number)[], message: string) => problems.push({ path: ['channels', ...path], message })
  const smtp = file.email?.smtp
  if (smtp && (smtp.user ?? null) === null && (smtp.password ?? null) !== null) {
    say(['email', 'smtp', 'password'], 'needs a user beside it')
  }
  if (smtp && (smtp.user ?? null) !== null && (smtp.password ?? null) === null) {
    say(['email', 'smtp', 'user'], 'needs a password beside it')
  }
  const taken = ['desktop', 'email']
  for (const section of ['webhooks', 'exec'] as const) {
    for (const [index, { name }] of (file[section] ?? []).entries()) {
      if (taken.includes(name)) say([section, index, 'name'], 'is taken: each channel needs a name of its own')
      taken.push(name)
    }
  }
  for (const [index, webhook] of (file.webhooks ?? []).entries()) {
    for (const [key, message] of webhookProblems(webhook)) say(['webhooks', index, key], message)
  }
  return problems
}

function webhookProblems(webhook: WebhookFile): [string, string][] {
  const { kind, url, token, peers } = webhook
  const problems: [string, string][] = []
  if (peers && kind !== 'alertmanager') problems.push(['peers', 'are for alertmanager only; give a url'])
  if (urlsOf(webhook).length === 0)
    problems.push(['name', `has no url${kind === 'alertmanager' ? ' and no peers' : ''}`])
  if (kind === 'pagerduty' && token === undefined)
    problems.push(['kind', 'needs a token: the integration’s routing key'])
  if (token !== undefined && ['slack', 'discord', 'telegram', 'ping'].includes(kind)) {
    problems.push(['token', `is not for ${kind}: its secret is a part of the url`])
  }
  for (const text of urlsOf(webhook).filter(text => !SPEC.test(text))) {
    const refusal = URL.canParse(text) ? messageRefusal(new URL(text), carriesSecret(webhook)) : 'is no URL'
    if (refusal) problems.push([text === url ? 'url' : 'peers', refusal])
  }
  return problems
}

function urlsOf({ url, peers = [], kind }: WebhookFile): string[] {
  const pagerduty = kind === 'pagerduty' ? ['https://events.pagerduty.com/v2/enqueue'] : []
  const own = url === undefined ? pagerduty : [url]
  return [...own, ...peers]
}

/** @param file a section without problems */
export function toDelivery(
  file: ChannelsFile,
  deadMan: DeadManFile,
): Pick<AllSettings, 'channels' | 'deadMan' | 'delivery'> {
  const least = (written: 'info' | 'warning' | 'critical' | undefined) => written ?? 'warning'
  const desktop = {
    enabled: file.desktop?.enabled ?? true,
    minSeverity: least(file.desktop?.min_severity),
  }
  const email = file.email
    ? {
        to: file.email.to,
        from: file.email.from,
        smtp: {
          ...file.email.smtp,
          user: file.email.smtp.user ?? null,
          password: file.email.smtp.password ?? null,
        },
        minSeverity: least(file.email.min_severity),
      }
    : null
  const webhooks = (file.webhooks ?? []).map(webhook => ({
    name: webhook.name,
    kind: webhook.kind,
    urls: urlsOf(webhook) as [string, ...string[]],
    token: webhook.token ?? null,
    minSeverity: least(webhook.min_severity),
  }))
  const exec = (file.exec ?? []).map(({ name, command, min_severity }) => ({
    name,
    command: command as [string, ...string[]],
    minSeverity: least(min_severity),
  }))
  const pings = { watchdog: deadMan.watchdog ?? null, jobs: deadMan.jobs ?? {} }
  const spec = (name: string, { minSeverity }: { minSeverity: 'info' | 'warning' | 'critical' }, confirms = true) => ({
    name,
    minSeverity,
    confirms,
  })
  const delivery: Settings['delivery'] = {
    channels: [
      ...(desktop.enabled ? [spec('desktop', desktop, false)] : []),
      ...(email ? [spec('email', email)] : []),
      ...webhooks.filter(({ kind }) => kind !== 'alertmanager').map(webhook => spec(webhook.name, webhook)),
      ...exec.map(program => spec(program.name, program)),
    ],
    mirrors: webhooks.filter(({ kind }) => kind === 'alertmanager').map(webhook => webhook.name),
    deadMan: pings.watchdog !== null || Object.keys(pings.jobs).length > 0,
  }
  return { channels: { desktop, email, webhooks, exec }, deadMan: pings, delivery }
}
