// How the status line reads: by hand, believing nothing, each field by type and range where it is used. House rule 8 (check
// with a schema at the border) is broken here on purpose: a schema refuses the whole for one bad field, and costs more
// than the whole line.
import type { Seen } from '../domain/freshness.ts'
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'

export type Loose = Record<string, unknown>

/** Longer files would take longer than a person waits for a line; the quota of 1,000 accounts is 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024

/** @returns undefined where there is no such file; null where what is there cannot be used, which `trouble` is told */
export function readLoosely(path: string, trouble: (what: string) => void): unknown {
  const name = path.slice(path.lastIndexOf('/') + 1)
  let descriptor: number
  try {
    // A FIFO in its place would keep the line for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    trouble(`${name} cannot be read: ${code}`)
    return null
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile() || stat.size > MAX_BYTES) {
      trouble(`${name} is no file of ours`)
      return null
    }
    return JSON.parse(readFileSync(descriptor, 'utf8'))
  } catch (error) {
    trouble(`${name} is ${error instanceof SyntaxError ? 'no JSON' : 'not to be read'}`)
    return null
  } finally {
    closeSync(descriptor)
  }
}

/** An object's own fields; none where it is anything else. */
export function fieldsOf(value: unknown): Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {}
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** One entry by a name that came from elsewhere: never what every object inherits. */
export function entryOf(value: unknown, name: string): Loose | null {
  const all = fieldsOf(value)
  return Object.hasOwn(all, name) ? fieldsOf(all[name]) : null
}

/** null where it is no number or outside: refused, never clamped. */
export function numberIn(value: unknown, least: number, most: number): number | null {
  return typeof value === 'number' && value >= least && value <= most ? value : null
}

/** What others wrote, on one line, without anything that a terminal would obey; null where nothing is left. */
export function wordOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const word = value
    .slice(0, 200)
    .replace(
      // biome-ignore lint/suspicious/noMisleadingCharacterClass: the combining ones are meant each for itself
      /[\x00-\x20\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff\ud800-\udfff\u{e0000}-\u{10ffff}]+/gu,
      ' ',
    )
    .trim()
  return word === '' ? null : word
}

const EARLIEST_MS = Date.UTC(2020, 0)
const LATEST_MS = Date.UTC(2100, 0)

/** A moment in ms; null where no calendar of ours has it. */
export function momentOf(value: unknown): number | null {
  const at = typeof value === 'string' && value.length <= 40 ? Date.parse(value) : value
  return numberIn(at, EARLIEST_MS, LATEST_MS)
}

/**
 * Claude Code hands each session's status line the figures of its latest answer: the freshest there are, and free. It does
 * not say when that answer came, and an idle session is handed the same ones for ever; so each session's figures are
 * remembered with the moment at which they were new.
 */
export interface Harvest {
  sessionId: string
  configDir: string | null
  windows: { five_hour: Seen | null; seven_day: Seen | null }
  measuredAt: number | null
  /** Tells one answer from the next. */
  answer: string
  /** Whether it has to be put down. */
  isNew: boolean
}

/** Of Claude Code: a session names files, so nothing else may. */
const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function sessionOf(told: Loose): string | null {
  const id = told['session_id']
  return typeof id === 'string' && SESSION.test(id) ? id : null
}

export function harvestOf(
  told: Loose,
  {
    paths,
    configDir,
    now,
    read,
  }: { paths: Paths; configDir: string | null; now: number; read: (path: string) => unknown },
): Harvest | null {
  const limits = fieldsOf(told['rate_limits'])
  const [fiveHour, sevenDay] = [windowOf(limits['five_hour']), windowOf(limits['seven_day'])]
  if (fiveHour === null && sevenDay === null) return null
  const cost = fieldsOf(told['cost'])
  // A new answer may bring the same percentage; it always takes time.
  const answer = JSON.stringify([fiveHour, sevenDay, cost['total_api_duration_ms'] ?? null])
  const sessionId = sessionOf(told)
  const memory = sessionId === null ? undefined : read(harvestPath(paths, sessionId))
  const known = fieldsOf(memory)
  const isKnown = known['answer'] === answer && known['configDir'] === configDir
  const measuredAt = isKnown
    ? momentOf(known['measuredAt'])
    : typeof known['answer'] === 'string'
      ? now
      : firstSeenAt(told, now)
  const seen = (window: ReturnType<typeof windowOf>): Seen | null => window && { ...window, measuredAt }
  return {
    sessionId: sessionId ?? '',
    configDir,
    windows: { five_hour: seen(fiveHour), seven_day: seen(sevenDay) },
    measuredAt,
    answer,
    isNew: !isKnown && sessionId !== null && measuredAt !== null,
  }
}

/**
 * Of a session that was never met, the figures may be of hours ago: they are no younger than its transcript was written.
 * null = nobody knows.
 */
function firstSeenAt(told: Loose, now: number): number | null {
  const path = told['transcript_path']
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) return null
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat === undefined ? null : Math.min(now, Math.floor(stat.mtimeMs))
  } catch {
    return null // Not to be seen.
  }
}

function windowOf(value: unknown): { usedPercent: number; resetsAt: number | null } | null {
  const window = fieldsOf(value)
  const usedPercent = numberIn(window['used_percentage'], 0, 1000)
  if (usedPercent === null) return null
  const seconds = window['resets_at']
  return { usedPercent, resetsAt: typeof seconds === 'number' ? momentOf(seconds * 1000) : null }
}

export function harvestPath(paths: Paths, sessionId: string): string {
  return `${paths.harvest}/${sessionId.toLowerCase()}.json`
}
