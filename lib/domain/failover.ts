// Which account new sessions are to use. Pure: from what is remembered, what was seen and the time, a decision with its reason.
import type { Hit } from './evidence.ts'
import { HYSTERESIS_PERCENT, isRenewed, type Judgement, judgeAccount, showsRoom } from './failover-judge.ts'
import type { Candidate, FailoverRules, FailoverState, Noted } from './failover-state.ts'

/** What is said once is forgotten after this, where nothing confirms it. */
const SUSPECT_MS = 15 * 60_000
/** Two tellings of one event, by the hook and in the transcript. */
const SAME_EVENT_MS = 5000
/** Where nobody says when an account can be used again: the length of the shorter window. */
const UNKNOWN_RESET_MS = 5 * 3_600_000
/** A login that was not the expected one is not tried again for so long. */
const REFUSED_MS = 30 * 60_000

export type FailoverDecision =
  | {
      do: 'stay'
      /** `room`: nothing is wanted. `suspected`, `cooldown`: something may be, and it is waited. `unseen`: it cannot be told. */
      code: 'room' | 'suspected' | 'cooldown' | 'unseen' | 'none'
      reason: string
    }
  | { do: 'swap'; code: Wanted; from: string; to: string; reason: string; until: number; window: string | null }
  | { do: 'blocked'; code: Wanted; reason: string }
  | { do: 'exhausted'; code: Wanted; reason: string; recoversAt: number | null }

type Wanted = 'spent' | 'high' | 'inactive' | 'paused'

export interface Poll {
  current: string | null
  accounts: readonly Candidate[]
  /** What was told since the last poll. */
  hits: readonly Hit[]
  now: number
}

/** One poll: what is noticed, then what is to be done. */
export function decideFailover(
  before: FailoverState,
  poll: Poll,
  rules: FailoverRules,
): { state: FailoverState; noted: Noted[]; decision: FailoverDecision } {
  const { state, noted } = notice(before, poll, rules)
  const decision = decide(state, poll, rules)
  const recoversAt = decision.do === 'exhausted' ? decision.recoversAt : null
  const { do: did, code, reason } = decision
  const same = before.standing?.do === did && before.standing.code === code
  const since = same ? before.standing!.since : poll.now
  return { state: { ...state, standing: { do: did, code, reason, since, recoversAt } }, noted, decision }
}

/** What is remembered after a swap that is whole. */
export function withSwap(
  state: FailoverState,
  swap: { at: number; from: string; to: string; reason: string; until: number | null; window: string | null },
): FailoverState {
  const { at, from, to, reason, until, window } = swap
  const left = without(state.left, to)
  return {
    ...state,
    lastSwap: { at, from, to, reason },
    lastTryAt: at,
    left: until === null ? left : { ...left, [from]: { at, until, window } },
    suspects: without(state.suspects, from),
  }
}

/** What is remembered where the login there was not proven, and all was put back. */
export function withFailedSwap(state: FailoverState, to: string, at: number): FailoverState {
  return { ...state, lastTryAt: at, refused: { ...state.refused, [to]: at + REFUSED_MS } }
}

function isCoolingDown({ lastTryAt }: FailoverState, now: number, cooldownMs: number): boolean {
  // A time ahead of us is a clock that was set back: then it counts for no longer than it would have.
  return lastTryAt !== null && Math.abs(now - lastTryAt) < cooldownMs
}

function notice(before: FailoverState, poll: Poll, rules: FailoverRules): { state: FailoverState; noted: Noted[] } {
  const { now, accounts } = poll
  const noted: Noted[] = []
  const state: FailoverState = {
    ...before,
    left: { ...before.left },
    spent: { ...before.spent },
    suspects: { ...before.suspects },
    refused: Object.fromEntries(Object.entries(before.refused).filter(([, until]) => now < until)),
    polledAt: now,
  }
  const coolingDown = isCoolingDown(before, now, rules.cooldownMs)
  for (const hit of [...poll.hits].sort((a, b) => a.at - b.at)) {
    const account = accounts.find(({ slot }) => slot === hit.slot)
    noted.push(take(hit, account, state, { now, rules, coolingDown }))
  }
  for (const account of accounts) noted.push(...ends(account, state, now, rules))
  for (const part of ['left', 'spent', 'suspects'] as const) {
    for (const slot of Object.keys(state[part]))
      if (!accounts.some(known => known.slot === slot)) delete state[part][slot]
  }
  return { state, noted }
}

/** Changes `state`. */
function take(
  hit: Hit,
  account: Candidate | undefined,
  state: FailoverState,
  { now, rules, coolingDown }: { now: number; rules: FailoverRules; coolingDown: boolean },
): Noted {
  const { slot, source, at, resetsAt, session } = hit
  const note = (event: Noted['event'], reason: string): Noted => ({ event, slot, reason: `${source}: ${reason}` })
  if (account === undefined) return note('held', 'it is of no account that is known')
  const measuredAt = account.observation?.measuredAt ?? 0
  if (measuredAt > at && showsRoom(account, now, rules)) return note('cleared', 'newer figures show room')
  if (resetsAt !== null && resetsAt <= now) return note('expired', 'its reset has passed')
  const known = state.spent[slot]
  if (known !== undefined && (known.resetsAt !== null || resetsAt === null))
    return note('repeated', 'it is known already')
  if (resetsAt !== null) {
    state.spent[slot] = { at, resetsAt, source }
    delete state.suspects[slot]
    return note('spent', 'it names its reset, so it counts at once')
  }
  // Right after a swap the sessions of before still speak; what lasts is said again.
  if (coolingDown) return note('held', 'without a reset time, in the cooldown')
  if (now - at > SUSPECT_MS) return note('expired', 'without a reset time, and old')
  const suspect = state.suspects[slot]
  if (suspect === undefined) {
    state.suspects[slot] = { polledAt: now, at, source, session }
    return note('suspected', 'without a reset time; a second poll or source has to confirm it')
  }
  const anew = now > suspect.polledAt && at > suspect.at + SAME_EVENT_MS
  // The hook and the transcript of one session tell one event: only together with another session are they two witnesses.
  const witness = source !== suspect.source && session !== suspect.session
  if (!anew && !witness) return note('repeated', 'the same event')
  state.spent[slot] = { at, resetsAt: null, source }
  delete state.suspects[slot]
  return note('confirmed', anew ? 'it was said in a second poll' : 'a second source says it too')
}

/** What is over by now. Changes `state`. */
function ends(account: Candidate, state: FailoverState, now: number, rules: FailoverRules): Noted[] {
  const { slot, observation } = account
  const noted: Noted[] = []
  const measuredAt = observation?.measuredAt ?? 0
  const room = showsRoom(account, now, rules)
  const suspect = state.suspects[slot]
  if (suspect !== undefined && room && measuredAt > suspect.at) {
    delete state.suspects[slot]
    noted.push({ event: 'cleared', slot, reason: 'newer figures show room' })
  } else if (suspect !== undefined && now - suspect.polledAt > SUSPECT_MS) {
    delete state.suspects[slot]
    noted.push({ event: 'expired', slot, reason: 'nothing confirmed it' })
  }
  const spent = state.spent[slot]
  const over =
    spent !== undefined && (spent.resetsAt === null ? now - spent.at > UNKNOWN_RESET_MS : spent.resetsAt <= now)
  if (spent !== undefined && (over || (room && measuredAt > spent.at))) {
    delete state.spent[slot]
    noted.push({ event: 'recovered', slot, reason: over ? 'its reset has come' : 'newer figures show room' })
  }
  const left = state.left[slot]
  if (left !== undefined && (now >= left.until || (room && isRenewed(account, left)))) {
    delete state.left[slot]
    const reason = now >= left.until ? 'its reset has come' : 'its window began anew before its time'
    noted.push({ event: 'recovered', slot, reason })
  }
  return noted
}

function decide(state: FailoverState, { current, accounts, now }: Poll, rules: FailoverRules): FailoverDecision {
  const mine = accounts.find(({ slot }) => slot === current)
  if (mine === undefined) return { do: 'stay', code: 'none', reason: 'no account is current' }
  const from = mine.slot
  const judged = judgeAccount(mine, { ...state, left: {}, refused: {} }, now, rules, 0)
  if (!isTrouble(judged)) {
    if (state.suspects[from] !== undefined)
      return { do: 'stay', code: 'suspected', reason: `${from} may be used up: said once, not confirmed` }
    if (judged.verdict === 'usable') return { do: 'stay', code: 'room', reason: judged.reason }
    return { do: 'stay', code: 'unseen', reason: judged.reason }
  }
  const { verdict: code, reason } = judged
  if (isCoolingDown(state, now, rules.cooldownMs))
    return { do: 'stay', code: 'cooldown', reason: `${reason}; the last switch was too short a time ago` }
  const others = accounts
    .filter(({ slot }) => slot !== from)
    .map(({ slot }) => slot)
    .map(slot => ({
      slot,
      judged: judgeAccount(accounts.find(one => one.slot === slot)!, state, now, rules, HYSTERESIS_PERCENT),
    }))
  const usable = others.flatMap(({ slot, judged: other }) => (other.verdict === 'usable' ? [{ slot, ...other }] : []))
  const best = choose(usable, rules)
  if (best !== null) {
    // One that a person has to mend has no reset to wait for.
    const until = code === 'inactive' || code === 'paused' ? now : (judged.recoversAt ?? now + UNKNOWN_RESET_MS)
    return { do: 'swap', code, from, to: best, reason: `${reason}; ${best} has room`, until, window: judged.window }
  }
  const why = others.length === 0 ? ['there is no other account'] : others.map(({ judged: other }) => other.reason)
  const told = `${reason}; ${why.join('; ')}`
  // What was exhausted stays so until figures prove the end: a reset alone would end it and call it blocked for minutes.
  const unproven = ['stale', 'unproven', 'refused', ...(state.standing?.do === 'exhausted' ? [] : ['renewed'])]
  const blind = others.some(({ judged: other }) => unproven.includes(other.verdict))
  if (code === 'high' || blind) return { do: 'blocked', code, reason: told }
  const recoveries = [judged, ...others.map(other => other.judged)].flatMap(one =>
    one.verdict !== 'usable' && one.recoversAt !== null ? [one.recoversAt] : [],
  )
  return { do: 'exhausted', code, reason: told, recoversAt: recoveries.length > 0 ? Math.min(...recoveries) : null }
}

function isTrouble(
  judged: Judgement,
): judged is Extract<Judgement, { recoversAt: number | null }> & { verdict: Wanted } {
  return ['spent', 'high', 'inactive', 'paused'].includes(judged.verdict)
}

interface Usable {
  slot: string
  roomPercent: number
  resetsAt: number | null
}

/** The order of the registry decides where nothing else does. */
function choose(usable: readonly Usable[], { strategy, priority }: FailoverRules): string | null {
  const rank = ({ slot }: Usable) => (priority.includes(slot) ? priority.indexOf(slot) : priority.length)
  const reset = ({ resetsAt }: Usable) => resetsAt ?? Number.MAX_SAFE_INTEGER
  const order: Record<FailoverRules['strategy'], (a: Usable, b: Usable) => number> = {
    'most-room': (a, b) => b.roomPercent - a.roomPercent || rank(a) - rank(b),
    'soonest-reset': (a, b) => reset(a) - reset(b) || rank(a) - rank(b),
    priority: (a, b) => rank(a) - rank(b),
  }
  return usable.toSorted(order[strategy])[0]?.slot ?? null
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}
