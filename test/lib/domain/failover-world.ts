// Random histories of three accounts, played poll by poll, and what must never be seen in one.
import type { Hit } from '../../../lib/domain/evidence.ts'
import { decideFailover, withSwap } from '../../../lib/domain/failover.ts'
import { type Candidate, NO_FAILOVER } from '../../../lib/domain/failover-state.ts'
import { judgeFreshness } from '../../../lib/domain/freshness.ts'
import { seeded } from '../../support/mutate.ts'
import { HOUR, MINUTE, NOON, RULES } from './failover-cases.ts'

export interface Brain {
  decide: typeof decideFailover
  swap: typeof withSwap
}
export const REAL: Brain = { decide: decideFailover, swap: withSwap }

interface Truth {
  slot: string
  five: number
  week: number
  fiveResets: number
  weekResets: number
  standing: Candidate['standing']
  seen: Candidate['observation']
}

/** @returns what was wrong; empty = nothing */
export function playHistory(seed: number, brain: Brain, minutes = 600): { wrong: string[]; swaps: number } {
  const random = seeded(seed)
  const pick = (from: number, to: number) => from + Math.floor(random() * (to - from + 1))
  /** Percent a minute: in some histories an account is used up within the cooldown. */
  const burst = seed % 3 === 0 ? 40 : 4
  const endless = seed % 2 === 0 ? 0.02 : 0.002
  const truths: Truth[] = ['a', 'b', 'c'].map(slot => ({
    slot,
    five: pick(0, 100),
    week: pick(0, 90),
    fiveResets: NOON + pick(10, 300) * MINUTE,
    weekResets: NOON + pick(1, 168) * HOUR,
    standing: 'active',
    seen: null,
  }))
  let state = NO_FAILOVER
  let current = 'a'
  const swaps: Array<{ at: number; from: string; to: string; until: number; window: string | null }> = []
  const wrong: string[] = []
  for (let minute = 0; minute < minutes; minute += 1) {
    const now = NOON + minute * MINUTE
    const hits: Hit[] = []
    for (const truth of truths) {
      if (truth.fiveResets <= now || random() < endless)
        Object.assign(truth, { five: 0, fiveResets: now + (seed % 5 === 0 ? HOUR / 3 : 5 * HOUR) })
      if (truth.weekResets <= now) Object.assign(truth, { week: 0, weekResets: now + 168 * HOUR })
      if (truth.slot === current) truth.five += random() * burst
      if (truth.slot === current) truth.week += random() * 0.5
      if (random() < 0.003) truth.standing = (['active', 'inactive', 'paused'] as const)[pick(0, 2)]!
      // Measured now and then, each for itself; sometimes with a clock that is wrong.
      if (random() < 0.2) truth.seen = observed(truth, now - pick(0, 90_000) + (random() < 0.02 ? HOUR : 0), random)
      const turnedAway = truth.slot === current && (truth.five >= 100 || truth.week >= 100)
      if (random() < (turnedAway ? 0.5 : 0.01)) hits.push(randomHit(truth, now, pick, random))
    }
    const accounts = truths.map(({ slot, standing, seen }) => ({ slot, standing, observation: seen }))
    const { decision, state: next } = brain.decide(state, { current, accounts, hits, now }, RULES)
    state = next
    const at = `minute ${minute}`
    if (decision.reason === '') wrong.push(`${at}: no reason is given`)
    if (decision.do !== 'swap') {
      const mine = accounts.find(({ slot }) => slot === current)!
      const isFull = fullNow(mine, now) || state.spent[current] !== undefined
      const usable = accounts.some(
        one => one.slot !== current && proven(one, now) && !state.left[one.slot] && !state.spent[one.slot],
      )
      if (isFull && decision.do === 'stay' && decision.code === 'room')
        wrong.push(`${at}: called a full account one with room`)
      if (isFull && usable && mine.standing === 'active' && !(decision.do === 'stay' && decision.code === 'cooldown'))
        wrong.push(`${at}: blocked beside a usable account: ${decision.reason}`)
      continue
    }
    const { from, to, until, window } = decision
    const last = swaps.at(-1)
    if (last !== undefined && now - last.at < RULES.cooldownMs) wrong.push(`${at}: two swaps within the cooldown`)
    const target = accounts.find(({ slot }) => slot === to)!
    if (!proven(target, now)) wrong.push(`${at}: onto ${to}, which is not proven`)
    const left = swaps.findLast(swap => swap.from === to)
    const renewed = target.observation?.windows.find(({ name }) => name === left?.window)?.resetsAt
    if (left !== undefined && now < left.until && !((renewed ?? 0) > left.until))
      wrong.push(`${at}: back to ${to} before its reset`)
    swaps.push({ at: now, from, to, until, window })
    state = brain.swap(state, { at: now, ...decision })
    current = to
  }
  return { wrong, swaps: swaps.length }
}

function observed(
  { five, week, fiveResets, weekResets }: Truth,
  measuredAt: number,
  random: () => number,
): Candidate['observation'] {
  if (random() < 0.02) return null
  const used = (percent: number) => (random() < 0.02 ? null : Math.min(100, percent))
  return {
    measuredAt,
    windows: [
      { name: 'five_hour', scope: null, usedPercent: used(five), resetsAt: fiveResets },
      { name: 'seven_day', scope: null, usedPercent: used(week), resetsAt: weekResets },
      { name: 'weekly', scope: 'Opus', usedPercent: 100, resetsAt: weekResets },
    ],
  }
}

function randomHit(
  { slot, fiveResets }: Truth,
  now: number,
  pick: (a: number, b: number) => number,
  random: () => number,
): Hit {
  return {
    slot,
    source: (['hook', 'transcript', 'tmux'] as const)[pick(0, 2)]!,
    at: now - pick(0, 60_000),
    resetsAt: random() < 0.4 ? fiveResets : null,
    session: `s${pick(1, 3)}`,
    rule: 'random',
    excerpt: '',
  }
}

function wide({ observation }: Candidate) {
  return observation?.windows.filter(({ scope }) => scope === null) ?? []
}

function fullNow(account: Candidate, now: number): boolean {
  return wide(account).some(({ usedPercent, resetsAt }) => (usedPercent ?? 0) >= 100 && resetsAt! > now)
}

/** By rules of its own, written apart from the code's. */
function proven(account: Candidate, now: number): boolean {
  if (account.standing !== 'active' || account.observation === null) return false
  if (judgeFreshness(account.observation.measuredAt, now, RULES.freshness).state !== 'fresh') return false
  const windows = wide(account)
  if (windows.some(({ resetsAt }) => resetsAt! <= now) || windows.every(({ usedPercent }) => usedPercent === null))
    return false
  const limits: Record<string, number> = { five_hour: 90, seven_day: 93 }
  return windows.every(({ name, usedPercent }) => usedPercent === null || usedPercent < limits[name]!)
}
