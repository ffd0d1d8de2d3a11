// What the past figures say of the coming ones: QuotaRunsOut; and of money paid without need: PaidWhilePlanLeft.
import { alertKey, type Fact } from '../domain/alert.ts'
import type { QuotaWindow } from '../domain/quota.ts'
import { HOUR_MS } from '../timings.ts'
import { forecast, type Point } from './forecast.ts'
import { bad, minuteOf, ok, stateOf, statesOf, unknown } from './make-fact.ts'
import { resetLabel, windowLabel, windowWords } from './quota-facts.ts'
import type { PastFigure, SeenAccount, Sight } from './sight.ts'

/** How far back the present rate is looked for: long enough for a handful of measurements, short beside the window. */
const LOOK_BACK_MS: Record<string, number> = { five_hour: HOUR_MS, seven_day: 24 * HOUR_MS }
const OTHER_LOOK_BACK_MS = 24 * HOUR_MS
export const LONGEST_LOOK_BACK_MS = 24 * HOUR_MS

/** Below this nothing that is spent can be a surprise yet, and history need not be opened. */
const WORTH_A_LOOK_PERCENT = 30

/** Paid use is reported late; one hour holds a dozen measurements. */
const PAID_LOOK_BACK_MS = HOUR_MS

/** Whether anything of this account asks for a look at its past. */
export function asksForHistory({ account, observation }: SeenAccount, now: number): boolean {
  if (account.standing !== 'active' || account.freshness.state !== 'fresh' || observation === null) return false
  if (isPaying(observation)) return true
  return observation.windows.some(window => isRunning(window, now) && window.usedPercent! >= WORTH_A_LOOK_PERCENT)
}

export function forecastFacts(sight: Sight): Fact[] {
  return sight.accounts.flatMap(seen =>
    seen.account.standing === 'paused' ? [] : [...runsOut(seen, sight), ...paidWhilePlanLeft(seen, sight)],
  )
}

function runsOut(seen: SeenAccount, sight: Sight): Fact[] {
  const { account, observation } = seen
  const { states, now, history } = sight
  const { slot } = account
  const alive = statesOf(states, 'QuotaRunsOut', { slot })
  if (account.freshness.state !== 'fresh' || observation === null)
    return alive.map(({ labels }) => unknown('QuotaRunsOut', labels, `${slot}: there is no present figure`))
  const facts: Fact[] = []
  for (const window of observation.windows) {
    const labels = { slot, window: windowLabel(window) }
    const known = stateOf(states, 'QuotaRunsOut', labels)
    if (!isRunning(window, now) || window.usedPercent! < WORTH_A_LOOK_PERCENT) continue
    if (history === null) {
      if (known) facts.push(unknown('QuotaRunsOut', labels, 'history.sqlite cannot be read'))
      continue
    }
    const lookBackMs = LOOK_BACK_MS[window.name] ?? OTHER_LOOK_BACK_MS
    const points: Point[] = [
      ...history.filter(past => isOf(past, slot, window) && past.measuredAt >= observation.measuredAt - lookBackMs),
      { measuredAt: observation.measuredAt, used: window.usedPercent! },
    ]
    const coming = forecast(points, window.resetsAt!)
    // What is spent already is no forecast: QuotaHigh tells it, and this one stays as it was.
    const spent = window.usedPercent! >= 100
    const runs =
      coming !== null && (known ? coming.atResetPercent > 100 : coming.atResetPercent - coming.errorPercent > 100)
    if (spent ? known !== undefined : runs) facts.push(runsOutFact(labels, window, coming?.spentAt ?? null, sight))
    else if (known) facts.push(ok('QuotaRunsOut', labels, `${slot}: at the present rate it lasts until it begins anew`))
  }
  const judged = new Set(facts.map(alertKey))
  const gone = alive.filter(({ key }) => !judged.has(key))
  return [...facts, ...gone.map(({ labels }) => ok('QuotaRunsOut', labels, `${slot}: the window has begun anew`))]
}

function runsOutFact(
  labels: { slot: string; window: string },
  window: QuotaWindow,
  spentAt: number | null,
  { states, now, settings, current }: Sight,
): Fact {
  const mine = statesOf(states, 'QuotaHigh', labels)
  const level = String(settings.quota.alertAt.at(-1) ?? '')
  const reset = resetLabel(window.resetsAt, mine, now)
  const when = spentAt === null ? 'is spent' : `will be spent at about ${minuteOf(spentAt)}`
  return bad('QuotaRunsOut', labels, {
    severity: 'warning',
    summary: `${labels.slot}: the ${windowWords(window)} ${when}, and begins anew only at ${minuteOf(window.resetsAt!)}`,
    details: [`${Math.floor(window.usedPercent!)} % is used; this is what the present rate makes of it`],
    affects: labels.slot === current ? 'new sessions use this account' : null,
    alsoMutedBy: [alertKey({ name: 'QuotaHigh', labels: { ...labels, level, reset } })],
  })
}

function isRunning(window: QuotaWindow, now: number): boolean {
  return window.usedPercent !== null && window.resetsAt !== null && window.resetsAt > now
}

/** The same window before: its reset wanders a little from one measurement to the next. */
function isOf(past: PastFigure, slot: string, { name, scope, resetsAt }: QuotaWindow): boolean {
  if (past.slot !== slot || past.window !== name || past.scope !== scope) return false
  return past.resetsAt !== null && resetsAt !== null && Math.abs(past.resetsAt - resetsAt) <= HOUR_MS
}

function isPaying(observation: NonNullable<SeenAccount['observation']>): boolean {
  return observation.extraUsage?.enabled === true && (observation.extraUsage.used ?? 0) > 0
}

/** Paid credits rose from one measurement to a later one, and no window of the plan was full at the later. */
function paidWhilePlanLeft({ account, observation }: SeenAccount, sight: Sight): Fact[] {
  const { slot } = account
  const labels = { slot }
  const known = stateOf(sight.states, 'PaidWhilePlanLeft', labels)
  const unless = (fact: Fact) => (known ? [fact] : [])
  if (account.freshness.state !== 'fresh' || observation === null)
    return unless(unknown('PaidWhilePlanLeft', labels, `${slot}: there is no present figure`))
  const extra = observation.extraUsage
  if (!isPaying(observation)) return unless(ok('PaidWhilePlanLeft', labels, `${slot}: nothing is paid beyond the plan`))
  if (sight.history === null) return unless(unknown('PaidWhilePlanLeft', labels, 'history.sqlite cannot be read'))
  const now = observation.windows.map(({ name, scope, usedPercent, resetsAt }) => ({
    slot,
    measuredAt: observation.measuredAt,
    window: name,
    scope,
    used: usedPercent,
    resetsAt,
  }))
  const past = sight.history.filter(
    figure =>
      figure.slot === slot &&
      figure.measuredAt >= observation.measuredAt - PAID_LOOK_BACK_MS &&
      figure.measuredAt < observation.measuredAt,
  )
  const paid = [
    ...past.filter(({ window }) => window === 'extra_usage'),
    { measuredAt: observation.measuredAt, used: extra!.used! },
  ]
  const windowsAt = (at: number) =>
    [...past, ...now].filter(({ measuredAt, window }) => measuredAt === at && window !== 'extra_usage')
  const rise = paid.findLast((figure, index) => {
    const before = paid[index - 1]
    if (before === undefined || figure.used <= before.used) return false
    const later = windowsAt(figure.measuredAt)
    // A window that began anew in between may have been full.
    const begun = windowsAt(before.measuredAt).some(
      ({ resetsAt }) => resetsAt !== null && resetsAt <= figure.measuredAt,
    )
    return !begun && later.length > 0 && later.every(({ used }) => used !== null && used < 100)
  })
  if (rise === undefined)
    return unless(ok('PaidWhilePlanLeft', labels, `${slot}: nothing was paid while the plan had room`))
  const { used, limit, currency } = extra!
  const money = (amount: number) => `${amount.toFixed(2)} ${currency ?? ''}`.trim()
  return [
    bad('PaidWhilePlanLeft', labels, {
      severity: 'warning',
      summary: `${slot}: paid use rises while the plan has room`,
      details: [`${money(used!)} so far${limit === null ? '' : ` of ${money(limit)}`}`],
      affects: 'your bill',
    }),
  ]
}
