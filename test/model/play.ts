// Plays a plan: the truth moves as it says, and in the end everything heals.
import { type AlertsFile, alertKey, type Fact } from '../../lib/domain/alert.ts'
import { factOf, type Happening, KEYS, type Seen, type WorldPlan } from './plan.ts'
import { type Machine, newWorld, run, type World } from './world.ts'

const MINUTE = 60_000

interface Stage {
  world: World
  chatty: boolean
  seen: Seen[]
  paceMs: number
  /** The highest that the clock ever showed. */
  highestAt: number
  flickers: { key: number; left: number; each: number; next: number }[]
}

/** @returns how often the watchdog ran */
export function play(machine: Machine, plan: WorldPlan): number {
  const { channels, repeatEveryMs, quietHours } = plan
  const stage: Stage = {
    world: newWorld(machine, { channels, repeatEveryMs, quietHours, intervalMs: MINUTE }, plan.startAt),
    chatty: plan.chatty,
    seen: KEYS.map(() => ({ verdict: 'ok', worse: 0, certain: false, network: false })),
    paceMs: MINUTE,
    highestAt: plan.startAt,
    flickers: [],
  }
  if (plan.dropsKnownIds) for (const { name } of channels) stage.world.shownIds.set(name, new Set())
  goOn(stage)
  for (const happening of plan.happenings) {
    happen(stage, happening)
    for (let left = happening.runs; left > 0; left -= 1) goOn(stage)
  }
  heal(stage)
  return stage.world.runs
}

function goOn(stage: Stage): void {
  const { world } = stage
  world.now += stage.paceMs
  stage.highestAt = Math.max(stage.highestAt, world.now)
  run(world, factsOf(stage))
}

function happen(stage: Stage, what: Happening): void {
  const { world, seen } = stage
  if (what.does === 'verdict') {
    const { verdict, worse, certain, network } = what
    seen[what.key] = { verdict, worse, certain, network }
  } else if (what.does === 'all-logins') {
    for (const key of [1, 2, 3, 4]) seen[key] = { ...seen[key]!, verdict: what.verdict }
  } else if (what.does === 'flicker') {
    stage.flickers.push({ key: what.key, left: what.turns * 2, each: what.each, next: world.runs })
  } else if (what.does === 'channel') {
    if (what.channel < world.moods.length) world.moods[what.channel] = what.mood
  } else if (what.does === 'clock-back') world.now -= what.ms
  else if (what.does === 'sleep') world.now += what.ms
  else if (what.does === 'pace') stage.paceMs = what.ms
  else if (what.does === 'crash') world.crashAt = what.point
  // Not while the clock is behind: a new file takes its episode numbers from the clock.
  else if (what.does === 'lose-file') world.isLost = world.now >= stage.highestAt
  else world.file = hush(world, what)
}

/** What `vigil alerts silence` and `ack` do, between two runs. */
function hush({ file, runs, now }: World, what: Happening & { does: 'silence' | 'ack' }): AlertsFile {
  const key = alertKey(KEYS[what.key]!)
  const state = file.states.find(one => one.key === key && one.phase === 'firing')
  if (what.does === 'ack' && state === undefined) return file
  const match = what.does === 'silence' && what.prefix ? `${key.slice(0, 9)}*` : key
  const episode = what.does === 'ack' ? state!.episode : null
  const id = runs * 100 + file.silences.length
  const until = now + what.minutes * MINUTE
  return { ...file, silences: [...file.silences, { id, match, kind: what.does, episode, at: now, until, note: '' }] }
}

function factsOf(stage: Stage): Fact[] {
  const { world, seen } = stage
  for (const flicker of stage.flickers) {
    if (flicker.left === 0 || world.runs < flicker.next) continue
    seen[flicker.key] = { ...seen[flicker.key]!, verdict: flicker.left % 2 === 0 ? 'bad' : 'ok' }
    flicker.left -= 1
    flicker.next = world.runs + flicker.each
  }
  const isTold = ({ verdict }: Seen, at: number) => {
    if (verdict === 'absent') return false
    if (verdict !== 'ok' || stage.chatty) return true
    const key = alertKey(KEYS[at]!)
    return world.file.states.some(state => state.key === key)
  }
  return seen.flatMap((one, at) => (isTold(one, at) ? [factOf(at, one, world.runs)] : []))
}

/** Three minutes are no sleep yet; five hours are more than any wait, quiet hours, silence and flapping together. */
function heal(stage: Stage): void {
  const { world } = stage
  for (const seen of stage.seen) seen.verdict = 'ok'
  stage.flickers = []
  world.moods = world.moods.map(() => 'ok')
  world.crashAt = null
  stage.paceMs = 3 * MINUTE
  for (let runs = 0; runs < 100; runs += 1) {
    const { states, outbox, flaps } = world.file
    if (runs > 2 && states.length === 0 && outbox.length === 0 && Object.keys(flaps).length === 0) break
    goOn(stage)
  }
  world.oracle.ended(world.file)
}
