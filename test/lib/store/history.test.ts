import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, expect, it, test } from 'vitest'
import {
  appendHistory,
  type FigureEntry,
  readAlertEvents,
  readFailoverEvents,
  readFigures,
  readRuns,
} from '../../../lib/store/history.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const DAY_MS = 24 * 3_600_000
const nothing = { figures: [], runs: [], alerts: [] }
const figure = (change: Partial<FigureEntry> = {}): FigureEntry => ({
  slot: 'slot-1',
  measuredAt: NOW - 1000,
  window: 'five_hour',
  scope: null,
  used: 37.5,
  resetsAt: NOW + 1000,
  ...change,
})

let path = ''
beforeEach(() => {
  path = join(mkdtempSync(join(homedir(), 'history-')), 'history.sqlite')
})

test('what was appended is read, oldest first, and only of the slots and the time that are asked for', () => {
  const older = figure({ measuredAt: NOW - 2000, window: 'weekly', scope: 'Opus', resetsAt: null })
  const other = figure({ slot: 'slot-2' })
  expect(appendHistory(path, { ...nothing, figures: [figure(), older, other] }, NOW)).toBeNull()
  expect(readFigures(path, ['slot-1'], 0)).toEqual([older, figure()])
  expect(readFigures(path, ['slot-1', 'slot-2'], NOW - 1000)).toEqual([figure(), other])
})

test('runs and alerts too', () => {
  const run = { job: 'fetch-quota', runId: 'r1', startedAt: NOW - 5, endedAt: null, outcome: 'running' }
  const ended = { ...run, endedAt: NOW, outcome: 'ok' }
  const fired = { at: NOW, key: 'AllInactive', episode: 7, event: 'fired', reason: 'bad in 2 runs' }
  appendHistory(path, { ...nothing, runs: [run], alerts: [fired] }, NOW)
  appendHistory(path, { ...nothing, runs: [ended], alerts: [fired, { ...fired, key: 'DiskLow' }] }, NOW)
  expect(readRuns(path, 0)).toEqual([ended])
  expect(readAlertEvents(path, 'AllInactive', 0)).toEqual([fired])
  expect(readAlertEvents(path, null, 0)).toHaveLength(2)
  expect(readAlertEvents(path, null, NOW + 1)).toEqual([])
})

test('the same figure twice is one', () => {
  for (const used of [37.5, 99]) appendHistory(path, { ...nothing, figures: [figure({ used })] }, NOW)
  expect(readFigures(path, ['slot-1'], 0)).toEqual([figure()])
})

test('nothing to append opens nothing', () => {
  expect(appendHistory(path, nothing, NOW)).toBeNull()
  expect(existsSync(path)).toBe(false)
})

test('only its owner may read it', () => {
  appendHistory(path, { ...nothing, figures: [figure()] }, NOW)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('where there is none, nothing was', () => {
  expect(readFigures(path, ['slot-1'], 0)).toEqual([])
})

test.each([
  [60 * DAY_MS + 1, 0],
  [60 * DAY_MS, 1],
  [60 * DAY_MS - 1, 1],
])('of what is %i ms old, %i is kept', (agoMs, kept) => {
  const at = NOW - agoMs
  appendHistory(
    path,
    {
      figures: [figure({ measuredAt: at })],
      runs: [{ job: 'a', runId: 'r', startedAt: at, endedAt: at, outcome: 'ok' }],
      alerts: [{ at, key: 'a', episode: 1, event: 'fired', reason: '' }],
    },
    NOW,
  )
  expect(
    [readFigures(path, ['slot-1'], 0), readRuns(path, 0), readAlertEvents(path, null, 0)].map(rows => rows!.length),
  ).toEqual([kept, kept, kept])
})

it.each<[string, () => void]>([
  ['no database', () => writeFileSync(path, 'this is no database at all'.repeat(100))],
  [
    'of another version',
    () => {
      const database = new DatabaseSync(path)
      database.exec('PRAGMA user_version = 99; CREATE TABLE observations (x)')
      database.close()
    },
  ],
  [
    'without its tables',
    () => {
      const database = new DatabaseSync(path)
      database.exec('PRAGMA user_version = 1')
      database.close()
    },
  ],
])('a file that is %s is put aside as it is, and a new one begun', (name, spoil) => {
  spoil()
  const before = readFileSync(path)
  expect(readFigures(path, ['slot-1'], 0)).toBeNull()
  const aside = appendHistory(path, { ...nothing, figures: [figure()] }, NOW)
  expect(readdirSync(join(path, '..')).sort()).toEqual(['history.sqlite', `history.sqlite.broken-${NOW}`])
  expect(basename(aside!)).toBe(`history.sqlite.broken-${NOW}`)
  if (!name.includes('tables')) expect(readFileSync(aside!)).toEqual(before)
  expect(readFigures(path, ['slot-1'], 0)).toEqual([figure()])
})

it('a file of the version before failover keeps its rows, is read before it is written, and gets its table', () => {
  appendHistory(path, { ...nothing, figures: [figure()] }, NOW)
  const database = new DatabaseSync(path)
  database.exec('DROP TABLE failover; PRAGMA user_version = 1')
  database.close()
  expect(readFigures(path, ['slot-1'], 0)).toEqual([figure()])
  expect(readFailoverEvents(path, 0)).toEqual([])
  const entry = { at: NOW, id: 'x', event: 'switch', slot: 'slot-2', reason: 'swapped', detail: null }
  expect(appendHistory(path, { ...nothing, failover: [entry, { ...entry, reason: 'told again' }] }, NOW)).toBeNull()
  expect(readFailoverEvents(path, 0)).toEqual([entry])
  expect(readFigures(path, ['slot-1'], 0)).toEqual([figure()])
})
