// Weeks of work on three accounts in virtual time, beside an oracle that sees the truth at every minute, has no cooldown and
// may return to any account. The difference is what is left of an account at its level.
import { describe, expect, it } from 'vitest'
import type { Hit } from '../../../lib/domain/evidence.ts'
import { decideFailover, withSwap } from '../../../lib/domain/failover.ts'
import { type Candidate, NO_FAILOVER } from '../../../lib/domain/failover-state.ts'
import { seeded } from '../../support/mutate.ts'
import { HOUR, MINUTE, NOON, RULES } from './failover-cases.ts'

const WEEK_MINUTES = 7 * 24 * 60
const SLOTS = ['a', 'b', 'c'] as const

/** Percent of the five-hour window that each minute asks for; 0 = nobody works. */
function demandOf(seed: number, least: number, more: number): number[] {
  const random = seeded(seed)
  let working = false
  let rate = 0
  return Array.from({ length: WEEK_MINUTES }, (_, minute) => {
    const hour = Math.floor(minute / 60) % 24
    if (minute % 30 === 0) {
      working = hour < 10 && random() < 0.85
      rate = least + random() * more
    }
    return working ? rate : 0
  })
}

class World {
  readonly accounts = SLOTS.map((slot, n) => ({
    slot,
    five: 0,
    week: 0,
    fiveResets: 0,
    weekResets: NOON + (60 + 30 * n) * HOUR,
  }))
  blocked = 0
  swaps = 0
  at(slot: string) {
    return this.accounts.find(account => account.slot === slot)!
  }
  begin(now: number): void {
    for (const account of this.accounts) {
      if (account.fiveResets <= now) Object.assign(account, { five: 0, fiveResets: now + 5 * HOUR })
      if (account.weekResets <= now) Object.assign(account, { week: 0, weekResets: account.weekResets + 168 * HOUR })
    }
  }
  isFull(slot: string): boolean {
    const { five, week } = this.at(slot)
    return five >= 100 || week >= 100
  }
  /** @returns whether the session was turned away */
  work(slot: string, asked: number): boolean {
    if (asked === 0) return false
    if (this.isFull(slot)) {
      this.blocked += 1
      return true
    }
    const account = this.at(slot)
    account.five = Math.min(100, account.five + asked)
    account.week = Math.min(100, account.week + asked / 12)
    return false
  }
}

function oracle(demand: readonly number[]): World {
  const world = new World()
  let current: string = 'a'
  demand.forEach((asked, minute) => {
    world.begin(NOON + minute * MINUTE)
    if (asked > 0 && world.isFull(current)) {
      const next = world.accounts
        .filter(({ slot }) => !world.isFull(slot))
        .sort((a, b) => Math.max(a.five, a.week) - Math.max(b.five, b.week))[0]
      if (next) {
        current = next.slot
        world.swaps += 1
      }
    }
    world.work(current, asked)
  })
  return world
}

function ours(demand: readonly number[]): World {
  const world = new World()
  let current: string = 'a'
  let state = NO_FAILOVER
  let hits: Hit[] = []
  const seen = new Map<string, Candidate['observation']>()
  demand.forEach((asked, minute) => {
    const now = NOON + minute * MINUTE
    world.begin(now)
    // fetch-quota measures all of them each five minutes.
    if (minute % 5 === 0)
      for (const { slot, five, week, fiveResets, weekResets } of world.accounts)
        seen.set(slot, {
          measuredAt: now,
          windows: [
            { name: 'five_hour', scope: null, usedPercent: five, resetsAt: fiveResets },
            { name: 'seven_day', scope: null, usedPercent: week, resetsAt: weekResets },
          ],
        })
    const accounts = SLOTS.map(slot => ({ slot, standing: 'active' as const, observation: seen.get(slot) ?? null }))
    const made = decideFailover(state, { current, accounts, hits, now }, RULES)
    hits = []
    state = made.state
    if (made.decision.do === 'swap') {
      state = withSwap(state, { at: now, ...made.decision })
      current = made.decision.to
      world.swaps += 1
    }
    if (world.work(current, asked)) {
      const { five, fiveResets, weekResets } = world.at(current)
      const resetsAt = five >= 100 ? fiveResets : weekResets
      hits = [{ slot: current, source: 'transcript', at: now + 1, resetsAt, session: 's', rule: '', excerpt: '' }]
    }
  })
  return world
}

/** Twelve weeks of one kind, together. */
function weeks(least: number, more: number) {
  const demands = Array.from({ length: 12 }, (_, n) => demandOf(n + 1, least, more))
  const sum = (worlds: World[], of: 'blocked' | 'swaps') => worlds.reduce((total, world) => total + world[of], 0)
  const [mine, best] = [demands.map(ours), demands.map(oracle)]
  return {
    blocked: { ours: sum(mine, 'blocked'), best: sum(best, 'blocked') },
    swaps: { ours: sum(mine, 'swaps'), best: sum(best, 'swaps') },
  }
}

describe('weeks of work on three accounts', () => {
  it.each([
    [0.5, 1.8],
    [0.5, 2.5],
  ])(
    'that is too much for them (%d to %d more percent a minute): blocked at most 1.1, swaps at most 1.5 times an oracle',
    (least, more) => {
      const { blocked, swaps } = weeks(least, more)
      expect(blocked.best, 'there is a wall').toBeGreaterThan(12 * 5 * 60)
      expect(blocked.ours).toBeLessThanOrEqual(1.1 * blocked.best)
      expect(swaps.ours).toBeLessThanOrEqual(1.5 * swaps.best)
    },
  )
  it('that is nearly always enough: at most ten minutes a week more than the oracle', () => {
    const { blocked, swaps } = weeks(0.3, 1.4)
    expect(blocked.ours - blocked.best).toBeLessThanOrEqual(12 * 10)
    expect(swaps.ours).toBeLessThanOrEqual(1.5 * swaps.best)
  })
})
