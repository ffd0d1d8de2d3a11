// What was, over time: observations, runs, alerts. Nothing depends on it to be right now, so a broken one is put aside and
// begun anew. Opened only where there is something to write or a question that needs the past.
import { DatabaseSync } from 'node:sqlite'
import { closeSync, existsSync, openSync, renameSync } from '../edges/fs.ts'
import { DAY_MS } from '../timings.ts'

/** Raised when the tables change; another Vigil's file is put aside rather than written with the wrong columns. */
const SCHEMA_VERSION = 2
/** Its tables are all there; only failover's is not. */
const BEFORE_FAILOVER = 1
/** Two of the longest logins: enough to learn from, and a few MB at most. */
const KEPT_MS = 60 * DAY_MS
/** A writer holds it for milliseconds. */
const BUSY_MS = 2000

const FAILOVER = `
  CREATE TABLE failover (
    at INTEGER NOT NULL, id TEXT NOT NULL, event TEXT NOT NULL, slot TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT,
    PRIMARY KEY (id, event, slot)) WITHOUT ROWID;
  CREATE INDEX failover_at ON failover (at);
  PRAGMA user_version = ${SCHEMA_VERSION};
`

const TABLES = `
  CREATE TABLE observations (
    slot TEXT NOT NULL, measured_at INTEGER NOT NULL, window TEXT NOT NULL, scope TEXT NOT NULL,
    used_percent REAL NOT NULL, resets_at INTEGER, PRIMARY KEY (slot, measured_at, window, scope)) WITHOUT ROWID;
  CREATE INDEX observations_at ON observations (measured_at);
  CREATE TABLE runs (
    job TEXT NOT NULL, run_id TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL,
    PRIMARY KEY (job, run_id)) WITHOUT ROWID;
  CREATE INDEX runs_at ON runs (started);
  CREATE TABLE alerts (
    at INTEGER NOT NULL, key TEXT NOT NULL, episode INTEGER NOT NULL, event TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (at, key, episode, event)) WITHOUT ROWID;
  ${FAILOVER}
`

/** One figure as it was measured. `scope` null = everything. */
export interface FigureEntry {
  slot: string
  /** ms */
  measuredAt: number
  /** The window's name, or `extra_usage` with an amount of money in `used`. */
  window: string
  scope: string | null
  used: number
  /** ms */
  resetsAt: number | null
}

export interface RunEntry {
  job: string
  runId: string
  /** ms */
  startedAt: number
  /** ms; null = it never ended. */
  endedAt: number | null
  outcome: string
}

/** What became of an alert, with the reason: `fired`, `resolved`, `held`, `delivered`, … */
export interface AlertEntry {
  /** ms */
  at: number
  key: string
  episode: number
  event: string
  reason: string
}

/** What failover noticed, decided or did. The same id and event of a slot is one. */
export interface FailoverEntry {
  /** ms */
  at: number
  id: string
  /** `hit`, `suspected`, `stay`, `swapped`, … */
  event: string
  slot: string
  reason: string
  /** A hit's own fields as JSON; null = there is nothing more. */
  detail: string | null
}

export interface HistoryEntries {
  figures: readonly FigureEntry[]
  runs: readonly RunEntry[]
  alerts: readonly AlertEntry[]
  failover?: readonly FailoverEntry[]
}

/**
 * Appends what is not there yet; the same entry twice is one. Nothing to append opens nothing.
 * @param now ms
 * @returns the name under which a broken file was put aside; null = it was good
 * @throws Error when it cannot be written (full disk, permission)
 */
export function appendHistory(path: string, entries: HistoryEntries, now: number): string | null {
  const { figures, runs, alerts, failover = [] } = entries
  if (figures.length + runs.length + alerts.length + failover.length === 0) return null
  try {
    write(path, entries, now)
    return null
  } catch (error) {
    if (!isBroken(error)) throw error
  }
  const aside = `${path}.broken-${now}`
  for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, aside + end)
  write(path, entries, now)
  return aside
}

function write(path: string, { figures, runs, alerts, failover = [] }: HistoryEntries, now: number): void {
  // SQLite would make it with the umask's mode; its -wal and -shm take theirs from it.
  closeSync(openSync(path, 'a', 0o600))
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    prepare(database)
    database.exec('BEGIN IMMEDIATE')
    const figure = database.prepare('INSERT OR IGNORE INTO observations VALUES (?, ?, ?, ?, ?, ?)')
    for (const { slot, measuredAt, window, scope, used, resetsAt } of figures)
      figure.run(
        slot,
        Math.round(measuredAt),
        window,
        scope ?? '',
        used,
        resetsAt === null ? null : Math.round(resetsAt),
      )
    const run = database.prepare('INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)')
    for (const { job, runId, startedAt, endedAt, outcome } of runs) run.run(job, runId, startedAt, endedAt, outcome)
    const alert = database.prepare('INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?)')
    for (const { at, key, episode, event, reason } of alerts) alert.run(at, key, episode, event, reason)
    const change = database.prepare('INSERT OR IGNORE INTO failover VALUES (?, ?, ?, ?, ?, ?)')
    for (const { at, id, event, slot, reason, detail } of failover) change.run(at, id, event, slot, reason, detail)
    removeOld(database, now)
    database.exec('COMMIT')
  } finally {
    // What was begun and not committed is rolled back by that.
    database.close()
  }
}

/** @returns how many entries went */
function removeOld(database: DatabaseSync, now: number): number {
  const removed = tablesOf(database).map(({ table, at }) =>
    database.prepare(`DELETE FROM ${table} WHERE ${at} < ?`).run(now - KEPT_MS),
  )
  return removed.reduce((sum, { changes }) => sum + Number(changes), 0)
}

const OLD = [
  { table: 'observations', at: 'measured_at' },
  { table: 'runs', at: 'started' },
  { table: 'alerts', at: 'at' },
  { table: 'failover', at: 'at' },
]

function tablesOf(database: DatabaseSync): typeof OLD {
  return versionOf(database) === BEFORE_FAILOVER ? OLD.filter(({ table }) => table !== 'failover') : OLD
}

/** How many entries are older than is kept; null where it cannot be read. No file: none. */
export function countOldHistory(path: string, now: number): number | null {
  const counts = reading(path, database =>
    tablesOf(database).map(({ table, at }) => {
      const row = database.prepare(`SELECT count(*) AS old FROM ${table} WHERE ${at} < ?`).get(now - KEPT_MS)
      return Number(row?.['old'])
    }),
  )
  return counts === null ? null : counts.reduce((sum, count) => sum + count, 0)
}

/**
 * Removes what is older than is kept, also where nothing is appended any more. Never makes a file.
 * @throws Error when it cannot be written
 */
export function removeOldHistory(path: string, now: number): number {
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    database.exec('BEGIN IMMEDIATE')
    const removed = removeOld(database, now)
    database.exec('COMMIT')
    return removed
  } finally {
    database.close()
  }
}

/** Its settings, and its tables where it is new. */
function prepare(database: DatabaseSync): void {
  const version = versionOf(database)
  if (![0, BEFORE_FAILOVER, SCHEMA_VERSION].includes(version)) throw new ForeignHistoryError(version)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  if (version === SCHEMA_VERSION) return
  database.exec('BEGIN IMMEDIATE')
  // Another writer may have been first while this one waited.
  const present = versionOf(database)
  if (present === 0) database.exec(TABLES)
  if (present === BEFORE_FAILOVER) database.exec(FAILOVER)
  database.exec('COMMIT')
}

class ForeignHistoryError extends Error {
  constructor(version: number) {
    super(`history.sqlite has version ${version}; this Vigil knows ${SCHEMA_VERSION}`)
    this.name = 'ForeignHistoryError'
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, and a file of another version: begun anew. */
function isBroken(error: unknown): boolean {
  const { errcode } = error as { errcode?: number }
  // A table that is not there, in a file that says it has them.
  const torn = errcode === 1 && /no such table|has \d+ columns/.test((error as Error).message)
  return error instanceof ForeignHistoryError || errcode === 11 || errcode === 26 || torn
}

/**
 * The figures of these slots since then, oldest first. No file: none.
 * @returns null where it cannot be read
 */
export function readFigures(path: string, slots: readonly string[], since: number): FigureEntry[] | null {
  return reading(path, database => {
    const marks = slots.map(() => '?').join(', ')
    const rows = database
      .prepare(`SELECT * FROM observations WHERE slot IN (${marks}) AND measured_at >= ? ORDER BY measured_at`)
      .all(...slots, since)
    return rows.map(row => ({
      slot: String(row['slot']),
      measuredAt: Number(row['measured_at']),
      window: String(row['window']),
      scope: row['scope'] === '' ? null : String(row['scope']),
      used: Number(row['used_percent']),
      resetsAt: row['resets_at'] === null ? null : Number(row['resets_at']),
    }))
  })
}

/** What became of alerts since then, oldest first. @param key null = of every one @returns null where it cannot be read */
export function readAlertEvents(path: string, key: string | null, since: number): AlertEntry[] | null {
  return reading(path, database => {
    const rows = database
      .prepare('SELECT * FROM alerts WHERE at >= ? AND (? IS NULL OR key = ?) ORDER BY at')
      .all(since, key, key)
    return rows.map(row => ({
      at: Number(row['at']),
      key: String(row['key']),
      episode: Number(row['episode']),
      event: String(row['event']),
      reason: String(row['reason']),
    }))
  })
}

/** What failover noticed, decided and did since then, oldest first. @returns null where it cannot be read */
export function readFailoverEvents(path: string, since: number): FailoverEntry[] | null {
  return reading(path, database => {
    if (versionOf(database) === BEFORE_FAILOVER) return []
    const rows = database.prepare('SELECT * FROM failover WHERE at >= ? ORDER BY at, id').all(since)
    return rows.map(row => ({
      at: Number(row['at']),
      id: String(row['id']),
      event: String(row['event']),
      slot: String(row['slot']),
      reason: String(row['reason']),
      detail: row['detail'] === null ? null : String(row['detail']),
    }))
  })
}

/** Runs that began since then, oldest first. @returns null where it cannot be read */
export function readRuns(path: string, since: number): RunEntry[] | null {
  return reading(path, database => {
    const rows = database.prepare('SELECT * FROM runs WHERE started >= ? ORDER BY started').all(since)
    return rows.map(row => ({
      job: String(row['job']),
      runId: String(row['run_id']),
      startedAt: Number(row['started']),
      endedAt: row['ended'] === null ? null : Number(row['ended']),
      outcome: String(row['outcome']),
    }))
  })
}

function reading<T>(path: string, read: (database: DatabaseSync) => T[]): T[] | null {
  if (!existsSync(path)) return []
  try {
    const database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true })
    try {
      // What an older Vigil wrote has the same tables, less failover's; the next append adds that.
      return [BEFORE_FAILOVER, SCHEMA_VERSION].includes(versionOf(database)) ? read(database) : null
    } finally {
      database.close()
    }
  } catch {
    return null // The next append says what is wrong with it, or begins a new one.
  }
}
