// How one account stands for failover: usable, or why not.
import type { Candidate, FailoverRules, FailoverState, LevelWindow } from './failover-state.ts'
import { LEVEL_WINDOWS } from './failover-state.ts'
import { judgeFreshness } from './freshness.ts'
import type { QuotaWindow } from './quota.ts'

/** Below a level by so much before an account is switched to: else it would be left again at once. */
export const HYSTERESIS_PERCENT = 5
/** Time stamps of one reset differ by fractions from look to look; resets of two windows differ by hours. */
const SAME_RESET_MS = 10 * 60_000
const FULL_PERCENT = 100

export type Judgement =
  | { verdict: 'usable'; roomPercent: number; resetsAt: number | null; reason: string }
  | {
      /**
       * `spent`, `high`, `left`: for as long as its figures say. `inactive`, `paused`: a person is needed.
       * `stale`, `unproven`, `refused`: it may have room, and that is not proven. `renewed`: nor is it, but the next figures,
       * which are soon due, will tell.
       */
      verdict: 'spent' | 'high' | 'left' | 'inactive' | 'paused' | 'stale' | 'unproven' | 'renewed' | 'refused'
      reason: string
      /** When it can be used again, ms; null = not known. */
      recoversAt: number | null
      /** The window that is to blame; null = none. */
      window: string | null
    }

/** @param marginPercent below the levels: 0 for the account in use, the hysteresis for one to be taken */
export function judgeAccount(
  account: Candidate,
  state: FailoverState,
  now: number,
  rules: FailoverRules,
  marginPercent: number,
): Judgement {
  const { slot, standing, observation } = account
  const not = (
    verdict: Exclude<Judgement['verdict'], 'usable'>,
    reason: string,
    recoversAt: number | null = null,
    window: string | null = null,
  ): Judgement => ({ verdict, reason: `${slot} ${reason}`, recoversAt, window })
  if (standing === 'paused') return not('paused', 'is paused by hand')
  if (standing === 'inactive') return not('inactive', 'is logged out')
  const windows = lasting(account, now)
  const full = latestOf(windows.filter(({ usedPercent }) => usedPercent !== null && usedPercent >= FULL_PERCENT))
  const said = state.spent[slot]
  if (full !== null || said !== undefined) {
    // Both may be so: it can be used again when the later one is over.
    const ends = [full?.resetsAt ?? null, said?.resetsAt ?? null].filter(at => at !== null)
    const why =
      full === null ? `is used up, as a session was told (${said!.source})` : `has its ${nameOf(full)} window full`
    return not('spent', why, ends.length > 0 ? Math.max(...ends) : null, full?.name ?? null)
  }
  const high = latestOf(windows.filter(window => isHigh(window, slot, rules, marginPercent)))
  if (high !== null) {
    const level = levelOf(slot, high.name, rules)! - marginPercent
    return not('high', `has reached ${level} % of its ${nameOf(high)} window`, high.resetsAt, high.name)
  }
  const freshness = judgeFreshness(observation?.measuredAt ?? null, now, rules.freshness).state
  if (observation === null || freshness === 'absent') return not('unproven', 'was never measured')
  if (freshness !== 'fresh') return not('stale', 'has old figures only')
  const over = overSince(account, now)
  if (over !== null) return not('renewed', 'has a window that was reset since it was measured', over)
  const known = windows.flatMap(({ usedPercent }) => (usedPercent === null ? [] : [usedPercent]))
  if (known.length === 0) return not('unproven', 'has no figure that is known')
  const left = state.left[slot]
  if (left !== undefined && now < left.until) return not('left', 'was left, and its reset is still to come', left.until)
  const refusedUntil = state.refused[slot]
  if (refusedUntil !== undefined && now < refusedUntil)
    return not('refused', 'could not be proven to be the login there', null)
  const roomPercent = FULL_PERCENT - Math.max(...known)
  const resets = windows.flatMap(({ name, resetsAt }) => (resetsAt === null ? [] : [{ name, resetsAt }]))
  // What is not used by the end of the week is lost; of five hours it matters less.
  const week = resets.find(({ name }) => name === 'seven_day') ?? resets[0]
  return { verdict: 'usable', roomPercent, resetsAt: week?.resetsAt ?? null, reason: `${slot} has room` }
}

/** It shows room now: every account-wide window that is told lies below its level. Judged by freshness too. */
export function showsRoom({ slot, observation, standing }: Candidate, now: number, rules: FailoverRules): boolean {
  if (observation === null) return false
  const account = { slot, standing, observation }
  if (
    judgeFreshness(observation.measuredAt, now, rules.freshness).state !== 'fresh' ||
    overSince(account, now) !== null
  )
    return false
  const windows = lasting(account, now)
  const known = windows.filter(({ usedPercent }) => usedPercent !== null)
  return (
    known.length > 0 &&
    known.every(window => window.usedPercent! < FULL_PERCENT && !isHigh(window, slot, rules, HYSTERESIS_PERCENT))
  )
}

/** The window that an account was left for has begun anew before its time. */
export function isRenewed(account: Candidate, left: FailoverState['left'][string]): boolean {
  const { observation } = account
  if (left.window === null || observation === null || observation.measuredAt <= left.at) return false
  const window = wide(account).find(({ name }) => name === left.window)
  if (window === undefined || window.resetsAt === null || window.usedPercent === null) return false
  return window.resetsAt > left.until + SAME_RESET_MS
}

function wide({ observation }: Candidate): QuotaWindow[] {
  return (observation?.windows ?? []).filter(
    ({ name, scope }) => scope === null && (LEVEL_WINDOWS as readonly string[]).includes(name),
  )
}

/** What a window holds is the least that it can be until it is reset, however old the figure. */
function lasting(account: Candidate, now: number): QuotaWindow[] {
  return wide(account).filter(({ resetsAt }) => resetsAt === null || resetsAt > now)
}

/** The latest reset that its figures do not know of, ms; null = none. */
function overSince(account: Candidate, now: number): number | null {
  const resets = wide(account).flatMap(({ resetsAt }) => (resetsAt !== null && resetsAt <= now ? [resetsAt] : []))
  return resets.length > 0 ? Math.max(...resets) : null
}

function isHigh(
  { name, usedPercent }: QuotaWindow,
  slot: string,
  rules: FailoverRules,
  marginPercent: number,
): boolean {
  const level = levelOf(slot, name, rules)
  return level !== null && usedPercent !== null && usedPercent >= level - marginPercent
}

function levelOf(slot: string, window: string, { levels, levelsOf }: FailoverRules): number | null {
  const own = levelsOf[slot]?.[window as LevelWindow]
  return own === undefined ? levels[window as LevelWindow] : own
}

/** Of several the one that lasts longest; one without an end lasts longer than any. */
function latestOf(windows: QuotaWindow[]): QuotaWindow | null {
  const endOf = ({ resetsAt }: QuotaWindow) => resetsAt ?? Number.POSITIVE_INFINITY
  return windows.toSorted((a, b) => endOf(b) - endOf(a))[0] ?? null
}

function nameOf({ name }: QuotaWindow): string {
  return name === 'five_hour' ? 'five-hour' : 'weekly'
}
