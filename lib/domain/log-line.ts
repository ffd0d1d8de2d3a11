// One line of a log, as it is read again. What a job writes is JSON; what a shell or a foreign program said has no time.
import * as v from '../valibot.ts'

const LogLine = v.object({
  time: v.pipe(v.string(), v.isoTimestamp()),
  level: v.picklist(['debug', 'info', 'warn', 'error']),
  message: v.string(),
})

export interface LogEntry {
  /** ms */
  at: number
  /** True where the line says no time itself: `at` is when the file was last written, so it is no later than that. */
  atMost: boolean
  /** The job, or the file that holds what others said: `cron.err`. */
  from: string
  level: v.InferOutput<typeof LogLine>['level']
  message: string
}

/** @returns null for what is no line of ours */
export function readLogLine(text: string): Omit<LogEntry, 'from' | 'atMost'> | null {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return null // Cut short by a full disk, or not ours.
  }
  const parsed = v.safeParse(LogLine, data)
  if (!parsed.success) return null
  const { time, level, message } = parsed.output
  return { at: Date.parse(time), level, message }
}

/** Of a text without times: how many of its last lines are worth showing. */
const UNTIMED_LINES = 20

/** @param writtenAt when the file was last written, ms */
export function readEntries(text: string, from: string, writtenAt: number): LogEntry[] {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  const entries = lines.map(line => {
    const known = readLogLine(line)
    if (known !== null) return { ...known, from, atMost: false }
    return { at: writtenAt, atMost: true, from, level: 'error' as const, message: line }
  })
  const untimed = entries.filter(({ atMost }) => atMost).slice(-UNTIMED_LINES)
  return entries.filter(entry => !entry.atMost || untimed.includes(entry))
}

/** Of all files together by time; lines of one moment stay in the order in which they were read. */
export function mergeEntries(entries: readonly LogEntry[], since: number): LogEntry[] {
  return entries.filter(({ at }) => at >= since).toSorted((a, b) => a.at - b.at)
}
