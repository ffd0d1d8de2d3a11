// From promised messages to sent ones: what is due now, and what an answer means for it.
import type { AlertState, AlertsFile, ChannelSpec, Message, Notice, OutboxEntry, SendResult } from '../domain/alert.ts'
import { isMuted } from './promises.ts'
import { isQuiet, silenceOf } from './quiet.ts'
import { tidied, type WatchRules } from './step.ts'

const MINUTE_MS = 60_000
/** The last one is repeated for ever: nothing is given up. */
const PAUSES_MS = [1, 2, 4, 8, 16, 30].map(minutes => minutes * MINUTE_MS)
/** A channel that refuses waits for a person. */
const REFUSED_PAUSE_MS = 30 * MINUTE_MS

/** What is due now, with the facts as they are now: one message for each channel and severity. */
export function planDelivery(file: AlertsFile, now: number, rules: WatchRules): Message[] {
  const batches = new Map<string, Message>()
  // Once, and only where something waits: a first look at a time zone costs a run 15 ms.
  const quiet = file.outbox.length > 0 && isQuiet(rules.quietHours, now)
  for (const channel of rules.channels) {
    for (const entry of file.outbox) {
      if (entry.channel !== channel.name || heldBy(file, entry, channel, now, quiet) !== null) continue
      const state = stateOf(file, entry)
      if (state === undefined) continue
      const notice = noticeOf(entry, state, now, rules.intervalMs)
      const key = `${channel.name} ${entry.severity}`
      const batch = batches.get(key)
      if (batch) batch.notices.push(notice)
      else batches.set(key, { id: notice.id, channel: channel.name, severity: entry.severity, notices: [notice], now })
    }
  }
  return [...batches.values()].map(message => ({ ...message, id: messageId(message.notices) }))
}

/** Of all its notices: a receiver that knows an id drops what comes under it, and a second try may hold more than the first. */
function messageId([first, ...others]: readonly [Notice, ...Notice[]]): string {
  if (others.length === 0) return first.id
  let hash = 0
  for (const char of others.map(({ id }) => id).join('\n')) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0
  return `${first.id}+${others.length}-${hash.toString(16)}`
}

/** Why a promised message does not go out now; null = it does. @param quiet whether these are quiet hours */
export function heldBy(
  file: AlertsFile,
  entry: OutboxEntry,
  channel: ChannelSpec,
  now: number,
  quiet: boolean,
): string | null {
  if (entry.next > now) return `next try in ${Math.ceil((entry.next - now) / 1000)} s, after ${entry.tries}`
  const silence = silenceOf(file, entry.key, now)
  if (silence !== null) return `silenced until ${new Date(silence.until).toISOString()}`
  const state = stateOf(file, entry)
  const begins = entry.kind === 'firing' || entry.kind === 'escalated' || entry.kind === 'flapping'
  if (begins && state !== undefined && isMuted(file, state, channel)) return 'another alert says more'
  if (entry.severity !== 'critical' && quiet) return 'quiet hours'
  return null
}

/** The file after an answer. A crash before it is saved makes the same message go out again, under the same id. */
export function markSent(file: AlertsFile, message: Message, result: SendResult, now: number): AlertsFile {
  const ids = new Set(message.notices.map(({ id }) => id))
  const mine = (entry: OutboxEntry) => ids.has(entry.id)
  const known = file.channels[message.channel] ?? { brokenSince: null, lastError: null, lastAcceptedAt: null }
  if (result.outcome === 'accepted' || result.outcome === 'unconfirmed') {
    const outbox = file.outbox.filter(entry => !mine(entry))
    const states = file.states.map(state => {
      const sent = file.outbox.filter(
        entry => mine(entry) && entry.key === state.key && entry.episode === state.episode,
      )
      return sent.reduce((told, entry) => withTold(told, entry, now), state)
    })
    const channel = { brokenSince: null, lastError: null, lastAcceptedAt: now }
    return tidied({ ...file, outbox, states, channels: { ...file.channels, [message.channel]: channel } }, now)
  }
  const refused = result.outcome === 'refused'
  const outbox = file.outbox.map(entry => {
    if (!mine(entry)) return entry
    const tries = entry.tries + 1
    const pauseMs = refused ? REFUSED_PAUSE_MS : Math.max(pauseAfter(entry.id, tries), retryAfterOf(result) ?? 0)
    return { ...entry, tries, next: now + pauseMs, last_error: result.detail }
  })
  const channel = {
    ...known,
    lastError: result.detail,
    brokenSince: refused ? (known.brokenSince ?? now) : known.brokenSince,
  }
  return { ...file, outbox, channels: { ...file.channels, [message.channel]: channel } }
}

function retryAfterOf(result: SendResult): number | null {
  return result.outcome === 'retry' ? result.retryAfterMs : null
}

/** Up to a tenth sooner, by the id: many messages that failed together must not all come back together. */
function pauseAfter(id: string, tries: number): number {
  const pauseMs = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1]!
  let hash = tries
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) % 1000
  return Math.round(pauseMs * (1 - hash / 10_000))
}

function withTold(state: AlertState, entry: OutboxEntry, now: number): AlertState {
  const before = state.told[entry.channel]
  if (entry.kind === 'resolved' || entry.kind === 'combined') return state
  const firing = (before?.firing ?? 0) + (entry.kind === 'firing' ? 1 : 0)
  const told = { firing: Math.max(1, firing), at: now, severity: entry.severity }
  return { ...state, told: { ...state.told, [entry.channel]: told } }
}

function noticeOf(entry: OutboxEntry, state: AlertState, now: number, intervalMs: number): Notice {
  const { id, kind, key, episode, severity } = entry
  const { name, labels, text, since, resolvedAt } = state
  const n = kind === 'firing' ? (state.told[entry.channel]?.firing ?? 0) + 1 : 1
  const lateMs = now - entry.at >= 2 * intervalMs ? now - entry.at : 0
  return { id, kind, key, name, labels, episode, n, severity, text, since, resolvedAt, lateMs }
}

function stateOf(file: AlertsFile, { key, episode }: OutboxEntry): AlertState | undefined {
  return file.states.find(state => state.key === key && state.episode === episode)
}
