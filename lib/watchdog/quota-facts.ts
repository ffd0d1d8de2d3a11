// What is wrong with quota figures: QuotaHigh, and DataStale of an account.
import { type AlertState, alertKey, type Fact } from '../domain/alert.ts'
import type { QuotaWindow } from '../domain/quota.ts'
import { staleFigures } from '../domain/status-problems.ts'
import { HOUR_MS } from '../timings.ts'
import { firstCycleAfter, firstFiguresBy } from './cycles.ts'
import { judgeLevels, type LevelVerdict } from './levels.ts'
import { bad, labelOf, minuteOf, ok, stateOf, statesOf, unknown } from './make-fact.ts'
import type { SeenAccount, Sight } from './sight.ts'

/** Sources give one reset to the second or not, and it wanders a little; the next window's is at least four hours away. */
const SAME_RESET_MS = HOUR_MS
/** In the key of a window whose source does not say when it begins anew. */
const NO_RESET = 'no-reset'

export function quotaFacts(sight: Sight): Fact[] {
  return sight.accounts.flatMap(seen =>
    seen.account.standing === 'paused' ? [] : [...quotaHigh(seen, sight), ...staleUnlessFine(seen, sight)],
  )
}

/** The name of a window in a key: `five_hour`, `weekly-Opus`. */
export function windowLabel({ name, scope }: Pick<QuotaWindow, 'name' | 'scope'>): string {
  return labelOf(scope === null ? name : `${name}-${scope}`)
}

/** Its name for a person: `five-hour quota`. */
export function windowWords({ name, scope }: Pick<QuotaWindow, 'name' | 'scope'>): string {
  const plain = name === 'five_hour' ? 'five-hour' : name === 'seven_day' ? 'weekly' : name.replaceAll('_', ' ')
  return scope === null ? `${plain} quota` : `${plain} ${scope} quota`
}

function quotaHigh(seen: SeenAccount, sight: Sight): Fact[] {
  const { account, observation } = seen
  const { now, settings, states } = sight
  const alive = statesOf(states, 'QuotaHigh', { slot: account.slot })
  const facts: Fact[] = []
  for (const window of observation?.windows ?? []) {
    if (window.resetsAt !== null && window.resetsAt <= now) continue
    const mine = alive.filter(state => state.labels['window'] === windowLabel(window))
    // What an account that needs a login has used up is no news: it cannot be used at all.
    if (account.standing === 'inactive' && mine.length === 0) continue
    const reset = resetLabel(window.resetsAt, mine, now)
    const labelsOf = (level: number) => ({
      slot: account.slot,
      window: windowLabel(window),
      level: String(level),
      reset,
    })
    const levels = sight.settingsProblem === null ? settings.quota.alertAt : []
    const isOld = account.freshness.state === 'unreliable' || account.freshness.state === 'absent'
    const verdicts = judgeLevels(window.usedPercent, levels, isOld, level =>
      stateOf(states, 'QuotaHigh', labelsOf(level)),
    )
    for (const verdict of verdicts) {
      const labels = labelsOf(verdict.level)
      if (verdict.verdict !== 'bad' && stateOf(states, 'QuotaHigh', labels) === undefined) continue
      facts.push(highFact({ verdict, labels, window, seen, sight }))
    }
  }
  const judged = new Set(facts.map(alertKey))
  return [...facts, ...alive.filter(state => !judged.has(state.key)).map(state => goneHigh(state, seen, sight))]
}

function highFact(high: {
  verdict: LevelVerdict
  labels: { slot: string; window: string; level: string; reset: string }
  window: QuotaWindow
  seen: SeenAccount
  sight: Sight
}): Fact {
  const { verdict, labels, window, seen, sight } = high
  const { account } = seen
  const { slot } = account
  if (verdict.verdict === 'unknown') return unknown('QuotaHigh', labels, `${slot}: the figure is old, or not known`)
  const used = Math.floor(window.usedPercent!)
  const fresh = account.freshness.state === 'fresh' || account.freshness.state === 'stale'
  const summary = `${slot}: ${fresh ? '' : 'at least '}${used} % of the ${windowWords(window)} is used`
  if (verdict.verdict === 'ok') return ok('QuotaHigh', labels, summary)
  return bad('QuotaHigh', labels, {
    severity: verdict.severity,
    summary,
    details: window.resetsAt === null ? [] : [`it begins anew at ${minuteOf(window.resetsAt)}`],
    affects: slot === sight.current ? 'new sessions use this account' : null,
    alsoMutedBy:
      verdict.below === null
        ? []
        : [alertKey({ name: 'QuotaHigh', labels: { ...labels, level: String(verdict.below) } })],
  })
}

/** A key that no present window answers to. */
function goneHigh(state: AlertState, { account, observation, blind }: SeenAccount, sight: Sight): Fact {
  const { labels } = state
  const { slot } = account
  const resetsAt = resetOf(labels['reset'])
  if (resetsAt !== null && resetsAt <= sight.now) return ok('QuotaHigh', labels, `${slot}: the window has begun anew`)
  if (sight.settingsProblem !== null) return unknown('QuotaHigh', labels, 'vigil.yaml cannot be used')
  if (!sight.settings.quota.alertAt.some(level => String(level) === labels['level']))
    return ok('QuotaHigh', labels, `${labels['level']} % is no level of quota.alert_at any more`)
  const window = observation?.windows.find(present => windowLabel(present) === labels['window'])
  if (blind || window === undefined || account.freshness.state !== 'fresh')
    return unknown('QuotaHigh', labels, `${slot}: there is no present figure`)
  // Another login, or the upstream gave everybody a new window: the one of this key does not exist any more.
  return ok('QuotaHigh', labels, `${slot}: another window has begun`)
}

/** The reset as the key says it: as it does already, where this is that window. */
export function resetLabel(resetsAt: number | null, alive: readonly AlertState[], now: number): string {
  for (const { labels } of alive) {
    const known = resetOf(labels['reset'])
    if (known === null ? labels['reset'] === NO_RESET : resetsAt === null ? known > now : isClose(known, resetsAt))
      return labels['reset']!
  }
  // Rounded: 59:59.9 and 00:00.1 are one reset.
  return resetsAt === null
    ? NO_RESET
    : `${new Date(Math.round(resetsAt / 60_000) * 60_000).toISOString().slice(0, 16)}Z`
}

function isClose(one: number, other: number): boolean {
  return Math.abs(one - other) <= SAME_RESET_MS
}

function resetOf(label: string | undefined): number | null {
  const at = Date.parse(label ?? '')
  return Number.isNaN(at) ? null : at
}

function staleUnlessFine(seen: SeenAccount, sight: Sight): Fact[] {
  const fact = dataStale(seen, sight)
  return fact.verdict === 'ok' && stateOf(sight.states, 'DataStale', fact.labels) === undefined ? [] : [fact]
}

/** Figures that are too old to count on, by the time at which they were measured and by nothing else. */
function dataStale(seen: SeenAccount, sight: Sight): Fact {
  const { account, login, blind, state } = seen
  const { slot, freshness } = account
  const labels = { of: 'quota', slot }
  if (blind) return unknown('DataStale', labels, `slots/${slot}.json cannot be used`)
  if (freshness.state === 'fresh' || freshness.state === 'stale')
    return ok('DataStale', labels, `${slot}: its figures are new enough`)
  if (!sight.settings.quota.sources.includes('oauth'))
    return ok('DataStale', labels, 'quota.sources does not name oauth, so figures come only while a session is open')
  // Nobody can measure it, and the login is what is told.
  if (account.standing === 'inactive') return inactiveStale(seen, sight)
  const due = Math.max(
    firstCycleAfter('fetch-quota', state.since ?? null),
    firstCycleAfter('fetch-quota', sight.awakeSince),
    freshness.state === 'absent' ? firstFiguresBy('fetch-quota', sight) : 0,
  )
  if (sight.now < due) return unknown('DataStale', labels, `${slot}: fetch-quota has not had its turn yet`)
  const { what, since, details, remedy } = staleFigures(account, login)
  return bad('DataStale', labels, {
    severity: 'warning',
    summary: `${slot}: ${what}`,
    details,
    remedy,
    affects: `what a status line shows of ${slot}, and every decision that needs to know what is left`,
    since,
    alsoMutedBy:
      sight.settingsProblem === null ? [] : [alertKey({ name: 'SettingsWrong', labels: { file: 'vigil.yaml' } })],
  })
}

/** Old figures of an account that is logged out stay a fact where they are one, and never become one. */
function inactiveStale({ account, login }: SeenAccount, { states }: Sight): Fact {
  const labels = { of: 'quota', slot: account.slot }
  if (stateOf(states, 'DataStale', labels) === undefined)
    return ok('DataStale', labels, `${account.slot} is logged out, so nobody measures it`)
  const { what, since } = staleFigures(account, login)
  return bad('DataStale', labels, { severity: 'warning', summary: `${account.slot}: ${what}`, remedy: login, since })
}
