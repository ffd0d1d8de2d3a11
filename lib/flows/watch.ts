// One round of the watchdog after its facts are found: step, one durable write, then delivery. A crash in between sends a
// message again under the same id, and loses none.
import type { AlertsFile, Fact } from '../domain/alert.ts'
import type { Run } from '../job.ts'
import { lastKnownChannels, loadDelivery } from '../settings.ts'
import { type LoadedAlerts, loadAlerts, putAside, saveAlerts } from '../store/alerts.ts'
import { readRunRecord } from '../store/runs.ts'
import { CRON_PERIOD_MS } from '../timings.ts'
import { awakeSinceAt } from '../watchdog/clock.ts'
import { planDelivery } from '../watchdog/deliver.ts'
import { type Decision, step, type WatchRules } from '../watchdog/step.ts'
import { tolerant } from './look-at-jobs.ts'
import { reportUnconfirmed } from './unconfirmed.ts'

export interface Watch {
  rules: WatchRules
  /** Whether anything beside the outbox is to be told in each run. */
  mirrors: boolean
  deadMan: boolean
  loaded: LoadedAlerts
  /** The file as it was, with what the clock says of this moment. */
  file: AlertsFile
}

/** What is known from the runs before, and by which rules this one decides. */
export async function openWatch(run: Run): Promise<Watch> {
  const { settings, settingsError, paths, now } = run
  const { delivery, alerts } = settingsError === null ? settings : await loadDelivery(paths)
  const hidden = settingsError === null ? [] : lastKnownChannels(paths)
  const channels = [
    ...delivery.channels,
    ...hidden.filter(({ name }) => !delivery.channels.some(channel => channel.name === name)),
  ]
  // A run that came to its end has written alerts.json; before the first such run there is nothing to lose.
  const ranBefore = tolerant(() => readRunRecord(paths.runs, 'watchdog'))
  const known = ranBefore.state === 'present' && ranBefore.value.last_success_at !== null
  const intervalMs = CRON_PERIOD_MS.watchdog
  const loaded = loadAlerts(paths, known, now)
  const { repeatEveryMs, quietHours } = alerts
  return {
    rules: { channels, repeatEveryMs, quietHours, intervalMs },
    mirrors: delivery.mirrors.length > 0,
    deadMan: delivery.deadMan,
    loaded,
    file: { ...loaded.file, awakeSince: awakeSinceAt(loaded.file, now, intervalMs) },
  }
}

/** @param facts of all that others can see; what the file itself tells is found here */
export async function closeWatch(
  watch: Watch,
  facts: readonly Fact[],
  run: Run,
): Promise<{ file: AlertsFile; decisions: Decision[] }> {
  const { loaded, rules } = watch
  const { file, decisions } = step(loaded.file, [...facts, stateReset(loaded, run)], run.now, rules)
  for (const { key, did, reason } of decisions) run.log('info', `${key} ${did}: ${reason}`, { key })
  for (const name of ['fired', 'resolved'] as const) {
    const count = decisions.filter(({ did }) => did === name).length
    if (count > 0) run.count(name, count)
  }
  if (loaded.corrupt) run.log('error', `${loaded.lost}; it is kept as ${putAside(run.paths, run.now)}`)
  await saveAlerts(run.paths, file)
  const due = planDelivery(file, run.now, rules)
  const mirrored = watch.mirrors && file.states.some(({ phase }) => phase !== 'pending')
  if (due.length === 0 && !mirrored && !watch.deadMan) {
    reportUnconfirmed(file, rules, run)
    return { file, decisions }
  }
  // On a full disk the start of this run is not written; that is no reason to keep silent about it.
  await run.begun.catch(() => undefined)
  const { deliver } = await import('./deliver-alerts.ts')
  return { file: await deliver(file, due, rules, run), decisions }
}

function stateReset({ lost }: LoadedAlerts, { now }: Run): Fact {
  return {
    name: 'StateReset',
    labels: {},
    verdict: lost === null ? 'ok' : 'bad',
    severity: 'warning',
    text: {
      summary: `what was known of alerts is lost: ${lost ?? ''}`,
      details: ['what is still so is told once more; what ended meanwhile is not told'],
      remedy: 'vigil alerts list',
      affects: 'silences are lost too',
    },
    since: now,
  }
}
