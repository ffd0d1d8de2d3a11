// One run of the watchdog without files and processes: channels answer as they please, and it may crash between any two
// writes. Everything that is written or sent is shown to the oracle.
import { type AlertsFile, emptyAlerts, type Fact, type Message, type SendResult } from '../../lib/domain/alert.ts'
import type { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import type { step, WatchRules } from '../../lib/watchdog/step.ts'
import { createOracle, type Oracle } from './oracle.ts'

const MINUTE = 60_000

/** The three functions under test, so that a mutant can stand in for them. */
export interface Machine {
  step: typeof step
  planDelivery: typeof planDelivery
  markSent: typeof markSent
}

/**
 * How a channel answers. `deaf` shows the message and then hangs, so that the watchdog must believe it failed;
 * `retry-after` names a time.
 */
export type Mood = 'ok' | 'retry' | 'retry-after' | 'refused' | 'deaf'

export interface World {
  machine: Machine
  rules: WatchRules
  oracle: Oracle
  file: AlertsFile
  now: number
  /** In the order of the channels. */
  moods: Mood[]
  /** After how many steps of this run it dies; null = it lives. */
  crashAt: number | null
  /** The file cannot be read in this run. */
  isLost: boolean
  /** Receivers that show no message twice, going by its id, as mail services do; by channel, what each has shown. */
  shownIds: Map<string, Set<string>>
  runs: number
}

export function newWorld(machine: Machine, rules: WatchRules, startAt: number): World {
  return {
    machine,
    rules,
    oracle: createOracle(rules),
    file: emptyAlerts(startAt),
    now: startAt,
    moods: rules.channels.map(() => 'ok'),
    crashAt: null,
    isLost: false,
    shownIds: new Map(),
    runs: 0,
  }
}

/** What a run came to: for an observer that wants more than the oracle. */
export interface RunSeen {
  /** False = it died before the states were written. */
  saved: boolean
  sent: { message: Message; result: SendResult; shows: boolean; marked: boolean }[]
}

/** One run of the watchdog at `world.now`, up to its end or its crash. */
export function run(world: World, found: readonly Fact[]): RunSeen {
  const { machine, rules, oracle, now } = world
  const seen: RunSeen = { saved: false, sent: [] }
  world.runs += 1
  let left = world.crashAt ?? Number.POSITIVE_INFINITY
  world.crashAt = null
  const dies = (): boolean => {
    left -= 1
    if (left < 0) oracle.crashed()
    return left < 0
  }
  const before = world.isLost ? emptyAlerts(now) : world.file
  const { file: after } = machine.step(before, world.isLost ? [...found, RESET] : found, now, rules)
  if (dies()) return seen
  if (world.isLost) oracle.lost()
  oracle.stepped(before, found, after, now)
  seen.saved = true
  world.isLost = false
  world.file = after
  const messages = machine.planDelivery(after, now, rules)
  oracle.plan(after, messages, now)
  for (const message of messages) {
    if (dies()) return seen
    const { result, shows } = answer(world, message)
    const sending = { message, result, shows, marked: false }
    seen.sent.push(sending)
    if (shows) oracle.shown(world.file, message, now)
    if (dies()) return seen
    const next = machine.markSent(world.file, message, result, now)
    if (dies()) return seen
    oracle.marked(world.file, message, result, next, now)
    sending.marked = true
    world.file = next
  }
  return seen
}

const RESET: Fact = {
  name: 'StateReset',
  labels: {},
  verdict: 'bad',
  severity: 'warning',
  text: { summary: 'alerts.json could not be read', details: [], remedy: null, affects: null },
  since: null,
}

function answer(world: World, message: Message): { result: SendResult; shows: boolean } {
  const answered = answerAs(world, message)
  const known = world.shownIds.get(message.channel)
  if (!answered.shows || known === undefined) return answered
  const shows = !known.has(message.id)
  known.add(message.id)
  return { ...answered, shows }
}

function answerAs({ rules, moods }: World, message: Message): { result: SendResult; shows: boolean } {
  const at = rules.channels.findIndex(({ name }) => name === message.channel)
  const mood = moods[at]
  if (mood === 'refused') return { result: { outcome: 'refused', detail: '535' }, shows: false }
  if (mood === 'retry-after') {
    return { result: { outcome: 'retry', detail: '429', retryAfterMs: 7 * MINUTE }, shows: false }
  }
  if (mood !== 'ok') {
    return { result: { outcome: 'retry', detail: 'timeout', retryAfterMs: null }, shows: mood === 'deaf' }
  }
  const outcome = rules.channels[at]?.confirms === true ? 'accepted' : 'unconfirmed'
  return { result: { outcome, detail: 'ok' }, shows: true }
}
