// How long nothing of an account can become bad by time alone, while every file that tells of it stays as it is.
import { judgeFreshness } from '../domain/freshness.ts'
import { learnedEnd } from '../domain/login-state.ts'
import { DAY_MS } from '../domain/status-problems.ts'
import { MINUTE_MS } from '../timings.ts'
import { ofAccounts } from './find-facts.ts'
import type { Sight } from './sight.ts'

/** However sure that is: a mistake in it, or in a file's time, must not hide anything for longer. */
const LONGEST_MS = 10 * MINUTE_MS
const FIRST_ENDING_MS = 7 * DAY_MS

/** @returns until when (not included), ms; null = something is bad or unknown, or may be at any moment */
export function stillUntil(sight: Sight): number | null {
  const { now, settings, accounts } = sight
  // A key that is alive needs a verdict in every look.
  if (sight.states.length > 0 || sight.registryProblem !== null || sight.settingsProblem !== null) return null
  if (sight.troubles.length > 0 || sight.falseFresh.length > 0 || sight.history === null) return null
  if (ofAccounts(sight).some(({ verdict }) => verdict !== 'ok')) return null
  const times = accounts.flatMap(({ account, state }) => {
    const { measured_at: measuredAt, login_ends_at: toldEnd } = account
    const isFresh = judgeFreshness(measuredAt, now, settings.quota).state === 'fresh'
    // A fresh-mark outlives its figures first; they are too old to count on only later.
    const ageMs = isFresh ? settings.quota.freshForMs : settings.quota.unreliableAfterMs
    const endsAt = toldEnd ?? learnedEnd(state, now)
    const old = measuredAt === null || measuredAt > now ? [] : [measuredAt + ageMs]
    return account.standing === 'paused' ? [] : [...old, ...(endsAt === null ? [] : [endsAt - FIRST_ENDING_MS])]
  })
  const until = Math.min(now + LONGEST_MS, ...times)
  return until > now ? until : null
}
