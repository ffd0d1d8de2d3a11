// alerts.json: what fires and what is promised, in one file and one durable write.
import { basename, dirname } from 'node:path'
import { AlertsFile, emptyAlerts } from '../domain/alert.ts'
import { existsSync, publish, readdirSync, readJson, renameSync, unlinkSync, writeFileSync } from '../edges/fs.ts'
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

/** Room for two of the largest that was seen, with 100 accounts and everything wrong. */
const SPARE_BYTES = 256 * 1024

/**
 * Durable. Some room is kept for it: on a full disk that room is given up, for the message about the full disk has to be
 * remembered too, or it would go out every minute.
 * @throws PublishError where not even that helps
 */
export async function saveAlerts(paths: Paths, file: AlertsFile): Promise<void> {
  const text = `${redactedJson(file, FROM_A_LIST)}\n`
  const save = () => publish(paths.alerts, text, { durable: true, blocking: true })
  const spare = `${paths.alerts}.spare`
  try {
    await save()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if ((code !== 'ENOSPC' && code !== 'EDQUOT') || !existsSync(spare)) throw error
    unlinkSync(spare)
    await save()
    return
  }
  if (!existsSync(spare)) keepRoom(spare)
}

function keepRoom(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(SPARE_BYTES, 0x20), { mode: 0o600, flag: 'wx' })
  } catch {
    try {
      unlinkSync(path) // Part of it is no room to count on, and the disk needs every page.
    } catch {
      // It was not begun.
    }
  }
}
