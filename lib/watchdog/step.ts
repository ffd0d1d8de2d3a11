// One look: what was found moves each key through its states and promises messages. Reads no clock and does no IO, so that
// one write can make states and promises durable together.
import { type AlertState, type AlertsFile, alertKey, type ChannelSpec, type Fact } from '../domain/alert.ts'
import { ALERT_RULES } from '../domain/alert-rules.ts'
import { lookAtClock } from './clock.ts'
import { flapsNow } from './flapping.ts'
import { ownFacts } from './own-facts.ts'
import { promises } from './promises.ts'
import { mutingKey, type QuietHours } from './quiet.ts'

export interface WatchRules {
  channels: ChannelSpec[]
  repeatEveryMs: number
  quietHours: QuietHours | null
  /** How often the watchdog runs, ms. */
  intervalMs: number
}

/** What became of a key in this run, where anything did, and why. */
export interface Decision {
  key: string
  did: string
  reason: string
}

/**
 * A fact that is not given counts as unknown for a key that is alive. ClockJump, ChannelBroken, NoConfirmedChannel and
 * NoData are found here, from the file itself.
 */
export function step(
  file: AlertsFile,
  facts: readonly Fact[],
  now: number,
  rules: WatchRules,
): { file: AlertsFile; decisions: Decision[] } {
  const { file: present, jump } = lookAtClock(file, now, rules.intervalMs)
  const own = ownFacts(present, facts, rules.channels, now, rules.intervalMs)
  const decisions: Decision[] = []
  const next: AlertsFile = {
    ...present,
    states: present.states.filter(({ phase }) => phase === 'resolved'),
    unseen: own.unseen,
    silences: present.silences.filter(({ until }) => until > now),
  }
  const found = new Map([...facts, jump, ...own.facts].map(fact => [alertKey(fact), fact]))
  const resolved: AlertState[] = []
  const alive = new Map(present.states.filter(({ phase }) => phase !== 'resolved').map(state => [state.key, state]))
  for (const key of new Set([...alive.keys(), ...found.keys()])) {
    const turned = turn(alive.get(key), found.get(key), { key, now, nextEpisode: next.nextEpisode })
    if (turned.decision !== null) decisions.push({ key, ...turned.decision })
    if (turned.state !== null) next.states.push(turned.state)
    if (turned.state?.phase === 'resolved') resolved.push(turned.state)
    if (turned.began) next.nextEpisode += 1
    if (turned.began || turned.bounced) {
      const flap = next.flaps[key] ?? { turns: [], since: null, told: [] }
      next.flaps = { ...next.flaps, [key]: { ...flap, turns: [...flap.turns, now] } }
    }
  }
  next.states = next.states.map(state => waiting(next, state))
  const flapping = flapsNow(next, now)
  const promised = promises({ ...next, flaps: flapping.flaps }, now, rules, {
    ...flapping,
    before: next.flaps,
    resolved,
  })
  decisions.push(...flapping.decisions, ...promised.decisions)
  return { file: tidied({ ...next, outbox: promised.outbox, flaps: promised.flaps }, now), decisions }
}

interface Turn {
  state: AlertState | null
  decision: Omit<Decision, 'key'> | null
  began: boolean
  bounced: boolean
}

/** Moves one key. Unknown freezes it: it neither confirms nor resolves. */
function turn(
  state: AlertState | undefined,
  fact: Fact | undefined,
  at: { key: string; now: number; nextEpisode: number },
): Turn {
  // What happened and is no lasting state ends by itself.
  if (fact === undefined && state !== undefined && !ALERT_RULES[state.name].lasts) return turnOk(state, at.now)
  if (fact === undefined || fact.verdict === 'unknown') return stay(state ?? null)
  return fact.verdict === 'bad' ? turnBad(state, fact, at) : turnOk(state, at.now)
}

function turnBad(
  state: AlertState | undefined,
  fact: Fact,
  { key, now, nextEpisode }: { key: string; now: number; nextEpisode: number },
): Turn {
  const rule = ALERT_RULES[fact.name]
  const seen: AlertState = {
    ...(state ?? newState(key, fact, now)),
    severity: fact.severity,
    text: fact.text,
    since: Math.min(fact.since ?? state?.since ?? now, now),
    alsoMutedBy: fact.alsoMutedBy ?? [],
    okSince: null,
  }
  if (state?.phase === 'firing') return stay(seen)
  if (state?.phase === 'recovering') {
    const decision = { did: 'bounced', reason: `bad again before it was ok for ${rule.keepMs / 1000} s` }
    return { state: { ...seen, phase: 'firing' }, decision, began: false, bounced: rule.lasts }
  }
  const badRuns = seen.badRuns + 1
  const forMs = now - seen.pendingSince
  if (fact.certain || (badRuns >= rule.confirm && forMs >= rule.forMs)) {
    const runs = badRuns === 1 ? '1 run' : `${badRuns} runs`
    const reason = fact.certain ? 'certain at once' : `bad in ${runs}, for ${Math.round(forMs / 1000)} s`
    const firing: AlertState = { ...seen, phase: 'firing', badRuns, episode: nextEpisode, firedAt: now }
    return { state: firing, decision: { did: 'fired', reason }, began: true, bounced: false }
  }
  const reason = `bad in ${badRuns} of ${rule.confirm} runs, for ${Math.round(forMs / 1000)} of ${rule.forMs / 1000} s`
  const decision = state === undefined ? { did: 'pending', reason } : null
  return { state: { ...seen, badRuns }, decision, began: false, bounced: false }
}

function turnOk(state: AlertState | undefined, now: number): Turn {
  if (state === undefined) return stay(null)
  if (state.phase === 'pending') {
    return { ...stay(null), decision: { did: 'dropped', reason: 'ok again before it was confirmed' } }
  }
  const { keepMs } = ALERT_RULES[state.name]
  const okSince = state.okSince ?? now
  if (now - okSince >= keepMs) {
    const reason = `ok for ${Math.round((now - okSince) / 1000)} s`
    return {
      ...stay({ ...state, phase: 'resolved', okSince, resolvedAt: okSince }),
      decision: { did: 'resolved', reason },
    }
  }
  const decision =
    state.phase === 'firing' ? { did: 'recovering', reason: `ok; over once that holds for ${keepMs / 1000} s` } : null
  return { ...stay({ ...state, phase: 'recovering', okSince }), decision }
}

function stay(state: AlertState | null): Turn {
  return { state, decision: null, began: false, bounced: false }
}

function newState(key: string, fact: Fact, now: number): AlertState {
  return {
    key,
    name: fact.name,
    labels: fact.labels,
    phase: 'pending',
    episode: 0,
    severity: fact.severity,
    text: fact.text,
    pendingSince: now,
    since: now,
    badRuns: 0,
    firedAt: null,
    okSince: null,
    resolvedAt: null,
    told: {},
    alsoMutedBy: [],
    unmutedRuns: null,
  }
}

/** Runs that a target waits after its source has ended: what was true of both is often over for both a moment later. */
const WAIT_RUNS = 2

function waiting(file: AlertsFile, state: AlertState): AlertState {
  if (state.phase === 'resolved') return state
  if (mutingKey(file, state, null) !== null) return { ...state, unmutedRuns: 0 }
  if (state.unmutedRuns === null) return state
  const runs = state.unmutedRuns + 1
  return { ...state, unmutedRuns: runs > WAIT_RUNS ? null : runs }
}

/** An Alertmanager is told for 5 min that something is over, and it was ok for a while before that. */
const KEPT_RESOLVED_MS = 10 * 60_000

/** Over and told: nothing is left to remember but how often it came. */
export function tidied(file: AlertsFile, now: number): AlertsFile {
  const isNeeded = ({ phase, key, episode, resolvedAt }: AlertState) => {
    if (phase !== 'resolved' || now - (resolvedAt ?? 0) < KEPT_RESOLVED_MS) return true
    if (file.outbox.some(entry => entry.key === key && entry.episode === episode)) return true
    // What flaps is still to be said to be over.
    return file.flaps[key]?.since != null && !file.states.some(other => other.key === key && other.episode > episode)
  }
  return { ...file, states: file.states.filter(isNeeded) }
}
