// What failover did, wanted and could not, or has nothing left for: SwapMade, SwapBlocked, PoolExhausted.
import type { Fact } from '../domain/alert.ts'
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

function swapsMade({ failover, states, now }: Sight): Fact[] {
  const last = failover?.state?.lastSwap ?? null
  const isNews = last !== null && now - last.at < NEWS_MS && last.at <= now + NEWS_MS
  const over = statesOf(states, 'SwapMade')
    .filter(({ labels }) => !isNews || labels['from'] !== last.from || labels['to'] !== last.to)
    .map(({ labels }) => ok('SwapMade', labels, 'it is made and told'))
  if (!isNews) return over
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
        affects: `sessions that run already stay on ${from}`,
        since: at,
      },
    ),
    ...over,
  ]
}

function swapBlocked({ failover, now }: Sight): Fact {
  const { standing, refused, lastTryAt } = failover!.state!
  const unproven = Object.entries(refused).find(([, until]) => now < until)?.[0]
  if (standing?.do === 'blocked') {
    const { reason, since } = standing
    return bad('SwapBlocked', {}, { ...WANTED, summary: `no account can be switched to: ${reason}`, since })
  }
  if (unproven !== undefined && standing?.code === 'cooldown') {
    const summary = `a switch to ${unproven} was put back: its login could not be proven`
    return bad('SwapBlocked', {}, { ...WANTED, summary, since: lastTryAt })
  }
  return ok('SwapBlocked', {}, standing?.reason ?? 'failover has not looked yet')
}

const WANTED = {
  severity: 'warning' as const,
  remedy: 'vigil why failover',
  affects: 'new sessions use an account that is used up, or nearly',
}

function poolExhausted({ failover }: Sight): Fact {
  const { standing } = failover!.state!
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
      since,
    },
  )
}
