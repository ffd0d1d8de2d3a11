import { expect, test } from 'vitest'
import type { RunRecord } from '../../../lib/domain/run-record.ts'
import type { Problem, StatusJob } from '../../../lib/domain/status.ts'
import {
  type AccountFacts,
  accountProblems,
  editCommand,
  falseFreshProblems,
  fileProblem,
  jobProblems,
  sortProblems,
} from '../../../lib/domain/status-problems.ts'
import { accountOf, HOUR_MS, jobOf, MINUTE_MS, measured, NOW, neverMeasured } from '../screen/samples.ts'

const DAY_MS = 24 * HOUR_MS

function problemsOf(
  change: Partial<AccountFacts['account']>,
  context: { allInactive?: boolean; fetch?: StatusJob } = {},
) {
  return accountProblems(
    { account: accountOf(change), login: 'claude /login' },
    { now: NOW, allInactive: context.allInactive ?? false, fetchJob: context.fetch ?? jobOf('fetch-quota') },
  )
}

test('an account that works has no problem, and a paused one wants none', () => {
  expect(problemsOf({})).toEqual([])
  expect(problemsOf({ ...neverMeasured(), standing: 'paused', login_ends_at: NOW })).toEqual([])
})

test.each([
  ['session_expired', 'logged out: the login is over'],
  ['refresh_interrupted', 'logged out: a refresh was cut off, and the login did not survive it'],
  ['logged_out', 'logged out: Claude Code has no login here any more'],
  ['no_login', 'no login: the config directory holds none'],
  ['token_expired', 'logged out: a token that cannot be refreshed has run out'],
  ['something_new', 'logged out'],
] as const)('an account that is inactive by %s says so with the command', (reason, what) => {
  expect(problemsOf({ standing: 'inactive', reason, since: NOW - HOUR_MS })).toEqual([
    {
      severity: 'warning',
      about: 'account',
      slot: 'slot-1',
      what,
      details: [],
      since: NOW - HOUR_MS,
      remedy: 'claude /login',
    },
  ])
  expect(problemsOf({ standing: 'inactive', reason }, { allInactive: true })[0]!.severity).toBe('critical')
})

test.each([
  [7 * DAY_MS + 1, null, null],
  [7 * DAY_MS, 'info', 'its login ends in 7 days'],
  [3 * DAY_MS + 1, 'info', 'its login ends in 3 days'],
  [3 * DAY_MS, 'warning', 'its login ends in 3 days'],
  [DAY_MS + 1, 'warning', 'its login ends in 24 hours'],
  [DAY_MS, 'critical', 'its login ends in 24 hours'],
  [HOUR_MS, 'critical', 'its login ends in 1 hour'],
  [HOUR_MS - 1, 'critical', 'its login ends in less than an hour'],
  [0, 'critical', 'the end of its login has passed'],
  [-DAY_MS, 'critical', 'the end of its login has passed'],
] as const)('a login that ends in %i ms: %s', (leftMs, severity, what) => {
  const [problem] = problemsOf({ login_ends_at: NOW + leftMs })
  expect(problem?.severity ?? null).toBe(severity)
  expect(problem?.what ?? null).toBe(what)
  expect(problem?.remedy ?? null).toBe(severity === null ? null : 'claude /login')
})

test('a login whose end nobody tells is not about to end', () => {
  expect(problemsOf({ login_ends_at: null })).toEqual([])
})

test('stale figures are marked on the screen, and are no problem yet', () => {
  expect(problemsOf(measured(HOUR_MS))).toEqual([])
  expect(problemsOf(measured(HOUR_MS + 1))).toHaveLength(1)
})

const failedTry = { at: NOW - MINUTE_MS, outcome: 'failed', reason: 'the usage endpoint answered 500' }

test.each([
  ['never measured', neverMeasured(), 'it has no figures yet', null, 'vigil run fetch-quota'],
  ['old ones', measured(3 * HOUR_MS), 'it gets no new figures', NOW - 3 * HOUR_MS, 'vigil run fetch-quota'],
  [
    'one that has to wait',
    { ...measured(3 * HOUR_MS), next_request_not_before: NOW + 1 },
    'it gets no new figures',
    NOW - 3 * HOUR_MS,
    null,
  ],
  [
    'a token without the scope',
    { ...measured(3 * HOUR_MS), last_attempt: { ...failedTry, outcome: 'no_profile_scope' } },
    'it gets no new figures',
    NOW - 3 * HOUR_MS,
    'claude /login',
  ],
  [
    'from the future',
    { freshness: { state: 'unreliable', age_ms: -HOUR_MS }, measured_at: NOW + HOUR_MS } as const,
    'its figures are dated in the future: a clock is or was wrong',
    null,
    'vigil run fetch-quota',
  ],
] as const)('an active account without good figures: %s', (_name, change, what, since, remedy) => {
  expect(problemsOf(change)).toMatchObject([{ severity: 'warning', what, since, remedy }])
})

test('why the last try failed stands with it', () => {
  expect(problemsOf({ ...measured(3 * HOUR_MS), last_attempt: failedTry })[0]!.details).toEqual([
    'last try: the usage endpoint answered 500',
  ])
})

test.each(['failing', 'killed', 'never', 'overdue'] as const)(
  'old figures need no word of their own where the job that fetches them is %s',
  state => {
    expect(problemsOf(measured(3 * HOUR_MS), { fetch: jobOf('fetch-quota', { state }) })).toEqual([])
  },
)

function found(state: StatusJob['state'], change: Partial<StatusJob> = {}, record: Partial<RunRecord> | null = null) {
  return { job: jobOf('fetch-quota', { state, ...change }), record: record as RunRecord | null }
}
const refreshOk = { job: jobOf('refresh-tokens'), record: null }
const failedStreak = (count: number) => ({ streak: { kind: 'failed', count, since: NOW - HOUR_MS } }) as const

test('jobs at work are no problem', () => {
  expect(jobProblems([found('ok'), refreshOk], false)).toEqual([])
  expect(jobProblems([found('running')], false)).toEqual([])
})

test('that no job has run yet is said once', () => {
  const never = { job: jobOf('refresh-tokens', { state: 'never' }), record: null }
  expect(jobProblems([found('never'), never], false)).toMatchObject([
    { severity: 'warning', what: 'no job has run yet', since: null, remedy: 'vigil install' },
  ])
})

test('that nothing starts the jobs any more is critical, and since the last of all starts', () => {
  const other = { job: jobOf('refresh-tokens', { state: 'overdue', last_started_at: NOW - HOUR_MS }), record: null }
  expect(jobProblems([found('overdue', { last_started_at: NOW - 2 * HOUR_MS }), other], false)).toMatchObject([
    { severity: 'critical', what: 'nothing starts the jobs any more', since: NOW - HOUR_MS, remedy: 'vigil install' },
  ])
})

test.each([
  ['never', {}, 'fetch-quota has never run', null, 'vigil install'],
  ['overdue', { reason: 'it is due', last_success_at: 5 }, 'fetch-quota is overdue: it is due', 5, 'vigil install'],
  ['killed', { last_started_at: 7 }, 'fetch-quota was killed in the middle of a run', 7, 'vigil run fetch-quota'],
] as const)('one job of two that is %s', (state, change, what, since, remedy) => {
  expect(jobProblems([found(state, change), refreshOk], false)).toMatchObject([
    { severity: 'warning', about: 'job', what, since, remedy },
  ])
})

test('a job that fails names every account, for one must not hide the others', () => {
  const accounts = {
    'slot-1': { outcome: 'ok', reason: 'measured', failure: null },
    'slot-2': { outcome: 'failed', reason: 'no route', failure: 'network' },
    'slot-3': { outcome: 'failed', reason: 'is open to others; chmod 600 x', failure: 'permission' },
  } as const
  const record = { outcome: 'partial', failure: 'permission', accounts } as const
  expect(jobProblems([found('failing', { ...failedStreak(2), reason: 'slot-2: no' }, record)], false)).toEqual([
    {
      severity: 'warning',
      about: 'job',
      slot: null,
      what: 'fetch-quota failed 2 times in a row',
      details: ['slot-2: no route', 'slot-3: is open to others; chmod 600 x'],
      since: NOW - HOUR_MS,
      remedy: 'vigil run fetch-quota',
    },
  ])
})

test('a job that fails for itself gives the lines of its reason, but not the stack of a crash', () => {
  const text = 'first line\n  second line'
  const failed = found('failing', { ...failedStreak(1), reason: text }, { outcome: 'failed', failure: 'disk' })
  expect(jobProblems([failed], false)).toMatchObject([
    { what: 'fetch-quota failed in its latest run: first line', details: ['second line'] },
  ])
  const crashed = found('failing', { ...failedStreak(1), reason: text }, { outcome: 'crashed', failure: 'bug' })
  expect(jobProblems([crashed], false)).toMatchObject([{ details: [] }])
})

test.each([
  [1, 'network', 'info'],
  [2, 'temporary', 'info'],
  [3, 'network', 'warning'],
  [1, 'permission', 'warning'],
] as const)('%i failures in a row of class %s are %s', (count, failure, severity) => {
  const failing = found('failing', failedStreak(count), { outcome: 'failed', failure })
  expect(jobProblems([failing], false)).toMatchObject([{ severity }])
})

test('a failing job that runs again just now still fails', () => {
  const again = found('running', failedStreak(4), { outcome: 'running', failure: null })
  expect(jobProblems([again], false)).toMatchObject([{ what: 'fetch-quota failed 4 times in a row', details: [] }])
})

test('wrong settings are told once, not again by each job that refused them', () => {
  const refused = found('failing', failedStreak(9), { outcome: 'failed', failure: 'settings' })
  expect(jobProblems([refused], true)).toEqual([])
  expect(jobProblems([refused], false)).toHaveLength(1)
})

test('a file of a person that is wrong gives all its lines', () => {
  expect(fileProblem('settings', 'vigil.yaml', ['line 1: a', 'line 2: b'], 'vi x')).toEqual({
    severity: 'critical',
    about: 'settings',
    slot: null,
    what: 'vigil.yaml has 2 problems, and no job works until they are mended',
    details: ['line 1: a', 'line 2: b'],
    since: null,
    remedy: 'vi x',
  })
  expect(fileProblem('registry', 'x.yaml', ['one'], 'vi x').what).toBe(
    'x.yaml has 1 problem, and no job works until it is mended',
  )
})

test('a flag that calls old figures fresh is told once for all accounts', () => {
  expect(falseFreshProblems([])).toEqual([])
  const outlived = { slot: 'slot-1', kind: 'outlived', ageMs: 1 } as const
  expect(falseFreshProblems([outlived])[0]!.what).toBe(
    'merged-quota-cache.json calls old figures fresh (slot-1): nothing has merged the figures since',
  )
  expect(falseFreshProblems([outlived, { slot: 'slot-2', kind: 'lied', ageMs: 1 }])[0]!.what).toBe(
    'merged-quota-cache.json calls old figures fresh (slot-1, slot-2): the mark was false when it was written',
  )
})

test.each([
  ['~/.claude/config/vigil.yaml', '${EDITOR:-vi} ~/.claude/config/vigil.yaml'],
  ['/srv/vigil/config/vigil.yaml', '${EDITOR:-vi} /srv/vigil/config/vigil.yaml'],
  ["~/my dir/it's.yaml", "${EDITOR:-vi} ~/'my dir/it'\\''s.yaml'"],
])('the command that opens %s', (path, command) => {
  expect(editCommand(path)).toBe(command)
})

test('the worst comes first, and equals stay in their order', () => {
  const of = (severity: Problem['severity'], what: string): Problem => ({
    severity,
    about: 'job',
    slot: null,
    what,
    details: [],
    since: null,
    remedy: null,
  })
  const sorted = sortProblems([of('info', 'a'), of('warning', 'b'), of('critical', 'c'), of('warning', 'd')])
  expect(sorted.map(({ what }) => what)).toEqual(['c', 'b', 'd', 'a'])
})
