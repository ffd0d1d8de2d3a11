import { describe, expect, it, test } from 'vitest'
import type { AccountResult } from '../../../lib/domain/run-record.ts'
import {
  alive,
  badKeys,
  DAY_MS,
  factOf,
  failed,
  HOUR_MS,
  jobSeen,
  MINUTE_MS,
  NOW,
  sightOf,
  verdicts,
} from './sights.ts'

const refresh = jobSeen('refresh-tokens')
const billing = jobSeen('fetch-billing')
const quota = (...args: Parameters<typeof jobSeen> extends [unknown, ...infer Rest] ? Rest : never) =>
  sightOf({ jobs: [refresh, jobSeen('fetch-quota', ...args), billing] })
const FAILED = 'JobFailed{fetch-quota}'
const MISSING = 'JobMissing{fetch-quota}'
const verdict = (sight: Parameters<typeof factOf>[0], key: string) => factOf(sight, key).verdict

describe('JobFailed', () => {
  it.each([
    [1, 0, 'ok'],
    [2, 15 * MINUTE_MS - 1, 'ok'],
    [2, 15 * MINUTE_MS, 'bad'],
    [1, 15 * MINUTE_MS + 1, 'bad'],
    [3, 0, 'bad'],
    [4, 0, 'bad'],
  ])('%i failures in a row for %i ms: %s', (count, sinceMs, expected) => {
    expect(verdict(quota(failed(count, sinceMs)), FAILED)).toBe(expected)
  })
  it('says which account, what to do and what suffers', () => {
    const accounts = { 'slot-1': { outcome: 'failed', reason: 'no route', failure: 'network' } } as const
    expect(factOf(quota(failed(3, 10 * MINUTE_MS, { failure: 'network', accounts })), FAILED)).toMatchObject({
      severity: 'warning',
      since: NOW - 10 * MINUTE_MS,
      alsoMutedBy: ['HostOffline'],
      text: {
        summary: 'fetch-quota failed 3 times in a row',
        details: ['slot-1: no route'],
        remedy: 'vigil run fetch-quota',
        affects: 'the quota figures grow old',
      },
    })
  })
  it('is told at once by settings, muted where they are told', () => {
    const fact = factOf(
      { ...quota(failed(1, 0, { failure: 'settings' })), settingsProblem: { lines: ['line 1: no'], remedy: 'vi x' } },
      FAILED,
    )
    expect([fact.verdict, fact.alsoMutedBy]).toEqual([
      'bad',
      ['SettingsWrong{vigil.yaml}', 'SettingsWrong{claude-sessions.yaml}'],
    ])
  })
  it('that settings are mended shows only in the next run', () => {
    expect(verdict(quota(failed(1, 0, { failure: 'settings' })), FAILED)).toBe('unknown')
  })
  it('an account that needs a person, as a missing program does, is not a file that is wrong', () => {
    const accounts = { 'slot-1': { outcome: 'notFound', reason: 'no ccusage', failure: 'settings' } } as const
    const fact = factOf(quota(failed(1, 0, { failure: 'settings', accounts })), FAILED)
    expect([fact.verdict, fact.alsoMutedBy]).toEqual(['bad', undefined])
  })
  it('that the network is back shows only in the next run', () => {
    const jobs = [
      jobSeen('refresh-tokens', failed(3, HOUR_MS, { failure: 'network', ended_at: NOW - 5 * MINUTE_MS })),
      jobSeen('fetch-quota', { accounts: { 'slot-1': { outcome: 'ok', reason: 'measured', failure: null } } }),
    ]
    expect(verdict(sightOf({ jobs }), 'JobFailed{refresh-tokens}')).toBe('unknown')
  })
  it.each([
    [1, 'ok'],
    [2, 'bad'],
  ])('after %i failures one that is killed counts: %s', (before, expected) => {
    const streak = { kind: 'failed', count: before, since: NOW - 5 * MINUTE_MS } as const
    const sight = quota({ outcome: 'running', ended_at: null, streak })
    const fact = factOf(sight, FAILED)
    expect(fact.verdict).toBe(expected)
    if (expected === 'bad') expect(fact.alsoMutedBy).toEqual([MISSING])
  })
  it('a failing job that is at it again just now still fails', () => {
    expect(verdict(quota({ ...failed(3, 0), outcome: 'running', ended_at: null }, true), FAILED)).toBe('bad')
  })
  it('time asleep is no time of failures', () => {
    const sight = quota(failed(1, 10 * HOUR_MS))
    expect(verdict(sight, FAILED)).toBe('bad')
    expect(verdict({ ...sight, awakeSince: NOW - 15 * MINUTE_MS + 1 }, FAILED)).toBe('ok')
    expect(verdict({ ...sight, awakeSince: NOW - 15 * MINUTE_MS }, FAILED)).toBe('bad')
  })
  it.each([
    ['went well', {}, null, 'ok'],
    ['never ran', null, null, 'ok'],
    ['left a record that is no good', {}, 'it is not JSON', 'unknown'],
  ] as const)('one that %s', (_name, change, trouble, expected) => {
    expect(verdict(quota(change, false, trouble), FAILED)).toBe(expected)
  })
  it('ends where there is no such job any more', () => {
    expect(verdicts(sightOf({ states: [alive('JobFailed', { job: 'gone' })] }), 'JobFailed')['JobFailed{gone}']).toBe(
      'ok',
    )
  })
})

describe('JobMissing', () => {
  const started = (agoMs: number) => ({
    started_at: NOW - agoMs,
    ended_at: NOW - agoMs + 1000,
    last_success_at: NOW - agoMs + 1000,
  })
  it.each([
    [12 * MINUTE_MS, 'ok'],
    [12 * MINUTE_MS + 1, 'bad'],
    [12 * MINUTE_MS - 1, 'ok'],
    [10 * HOUR_MS, 'bad'],
    [-3 * MINUTE_MS, 'bad'],
  ])('due every 5 min, started %i ms ago: %s', (agoMs, expected) => {
    expect(verdict(quota(started(agoMs)), MISSING)).toBe(expected)
  })
  it('says how to start it again', () => {
    expect(factOf(quota(started(HOUR_MS)), MISSING).text).toEqual({
      summary: 'fetch-quota is overdue: it is due every 5 min, and nothing has started it for more than 12 min',
      details: ['vigil install sets up what starts it; what the shell said is in logs/cron.err'],
      remedy: 'vigil install',
      affects: 'the quota figures grow old',
    })
  })
  it.each([
    [12 * MINUTE_MS, 'ok'],
    [12 * MINUTE_MS + 1, 'bad'],
  ])('one that never ran is missing when Vigil is here for %i ms: %s', (agoMs, expected) => {
    expect(verdict({ ...quota(null), firstSeenAt: NOW - agoMs }, MISSING)).toBe(expected)
  })
  it('one that began and is gone is missing at once; the run after it has to end first', () => {
    const running = { outcome: 'running', ended_at: null } as const
    expect(factOf(quota(running), MISSING)).toMatchObject({
      verdict: 'bad',
      text: { summary: 'fetch-quota was killed in the middle of a run', remedy: 'vigil run fetch-quota' },
    })
    const after = { ...running, unfinished_before: { run_id: 'x', started_at: NOW - 5 * MINUTE_MS } }
    expect(verdict(quota(after, true), MISSING)).toBe('unknown')
    expect(verdict(quota(running, true), MISSING)).toBe('ok')
    expect(verdict(quota({ unfinished_before: after.unfinished_before }), MISSING)).toBe('ok')
  })
  it.each([
    [12 * MINUTE_MS, 'ok'],
    [12 * MINUTE_MS + 1, 'bad'],
  ])('a run that does not end hangs after %i ms: %s', (agoMs, expected) => {
    const running = { outcome: 'running', ended_at: null, started_at: NOW - agoMs } as const
    expect(verdict(quota(running, true), MISSING)).toBe(expected)
  })
  it('the longest run of fetch-billing that is allowed is no hang', () => {
    const at = (agoMs: number) =>
      sightOf({
        jobs: [jobSeen('fetch-billing', { outcome: 'running', ended_at: null, started_at: NOW - agoMs }, true)],
      })
    expect(verdict(at(5 * MINUTE_MS + 18_000), 'JobMissing{fetch-billing}')).toBe('ok')
    expect(verdict(at(5 * MINUTE_MS + 18_001), 'JobMissing{fetch-billing}')).toBe('bad')
  })
  it('a job that runs and fails is not missing', () => {
    expect(verdict(quota(failed(30, 3 * HOUR_MS)), MISSING)).toBe('ok')
  })
  it.each([
    [7 * MINUTE_MS - 1, 'unknown'],
    [7 * MINUTE_MS, 'bad'],
    [7 * MINUTE_MS + 1, 'bad'],
  ])('after a sleep it has %i ms: %s', (agoMs, expected) => {
    expect(verdict({ ...quota(started(10 * HOUR_MS)), awakeSince: NOW - agoMs }, MISSING)).toBe(expected)
  })
  it('a record that is no good tells nothing', () => {
    expect(verdict(quota({}, false, 'it is not JSON'), MISSING)).toBe('unknown')
  })
})

describe('JobsAllMissing', () => {
  const old = { started_at: NOW - HOUR_MS, ended_at: NOW - HOUR_MS }
  const all = (...changes: Array<Parameters<typeof jobSeen>[1]>) =>
    sightOf({
      jobs: (['refresh-tokens', 'fetch-quota', 'fetch-billing'] as const).map((job, n) =>
        jobSeen(job, changes[n] ?? old),
      ),
    })
  it('is critical where none of them runs, since the last start of all', () => {
    expect(factOf(all({ ...old, started_at: NOW - 30 * MINUTE_MS }), 'JobsAllMissing')).toMatchObject({
      verdict: 'bad',
      severity: 'critical',
      since: NOW - 30 * MINUTE_MS,
      text: { summary: 'nothing starts the jobs any more', remedy: 'vigil install' },
    })
  })
  it('is ok as soon as one of them runs', () => {
    expect(verdict(all(old, old, {}), 'JobsAllMissing')).toBe('ok')
  })
  it('is unknown after a sleep, until each had its turn', () => {
    expect(verdict({ ...all(), awakeSince: NOW - 11 * MINUTE_MS }, 'JobsAllMissing')).toBe('unknown')
    expect(verdict({ ...all(), awakeSince: NOW - 12 * MINUTE_MS }, 'JobsAllMissing')).toBe('bad')
  })
  it('says so where none has ever run', () => {
    const jobs = [jobSeen('refresh-tokens', null), jobSeen('fetch-quota', null)]
    expect(factOf(sightOf({ jobs, firstSeenAt: NOW - DAY_MS }), 'JobsAllMissing').text.summary).toBe(
      'no job has ever run',
    )
  })
})

test('that this runs at all is what WatchdogMissing asks', () => {
  expect(verdicts(sightOf({ states: [alive('WatchdogMissing', {})] }), 'WatchdogMissing')).toEqual({
    WatchdogMissing: 'ok',
  })
})

test.each([
  ['5 min', 5 * MINUTE_MS, 'ok'],
  ['a little more', 5 * MINUTE_MS + 1, 'bad'],
])('WatchdogMissing: a checkout that was gone for %s', (_name, goneMs, verdict) => {
  const gone = { from: NOW - HOUR_MS, until: NOW - HOUR_MS + goneMs }
  const fact = factOf(sightOf({ gone }), 'WatchdogMissing')
  expect([fact.verdict, fact.since]).toEqual([verdict, verdict === 'bad' ? NOW - HOUR_MS : null])
})

describe('HostOffline', () => {
  const net: AccountResult = { outcome: 'failed', reason: 'no route', failure: 'network' }
  const ok: AccountResult = { outcome: 'ok', reason: 'measured', failure: null }
  const noNet = (count: number, accounts: Record<string, AccountResult>, change = {}) =>
    failed(count, 20 * MINUTE_MS, { failure: 'network', accounts, ...change })
  const jobs = (tokens: Parameters<typeof jobSeen>[1], figures: Parameters<typeof jobSeen>[1]) =>
    sightOf({ jobs: [jobSeen('refresh-tokens', tokens), jobSeen('fetch-quota', figures), billing] })
  const one = { 'slot-1': net }
  const rest = { outcome: 'fresh', reason: 'good for 90 min more', failure: null }
  it.each<[string, ReturnType<typeof sightOf>, string]>([
    ['one account in one run', jobs({}, noNet(1, one)), 'ok'],
    ['two accounts in one run', jobs({}, noNet(1, { ...one, 'slot-2': net })), 'bad'],
    ['two runs in a row', jobs({}, noNet(2, one)), 'bad'],
    ['two jobs', jobs(noNet(1, one), noNet(1, one)), 'bad'],
    ['nobody', jobs({}, {}), 'ok'],
    ['one that had nothing to ask', jobs({ accounts: { 'slot-1': rest } }, noNet(2, one)), 'bad'],
    ['one that another account came through beside', jobs({}, noNet(3, { ...one, 'slot-2': ok })), 'ok'],
    [
      'one that was refused with an answer',
      jobs({}, noNet(3, { ...one, 'slot-2': { ...net, outcome: 'rate_limited', failure: 'temporary' } })),
      'ok',
    ],
    [
      'two, and one came through since',
      jobs(noNet(2, one, { ended_at: NOW - 5 * MINUTE_MS }), { accounts: { a: ok } }),
      'ok',
    ],
    [
      'two, and one came through before',
      jobs({ ended_at: NOW - 5 * MINUTE_MS, accounts: { a: { ...ok, outcome: 'refreshed' } } }, noNet(2, one)),
      'bad',
    ],
  ])('met by %s: %s', (_name, sight, expected) => {
    expect(verdict(sight, 'HostOffline')).toBe(expected)
  })
  it('is unknown while the next run is at it', () => {
    const again = jobSeen('fetch-quota', { ...noNet(2, {}), outcome: 'running', ended_at: null, failure: null }, true)
    expect(verdict(sightOf({ jobs: [refresh, again, billing] }), 'HostOffline')).toBe('unknown')
  })
  it('what the jobs met before a sleep may be over', () => {
    const met = jobs({}, noNet(3, one))
    expect(verdict({ ...met, awakeSince: NOW - MINUTE_MS - 1 }, 'HostOffline')).toBe('bad')
    const before = { ...met, awakeSince: NOW - MINUTE_MS }
    expect(verdict(before, 'HostOffline')).toBe('unknown')
    expect(verdict(before, FAILED)).toBe('unknown')
    const later = jobs({}, noNet(3, one, { ended_at: NOW - 8 * MINUTE_MS, started_at: NOW - 9 * MINUTE_MS }))
    expect(verdict({ ...later, awakeSince: NOW - 7 * MINUTE_MS }, FAILED)).toBe('bad')
  })
  it('is told as an info, since the first of them', () => {
    expect(factOf(jobs({}, noNet(2, one)), 'HostOffline')).toMatchObject({
      severity: 'info',
      since: NOW - 20 * MINUTE_MS,
    })
    expect(badKeys(jobs({}, noNet(3, one)))).toEqual(['HostOffline', FAILED])
  })
})

describe('a daily job', () => {
  const MISSING_JANITOR = 'JobMissing{janitor}'
  const FAILED_JANITOR = 'JobFailed{janitor}'
  const ran = (agoMs: number, change: Parameters<typeof jobSeen>[1] = {}) =>
    jobSeen('janitor', { started_at: NOW - agoMs, ended_at: NOW - agoMs, last_success_at: NOW - agoMs, ...change })
  const others = [refresh, jobSeen('fetch-quota'), billing]
  const missing = (agoMs: number, change: Parameters<typeof sightOf>[0] = {}) =>
    factOf(sightOf({ jobs: [...others, ran(agoMs)], ...change }), MISSING_JANITOR)

  it.each([
    [2 * DAY_MS + 2 * MINUTE_MS, 'ok'],
    [2 * DAY_MS + 2 * MINUTE_MS + 1, 'bad'],
  ])('that ran %i ms ago is %s', (agoMs, expected) => {
    expect(missing(agoMs).verdict).toBe(expected)
  })
  it('says its time in hours', () => {
    expect(missing(3 * DAY_MS).text.summary).toBe(
      'janitor is overdue: it is due every 24 h, and nothing has started it for more than 48 h',
    )
  })
  it('has its turn after a sleep first, and is never called out of sight until then', () => {
    const slept = { awakeSince: NOW - HOUR_MS }
    expect(missing(3 * DAY_MS, slept).verdict).toBe('ok')
    expect(missing(3 * DAY_MS, { awakeSince: NOW - DAY_MS - 2 * MINUTE_MS }).verdict).toBe('bad')
    const firing = alive('JobMissing', { job: 'janitor' })
    expect(missing(3 * DAY_MS, { ...slept, states: [firing] }).verdict).toBe('bad')
  })
  it('that failed before a sleep still has; what was mended is over, not out of sight', () => {
    const failing = ran(DAY_MS, failed(1, DAY_MS, { failure: 'permission' }))
    const after = (awakeSince: number) =>
      factOf(sightOf({ jobs: [...others, failing], awakeSince }), FAILED_JANITOR).verdict
    expect(after(NOW - HOUR_MS)).toBe('bad')
    const refused = ran(DAY_MS, failed(1, DAY_MS, { failure: 'settings' }))
    expect(factOf(sightOf({ jobs: [...others, refused] }), FAILED_JANITOR).verdict).toBe('ok')
  })
  it('is not one whose turn shows that jobs are started at all', () => {
    const gone = { started_at: NOW - HOUR_MS, last_success_at: NOW - HOUR_MS }
    const jobs = [
      ...(['refresh-tokens', 'fetch-quota', 'fetch-billing'] as const).map(name => jobSeen(name, gone)),
      ran(HOUR_MS),
    ]
    expect(factOf(sightOf({ jobs }), 'JobsAllMissing').verdict).toBe('bad')
  })
})
