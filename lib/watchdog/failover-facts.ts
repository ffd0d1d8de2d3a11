// What failover did, wanted and could not, or has nothing left for: SwapMade, SwapBlocked, PoolExhausted.
import type { Fact } from '../domain/alert.ts'
import type { FailoverState } from '../domain/failover-state.ts'
import { MINUTE_MS } from '../timings.ts'
import { bad, minuteOf, ok, statesOf, unknown } from './make-fact.ts'
import type { Sight } from './sight.ts'

/** A swap is news for so long; a watchdog that was away for longer has other things to tell. */
const NEWS_MS = 10 * MINUTE_MS

export function failoverFacts(sight: Sight): Fact[] {
  const { failover = null, states } = sight
  const alive = (['SwapMade', 'SwapBlocked', 'PoolExhausted'] as const).flatMap(name => statesOf(states, name))
  if (failover === null || !failover.enabled)
    return alive.map(({ name, labels }) => ok(name, labels, 'failover is off'))
  if (failover.state === null) return alive.map(({ name, labels }) => unknown(name, labels, 'failover.json is no good'))
  return [...swapsMade(sight), swapBlocked(sight), poolExhausted(sight)]
}

/** The last swap, while it is to be told. */
export function newsOf(state: FailoverState | null, now: number): FailoverState['lastSwap'] {
  const last = state?.lastSwap ?? null
  return last !== null && now - last.at < NEWS_MS && last.at <= now + NEWS_MS ? last : null
}

function swapsMade({ failover, states, now }: Sight): Fact[] {
  const last = newsOf(failover?.state ?? null, now)
  const over = statesOf(states, 'SwapMade')
    .filter(({ labels }) => last === null || labels['from'] !== last.from || labels['to'] !== last.to)
    .map(({ labels }) => ok('SwapMade', labels, 'it is made and told'))
  if (last === null) return over
  const { from, to, reason, at } = last
  return [
    bad(
      'SwapMade',
      { from, to },
      {
        severity: 'info',
        summary: `new sessions use ${to} now, no longer ${from}`,
        details: [reason],
        remedy: `vigil accounts use ${from}`,
        affects: `sessions that run already stay on ${from}${failover?.staying ? `; ${failover.staying}` : ''}`,
        since: at,
      },
    ),
    ...over,
  ]
}

function swapBlocked(sight: Sight): Fact {
  const { standing, refused, lastTryAt, lastSwap } = sight.failover!.state!
  if (standing?.do === 'blocked') {
    const { reason, since } = standing
    const summary = `no account can be switched to: ${reason}`
    return bad('SwapBlocked', {}, { ...WANTED, summary, since: firstOf(sight, 'SwapBlocked', since) })
  }
  const unproven = Object.entries(refused).find(([, until]) => sight.now < until)?.[0]
  const isPutBack = lastTryAt !== null && lastTryAt !== lastSwap?.at
  // The poll that decided on it says `swap` until the next one waits.
  if (unproven !== undefined && isPutBack && (standing?.code === 'cooldown' || standing?.do === 'swap')) {
    const summary = `a switch to ${unproven} was put back: its login could not be proven`
    return bad('SwapBlocked', {}, { ...WANTED, summary, since: firstOf(sight, 'SwapBlocked', lastTryAt) })
  }
  return ok('SwapBlocked', {}, standing?.reason ?? 'failover has not looked yet')
}

/** One trouble, though what stands in the way becomes another. */
function firstOf({ states }: Sight, name: 'SwapBlocked' | 'PoolExhausted', since: number): number {
  return Math.min(since, ...statesOf(states, name).map(state => state.since))
}

const WANTED = {
  severity: 'warning' as const,
  remedy: 'vigil why failover',
  affects: 'new sessions use an account that is used up, or nearly',
}

function poolExhausted(sight: Sight): Fact {
  const { standing } = sight.failover!.state!
  if (standing?.do !== 'exhausted') return ok('PoolExhausted', {}, standing?.reason ?? 'failover has not looked yet')
  const { reason, since, recoversAt } = standing
  const next =
    recoversAt === null ? 'nobody knows when one recovers' : `the first one recovers at ${minuteOf(recoversAt)}`
  return bad(
    'PoolExhausted',
    {},
    {
      severity: 'critical',
      summary: `no account is left: ${next}`,
      details: reason.split('; '),
      remedy: 'vigil status',
      affects: 'every new session',
      since: firstOf(sight, 'PoolExhausted', since),
    },
  )
}
