// What keeps a message back although it is due: another alert that says more, a person's silence, the night.
import { type AlertState, type AlertsFile, type ChannelSpec, isAtLeast, type Silence } from '../domain/alert.ts'
import { ALERT_RULES } from '../domain/alert-rules.ts'

/** Hours of the day in which only critical alerts go out. */
export interface QuietHours {
  from: string
  to: string
  zone: string
}

/** The key of an alert that is pending, firing or just ending, and makes this one needless; null = there is none. */
export function mutingKey(file: AlertsFile, state: AlertState, channel: ChannelSpec | null): string | null {
  for (const key of [...ALERT_RULES[state.name].mutedBy(state), ...state.alsoMutedBy]) {
    const source = file.states.find(other => other.key === key && other.phase !== 'resolved')
    if (source === undefined || key === state.key) continue
    // One that was bad once and cannot be seen any more would hold its targets for ever.
    if (source.phase === 'pending' && file.unseen[key] !== undefined) continue
    // A critical alert gives way only to one that the same channel is told of: else nobody would learn of either.
    if (state.severity === 'critical' && channel !== null && !isAtLeast(source.severity, channel.minSeverity)) continue
    return key
  }
  return null
}

/** The silence that holds every message of this key; null = there is none. */
export function silenceOf(file: AlertsFile, key: string, now: number): Silence | null {
  return (
    file.silences.find(silence => silence.kind === 'silence' && silence.until > now && matches(silence, key)) ?? null
  )
}

/** The ack that stops the repeats of this episode; null = there is none. */
export function ackOf(file: AlertsFile, state: AlertState, now: number): Silence | null {
  const { key, episode } = state
  return (
    file.silences.find(ack => ack.kind === 'ack' && ack.until > now && ack.episode === episode && matches(ack, key)) ??
    null
  )
}

export function matches({ match }: Pick<Silence, 'match'>, key: string): boolean {
  return match.endsWith('*') ? key.startsWith(match.slice(0, -1)) : key === match
}

/** In the zone of the settings, whatever the machine's is. `from` = `to` is no hours at all. */
export function isQuiet(hours: QuietHours | null, now: number): boolean {
  if (hours === null || hours.from === hours.to) return false
  const format = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: hours.zone } as const
  const at = new Intl.DateTimeFormat('en-GB', format).format(now)
  return hours.from < hours.to ? at >= hours.from && at < hours.to : at >= hours.from || at < hours.to
}
