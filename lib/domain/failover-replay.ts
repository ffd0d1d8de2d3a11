// What failover would have done with other rules, on what was recorded. What was used stays as it was: who would have worked
// on which account then, nobody knows.
import type { Hit } from './evidence.ts'
import { decideFailover, withSwap } from './failover.ts'
import { judgeAccount } from './failover-judge.ts'
import { type Candidate, type FailoverRules, type FailoverState, NO_FAILOVER } from './failover-state.ts'

const MINUTE_MS = 60_000
/** Figures of one account within this are of one look. */
const ONE_LOOK_MS = 1000

export interface RecordedFigure {
  slot: string
  measuredAt: number
  window: string
  scope: string | null
  used: number
  resetsAt: number | null
}

export interface Replay {
  swaps: Array<{ at: number; from: string; to: string; reason: string }>
  /** Minutes in which the current account was used up. */
  blockedMinutes: number
  /** By slot, percent of each week that was over in that time and not used. */
  unusedPercent: Record<string, number[]>
  minutes: number
}

/** @param figures of the account-wide windows, oldest first */
export function replay(
  figures: readonly RecordedFigure[],
  hits: readonly Hit[],
  range: { slots: readonly string[]; current: string; from: number; to: number },
  rules: FailoverRules,
): Replay {
  let state: FailoverState = NO_FAILOVER
  let { current } = range
  const seen = new Map<string, NonNullable<Candidate['observation']>>()
  const weeks = new Map<string, RecordedFigure>()
  const result: Replay = { swaps: [], blockedMinutes: 0, unusedPercent: {}, minutes: 0 }
  let next = 0
  // Up to the first whole minute from its end on: what was measured in the last one counts too.
  for (let now = range.from; now < range.to + MINUTE_MS; now += MINUTE_MS) {
    for (let figure = figures[next]; figure !== undefined && figure.measuredAt <= now; figure = figures[++next]) {
      if (figure.window === 'extra_usage') continue
      see(figure, seen)
      const week = figure.window === 'seven_day' && figure.scope === null
      const before = week ? weeks.get(figure.slot) : undefined
      if (before?.resetsAt != null && figure.resetsAt !== null && figure.resetsAt > before.resetsAt + 60 * MINUTE_MS)
        result.unusedPercent[figure.slot] = [
          ...(result.unusedPercent[figure.slot] ?? []),
          Math.max(0, 100 - before.used),
        ]
      if (week) weeks.set(figure.slot, figure)
    }
    const accounts = range.slots.map(slot => ({
      slot,
      standing: 'active' as const,
      observation: seen.get(slot) ?? null,
    }))
    const told = hits.filter(({ at }) => at > now - MINUTE_MS && at <= now)
    const made = decideFailover(state, { current, accounts, hits: told, now }, rules)
    state = made.state
    const { decision } = made
    if (decision.do === 'swap') {
      const { from, to, reason } = decision
      result.swaps.push({ at: now, from, to, reason })
      state = withSwap(state, { at: now, ...decision })
      current = to
    }
    const mine = accounts.find(({ slot }) => slot === current)
    if (mine && judgeAccount(mine, state, now, rules, 0).verdict === 'spent') result.blockedMinutes += 1
    result.minutes += 1
  }
  return result
}

/** Changes `seen`. */
function see(figure: RecordedFigure, seen: Map<string, NonNullable<Candidate['observation']>>): void {
  const { slot, measuredAt, window: name, scope, used: usedPercent, resetsAt } = figure
  const before = seen.get(slot)
  const same = before !== undefined && measuredAt - before.measuredAt < ONE_LOOK_MS
  const windows = same ? before.windows : []
  seen.set(slot, { measuredAt, windows: [...windows, { name, scope, usedPercent, resetsAt }] })
}
