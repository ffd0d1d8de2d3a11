// What each channel was sent and took, and what of that may be so. The oracle's half that looks at messages.
import {
  type AlertsFile,
  isAtLeast,
  type Message,
  type Notice,
  type OutboxEntry,
  type SendResult,
  type Severity,
} from '../../lib/domain/alert.ts'
import { ALERT_RULES } from '../../lib/domain/alert-rules.ts'
import { isOn, isSelfFound, type Truth } from './truth.ts'
import { violation } from './violation.ts'

const MINUTE = 60_000

/** All that one channel took for one key in one episode. */
export interface Heard {
  firing: number
  /** And of how many of them the file knows. */
  marked: number
  /** Other messages that say it is on. */
  others: number
  lastFiringMono: number
  /** Anything that says it is on. */
  lastOnMono: number
  worst: Severity | null
  over: boolean
}

/** One channel. */
export interface Ear {
  heard: Map<string, Heard>
  /** Ids that it took; true = and the mark was written, so that it may never come again. */
  taken: Map<string, boolean>
  /** Episodes that it was told of and not of their end. */
  believes: Set<string>
  /** By key: how often `flapping` was promised, less the `calm` that it took. */
  flaps: Map<string, number>
  /** No entry can wait for a later try after this. */
  cleanFromMono: number
  refusedMono: number | null
}

export const newEar = (): Ear => ({
  heard: new Map(),
  taken: new Map(),
  believes: new Set(),
  flaps: new Map(),
  cleanFromMono: 0,
  refusedMono: null,
})

export interface SendMoment {
  now: number
  mono: number
  quiet: boolean
  file: AlertsFile
  truths: ReadonlyMap<string, Truth>
  minSeverity: (channel: string) => Severity
  repeatEveryMs: number
  isSilenced: (key: string) => boolean
  /** The notices of each message id: receivers drop an id that they know, and with it whatever is new in it. */
  sentAs: Map<string, string>
}

export const idOf = (entry: Pick<OutboxEntry, 'key' | 'episode' | 'channel'>) => `${entry.key}#${entry.episode}`

/** What may be in one plan of messages. */
export function checkPlan(messages: readonly Message[], moment: SendMoment): void {
  const seen = new Set<string>()
  const ids = new Set<string>()
  for (const message of messages) {
    const batch = `${message.channel} ${message.severity}`
    if (seen.has(batch)) violation('coalescing', `two messages for ${batch} in one run`)
    seen.add(batch)
    if (message.now !== moment.now) violation('message', 'its now is another')
    if (!message.id.startsWith(message.notices[0].id)) violation('message', `${message.id} is not of its first notice`)
    const content = message.notices.map(({ id }) => id).join(' ')
    if ((moment.sentAs.get(message.id) ?? content) !== content) violation('message', `${message.id} with other notices`)
    moment.sentAs.set(message.id, content)
    if (moment.quiet && message.severity !== 'critical') violation('quiet-hours', message.id)
    for (const notice of message.notices) {
      if (ids.has(notice.id)) violation('twice', `${notice.id} twice in one plan`)
      ids.add(notice.id)
      checkNotice(notice, message, moment)
    }
  }
}

function checkNotice(notice: Notice, message: Message, moment: SendMoment): void {
  const { channel } = message
  const entry = moment.file.outbox.find(one => one.id === notice.id)
  const { id, key, kind } = notice
  if (entry === undefined) violation('not-promised', id)
  if (entry.channel !== channel) violation('message', `${id} is for ${entry.channel}`)
  if (entry.kind !== kind || entry.key !== key || entry.episode !== notice.episode)
    violation('message', `${id} differs`)
  if (notice.severity !== message.severity) violation('message', `${id} is ${notice.severity}`)
  if (entry.next > moment.now) violation('too-early', `${id} waits until ${entry.next}`)
  if (notice.lateMs < 0 || notice.lateMs > moment.now - entry.at) violation('late', id)
  if (moment.isSilenced(key)) violation('silenced', id)
  if (key === `ChannelBroken{${channel}}`) violation('own-broken', id)
  const isNews = kind === 'firing' || kind === 'escalated' || kind === 'flapping'
  if (isNews && !isAtLeast(notice.severity, moment.minSeverity(channel))) violation('severity', `${id} to ${channel}`)
  const { lasts } = ALERT_RULES[notice.name]
  const isEnd = kind === 'resolved' || kind === 'combined'
  if (isEnd && notice.resolvedAt === null) violation('resolved-at', id)
  if (kind === 'firing' && lasts && notice.resolvedAt !== null) violation('resolved-at', id)
  if (kind === 'resolved' && !lasts) violation('event-resolved', id)
  const truth = moment.truths.get(key)
  if (truth === undefined || isSelfFound(key)) return
  if (isNews && isOn(truth) && truth.episode === notice.episode && truth.muting[moment.minSeverity(channel)].muted)
    violation('inhibited', `${id} while its source is not over`)
  if ((kind === 'firing' || kind === 'escalated') && !(isOn(truth) && truth.episode === notice.episode))
    violation('not-firing', `${id} though it is ${truth.phase} in episode ${truth.episode}`)
  if ((kind === 'resolved' || kind === 'combined') && isOn(truth) && truth.episode === notice.episode)
    violation('not-over', `${id} though it is ${truth.phase}`)
  if (kind === 'firing' && notice.text.summary !== truth.summary)
    violation('old-facts', `${id}: ${notice.text.summary}, not ${truth.summary}`)
}

/** The channel has it. */
export function hear(ear: Ear, notice: Notice, moment: SendMoment): void {
  const { id, key, kind, episode, severity } = notice
  if (ear.taken.get(id) === true) violation('twice', `${id} again, though its mark was written`)
  const of = `${key}#${episode}`
  const heard = ear.heard.get(of) ?? nothingHeard()
  ear.heard.set(of, heard)
  const isEnd = kind === 'resolved' || kind === 'combined'
  const isOn = !isEnd && (kind !== 'calm' || notice.resolvedAt === null)
  if (kind === 'calm') forget(ear, key)
  if (isOn && ALERT_RULES[notice.name].lasts) ear.believes.add(of)
  else ear.believes.delete(of)
  if (isOn && (heard.worst === null || isAtLeast(severity, heard.worst))) heard.worst = severity
  if (ear.taken.has(id)) return
  ear.taken.set(id, false)
  if (kind === 'firing') hearFiring(heard, notice, moment)
  if (kind === 'resolved' && heard.worst === null) violation('resolved-untold', id)
  if (isEnd && heard.over) violation('over-twice', id)
  if (kind === 'firing' && heard.over) violation('after-over', id)
  if (isEnd) heard.over = true
  else if (kind !== 'firing') heard.others += 1
  if (isOn) heard.lastOnMono = moment.mono
}

function forget(ear: Ear, key: string): void {
  for (const of of ear.believes) if (of.startsWith(`${key}#`)) ear.believes.delete(of)
}

export function nothingHeard(): Heard {
  return { firing: 0, marked: 0, others: 0, lastFiringMono: 0, lastOnMono: 0, worst: null, over: false }
}

/** A calm that says it is on counts as one; what the watchdog does not know to be heard may come again, with its new severity. */
function hearFiring(heard: Heard, notice: Notice, moment: SendMoment): void {
  const isNext = notice.n > heard.marked && notice.n <= heard.firing + heard.others + 1
  if (!isNext && heard.firing > 0) violation('count', `${notice.id} is number ${notice.n}`)
  if (notice.n > heard.firing) {
    const sinceMs = moment.mono - heard.lastFiringMono
    if (heard.firing > 0 && sinceMs < moment.repeatEveryMs)
      violation('repeat-early', `${notice.id} after ${sinceMs / MINUTE} min`)
    heard.firing += 1
  }
  heard.lastFiringMono = moment.mono
}

const NOMINAL_MIN = [1, 2, 4, 8, 16, 30]

/** What the file must say of an entry that its channel did not take. */
export function checkRetry(
  before: OutboxEntry,
  after: OutboxEntry | undefined,
  result: SendResult,
  now: number,
  ear: Ear,
  mono: number,
): void {
  if (after === undefined) violation('lost', `${before.id} is gone though its channel said ${result.outcome}`)
  if (after.tries !== before.tries + 1) violation('tries', `${after.id}: ${after.tries} after ${before.tries}`)
  if (after.last_error === null) violation('tries', `${after.id} without its error`)
  const asked = result.outcome === 'retry' ? (result.retryAfterMs ?? 0) : 0
  const nominal = result.outcome === 'refused' ? 30 * MINUTE : NOMINAL_MIN[Math.min(before.tries, 5)]! * MINUTE
  const waitMs = after.next - now
  if (waitMs < Math.max(asked, nominal * 0.5)) violation('retry-early', `${after.id} after ${waitMs} ms`)
  const longest = Math.max(asked, nominal) * 1.5
  if (waitMs > longest) violation('retry-late', `${after.id} after ${waitMs} ms, try ${after.tries}`)
  ear.cleanFromMono = Math.max(ear.cleanFromMono, mono + longest + 7 * MINUTE)
  if (result.outcome === 'refused') ear.refusedMono ??= mono
}
