// `vigil why failover`: what failover was told, noticed and decided lately, and what it waits for now.
import { wallTime } from '../lib/screen/times.ts'
import { loadSettings, readEnvironment } from '../lib/settings.ts'
import { readFailover } from '../lib/store/failover.ts'
import { readFailoverEvents } from '../lib/store/history.ts'

const MS_PER_HOUR = 3_600_000

/** @param hours how far back */
export async function whyFailover(hours: number): Promise<void> {
  const { paths } = readEnvironment()
  const now = Date.now()
  const clock = { now, timeZone: undefined }
  const { failover } = await loadSettings(paths, now, 'leave')
  const lines: string[] = []
  if (!failover.enabled) lines.push('failover is off; to turn it on: failover: { enabled: true } in vigil.yaml')
  const reading = readFailover(paths)
  const standing = reading.state === 'present' ? reading.value.standing : null
  if (reading.state === 'corrupt') lines.push(`failover.json is no good: ${reading.detail}`)
  if (failover.enabled && standing === null) lines.push('it has not looked yet: vigil run failover')
  if (standing !== null) {
    lines.push(`${standing.do} (${standing.code}) since ${wallTime(standing.since, clock)}: ${standing.reason}`)
    if (standing.recoversAt !== null)
      lines.push(`  the first account recovers at ${wallTime(standing.recoversAt, clock)}`)
  }
  const events = readFailoverEvents(paths.history, now - hours * MS_PER_HOUR)
  if (events === null) lines.push('(history.sqlite cannot be read, so what was before is not known)')
  if (events !== null && events.length > 0) lines.push(`in the last ${hours} h:`)
  for (const { at, event, slot, reason } of events ?? [])
    lines.push(`  ${wallTime(at, clock)}  ${event}${slot === '' ? '' : ` ${slot}`}: ${reason}`)
  process.stdout.write(`${lines.join('\n')}\n`)
}
