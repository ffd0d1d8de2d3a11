// What a round of the watchdog adds to the history. A history that cannot be written costs forecasts and `vigil why`, no alert.
import type { AlertsFile } from '../domain/alert.ts'
import type { Run } from '../job.ts'
import { appendHistory } from '../store/history.ts'
import { historyEntries } from '../watchdog/history-entries.ts'
import type { Sight } from '../watchdog/sight.ts'
import type { Decision } from '../watchdog/step.ts'

/** @param lastRunAt when the watchdog looked before, ms; null = never */
export function remember(
  sight: Sight,
  lastRunAt: number | null,
  file: AlertsFile,
  decisions: readonly Decision[],
  run: Run,
): void {
  const { paths, now } = run
  const episode = (key: string) => Math.max(0, ...file.states.filter(state => state.key === key).map(s => s.episode))
  const alerts = decisions.map(({ key, did, reason }) => ({ at: now, key, episode: episode(key), event: did, reason }))
  try {
    const aside = appendHistory(paths.history, { ...historyEntries(sight, lastRunAt), alerts }, now)
    if (aside !== null) run.log('warn', 'history.sqlite was broken; it is put aside and begun anew')
  } catch (error) {
    run.log('warn', `the history could not be written: ${(error as Error).message}`)
    run.count('history_failures')
  }
}
