// What the tests of failover are built of: a clock that stands still, three accounts, and what a poll finds.
import type { Hit } from '../../../lib/domain/evidence.ts'
import { decideFailover, type FailoverDecision, withSwap } from '../../../lib/domain/failover.ts'
import {
  type Candidate,
  type FailoverRules,
  type FailoverState,
  NO_FAILOVER,
} from '../../../lib/domain/failover-state.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const NOON = Date.parse('2026-11-24T12:00:00Z')

export const RULES: FailoverRules = {
  strategy: 'most-room',
  levels: { five_hour: 95, seven_day: 98 },
  levelsOf: {},
  cooldownMs: 5 * MINUTE,
  priority: [],
  freshness: { freshForMs: 10 * MINUTE, staleAfterMs: 15 * MINUTE, unreliableAfterMs: HOUR },
}

export interface Figures {
  five?: number | null
  week?: number | null
  fiveResets?: number | null
  weekResets?: number | null
  measuredAt?: number
  standing?: Candidate['standing']
}

export function account(slot: string, figures: Figures | null = {}, now = NOON): Candidate {
  if (figures === null) return { slot, standing: 'active', observation: null }
  const { five = 20, week = 30, fiveResets = NOON + 3 * HOUR, weekResets = NOON + 72 * HOUR } = figures
  const windows = [
    { name: 'five_hour', scope: null, usedPercent: five, resetsAt: fiveResets },
    { name: 'seven_day', scope: null, usedPercent: week, resetsAt: weekResets },
  ]
  return {
    slot,
    standing: figures.standing ?? 'active',
    observation: { measuredAt: figures.measuredAt ?? now - MINUTE, windows },
  }
}

export function hit(more: Partial<Hit> = {}): Hit {
  return { slot: 'a', source: 'hook', at: NOON, resetsAt: null, session: 's1', rule: 'test', excerpt: '', ...more }
}

export interface Played {
  state: FailoverState
  decision: FailoverDecision
  events: string[]
}

export function poll(
  accounts: Candidate[],
  {
    hits = [],
    now = NOON,
    state = NO_FAILOVER,
    rules = {},
    current = 'a',
  }: {
    hits?: Hit[]
    now?: number
    state?: FailoverState
    rules?: Partial<FailoverRules>
    current?: string
  } = {},
): Played {
  const { noted, ...rest } = decideFailover(state, { current, accounts, hits, now }, { ...RULES, ...rules })
  return { ...rest, events: noted.map(({ slot, event }) => `${slot} ${event}`) }
}

/** The state once what was decided is done. */
export function done({ state, decision }: Played, at = NOON): FailoverState {
  if (decision.do !== 'swap') throw new Error(`no swap: ${decision.do} ${decision.reason}`)
  return withSwap(state, { at, ...decision })
}
