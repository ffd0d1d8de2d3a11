// An alert: a bad fact with a key, told in episodes. What the watchdog finds, what it remembers, what a channel is handed.
import * as v from '../valibot.ts'
import { SEVERITIES } from './severity.ts'

/** Every alert there is; docs/alerts.md has a section for each, and a test keeps the two in step. */
export const ALERT_NAMES = [
  'AllInactive',
  'AccountInactive',
  'LoginEnding',
  'QuotaHigh',
  'QuotaRunsOut',
  'BudgetHigh',
  'PaidWhilePlanLeft',
  'DataStale',
  'CacheCorrupt',
  'SettingsWrong',
  'JobFailed',
  'JobMissing',
  'JobsAllMissing',
  'WatchdogMissing',
  'HostOffline',
  'SwapMade',
  'SwapBlocked',
  'PoolExhausted',
  'ChannelBroken',
  'NoConfirmedChannel',
  'StateReset',
  'ClockJump',
  'DiskLow',
  'NoData',
] as const
export type AlertName = (typeof ALERT_NAMES)[number]

export const Severity = v.picklist(SEVERITIES)
export type Severity = v.InferOutput<typeof Severity>

/** The words of an alert. Figures stand here and never in the key, so that an episode is one though its figures move. */
const AlertText = v.object({
  /** What is wrong: one sentence, without a full stop. */
  summary: v.string(),
  /** More lines, each a finding of its own. */
  details: v.array(v.string()),
  /** The exact command that mends it; null = there is none. */
  remedy: v.nullable(v.string()),
  /** What else is affected; null = nothing. */
  affects: v.nullable(v.string()),
})
type AlertText = v.InferOutput<typeof AlertText>

const Labels = v.record(v.string(), v.string())

/** One key as it is found in this run. `unknown` = it cannot be seen, which is neither bad nor ok. */
export interface Fact {
  name: AlertName
  /** What identifies it beside its name, in the order of the key. */
  labels: Record<string, string>
  verdict: 'bad' | 'ok' | 'unknown'
  severity: Severity
  text: AlertText
  /** Since when it is so, as the files say, ms; null = since we look. */
  since: number | null
  /** True where once is proof enough, whatever the rule asks (`invalid_grant`). */
  certain?: boolean
  /** Keys that make this one needless in this very case, beside those of its rule. */
  alsoMutedBy?: string[]
}

/** `AccountInactive{slot-2}`; without labels the bare name. */
export function alertKey({ name, labels }: { name: string; labels: Record<string, string> }): string {
  const values = Object.values(labels)
  return values.length === 0 ? name : `${name}{${values.join(',')}}`
}

/** What one channel has been told in an episode. */
const Told = v.object({
  /** How many firing messages it accepted. */
  firing: v.number(),
  /** When it accepted the latest, ms. */
  at: v.number(),
  severity: Severity,
})

/** A key that is not quite silent: inactive keys are not kept. All times ms. */
export const AlertState = v.object({
  key: v.string(),
  name: v.picklist(ALERT_NAMES),
  labels: Labels,
  phase: v.picklist(['pending', 'firing', 'recovering', 'resolved']),
  /** 0 while pending; afterwards a number that no other episode of any key ever had. */
  episode: v.number(),
  severity: Severity,
  text: AlertText,
  /** First bad of this stretch, by our own looking. */
  pendingSince: v.number(),
  /** Since when it is so, as messages say it. */
  since: v.number(),
  badRuns: v.number(),
  firedAt: v.nullable(v.number()),
  okSince: v.nullable(v.number()),
  resolvedAt: v.nullable(v.number()),
  /** By channel; a channel that is not here was told nothing of this episode. */
  told: v.record(v.string(), Told),
  alsoMutedBy: v.array(v.string()),
  /** The runs since the one that muted it ended; null = it is not waiting for that. */
  unmutedRuns: v.nullable(v.number()),
})
export type AlertState = v.InferOutput<typeof AlertState>

/**
 * - `firing`: the first message of an episode, and each repeat (`n` > 1).
 * - `escalated`: it became worse.
 * - `resolved`: it is over, to a channel that was told of it.
 * - `combined`: it fired and is over, to a channel that could not be told in between.
 * - `flapping`, `calm`: it comes and goes; it stopped doing so.
 */
const NOTICE_KINDS = ['firing', 'escalated', 'resolved', 'combined', 'flapping', 'calm'] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** A message that is promised to one channel and not yet accepted by it. */
export const OutboxEntry = v.object({
  /** `key#episode#(f<n>|esc-<severity>|r|c|flap<n>|calm<n>)@channel`: the same in every try, and in no other entry. */
  id: v.string(),
  key: v.string(),
  episode: v.number(),
  channel: v.string(),
  kind: v.picklist(NOTICE_KINDS),
  severity: Severity,
  /** When it was promised, ms. */
  at: v.number(),
  /** Not before this moment, ms. */
  next: v.number(),
  tries: v.number(),
  last_error: v.nullable(v.string()),
})
export type OutboxEntry = v.InferOutput<typeof OutboxEntry>

/** Where messages can go, without any secret: all that a decision needs of a channel. */
export interface ChannelSpec {
  name: string
  minSeverity: Severity
  /** False where "sent" proves nothing (desktop). */
  confirms: boolean
}

/** One alert in a message, with the facts as they are now. */
export interface Notice {
  id: string
  kind: NoticeKind
  key: string
  name: AlertName
  labels: Record<string, string>
  episode: number
  /** How many-th message of its kind it is; 1 = the first. */
  n: number
  severity: Severity
  text: AlertText
  /** ms. */
  since: number
  /** ms; null while it lasts. */
  resolvedAt: number | null
  /** ms: how much later than promised it goes out; 0 = in time. */
  lateMs: number
}

/** One sending: all notices are of one severity and due together. Never empty. */
export interface Message {
  /** Of all its notices together: travels as Message-ID and Idempotency-Key. */
  id: string
  channel: string
  severity: Severity
  notices: [Notice, ...Notice[]]
  /** ms. */
  now: number
}

/** What a channel answered. Only `accepted` and `unconfirmed` end the entry. */
export type SendResult =
  | { outcome: 'accepted'; detail: string }
  /** It took it, and nobody can say whether it was seen. */
  | { outcome: 'unconfirmed'; detail: string }
  /** Network, 5xx, 429, SMTP 4yz, nobody at the desktop: it will mend itself. */
  | { outcome: 'retry'; detail: string; retryAfterMs: number | null }
  /** 4xx, SMTP 5yz, login or TLS refused: a person has to mend the channel. Kept, and tried each 30 min. */
  | { outcome: 'refused'; detail: string }

const ChannelState = v.object({
  /** Since when it refuses, ms; null = it works or was never tried. */
  brokenSince: v.nullable(v.number()),
  lastError: v.nullable(v.string()),
  /** When it last accepted something, ms. */
  lastAcceptedAt: v.nullable(v.number()),
})

/** How often a key came and went lately; kept beyond its episodes. */
const Flap = v.object({
  /** Begun episodes and bounces of the last hour, ms. */
  turns: v.array(v.number()),
  /** Since when only `flapping` and `calm` are told of it; null = it does not flap. */
  since: v.nullable(v.number()),
  /** The channels that are owed a `calm`. */
  told: v.array(v.string()),
})

export const Silence = v.object({
  id: v.number(),
  /** A key, or the beginning of one before a `*`. */
  match: v.string(),
  /** `ack` ends with the episode too; `silence` holds for every episode. Both end at `until`, ms. */
  kind: v.picklist(['ack', 'silence']),
  episode: v.nullable(v.number()),
  at: v.number(),
  until: v.number(),
  note: v.string(),
})
export type Silence = v.InferOutput<typeof Silence>

/** `alerts.json`: states and promised messages in one file, so that one write makes both durable. */
export const AlertsFile = v.object({
  schema: v.literal(1),
  /** Rises for ever; begins at the seconds of its making, so that a lost file cannot make it repeat a number. */
  nextEpisode: v.number(),
  states: v.array(AlertState),
  outbox: v.array(OutboxEntry),
  silences: v.array(Silence),
  channels: v.record(v.string(), ChannelState),
  /** Keys that cannot be seen, and since when, ms. */
  unseen: v.record(v.string(), v.number()),
  flaps: v.record(v.string(), Flap),
  /** The watchdog's own last look, ms; null = never. */
  lastRunAt: v.nullable(v.number()),
  /** Since when the machine is awake again after a sleep, ms; null = it did not sleep lately. */
  awakeSince: v.nullable(v.number()),
  /** The run of each job that its dead man's switch was told of. */
  pinged: v.record(v.string(), v.string()),
})
export type AlertsFile = v.InferOutput<typeof AlertsFile>

/** @param now ms */
export function emptyAlerts(now: number): AlertsFile {
  return {
    schema: 1,
    nextEpisode: Math.floor(now / 1000),
    states: [],
    outbox: [],
    silences: [],
    channels: {},
    unseen: {},
    flaps: {},
    lastRunAt: null,
    awakeSince: null,
    pinged: {},
  }
}

/** From the least to the worst. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least)
}
