// What each service wants to hear. Pure: a message in, requests out. Limits as each service documents them, as of 2026-11.
import { createHash } from 'node:crypto'
import type { Message, Notice, SendResult } from '../domain/alert.ts'
import { refused, retry } from './channel.ts'
import { codeRanges, DISCORD, markedUp, SLACK } from './markup.ts'
import { cut, isOver, type Rendered, textOf } from './render.ts'
import { cutTo, shorten } from './shorten.ts'
import { firstWords, type WebhookRequest } from './webhook.ts'

interface Target {
  url: string
  token: string | null
  /** Whose alerts these are, for services that many machines write to. */
  hostname: string
}

interface WebhookKind {
  /** False: a message holds one alert. */
  batches: boolean
  /** @throws Error with a sentence, where the URL is none that this service has */
  requests(message: Message, rendered: Rendered, target: Target): [WebhookRequest, ...WebhookRequest[]]
  judgeBody?: (body: string) => SendResult | null
}

const characters = (text: string) => text.length
const bytes = (text: string) => Buffer.byteLength(text)

/** The message as programs read it; `exec` gets the same. */
export function alertJson(message: Message, rendered: Rendered) {
  return {
    schema: 1,
    id: message.id,
    severity: message.severity,
    title: rendered.title,
    text: rendered.text,
    sent_at: new Date(message.now).toISOString(),
    alerts: message.notices.map(notice => ({
      id: notice.id,
      kind: notice.kind,
      over: isOver(notice),
      key: notice.key,
      name: notice.name,
      labels: notice.labels,
      episode: notice.episode,
      n: notice.n,
      severity: notice.severity,
      summary: notice.text.summary,
      details: notice.text.details,
      remedy: notice.text.remedy,
      affects: notice.text.affects,
      since: new Date(notice.since).toISOString(),
      resolved_at: notice.resolvedAt === null ? null : new Date(notice.resolvedAt).toISOString(),
      late_ms: notice.lateMs,
    })),
  }
}

const json: WebhookKind = {
  batches: true,
  requests: (message, rendered, target) => [
    jsonRequest(message, target.url, alertJson(message, rendered), bearer(target)),
  ],
}

const slack: WebhookKind = {
  batches: true,
  requests(message, rendered, { url }) {
    // 50 blocks a message, 3,000 characters a block.
    const shown = rendered.sections.slice(0, 48)
    const block = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } })
    const blocks = shown.map(section => block(markedUp({ sections: [section] }, 3000, SLACK)))
    const hidden = rendered.sections.length - shown.length
    if (hidden > 0) blocks.push(block(`… and ${hidden} more: \`vigil alerts\``))
    const title = { type: 'header', text: { type: 'plain_text', text: cut(rendered.title, 150) } }
    return [jsonRequest(message, url, { text: SLACK.escape(rendered.title), blocks: [title, ...blocks] })]
  },
  judgeBody(body) {
    const text = body.trim()
    if (text === 'ok' || parsed(text)?.['ok'] === true) return null
    const said = `Slack answered 200 and not "ok" (${firstWords(body)})`
    return /rate_?limited/.test(text) ? retry(said) : refused(said)
  },
}

const discord: WebhookKind = {
  batches: true,
  requests(message, rendered, { url }) {
    const head = `**${DISCORD.escape(rendered.title)}**\n`
    const content = head + markedUp(rendered, 2000 - head.length, DISCORD)
    // 4 = no previews of links. Nobody is to be mentioned by what stands in a text.
    return [jsonRequest(message, url, { content, flags: 4, allowed_mentions: { parse: [] } })]
  },
}

const NTFY_PRIORITY = { critical: 5, warning: 4, info: 3 }

const ntfy: WebhookKind = {
  batches: true,
  requests(message, rendered, target) {
    // As JSON, which takes any character in a title: that goes to the server's root, with the topic inside.
    const url = new URL(target.url)
    const [, base, topic] = /^(.*\/)([^/]+)\/?$/.exec(url.pathname) ?? []
    if (topic === undefined) throw new Error('its URL has to end with the topic, such as https://ntfy.sh/mytopic')
    url.pathname = base!
    const over = rendered.sections.every(({ notice }) => isOver(notice))
    const body = {
      topic: decodeURIComponent(topic),
      title: rendered.title,
      message: shorten(rendered, 4096, bytes),
      priority: over ? 3 : NTFY_PRIORITY[message.severity],
    }
    return [jsonRequest(message, url.href, body, bearer(target))]
  },
}

const telegram: WebhookKind = {
  batches: true,
  requests(message, rendered, target) {
    const url = new URL(target.url)
    const settings = Object.fromEntries(url.searchParams)
    if (!settings['chat_id']) throw new Error('its URL has to name the chat: …/sendMessage?chat_id=12345')
    url.search = ''
    if (!url.pathname.endsWith('/sendMessage')) url.pathname = `${url.pathname.replace(/\/$/, '')}/sendMessage`
    const head = `${rendered.title}\n\n`
    const text = head + shorten(rendered, 4096 - head.length, characters)
    const code = codeRanges(rendered, text).map(range => ({ type: 'code', ...range }))
    const entities = [{ type: 'bold', offset: 0, length: rendered.title.length }, ...code]
    const body = { ...settings, text, entities, link_preview_options: { is_disabled: true } }
    return [jsonRequest(message, url.href, body)]
  },
  judgeBody(body) {
    const answer = parsed(body)
    if (answer?.['ok'] !== false) return null
    const code = Number(answer['error_code'])
    const said = `Telegram refused it: ${firstWords(String(answer['description'] ?? code))}`
    const seconds = Number((answer['parameters'] as { retry_after?: unknown } | undefined)?.retry_after)
    return code === 429 || code >= 500 ? retry(said, seconds > 0 ? seconds * 1000 : null) : refused(said)
  },
}

const pagerduty: WebhookKind = {
  batches: false,
  requests(message, rendered, target) {
    const [section] = rendered.sections
    const { notice } = section
    // Fired and over while nobody could be told: both are said, or the incident would not be there, or never end.
    const actions = notice.kind === 'combined' ? (['trigger', 'resolve'] as const) : ([actionOf(notice)] as const)
    const payload = {
      summary: cut(`${section.name}: ${notice.text.summary}`, 1024),
      source: target.hostname,
      severity: notice.severity,
      timestamp: new Date(notice.since).toISOString(),
      component: 'vigil',
      class: notice.name,
      custom_details: { text: cutTo(textOf(section), 20_000, bytes), remedy: notice.text.remedy, ...notice.labels },
    }
    const event = { routing_key: target.token, dedup_key: dedupKey(notice, target.hostname), client: 'Vigil' }
    const bodies = actions.map(action => ({ ...event, event_action: action, payload }))
    return bodies.map(body => jsonRequest(message, target.url, body)) as [WebhookRequest, ...WebhookRequest[]]
  },
}

const ping: WebhookKind = {
  batches: true,
  requests(message, rendered, { url }) {
    const over = rendered.sections.every(({ notice }) => isOver(notice))
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', ...idempotency(message) }
    return [{ url: over ? url : pingUrl(url, '/fail'), headers, body: cutTo(rendered.text, 10_000, bytes) }]
  },
}

export const WEBHOOK_KINDS = { json, slack, discord, ntfy, telegram, pagerduty, ping }

/** A path behind a ping's URL, before its query. */
export function pingUrl(address: string, suffix: '' | '/start' | '/fail', rid?: string): string {
  const url = new URL(address)
  url.pathname = url.pathname.replace(/\/$/, '') + suffix
  if (rid !== undefined) url.searchParams.set('rid', rid)
  return url.href
}

function actionOf(notice: Notice): 'trigger' | 'resolve' {
  return isOver(notice) ? 'resolve' : 'trigger'
}

/** The same for all messages of an episode, on this machine. PagerDuty takes 255 characters. */
function dedupKey({ key, episode }: Notice, hostname: string): string {
  const plain = `vigil/${hostname}/${key}#${episode}`
  return plain.length <= 255 ? plain : `vigil/${createHash('sha256').update(plain).digest('hex')}`
}

function jsonRequest(
  message: Message,
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): WebhookRequest {
  return {
    url,
    headers: { 'Content-Type': 'application/json', ...idempotency(message), ...headers },
    body: JSON.stringify(body),
  }
}

/** A header takes ASCII only; names of channels and accounts may be more than that. */
function idempotency(message: Message): Record<string, string> {
  return { 'Idempotency-Key': message.id.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent) }
}

function bearer({ token }: Target): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` }
}

function parsed(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null
  } catch {
    return null // Not JSON: then it says nothing that is looked for.
  }
}
