// Everything that is bad, ok or not to be seen at one moment, by its key. Every key that is alive gets a verdict: silence
// would leave it as it is for ever.
import { type AlertName, type AlertState, alertKey, type Fact } from '../domain/alert.ts'
import { accountFacts } from './account-facts.ts'
import { forecastFacts } from './forecast-facts.ts'
import { ok, unknown } from './make-fact.ts'
import { otherFacts, stillFacts } from './other-facts.ts'
import { quotaFacts } from './quota-facts.ts'
import type { Sight } from './sight.ts'

/** What alerts.json and its delivery know themselves; nothing that is read here tells of them. */
const OF_OTHERS: readonly AlertName[] = ['ChannelBroken', 'NoConfirmedChannel', 'StateReset', 'ClockJump', 'NoData']

/**
 * Each key at most once. Of what may be one of hundreds, an account or a window, an ok is said only where its key is alive.
 * In facts that are not bad, `text.summary` is the reason for the verdict.
 */
export function findFacts(sight: Sight): Fact[] {
  if (sight.still) return stillFacts(sight)
  const facts = [...ofAccounts(sight), ...otherFacts(sight)]
  if (sight.states.length === 0) return facts
  const severities = new Map(sight.states.map(({ key, severity }) => [key, severity]))
  // How bad it was is nothing that an ok or an unknown changes.
  const found = facts.map(fact => {
    const severity = fact.verdict === 'bad' ? undefined : severities.get(alertKey(fact))
    return severity === undefined ? fact : { ...fact, severity }
  })
  const judged = new Set(found.map(alertKey))
  const left = sight.states.filter(({ key, name }) => !judged.has(key) && !OF_OTHERS.includes(name))
  return [...found, ...left.map(state => ({ ...leftover(state, sight), severity: state.severity }))]
}

/** Everything that is judged of one account after the other. */
export function ofAccounts(sight: Sight): Fact[] {
  return [...accountFacts(sight), ...quotaFacts(sight), ...forecastFacts(sight)]
}

/** A key of which nothing that was read speaks any more. */
function leftover({ name, labels }: AlertState, sight: Sight): Fact {
  const { slot, job } = labels
  if (slot !== undefined) {
    if (sight.registryProblem !== null) return unknown(name, labels, 'claude-sessions.yaml cannot be used')
    const seen = sight.accounts.find(({ account }) => account.slot === slot)
    if (seen === undefined) return ok(name, labels, `${slot} is not in claude-sessions.yaml any more`)
    if (seen.account.standing === 'paused') return ok(name, labels, `${slot} is paused by hand`)
  }
  if (job !== undefined && !sight.jobs.some(seen => seen.job.job === job))
    return ok(name, labels, `there is no job ${job} any more`)
  return unknown(name, labels, 'nothing that was read tells of it')
}
