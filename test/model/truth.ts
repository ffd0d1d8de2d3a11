// What is true of each key, worked out from the verdicts alone: an independent copy of the state machine, without messages.
import { type AlertState, type AlertsFile, type Fact, isAtLeast, type Severity } from '../../lib/domain/alert.ts'
import { ALERT_RULES } from '../../lib/domain/alert-rules.ts'
import { SEVERITIES } from '../../lib/domain/status.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What `step` finds by itself: its verdicts are not among the facts, so its phase is taken from the file. */
const SELF_FOUND = ['ChannelBroken', 'NoConfirmedChannel', 'NoData', 'ClockJump', 'StateReset']
export const isSelfFound = (key: string) => SELF_FOUND.some(name => key === name || key.startsWith(`${name}{`))

export interface Truth {
  key: string
  phase: 'pending' | 'firing' | 'recovering' | 'over'
  badRuns: number
  /** By the clock of the wall, and by a clock that never went back. */
  pendingSince: number
  pendingMono: number
  okSince: number
  okMono: number
  /** 0 until it fires. */
  episode: number
  severity: Severity
  /** Of the latest bad fact. */
  summary: string
  verdict: Fact['verdict']
  sources: string[]
  /** Runs in a row in which it fires, this one included. */
  firingRuns: number
  /** Since when it fires without a break. */
  firingMono: number
  /** Runs with this severity, this one included. */
  severityRuns: number
  unknownSinceMono: number | null
  /** Begun episodes and bounces, by the clock that never went back. */
  turns: number[]
  /** For channels by their least severity, for a critical alert gives way only to one that the same channel is told of. */
  muting: Record<Severity, Muting>
  /** Four turns in an hour, beyond doubt; and perhaps. */
  mustFlap: boolean
  mayFlap: boolean
  /** It began to flap while nobody could be told. */
  hidFlap: boolean
  /** Of the run in which it began to flap. */
  flapSeverity: Severity
}

interface Muting {
  muted: boolean
  /** Runs since it was last muted; Infinity = it never was while it was bad. */
  unmutedRuns: number
  /** Runs since a source was last anything but over, whatever this key was. */
  clearRuns: number
}

const notMuted = (): Muting => ({ muted: false, unmutedRuns: Number.POSITIVE_INFINITY, clearRuns: 1000 })

export function newTruth(key: string): Truth {
  return {
    key,
    phase: 'over',
    badRuns: 0,
    pendingSince: 0,
    pendingMono: 0,
    okSince: 0,
    okMono: 0,
    episode: 0,
    severity: 'info',
    summary: '',
    verdict: 'ok',
    sources: [],
    firingRuns: 0,
    firingMono: 0,
    severityRuns: 0,
    unknownSinceMono: null,
    turns: [],
    muting: { critical: notMuted(), warning: notMuted(), info: notMuted() },
    mustFlap: false,
    mayFlap: false,
    hidFlap: false,
    flapSeverity: 'info',
  }
}

/** While the machine slept nobody looked: that is no time in which it could not be seen. */
export function noteSleep(truth: Truth, ms: number): void {
  if (truth.unknownSinceMono !== null) truth.unknownSinceMono += ms
}

/** One key, one run. An absent fact of a key that is alive is `unknown`. */
export function advance(truth: Truth, fact: Fact | undefined, now: number, mono: number): void {
  const rule = ALERT_RULES[(fact?.name ?? truth.key.split('{')[0]) as Fact['name']]
  const verdict = fact?.verdict ?? 'unknown'
  truth.verdict = verdict
  truth.unknownSinceMono = verdict === 'unknown' ? (truth.unknownSinceMono ?? mono) : null
  if (fact !== undefined && verdict === 'bad') noteBad(truth, fact, now, mono, rule.confirm, rule.forMs)
  else if (verdict === 'ok') noteOk(truth, now, mono, rule.keepMs)
  if (truth.firingRuns === 0) truth.firingMono = mono
  truth.firingRuns = truth.phase === 'firing' ? truth.firingRuns + 1 : 0
}

function noteBad(truth: Truth, fact: Fact, now: number, mono: number, confirm: number, forMs: number): void {
  truth.severityRuns = fact.severity === truth.severity ? truth.severityRuns + 1 : 1
  truth.severity = fact.severity
  truth.summary = fact.text.summary
  truth.sources = [...ALERT_RULES[fact.name].mutedBy(fact), ...(fact.alsoMutedBy ?? [])]
  if (truth.phase === 'over') {
    Object.assign(truth, { phase: 'pending', badRuns: 0, pendingSince: now, pendingMono: mono, episode: 0 })
    for (const least of SEVERITIES) truth.muting[least].unmutedRuns = Number.POSITIVE_INFINITY
  }
  if (truth.phase === 'recovering') turn(truth, mono)
  if (truth.phase === 'pending') {
    truth.badRuns += 1
    const confirmed = truth.badRuns >= confirm && now - truth.pendingSince >= forMs
    if (confirmed || fact.certain === true) turn(truth, mono)
  }
}

function turn(truth: Truth, mono: number): void {
  truth.phase = 'firing'
  truth.turns.push(mono)
}

function noteOk(truth: Truth, now: number, mono: number, keepMs: number): void {
  if (truth.phase === 'pending') truth.phase = 'over'
  if (truth.phase === 'firing') Object.assign(truth, { phase: 'recovering', okSince: now, okMono: mono })
  if (truth.phase === 'recovering' && now - truth.okSince >= keepMs) truth.phase = 'over'
}

/** @param hushed silenced in this run. One that begins to flap while nobody may be told is left open. */
export function noteFlapping(truth: Truth, mono: number, hushed: boolean): void {
  truth.turns = truth.turns.filter(at => mono - at < 3 * HOUR)
  const within = (ms: number) => truth.turns.filter(at => mono - at < ms).length
  const last = truth.turns.at(-1) ?? Number.NEGATIVE_INFINITY
  const flaps = within(HOUR) >= 4
  const quiet = mono - last >= HOUR
  const untold = hushed || SEVERITIES.some(least => truth.muting[least].muted || truth.muting[least].unmutedRuns <= 2)
  if (quiet) truth.hidFlap = false
  else if (flaps && untold && !truth.mustFlap) truth.hidFlap = true
  if (!truth.mustFlap) truth.flapSeverity = truth.severity
  truth.mustFlap = !quiet && !truth.hidFlap && (flaps || truth.mustFlap)
  truth.mayFlap = within(HOUR + 1) >= 4 || (truth.mayFlap && mono - last < HOUR + 15 * MINUTE)
}

/** The clock went back: no time has passed, and the wall's clock counts on from where it is. */
export function rebase(truth: Truth, backMs: number): void {
  truth.pendingSince -= backMs
  truth.okSince -= backMs
}

/** A source that is pending holds, one that fires or recovers mutes; a pending one that nobody can see is left open. */
export function noteMuting(truth: Truth, truths: ReadonlyMap<string, Truth>): void {
  const alive = truth.sources.flatMap(name => truths.get(name) ?? []).filter(({ phase }) => phase !== 'over')
  for (const least of SEVERITIES) {
    const muting = truth.muting[least]
    const told = alive.filter(({ severity }) => truth.severity !== 'critical' || isAtLeast(severity, least))
    muting.muted = told.some(({ phase, verdict }) => phase !== 'pending' || verdict === 'bad')
    muting.clearRuns = told.length > 0 ? 0 : muting.clearRuns + 1
    // A critical alert waits for nothing once its source is over.
    if (truth.severity === 'critical') muting.unmutedRuns = Number.POSITIVE_INFINITY
    else if (!muting.muted) muting.unmutedRuns += 1
    else if (truth.phase !== 'over') muting.unmutedRuns = 0
  }
}

export const isOn = ({ phase }: { phase: string }) => phase === 'firing' || phase === 'recovering'

/** The state of a key that is not over; a key has one at most. */
export function liveState(file: AlertsFile, key: string): AlertState | undefined {
  return file.states.find(state => state.key === key && state.phase !== 'resolved')
}
