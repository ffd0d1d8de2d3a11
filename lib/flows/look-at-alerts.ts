// What the watchdog holds, for `vigil status`: what fires, and what could not be sent. Reads only.
import type { StatusAlerts } from '../domain/status.ts'
import type { Paths } from '../paths.ts'
import { loadAlerts } from '../store/alerts.ts'

export function lookAtAlerts(paths: Paths, now: number): StatusAlerts {
  const { file } = loadAlerts(paths, false, now)
  const waiting: Record<string, number> = {}
  for (const { channel } of file.outbox) waiting[channel] = (waiting[channel] ?? 0) + 1
  return {
    firing: file.states
      .filter(({ phase }) => phase === 'firing' || phase === 'recovering')
      .map(({ key, severity, since }) => ({ key, severity, since })),
    waiting,
    broken_channels: Object.entries(file.channels).flatMap(([name, { brokenSince }]) =>
      brokenSince === null ? [] : [name],
    ),
    silenced: file.silences.filter(({ until }) => until > now).map(({ match }) => match),
    last_looked_at: file.lastRunAt,
  }
}
