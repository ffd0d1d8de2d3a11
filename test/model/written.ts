// What may stand in `alerts.json` after a run. The oracle's half that looks at files.
import { type AlertsFile, isAtLeast, type OutboxEntry } from '../../lib/domain/alert.ts'
import type { WatchRules } from '../../lib/watchdog/step.ts'
import { type Ear, idOf, nothingHeard } from './received.ts'
import { isOn, isSelfFound, liveState, type Truth } from './truth.ts'
import { violation } from './violation.ts'

const MINUTE = 60_000

/** All that the oracle remembers of a world. `mono` is the time by a clock that never goes back. */
export interface Memory {
  rules: WatchRules
  truths: Map<string, Truth>
  ears: Map<string, Ear>
  /** Every episode number that ever was, with its key. */
  used: Map<number, string>
  /** What was promised and must still be heard, by key, episode and channel. */
  owed: Map<string, OutboxEntry>
  sentAs: Map<string, string>
  mono: number
  lastRunAt: number | null
  /** Written runs in a row without a crash, a sleep, quiet hours or a step of the clock. */
  plainRuns: number
  /** Runs since a critical alert was on. */
  calmRuns: number
  /** By key: runs since it was last silenced or acked. */
  unsilencedRuns: Map<string, number>
}

export interface Written {
  before: AlertsFile
  after: AlertsFile
  now: number
  /** The clock stepped back. */
  back: boolean
}

export function isSilenced(file: AlertsFile, key: string, now: number): boolean {
  return file.silences.some(one => one.kind === 'silence' && one.until > now && matches(one.match, key))
}

export function isAcked(file: AlertsFile, key: string, now: number, episode: number): boolean {
  return file.silences.some(
    one =>
      one.kind === 'ack' &&
      one.until > now &&
      matches(one.match, key) &&
      (one.episode === null || one.episode === episode),
  )
}

const matches = (match: string, key: string) =>
  match.endsWith('*') ? key.startsWith(match.slice(0, -1)) : key === match

export function earOf(memory: Memory, channel: string): Ear {
  return memory.ears.get(channel) ?? violation('message', `to ${channel}, which is no channel`)
}

/** No time in the file is to come, but for what waits, and that not for long. */
export function checkTimes(file: AlertsFile, now: number): void {
  const late = (what: string, at: number | null) => at !== null && at > now && violation('clock', `${what} is to come`)
  for (const state of file.states) {
    for (const field of ['pendingSince', 'firedAt', 'okSince', 'resolvedAt'] as const)
      late(`${field} of ${state.key}`, state[field])
    for (const channel in state.told) late(`told of ${state.key}`, state.told[channel]!.at)
  }
  for (const key in file.unseen) late(`unseen ${key}`, file.unseen[key]!)
  for (const key in file.flaps) for (const at of file.flaps[key]!.turns) late(`a turn of ${key}`, at)
  for (const entry of file.outbox) {
    late(entry.id, entry.at)
    if (entry.next - now > 60 * MINUTE) violation('clock', `${entry.id} waits ${entry.next - now} ms`)
  }
}

export function checkClock(memory: Memory, { before, after, now, back }: Written): void {
  if (after.lastRunAt !== now) violation('clock', 'lastRunAt is not now')
  if (after.nextEpisode < before.nextEpisode) violation('episode', 'nextEpisode went down')
  const told = after.states.some(({ key, phase }) => key === 'ClockJump' && phase === 'firing')
  // A clock that is set right by a few seconds is no news.
  const isNews = back && before.lastRunAt! - now > MINUTE
  if (isNews && !told) violation('clock', 'it stepped back, and there is no ClockJump')
  const gapMs = before.lastRunAt === null ? 0 : now - before.lastRunAt
  const slept = gapMs > 3 * memory.rules.intervalMs
  if (slept && after.awakeSince !== now) violation('sleep', `a gap of ${gapMs} ms was not seen`)
}

export function checkStates(memory: Memory, written: Written): void {
  const { after } = written
  for (const truth of memory.truths.values()) {
    checkState(memory, truth, after)
  }
  const alive = new Set<string>()
  for (const { key, episode, phase } of after.states) {
    if (!memory.truths.has(key) && !isSelfFound(key)) violation('phase', `${key} is not a fact of this world`)
    if (phase !== 'resolved' && alive.has(key)) violation('phase', `${key} is there twice`)
    if (phase !== 'resolved') alive.add(key)
    if (episode === 0) continue
    const of = memory.used.get(episode)
    if (of !== undefined && of !== key) violation('episode', `${episode} for ${key} and ${of}`)
    memory.used.set(episode, key)
  }
}

function checkState(memory: Memory, truth: Truth, after: AlertsFile): void {
  const state = liveState(after, truth.key)
  const phase = state?.phase ?? 'over'
  if (phase !== truth.phase)
    violation('phase', `${truth.key} is ${phase}, in truth ${truth.phase} (this run: ${truth.verdict})`)
  if (state === undefined || !isOn(truth)) return
  if (truth.episode === 0) {
    truth.episode = state.episode
    if (memory.used.has(state.episode)) violation('episode', `${state.episode} again, for ${truth.key}`)
  }
  if (state.episode !== truth.episode)
    violation('episode', `${truth.key} went from ${truth.episode} to ${state.episode}`)
  if (state.severity !== truth.severity) violation('phase', `${truth.key} is ${state.severity}, not ${truth.severity}`)
  for (const channel in state.told) {
    const heard = earOf(memory, channel).heard.get(`${truth.key}#${truth.episode}`)
    if (state.told[channel]!.firing > (heard === undefined ? 0 : heard.firing + heard.others))
      violation('told', `${channel} never took that many of ${truth.key}`)
  }
}

export function checkOutbox(memory: Memory, { before, after, now }: Written): void {
  const ids = new Set<string>()
  const places = new Set<string>()
  const had = new Set(before.outbox.map(({ id }) => id))
  for (const entry of after.outbox) {
    if (ids.has(entry.id)) violation('twice', `${entry.id} twice in the outbox`)
    ids.add(entry.id)
    const place = placeOf(entry)
    if (places.has(place)) violation('coalescing', `two undelivered for ${place}`)
    places.add(place)
    if (!entry.id.startsWith(`${idOf(entry)}#`) || !entry.id.endsWith(`@${entry.channel}`)) violation('id', entry.id)
    if (!had.has(entry.id)) checkPromise(memory, entry, after, now)
  }
  for (const entry of before.outbox) {
    if (ids.has(entry.id)) continue
    const heirs = after.outbox.filter(one => one.key === entry.key && one.channel === entry.channel)
    const replaced = heirs.some(
      ({ episode, kind }) => episode === entry.episode || kind === 'flapping' || kind === 'calm',
    )
    if (!replaced) violation('dropped', `${entry.id} left the outbox, and its channel never took it`)
  }
}

const placeOf = (entry: OutboxEntry) => `${idOf(entry)}@${entry.channel}`

function checkPromise(memory: Memory, entry: OutboxEntry, after: AlertsFile, now: number): void {
  const { id, key, kind, channel } = entry
  const ear = earOf(memory, channel)
  if (ear.taken.get(id) === true) violation('twice', `${id} promised again`)
  const isNews = kind === 'firing' || kind === 'escalated' || kind === 'flapping'
  memory.owed.set(placeOf(entry), entry)
  if (isNews && isSilenced(after, key, now)) violation('silenced', `${id} promised`)
  const { minSeverity } = memory.rules.channels.find(({ name }) => name === channel)!
  if (isNews && !isAtLeast(entry.severity, minSeverity)) violation('severity', `${id} promised`)
  const heard = ear.heard.get(idOf(entry)) ?? nothingHeard()
  if (kind === 'combined' && heard.marked > 0) violation('combined-though-told', id)
  if (kind === 'firing' && heard.marked > 0 && isAcked(after, key, now, entry.episode)) violation('acked', id)
  const flaps = ear.flaps.get(key) ?? 0
  if (kind === 'flapping') ear.flaps.set(key, flaps + 1)
  if (kind === 'calm' && flaps === 0) violation('calm-without-flapping', id)
  const truth = memory.truths.get(key)
  if (truth === undefined || isSelfFound(key)) return
  const { muted, unmutedRuns } = truth.muting[minSeverity]
  if (isNews && muted) violation('inhibited', `${id} promised`)
  if (isNews && unmutedRuns <= 2) violation('unmuted-early', `${id}: ${unmutedRuns} runs after`)
  if (kind === 'flapping' && !truth.mayFlap) violation('flapping', `${id} after ${truth.turns.length} turns`)
  const isOwedFlapping = truth.mustFlap && isAtLeast(truth.flapSeverity, minSeverity)
  if (kind !== 'flapping' && kind !== 'calm' && isOwedFlapping && entry.episode === truth.episode)
    violation('flapping', `${id} though it flaps`)
}
