// The list of messages that must be received, written by the oracle itself as the truth moves. Of the channels it is told
// only when each took something for a key, for the moment of a retry is not laid down; what it must have been, is.
import {
  alertKey,
  type ChannelSpec,
  type Fact,
  isAtLeast,
  type NoticeKind,
  type Severity,
} from '../../lib/domain/alert.ts'
import { ALERT_RULES } from '../../lib/domain/alert-rules.ts'
import { advance, isOn, newTruth, noteFlapping, noteMuting, noteSleep, type Truth } from './truth.ts'
import type { RunSeen } from './world.ts'

/** The longest pause between tries is 30 min, and its jitter: more runs than that without a try are a loss. */
const LONGEST_RETRY_RUNS = 46
/** More than three minutes between two looks are a sleep. */
const LONGEST_LOOK_MS = 3 * 60_000
/** What was not yet tried goes at once, but for a run or two that die. */
const LONGEST_FIRST_RUNS = 4

interface Owed {
  kind: NoticeKind
  n: number
  severity: Severity
  /** Runs in which the channel could have had it. */
  openRuns: number
  /** The channel was asked and did not take it. */
  wasTried: boolean
}

/** What one channel knows of one episode. */
interface Account {
  episode: number
  told: number
  toldAt: number
  toldSeverity: Severity | null
  owed: Owed | null
}

type IsOpen = (channel: string, severity: Severity) => boolean

/** `list` is what must be, `received` what was; they have to be the same. */
export function createExpectations(channels: readonly ChannelSpec[], repeatEveryMs: number) {
  const truths = new Map<string, Truth>()
  /** By channel and key; ends of earlier episodes may still wait while a new one fires. */
  const accounts = new Map<string, Account[]>()
  const refusing = new Set<string>()
  const seenIds = new Set<string>()
  const list: string[] = []
  const received: string[] = []
  let episodes = 0
  let mono = 0
  let lastAt: number | null = null

  /** A run whose states were written. @param isOpen whether a channel would take a message of this severity now */
  function saw(found: readonly Fact[], now: number, seen: RunSeen, isOpen: IsOpen): void {
    const gapMs = lastAt === null ? 0 : now - lastAt
    mono += gapMs
    lastAt = now
    if (gapMs > LONGEST_LOOK_MS) for (const truth of truths.values()) noteSleep(truth, gapMs)
    const ended = new Set<Truth>()
    const move = (fact: Fact) => {
      const key = alertKey(fact)
      const truth = truths.get(key) ?? newTruth(key)
      truths.set(key, truth)
      const wasOn = isOn(truth)
      advance(truth, fact, now, mono)
      if (isOn(truth) && !wasOn) truth.episode = episodes += 1
      if (wasOn && !isOn(truth)) ended.add(truth)
    }
    for (const fact of found) move(fact)
    for (const fact of ownFacts()) move(fact)
    for (const truth of truths.values()) {
      noteMuting(truth, truths)
      noteFlapping(truth, mono, false)
      if (truth.mayFlap) throw new Error(`the script makes ${truth.key} flap, which this list does not know`)
      for (const channel of channels) {
        if (truth.key !== `ChannelBroken{${channel.name}}`) owe(truth, channel, now, ended.has(truth))
      }
    }
    for (const { message, shows } of seen.sent) {
      if (shows) take(message, now)
      else refuse(message)
    }
    for (const { message, result, marked } of seen.sent) {
      if (marked && result.outcome === 'refused') refusing.add(message.channel)
      if (marked && result.outcome.endsWith('ed') && result.outcome !== 'refused') refusing.delete(message.channel)
    }
    for (const [of, open] of accounts) wait(of, open, isOpen)
  }

  /** What the watchdog finds by itself. */
  function ownFacts(): Fact[] {
    const text = { summary: '', details: [], remedy: null, affects: null }
    const own = (name: Fact['name'], labels: Fact['labels'], bad: boolean): Fact => {
      return { name, labels, verdict: bad ? 'bad' : 'ok', severity: 'warning', text, since: null }
    }
    const blind = [...truths.values()].filter(
      ({ key }) => !key.startsWith('NoData') && !key.startsWith('ChannelBroken'),
    )
    return [
      ...channels.map(({ name }) => own('ChannelBroken', { channel: name }, refusing.has(name))),
      ...blind.map(({ key, unknownSinceMono }) => {
        const { unknownMs } = ALERT_RULES[key.split('{')[0] as Fact['name']]
        return own('NoData', { key }, unknownSinceMono !== null && mono - unknownSinceMono >= unknownMs)
      }),
    ]
  }

  const isMuted = (truth: Truth, least: Severity) => truth.muting[least].muted || truth.muting[least].unmutedRuns <= 2

  function owe(truth: Truth, { name, minSeverity }: ChannelSpec, now: number, ended: boolean): void {
    if (!ended && truth.phase !== 'firing') return
    const of = `${name} ${truth.key}`
    const open = accounts.get(of) ?? []
    accounts.set(of, open)
    let account = open.find(({ episode }) => episode === truth.episode)
    if (account === undefined) {
      account = { episode: truth.episode, told: 0, toldAt: 0, toldSeverity: null, owed: null }
      open.push(account)
    }
    const { owed, told, toldSeverity, toldAt } = account
    const promise = (kind: NoticeKind, n: number): Owed => ({
      kind,
      n,
      severity: truth.severity,
      openRuns: 0,
      // What takes the place of another waits as that did.
      wasTried: owed?.wasTried ?? false,
    })
    if (ended) account.owed = told > 0 ? promise('resolved', 1) : owed !== null ? promise('combined', 1) : null
    else if (isMuted(truth, minSeverity) || owed !== null || !isAtLeast(truth.severity, minSeverity)) return
    else if (toldSeverity === null) account.owed = promise('firing', 1)
    else if (!isAtLeast(toldSeverity, truth.severity)) account.owed = promise('escalated', 1)
    else if (now - toldAt >= repeatEveryMs) account.owed = promise('firing', told + 1)
  }

  function take({ channel, notices }: RunSeen['sent'][number]['message'], now: number): void {
    for (const notice of notices) {
      if (seenIds.has(notice.id)) continue
      seenIds.add(notice.id)
      const line = (kind: string, n: number) => `${channel} ${notice.key} ${kind} ${n} at ${now}`
      received.push(line(notice.kind, notice.n))
      const waiting = (accounts.get(`${channel} ${notice.key}`) ?? []).filter(({ owed }) => owed !== null)
      const account = waiting.find(({ owed }) => owed!.kind === notice.kind) ?? waiting[0]
      if (account === undefined) continue
      const { kind, n } = account.owed!
      list.push(line(kind, n))
      account.owed = null
      if (kind === 'firing') account.told = n
      if (kind === 'firing' || kind === 'escalated') {
        account.toldAt = now
        account.toldSeverity = truths.get(notice.key)!.severity
      }
    }
  }

  function refuse({ channel, notices }: RunSeen['sent'][number]['message']): void {
    for (const { key } of notices) {
      for (const { owed } of accounts.get(`${channel} ${key}`) ?? []) if (owed !== null) owed.wasTried = true
    }
  }

  /** An entry that its channel could have had for so long, and has not, is one that is missing. */
  function wait(of: string, open: Account[], isOpen: IsOpen): void {
    const [channel = '', key = ''] = of.split(/ (.*)/)
    const truth = truths.get(key)!
    const least = channels.find(({ name }) => name === channel)!.minSeverity
    const current = isOn(truth) ? truth.episode : 0
    for (const { owed } of open) {
      if (owed === null) continue
      const isHeld =
        (owed.kind === 'firing' || owed.kind === 'escalated') && (truth.muting[least].muted || truth.phase !== 'firing')
      owed.openRuns = isOpen(channel, owed.severity) && !isHeld ? owed.openRuns + 1 : 0
      const longest = owed.wasTried ? LONGEST_RETRY_RUNS : LONGEST_FIRST_RUNS
      if (owed.openRuns === longest) list.push(`${of} ${owed.kind} ${owed.n} never`)
    }
    accounts.set(
      of,
      open.filter(({ episode, owed }) => owed !== null || episode === current),
    )
  }

  return { saw, list, received }
}
