import { expect, test } from 'vitest'
import { judgeJob, overdueAfterMs } from '../../../lib/domain/job-state.ts'
import type { RunRecord } from '../../../lib/domain/run-record.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const MINUTE_MS = 60_000
const PERIOD_MS = 5 * MINUTE_MS
/** Two periods and two minutes. */
const LIMIT_MS = 12 * MINUTE_MS

function record(change: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: 1,
    job: 'fetch-quota',
    run_id: 'run-1',
    pid: 123,
    version: '0.1.0',
    started_at: NOW - MINUTE_MS,
    ended_at: NOW - MINUTE_MS + 500,
    outcome: 'ok',
    exit_code: 0,
    reason: '3 ok',
    failure: null,
    accounts: {},
    counters: {},
    totals: {},
    streak: { kind: 'ok', count: 3, since: NOW - 11 * MINUTE_MS },
    last_success_at: NOW - MINUTE_MS + 500,
    unfinished_before: null,
    ...change,
  }
}

const judge = (found: RunRecord | 'corrupt' | null, alive = false) =>
  judgeJob('fetch-quota', found, alive, NOW, PERIOD_MS)

test('two periods and two minutes may pass', () => {
  expect(overdueAfterMs(PERIOD_MS)).toBe(LIMIT_MS)
})

test('a job that did its work', () => {
  expect(judge(record())).toEqual({
    job: 'fetch-quota',
    state: 'ok',
    last_started_at: NOW - MINUTE_MS,
    last_success_at: NOW - MINUTE_MS + 500,
    reason: '3 ok',
    exit_code: 0,
    streak: { kind: 'ok', count: 3, since: NOW - 11 * MINUTE_MS },
  })
})

test.each([
  ['no record', null, 'never', 'it has never run'],
  ['a record that is no good', 'corrupt', 'failing', 'its run record is no good'],
] as const)('%s', (_name, found, state, reason) => {
  expect(judge(found)).toEqual({
    job: 'fetch-quota',
    state,
    last_started_at: null,
    last_success_at: null,
    reason,
    exit_code: null,
    streak: null,
  })
})

test('a run without an end is running while its process lives, and was killed when it does not', () => {
  const unfinished = record({ outcome: 'running', ended_at: null, exit_code: null, reason: 'running' })
  expect(judge(unfinished, true)).toMatchObject({ state: 'running', reason: 'it is at work' })
  expect(judge(unfinished, false)).toMatchObject({
    state: 'killed',
    reason: 'its latest run began and its process is gone',
  })
})

test.each(['partial', 'failed', 'timeout', 'terminated', 'crashed'] as const)('a run that ended %s fails', outcome => {
  const found = record({ outcome, exit_code: 1, reason: 'slot-1: no route to host' })
  expect(judge(found)).toMatchObject({ state: 'failing', reason: 'slot-1: no route to host', exit_code: 1 })
})

test.each([
  [LIMIT_MS - 1, 'ok'],
  [LIMIT_MS, 'ok'],
  [LIMIT_MS + 1, 'overdue'],
  [-2 * MINUTE_MS, 'ok'],
  [-2 * MINUTE_MS - 1, 'overdue'],
] as const)('with the last success %s ms ago it is %s', (agoMs, state) => {
  expect(judge(record({ last_success_at: NOW - agoMs })).state).toBe(state)
  expect(judge(record({ last_success_at: NOW - agoMs, started_at: NOW - agoMs })).state).toBe(state)
})

test('a run that counted as good without a success is overdue', () => {
  expect(judge(record({ last_success_at: null })).state).toBe('overdue')
})

test.each([
  [LIMIT_MS, 'failing'],
  [LIMIT_MS + 1, 'overdue'],
] as const)('a job that failed %s ms ago and was not started since is %s', (agoMs, state) => {
  const found = record({
    outcome: 'failed',
    started_at: NOW - agoMs,
    last_success_at: NOW - 5 * LIMIT_MS,
    reason: 'no',
  })
  expect(judge(found).state).toBe(state)
})

test('an overdue job says what it is due and why its last run failed', () => {
  const old = { started_at: NOW - 60 * MINUTE_MS, last_success_at: null }
  expect(judge(record({ ...old, outcome: 'failed', reason: 'the disk is full' })).reason).toBe(
    'it is due every 5 min, and nothing has started it for more than 12 min; its last run failed: the disk is full',
  )
})
