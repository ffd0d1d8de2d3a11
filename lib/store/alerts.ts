// alerts.json: what fires and what is promised, in one file and one durable write.
import { basename, dirname } from 'node:path'
import { AlertsFile, emptyAlerts } from '../domain/alert.ts'
import { existsSync, readdirSync, renameSync } from '../edges/fs.ts'
import { publish } from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'
import { redactedJson } from '../edges/redact.ts'
import type { Paths } from '../paths.ts'

export interface LoadedAlerts {
  file: AlertsFile
  /** Why everything that was known of alerts is gone; null = it is not. */
  lost: string | null
  /** It stands there and cannot be used: put aside before another is written. */
  corrupt: boolean
}

/**
 * @param ranBefore whether a watchdog has run here: then a file that is not there was lost
 * @param now ms
 */
export function loadAlerts(paths: Paths, ranBefore: boolean, now: number): LoadedAlerts {
  let detail: string
  try {
    const reading = readJson(paths.alerts, AlertsFile)
    if (reading.state === 'present') return { file: reading.value, lost: null, corrupt: false }
    if (reading.state === 'absent') {
      const lost = ranBefore || hasAside(paths.alerts) ? 'alerts.json is gone' : null
      return { file: emptyAlerts(now), lost, corrupt: false }
    }
    detail = reading.detail
  } catch (error) {
    detail = `it cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`
  }
  return { file: emptyAlerts(now), lost: `alerts.json is corrupt: ${detail}`, corrupt: true }
}

/** Also after a crash between putting the old one aside and writing the new one. */
function hasAside(path: string): boolean {
  // Who only looks comes here before any job has made the folder.
  if (!existsSync(dirname(path))) return false
  return readdirSync(dirname(path)).some(name => name.startsWith(`${basename(path)}.corrupt-`))
}

/** @throws Error where it cannot be put aside; what stands there still stands */
export function putAside(paths: Paths, now: number): string {
  const aside = `${paths.alerts}.corrupt-${now}`
  renameSync(paths.alerts, aside)
  return basename(aside)
}

/** Their values come from a list: a secret that is spelled like one of them must not make the file unreadable. */
const FROM_A_LIST = ['name', 'phase', 'severity', 'kind', 'key', 'id', 'channel', 'match']

export async function saveAlerts(paths: Paths, file: AlertsFile): Promise<void> {
  await publish(paths.alerts, `${redactedJson(file, FROM_A_LIST)}\n`, { durable: true, blocking: true })
}
