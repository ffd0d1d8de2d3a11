// What failover remembers from poll to poll, and what it is told of each account.
import * as v from '../valibot.ts'
import { HIT_SOURCES } from './evidence.ts'
import type { FreshnessBudget } from './freshness.ts'
import type { QuotaWindow } from './quota.ts'

export const STRATEGIES = ['most-room', 'soonest-reset', 'priority'] as const
export const LEVEL_WINDOWS = ['five_hour', 'seven_day'] as const
export type LevelWindow = (typeof LEVEL_WINDOWS)[number]
/** Percent at which an account is left ahead of the wall; null = only at the wall itself. */
type WindowLevels = Partial<Record<LevelWindow, number | null>>

export interface FailoverRules {
  strategy: (typeof STRATEGIES)[number]
  levels: Record<LevelWindow, number | null>
  /** What one account has of its own. */
  levelsOf: Record<string, WindowLevels>
  cooldownMs: number
  /** Slots, the best first; those that are not named come behind, in the order of the registry. */
  priority: readonly string[]
  freshness: FreshnessBudget
}

/** One account as a poll finds it. */
export interface Candidate {
  slot: string
  standing: 'active' | 'inactive' | 'paused'
  /** Its last figures, void windows included; null = none that are this login's. */
  observation: { measuredAt: number; windows: readonly QuotaWindow[] } | null
}

const DECISIONS = ['stay', 'swap', 'blocked', 'exhausted'] as const

/** What was decided last, as others read it. */
const Standing = v.object({
  do: v.picklist(DECISIONS),
  code: v.string(),
  reason: v.string(),
  /** Since when it is so, ms. */
  since: v.number(),
  /** `exhausted` only: when the first account can be used again, ms; null = not known. */
  recoversAt: v.nullable(v.number()),
})

/** `failover.json`. All times ms. */
export const FailoverState = v.object({
  schema: v.literal(1),
  /** The last swap that is whole. */
  lastSwap: v.nullable(v.object({ at: v.number(), from: v.string(), to: v.string(), reason: v.string() })),
  /** The last try, whole or not: the cooldown counts from here. */
  lastTryAt: v.nullable(v.number()),
  /** Accounts that were left, and until when nobody returns. `window` = what they were left for; null = a session said so. */
  left: v.record(v.string(), v.object({ at: v.number(), until: v.number(), window: v.nullable(v.string()) })),
  /** Accounts of which a session said that they are used up, and it counts. */
  spent: v.record(
    v.string(),
    v.object({ at: v.number(), resetsAt: v.nullable(v.number()), source: v.picklist(HIT_SOURCES) }),
  ),
  /** Accounts of which that was said once, without a reset time. */
  suspects: v.record(
    v.string(),
    v.object({
      /** The poll that suspected it. */
      polledAt: v.number(),
      /** The latest time that it was said. */
      at: v.number(),
      source: v.picklist(HIT_SOURCES),
      session: v.nullable(v.string()),
    }),
  ),
  /** Accounts that could not be proven after a switch, and until when they are not tried again. */
  refused: v.record(v.string(), v.number()),
  standing: v.nullable(Standing),
  /** When the job looked last. */
  polledAt: v.nullable(v.number()),
  /** How far each transcript was read, bytes. */
  read: v.record(v.string(), v.number()),
})
export type FailoverState = v.InferOutput<typeof FailoverState>

export const NO_FAILOVER: FailoverState = {
  schema: 1,
  lastSwap: null,
  lastTryAt: null,
  left: {},
  spent: {},
  suspects: {},
  refused: {},
  standing: null,
  polledAt: null,
  read: {},
}

/** What was noticed, for the record. */
export interface Noted {
  event: 'spent' | 'suspected' | 'confirmed' | 'cleared' | 'held' | 'repeated' | 'recovered' | 'expired'
  slot: string
  reason: string
}
