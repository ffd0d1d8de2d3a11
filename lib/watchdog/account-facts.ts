// What is wrong with logins: AllInactive, AccountInactive, LoginEnding.
import { alertKey, type Fact, type Severity } from '../domain/alert.ts'
import { learnedEnd } from '../domain/login-state.ts'
import { DAY_MS, endingWords, inactiveWords } from '../domain/status-problems.ts'
import { bad, fewLines, isTold, ok, someOf, stateOf, unknown } from './make-fact.ts'
import type { SeenAccount, Sight } from './sight.ts'

export function accountFacts(sight: Sight): Fact[] {
  if (sight.registryProblem !== null) {
    return [unknown('AllInactive', {}, 'claude-sessions.yaml cannot be used, so nobody knows which accounts there are')]
  }
  return [
    allInactive(sight),
    ...sight.accounts.flatMap(seen =>
      seen.account.standing === 'paused' ? [] : [...accountInactive(seen, sight), ...loginEnding(seen, sight)],
    ),
  ]
}

function allInactive({ accounts, current }: Sight): Fact {
  const pool = accounts.filter(({ account }) => account.standing !== 'paused')
  const works = pool.find(({ account }) => account.standing === 'active')
  if (pool.length === 0) return ok('AllInactive', {}, 'there is no account that is not paused')
  if (works !== undefined) return ok('AllInactive', {}, `${works.account.slot} is logged in`)
  const first = pool.find(({ account }) => account.slot === current) ?? pool[0]!
  const since = pool.map(({ account }) => account.since).filter(at => at !== null)
  const [only] = pool.length === 1 ? [` (${first.account.slot})`] : ['']
  return bad(
    'AllInactive',
    {},
    {
      severity: 'critical',
      summary:
        pool.length === 1 ? `the only account${only} is logged out` : `all ${pool.length} accounts are logged out`,
      details: fewLines(
        pool.map(({ account, login }) => `${account.slot}: ${inactiveWords(account.reason)}; run: ${login}`),
      ),
      remedy: first.login,
      affects: 'every new session; no figure is measured until one account is logged in again',
      // The last one to go made it all of them.
      since: since.length > 0 ? Math.max(...since) : null,
    },
  )
}

function accountInactive(seen: SeenAccount, sight: Sight): Fact[] {
  const { account, login } = seen
  const { slot } = account
  if (account.standing === 'active') {
    const known = stateOf(sight.states, 'AccountInactive', { slot })
    return known ? [ok('AccountInactive', { slot }, `${slot} is logged in`)] : []
  }
  const words = inactiveWords(account.reason)
  return [
    bad(
      'AccountInactive',
      { slot },
      {
        severity: 'warning',
        summary: `${slot} ${words.startsWith('no login') ? 'has' : 'is'} ${words}`,
        details: account.email === null ? [] : [`account ${account.email} in ${account.config_dir}`],
        remedy: login,
        affects: affected(slot, sight),
        since: account.since,
        // The token endpoint itself said so (`invalid_grant`): looking again would only cost time.
        certain: account.reason === 'session_expired',
      },
    ),
  ]
}

function affected(slot: string, { accounts, current }: Sight): string {
  const working = accounts.filter(({ account }) => account.standing === 'active').map(({ account }) => account.slot)
  const left =
    working.length === 0
      ? 'no account is left to new sessions'
      : `${someOf(working)} ${working.length === 1 ? 'is' : 'are'} left to new sessions`
  return slot === current ? `new sessions use this very account; ${left}` : left
}

/** From the widest: each is told once, as the end comes nearer. */
const ENDING_LEVELS = [
  { left: '7d', leftMs: 7 * DAY_MS, severity: 'info' },
  { left: '3d', leftMs: 3 * DAY_MS, severity: 'warning' },
  { left: '1d', leftMs: DAY_MS, severity: 'critical' },
] as const satisfies ReadonlyArray<{ left: string; leftMs: number; severity: Severity }>

/**
 * Only the nearest level is told; one that was told before stays as it is, without a word, until a new login ends them all.
 * A login that is over has ended, so that stays true too.
 */
function loginEnding({ account, login, state }: SeenAccount, { states, now }: Sight): Fact[] {
  const { slot } = account
  const told = account.login_ends_at !== null
  const endsAt = account.login_ends_at ?? learnedEnd(state, now)
  const inactive = account.standing === 'inactive'
  const reached = ENDING_LEVELS.filter(({ leftMs }) => endsAt !== null && endsAt - now <= leftMs)
  const nearest = reached.at(-1)
  return ENDING_LEVELS.flatMap(({ left, severity }) => {
    const labels = { slot, left }
    const known = stateOf(states, 'LoginEnding', labels)
    const isReached = inactive ? isTold(known) : reached.some(level => level.left === left)
    if (!isReached) {
      if (known === undefined) return []
      const why = inactive
        ? `${slot} is logged out`
        : endsAt === null
          ? 'its end is not known'
          : endingWords(endsAt - now)
      return [ok('LoginEnding', labels, `${slot}: ${why}`)]
    }
    const isNearest = left === nearest?.left
    if (!isNearest && !isTold(known)) return known ? [ok('LoginEnding', labels, `${slot}: it ends sooner`)] : []
    const about = told ? [] : ['nobody tells the end of this login; this is how long earlier ones lasted']
    return [
      bad('LoginEnding', labels, {
        severity,
        summary: inactive ? `${slot}: its login has ended` : `${slot}: ${endingWords(endsAt! - now)}`,
        details: inactive ? [] : about,
        remedy: login,
        affects: 'sessions of this account, once it has ended; a new login now costs nothing',
        alsoMutedBy:
          isNearest || nearest === undefined
            ? []
            : [alertKey({ name: 'LoginEnding', labels: { slot, left: nearest.left } })],
      }),
    ]
  })
}
