// What a run leaves: its record and its log. In one file, for every start loads both.
import { join } from 'node:path'
import { RunRecord } from '../domain/run-record.ts'
import { appendFileSync, existsSync, type JsonReading, publish, readJson, renameSync, statSync } from '../edges/fs.ts'
import { redact, redactedJson } from '../edges/redact.ts'
import { LOG_KEPT_FILES, LOG_MAX_AGE_MS, LOG_MAX_BYTES } from '../timings.ts'

/** Their values come from a list: a secret that is spelled like one of them must not make the record unreadable. */
const FROM_A_LIST = ['outcome', 'failure', 'kind']

export function readRunRecord(runsDir: string, job: string): JsonReading<RunRecord> {
  return readJson(join(runsDir, `${job}.json`), RunRecord)
}

/** Durable: a start without an end is a fact that must survive a power cut. */
export async function saveRunRecord(runsDir: string, record: RunRecord): Promise<void> {
  const text = `${redactedJson(record, FROM_A_LIST, 2)}\n`
  await publish(join(runsDir, `${record.job}.json`), text, { durable: true, blocking: true })
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Record<string, string | number | boolean | null>

/**
 * Appends one JSON line, redacted, in one write, so that lines of several processes do not mix.
 * A log that cannot be written is said on stderr and never stops the work.
 */
export function appendLog(path: string, at: number, level: LogLevel, message: string, fields: LogFields = {}): void {
  const line = redactedJson({ time: new Date(at).toISOString(), level, message, ...fields }, ['time', 'level'])
  try {
    appendFileSync(path, `${line}\n`, { mode: 0o600 })
  } catch (error) {
    process.stderr.write(`${line}\n(the log could not be written: ${redact((error as Error).message)})\n`)
  }
}

/**
 * Begins a new log where this one is too long or too old. Called by the one who holds the job's lock: of two that rotate
 * at once, the second would put the other's new file over the old one. Whoever appends meanwhile has its line in either.
 * @returns whether it did
 */
export function rotateIfDue(path: string): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined || !stat.isFile() || !isRotationDue(stat)) return false
    rotate(path)
    return true
  } catch {
    return false // It grows until the disk lets itself be written again; a log never keeps a job from its work.
  }
}

/** Its age is what lies between its first line and its last. Where a file system keeps no time of birth, only the length counts. */
export function isRotationDue(stat: { size: number; birthtimeMs: number; mtimeMs: number }): boolean {
  if (stat.size === 0) return false
  return stat.size > LOG_MAX_BYTES || (stat.birthtimeMs > 0 && stat.mtimeMs - stat.birthtimeMs > LOG_MAX_AGE_MS)
}

/** `x.log` becomes `x.log.1`, that `x.log.2`, and the last one goes. */
export function rotate(path: string): void {
  let last = 1
  while (last < LOG_KEPT_FILES && existsSync(`${path}.${last}`)) last += 1
  for (let n = last; n > 1; n--) renameSync(`${path}.${n - 1}`, `${path}.${n}`)
  renameSync(path, `${path}.1`)
}
