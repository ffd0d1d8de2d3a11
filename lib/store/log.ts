import { appendFileSync } from '../edges/fs.ts'
import { redact, redactedJson } from '../edges/redact.ts'

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
