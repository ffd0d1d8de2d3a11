// The oracle of the watchdog's alerts: it knows the truth of every key, sees each file that is written and each message that
// a channel takes, and stops at the first thing that must not be.
import {
  type AlertsFile,
  alertKey,
  type Fact,
  isAtLeast,
  type Message,
  type OutboxEntry,
  type SendResult,
} from '../../lib/domain/alert.ts'
import { ALERT_RULES } from '../../lib/domain/alert-rules.ts'
import type { WatchRules } from '../../lib/watchdog/step.ts'
import { checkPlan, checkRetry, hear, newEar, type SendMoment } from './received.ts'
import { checkSelfFound } from './self-found.ts'
import { advance, isSelfFound, newTruth, noteFlapping, noteMuting, noteSleep, rebase, type Truth } from './truth.ts'
import { violation } from './violation.ts'
import { checkClock, checkOutbox, checkStates, checkTimes, earOf, isAcked, isSilenced, type Memory } from './written.ts'

const MINUTE = 60_000
const ZONE_MIN: Record<string, number> = { UTC: 0, 'Europe/Berlin': 60 }

export type Oracle = ReturnType<typeof createOracle>

/** Made anew for each world. */
export function createOracle(rules: WatchRules) {
  const memory: Memory = {
    rules,
    truths: new Map(),
    ears: new Map(rules.channels.map(({ name }) => [name, newEar()])),
    used: new Map(),
    owed: new Map(),
    sentAs: new Map(),
    mono: 0,
    lastRunAt: null,
    plainRuns: 0,
    calmRuns: 0,
    unsilencedRuns: new Map(),
  }
  return {
    /** A run whose states were written. */
    stepped: (before: AlertsFile, facts: readonly Fact[], after: AlertsFile, now: number) =>
      stepped(memory, before, facts, after, now),
    /** What is about to be sent. */
    plan: (file: AlertsFile, messages: readonly Message[], now: number) =>
      checkPlan(messages, momentOf(memory, file, now)),
    /** The channel has it, whatever it answered. */
    shown: (file: AlertsFile, message: Message, now: number) => shown(memory, file, message, now),
    /** The mark of a message was written. */
    marked: (before: AlertsFile, message: Message, result: SendResult, after: AlertsFile, now: number) =>
      marked(memory, before, message, result, after, now),
    crashed: () => {
      memory.plainRuns = 0
    },
    lost: () => lost(memory),
    ended: (file: AlertsFile) => ended(memory, file),
  }
}

function stepped(memory: Memory, before: AlertsFile, facts: readonly Fact[], after: AlertsFile, now: number): void {
  const { rules } = memory
  const back = before.lastRunAt !== null && now < before.lastRunAt
  if (memory.lastRunAt !== null && now > memory.lastRunAt) memory.mono += now - memory.lastRunAt
  memory.lastRunAt = now
  if (back) for (const truth of memory.truths.values()) rebase(truth, before.lastRunAt! - now)
  const gapMs = before.lastRunAt === null ? Number.POSITIVE_INFINITY : now - before.lastRunAt
  const slept = gapMs > 3 * rules.intervalMs
  if (slept && before.lastRunAt !== null) for (const truth of memory.truths.values()) noteSleep(truth, gapMs)
  memory.plainRuns = back || slept || isQuiet(rules, now) ? 0 : memory.plainRuns + 1
  advanceAll(memory, before, facts, now)
  const written = { before, after, now, back }
  checkTimes(after, now)
  checkClock(memory, written)
  checkStates(memory, written)
  checkOutbox(memory, written)
  for (const truth of memory.truths.values()) checkHeard(memory, truth)
  checkSelfFound(memory, after)
}

function advanceAll(memory: Memory, before: AlertsFile, facts: readonly Fact[], now: number): void {
  const { truths, mono, unsilencedRuns } = memory
  const seen = new Set<string>()
  for (const fact of facts) {
    const key = alertKey(fact)
    if (isSelfFound(key)) continue
    seen.add(key)
    const truth = truths.get(key) ?? newTruth(key)
    truths.set(key, truth)
    advance(truth, fact, now, mono)
  }
  for (const truth of truths.values()) if (!seen.has(truth.key)) advance(truth, undefined, now, mono)
  for (const truth of truths.values()) {
    noteMuting(truth, truths)
    noteFlapping(truth, mono, isSilenced(before, truth.key, now))
    const hushed = isSilenced(before, truth.key, now) || isAcked(before, truth.key, now, truth.episode)
    unsilencedRuns.set(truth.key, hushed ? 0 : (unsilencedRuns.get(truth.key) ?? 1000) + 1)
  }
}

/** Bad, beyond doubt, for two runs, with nothing in the way: each channel it concerns must have taken it. */
function checkHeard({ rules, mono, plainRuns, ...memory }: Memory, truth: Truth): void {
  if (truth.phase !== 'firing' || truth.firingRuns < 3 || plainRuns < 3 || truth.mayFlap) return
  if (truth.severityRuns < 3 || memory.unsilencedRuns.get(truth.key)! < 4) return
  const of = `${truth.key}#${truth.episode}`
  for (const { name, minSeverity } of rules.channels) {
    const ear = memory.ears.get(name)!
    if (!isAtLeast(truth.severity, minSeverity) || mono < ear.cleanFromMono) continue
    if (truth.muting[minSeverity].clearRuns < (truth.severity === 'critical' ? 3 : 5)) continue
    const heard = ear.heard.get(of)
    if (heard === undefined || heard.worst === null) violation('unheard', `${of} by ${name}`)
    if (!isAtLeast(heard.worst, truth.severity)) violation('not-escalated', `${of} by ${name}`)
    const late = mono - heard.lastOnMono > rules.repeatEveryMs + 8 * MINUTE && plainRuns > 12
    if (late) violation('not-repeated', `${of} by ${name}`)
  }
}

function momentOf(memory: Memory, file: AlertsFile, now: number): SendMoment {
  return {
    now,
    mono: memory.mono,
    quiet: isQuiet(memory.rules, now),
    file,
    truths: memory.truths,
    minSeverity: channel => memory.rules.channels.find(({ name }) => name === channel)?.minSeverity ?? 'info',
    repeatEveryMs: memory.rules.repeatEveryMs,
    isSilenced: key => isSilenced(file, key, now),
    sentAs: memory.sentAs,
  }
}

function shown(memory: Memory, file: AlertsFile, message: Message, now: number): void {
  const ear = earOf(memory, message.channel)
  const moment = momentOf(memory, file, now)
  for (const notice of message.notices) {
    hear(ear, notice, moment)
    const isWide = notice.kind === 'flapping' || notice.kind === 'calm'
    for (const [place, entry] of memory.owed) {
      if (entry.key !== notice.key || entry.channel !== message.channel) continue
      if (isWide || (entry.episode === notice.episode && !owesEnd(entry, notice.kind))) memory.owed.delete(place)
    }
  }
}

/** A firing message alone does not settle what is owed at the end of an episode. */
function owesEnd({ kind, key }: OutboxEntry, heard: string): boolean {
  const isEnd = (one: string) => one === 'resolved' || one === 'combined'
  return isEnd(kind) && !isEnd(heard) && ALERT_RULES[key.split('{')[0] as Fact['name']].lasts
}

function marked(
  memory: Memory,
  before: AlertsFile,
  message: Message,
  result: SendResult,
  after: AlertsFile,
  now: number,
): void {
  const ear = earOf(memory, message.channel)
  const done = result.outcome === 'accepted' || result.outcome === 'unconfirmed'
  const ids = new Set(message.notices.map(({ id }) => id))
  if (done) ear.refusedMono = null
  for (const entry of before.outbox) {
    const left = after.outbox.find(({ id }) => id === entry.id)
    if (!ids.has(entry.id)) {
      if (left === undefined) violation('dropped', `${entry.id} by the mark of another message`)
    } else if (!done) checkRetry(entry, left, result, now, ear, memory.mono)
    else if (left !== undefined) violation('mark', `${entry.id} is still in the outbox`)
    else {
      ear.taken.set(entry.id, true)
      if (entry.kind === 'calm') ear.flaps.set(entry.key, ear.flaps.get(entry.key)! - 1)
      const heard = ear.heard.get(`${entry.key}#${entry.episode}`)
      // A repeat counts from here, though it may have been shown before by one that did not say so.
      if (heard !== undefined) heard.lastOnMono = memory.mono
      if (heard !== undefined && entry.kind === 'firing') heard.marked += 1
    }
  }
  if (after.outbox.length > before.outbox.length) violation('mark', 'made a new entry')
}

/** The file could not be read: what it knew is lost, and its episode numbers are still never used again. */
function lost(memory: Memory): void {
  for (const truth of memory.truths.values()) Object.assign(truth, newTruth(truth.key))
  memory.owed.clear()
  for (const ear of memory.ears.values()) {
    ear.believes.clear()
    ear.flaps.clear()
    ear.refusedMono = null
  }
  for (const [episode, key] of memory.used) memory.used.set(episode, `${key}, lost`)
  memory.plainRuns = 0
}

/** Everything healed, and waited for long enough. */
function ended(memory: Memory, file: AlertsFile): void {
  if (file.outbox.length > 0) violation('outbox', `still holds ${file.outbox.map(({ id }) => id).join(' ')}`)
  const alive = file.states.map(({ key, phase }) => `${key} ${phase}`)
  if (alive.length > 0) violation('states', `still has ${alive.join(', ')}`)
  const left = [...Object.keys(file.flaps), ...Object.keys(file.unseen)]
  if (left.length > 0) violation('states', `still remembers ${left.join(', ')}`)
  for (const [place, { kind }] of memory.owed) violation('lost', `${place}: ${kind} was promised and never heard`)
  for (const [name, { believes }] of memory.ears)
    for (const of of believes) violation('last-word', `${name} still believes ${of}`)
}

export function isQuiet({ quietHours }: WatchRules, now: number): boolean {
  if (quietHours === null) return false
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
  const local = (Math.floor(now / MINUTE) + ZONE_MIN[quietHours.zone]!) % 1440
  const [from, to] = [minutes(quietHours.from), minutes(quietHours.to)]
  return from <= to ? local >= from && local < to : local >= from || local < to
}
