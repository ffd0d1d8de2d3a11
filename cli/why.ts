// `vigil why KEY`: where an alert stands, what each channel was told or why not, and what became of it lately.
import { ALERT_NAMES } from '../lib/domain/alert.ts'
import { wallTime } from '../lib/screen/times.ts'
import { loadDelivery, readEnvironment } from '../lib/settings.ts'
import { loadAlerts } from '../lib/store/alerts.ts'
import { readAlertEvents } from '../lib/store/history.ts'
import { CRON_PERIOD_MS } from '../lib/timings.ts'
import { explain, keysMeant } from '../lib/watchdog/explain.ts'

const WRONG_USAGE = 64
const MS_PER_HOUR = 3_600_000

/** @param hours how far back */
export async function whyCommand(said: string, hours: number): Promise<void> {
  const { paths } = readEnvironment()
  const now = Date.now()
  const { file, lost } = loadAlerts(paths, false, now)
  if (lost !== null) process.stdout.write(`${lost}\n`)
  const { delivery, alerts } = await loadDelivery(paths)
  const events = readAlertEvents(paths.history, null, now - hours * MS_PER_HOUR)
  const known = [
    ...file.states.map(({ key }) => key),
    ...Object.keys(file.unseen),
    ...(events ?? []).map(({ key }) => key),
  ]
  const meant = keysMeant(known, said)
  const name = /^[^{*]*/.exec(said)![0].toLowerCase()
  if (meant.length === 0 && !ALERT_NAMES.some(alert => alert.toLowerCase() === name)) {
    const names = [...new Set(known)].slice(0, 10)
    const others = names.length > 0 ? `; lately there were ${names.join(', ')}` : ''
    process.stderr.write(`vigil why: there is no alert "${said}"${others}; all of them are in docs/alerts.md\n`)
    process.exitCode = WRONG_USAGE
    return
  }
  const rules = {
    channels: delivery.channels,
    repeatEveryMs: alerts.repeatEveryMs,
    quietHours: alerts.quietHours,
    intervalMs: CRON_PERIOD_MS.watchdog,
  }
  const clock = { now, timeZone: undefined }
  const lines: string[] = []
  for (const key of meant.length > 0 ? meant : [said]) {
    const { standing, channels } = explain(file, key, now, rules, at => wallTime(at, clock))
    lines.push(key, `  ${standing}`, ...channels.map(({ name: channel, says }) => `  ${channel}: ${says}`))
    const own = (events ?? []).filter(event => event.key === key)
    if (own.length > 0) lines.push(`  in the last ${hours} h:`)
    lines.push(...own.map(({ at, event, reason }) => `    ${wallTime(at, clock)}  ${event}: ${reason}`), '')
  }
  if (events === null) lines.push('(history.sqlite cannot be read, so what was before is not known)')
  process.stdout.write(`${lines.join('\n').trimEnd()}\n`)
}
