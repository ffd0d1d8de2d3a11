// Weeks of work on three accounts in virtual time: sessions that begin on the account that is current then and stay there, for
// running sessions are left alone. One that is turned away is begun anew on the current account; where that is used up too,
// its minute is blocked.
import type { Hit } from '../../../lib/domain/evidence.ts'
import { decideFailover, withSwap } from '../../../lib/domain/failover.ts'
import { type Candidate, type FailoverRules, NO_FAILOVER } from '../../../lib/domain/failover-state.ts'
import { seeded } from '../../support/mutate.ts'
import { HOUR, MINUTE, NOON } from './failover-cases.ts'

const WEEK_MINUTES = 7 * 24 * 60
const DAY_MINUTES = 24 * 60
const WORKING_MINUTES = 10 * 60
const SLOTS = ['a', 'b', 'c'] as const

/** Minutes of the week, and percent of the five-hour window that each of them takes. */
interface Session {
  from: number
  to: number
  rate: number
}

/** Percent a minute, all desks together, from `least` up to `more` above it. */
export interface Pace {
  least: number
  more: number
}

/** One person: a session each half hour of ten hours a day, mostly. */
export function oneDesk(seed: number, { least, more }: Pace): Session[] {
  const random = seeded(seed)
  const sessions: Session[] = []
  for (let from = 0; from < WEEK_MINUTES; from += 30) {
    const works = from % DAY_MINUTES < WORKING_MINUTES && random() < 0.85
    const rate = least + random() * more
    if (works) sessions.push({ from, to: from + 30, rate })
  }
  return sessions
}

/** Two terminals, each with sessions of 10 to 90 minutes and pauses in between. */
export function twoDesks(seed: number, { least, more }: Pace): Session[] {
  const random = seeded(seed)
  const sessions: Session[] = []
  for (let desk = 0; desk < 2; desk += 1) {
    let minute = Math.floor(random() * 20)
    while (minute < WEEK_MINUTES) {
      if (minute % DAY_MINUTES >= WORKING_MINUTES) {
        minute += DAY_MINUTES - (minute % DAY_MINUTES) + Math.floor(random() * 15)
        continue
      }
      const length = 10 + Math.floor(random() * 80)
      sessions.push({ from: minute, to: minute + length, rate: (least + random() * more) / 2 })
      minute += length + Math.floor(random() * 20)
    }
  }
  return sessions
}

/**
 * When five-hour windows begin: `together` = all at once, one after the other; `firstUse` = each with its first use after the
 * last one ended. They end at full ten minutes, as the banners that people show do.
 */
type Windows = 'together' | 'firstUse'

class World {
  readonly windows: Windows
  constructor(windows: Windows) {
    this.windows = windows
  }
  readonly accounts = SLOTS.map((slot, n) => ({
    slot: slot as string,
    five: 0,
    week: 0,
    /** 0 = none has begun. */
    fiveResets: 0,
    weekResets: NOON + (60 + 30 * n) * HOUR,
    usedAt: 0,
  }))
  at(slot: string) {
    return this.accounts.find(account => account.slot === slot)!
  }
  begin(now: number): void {
    for (const account of this.accounts) {
      const fiveResets = this.windows === 'together' ? now + 5 * HOUR : 0
      if (account.fiveResets <= now) Object.assign(account, { five: 0, fiveResets })
      if (account.weekResets <= now) Object.assign(account, { week: 0, weekResets: account.weekResets + 168 * HOUR })
    }
  }
  isFull(slot: string): boolean {
    const { five, week } = this.at(slot)
    return five >= 100 || week >= 100
  }
  use(slot: string, percent: number, now: number): void {
    const account = this.at(slot)
    if (account.fiveResets === 0) account.fiveResets = Math.floor(now / (10 * MINUTE)) * 10 * MINUTE + 5 * HOUR
    account.five = Math.min(100, account.five + percent)
    account.week = Math.min(100, account.week + percent / 12)
    account.usedAt = now
  }
}

/** Whoever chooses the current account. */
interface Chooser {
  /** At the beginning of each minute. @returns the current account */
  choose: (world: World, now: number, minute: number) => string
  /** A session was turned away. @returns where it is begun anew */
  turnedAway: (slot: string, world: World, now: number) => string
  swaps: number
}

export interface Week {
  /** Minutes of sessions that could not work. */
  blocked: number
  swaps: number
}

function play(sessions: readonly Session[], chooser: Chooser, windows: Windows): Week {
  const world = new World(windows)
  const slotOf = new Map<Session, string>()
  let blocked = 0
  let [running, next] = [[] as Session[], 0]
  const all = sessions.toSorted((one, other) => one.from - other.from)
  for (let minute = 0; minute < WEEK_MINUTES; minute += 1) {
    const now = NOON + minute * MINUTE
    world.begin(now)
    running = running.filter(({ to }) => minute < to)
    for (; all[next]?.from === minute; next += 1) running.push(all[next]!)
    const current = chooser.choose(world, now, minute)
    for (const session of running) {
      let slot = slotOf.get(session) ?? current
      if (world.isFull(slot)) slot = chooser.turnedAway(slot, world, now)
      slotOf.set(session, slot)
      if (world.isFull(slot)) blocked += 1
      else world.use(slot, session.rate, now)
    }
  }
  return { blocked, swaps: chooser.swaps }
}

/**
 * Sees the truth at each moment, has no cooldown, and may return to any account; a session that it moves loses no minute. Which
 * account it takes makes no difference here. It leaves one only at its wall: one that moved sessions about just to begin
 * windows early would be blocked less, with many times the swaps, and that is not what failover is for.
 */
export function oracle(sessions: readonly Session[], windows: Windows): Week {
  let current = 'a'
  const usedOf = ({ five, week }: { five: number; week: number }) => Math.max(five, week)
  const chooser: Chooser = {
    swaps: 0,
    choose: () => current,
    turnedAway(_slot, world) {
      const free = world.accounts.filter(({ slot }) => !world.isFull(slot))
      const best = free.toSorted((one, other) => usedOf(one) - usedOf(other))[0]
      if (!world.isFull(current) || best === undefined) return current
      current = best.slot
      chooser.swaps += 1
      return current
    },
  }
  return play(sessions, chooser, windows)
}

/** By the real decision, once a minute. */
export function ours(
  sessions: readonly Session[],
  windows: Windows,
  rules: FailoverRules,
  { statusLines = true } = {},
): Week {
  let current = 'a'
  let state = NO_FAILOVER
  let hits: Hit[] = []
  const seen = new Map<string, Candidate['observation']>()
  const chooser: Chooser = {
    swaps: 0,
    choose(world, now, minute) {
      // fetch-quota measures all of them each five minutes; a session at work has a status line that is told what it uses.
      for (const account of world.accounts)
        if (minute % 5 === 0 || (statusLines && account.usedAt === now - MINUTE))
          seen.set(account.slot, measured(account, now))
      const accounts = SLOTS.map(slot => ({ slot, standing: 'active' as const, observation: seen.get(slot) ?? null }))
      const made = decideFailover(state, { current, accounts, hits, now }, rules)
      hits = []
      state = made.state
      if (made.decision.do === 'swap') {
        state = withSwap(state, { at: now, ...made.decision })
        current = made.decision.to
        chooser.swaps += 1
      }
      return current
    },
    turnedAway(slot, world, now) {
      const tell = (full: string) => {
        const { five, fiveResets, weekResets } = world.at(full)
        const resetsAt = five >= 100 ? fiveResets : weekResets
        hits.push({ slot: full, source: 'transcript', at: now + 1, resetsAt, session: 's', rule: '', excerpt: '' })
      }
      tell(slot)
      if (slot !== current && world.isFull(current)) tell(current)
      return current
    },
  }
  return play(sessions, chooser, windows)
}

function measured(
  { five, week, fiveResets, weekResets }: World['accounts'][number],
  now: number,
): Candidate['observation'] {
  return {
    measuredAt: now,
    windows: [
      { name: 'five_hour', scope: null, usedPercent: five, resetsAt: fiveResets || null },
      { name: 'seven_day', scope: null, usedPercent: week, resetsAt: weekResets },
    ],
  }
}
