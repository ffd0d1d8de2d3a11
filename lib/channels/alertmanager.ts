// Prometheus' Alertmanager as a mirror: it is told of all that fires, in every run, and repeats, groups and routes by itself.
import type { AlertState, SendResult, Severity } from '../domain/alert.ts'
import { isAtLeast } from '../domain/alert.ts'
import { MINUTE_MS } from '../timings.ts'
import { accepted, cleanText, type SendContext } from './channel.ts'
import { post } from './webhook.ts'

export interface MirrorTarget {
  /** The base URL of each peer. They do not tell each other of alerts, so each is told. */
  peers: [string, ...string[]]
  /** A Bearer token; null = none. */
  token: string | null
  minSeverity: Severity
  hostname: string
}

/** An alert of which nothing is heard for so long is over: several runs of the watchdog may fail before that. */
const HOLDS_MS = 5 * MINUTE_MS
/** For so long an end is repeated, in case a peer was away. */
const RESOLVED_FOR_MS = 5 * MINUTE_MS

/** Accepted when one peer took it: the next run tells all of them again. An empty list is sent too: it shows that they are there. */
export async function mirrorAlerts(
  target: MirrorTarget,
  states: AlertState[],
  context: SendContext,
): Promise<SendResult> {
  const alerts = alertmanagerAlerts(states, target, context.now)
  const headers = {
    'Content-Type': 'application/json',
    ...(target.token === null ? {} : { Authorization: `Bearer ${target.token}` }),
  }
  const body = JSON.stringify(alerts)
  const results = await Promise.all(
    target.peers.map(base =>
      post(
        { url: `${base.replace(/\/+$/, '')}/api/v2/alerts`, headers, body },
        { carriesSecret: target.token !== null, ...context },
      ),
    ),
  )
  const failed = results.filter(({ outcome }) => outcome !== 'accepted')
  if (failed.length === 0) return accepted(alerts.length === 1 ? '1 alert' : `${alerts.length} alerts`)
  const why = failed.map(({ detail }) => detail).join('; ')
  if (failed.length < results.length) return accepted(`${failed.length} of ${results.length} peers failed: ${why}`)
  return { ...(failed.find(({ outcome }) => outcome === 'retry') ?? failed[0]!), detail: why }
}

/** Pure. What it is told: API v2, `postableAlerts`. */
export function alertmanagerAlerts(
  states: AlertState[],
  { minSeverity, hostname }: Pick<MirrorTarget, 'minSeverity' | 'hostname'>,
  now: number,
) {
  const iso = (at: number) => new Date(at).toISOString()
  return states.flatMap(state => {
    const endsAt = endOf(state, now)
    if (endsAt === null || !isAtLeast(state.severity, minSeverity)) return []
    const { summary, details, remedy, affects } = state.text
    const annotations = { summary, description: details.join('\n'), remedy: remedy ?? '', affects: affects ?? '' }
    const own = Object.entries(state.labels).map(([key, value]) => [key.replace(/\W/g, '_'), cleanText(value)])
    const labels = {
      ...Object.fromEntries(own),
      alertname: state.name,
      severity: state.severity,
      service: 'vigil',
      instance: hostname,
    } as Record<string, string>
    return [
      {
        labels,
        annotations: Object.fromEntries(
          Object.entries(annotations)
            .filter(([, text]) => text !== '')
            .map(([key, text]) => [key, text.split('\n').map(cleanText).join('\n')]),
        ),
        // It refuses one that ends before it begins, as after a clock that was set back.
        startsAt: iso(Math.min(state.since, endsAt)),
        endsAt: iso(endsAt),
      },
    ]
  })
}

/** ms; null = it is told nothing of this one. */
function endOf({ phase, resolvedAt }: AlertState, now: number): number | null {
  if (phase === 'firing' || phase === 'recovering') return now + HOLDS_MS
  if (phase !== 'resolved' || resolvedAt === null || now - resolvedAt > RESOLVED_FOR_MS) return null
  return resolvedAt
}
