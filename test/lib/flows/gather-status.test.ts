import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { beforeEach, expect, test } from 'vitest'
import type { RunRecord } from '../../../lib/domain/run-record.ts'
import type { Slot } from '../../../lib/domain/slot.ts'
import { Status } from '../../../lib/domain/status.ts'
import { processStart } from '../../../lib/edges/kernel-lock.ts'
import { gatherStatus } from '../../../lib/flows/gather-status.ts'
import { levelOf } from '../../../lib/flows/look-at-accounts.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { CRON_PERIOD_MS } from '../../../lib/timings.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
// Failover is off, so it is none that could be missing.
const JOBS = Object.keys(CRON_PERIOD_MS).filter(job => job !== 'failover')
const RESET = NOW + 2 * HOUR_MS
/** root reads what nobody may read. */

let home = ''
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'status-'))
  paths = pathsFor(home, join(home, '.claude'))
})

function write(path: string, content: string | object): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
}

function identity(configDir: string, number: number, email: string): void {
  const file = configDir === '.claude' ? '.claude.json' : join(configDir, '.claude.json')
  write(join(home, file), { oauthAccount: { accountUuid: `account-${number}`, emailAddress: email } })
}

function slot(
  name: string,
  configDir: string,
  change: Partial<Slot> & { measuredAt?: number; accountUuid?: string } = {},
) {
  const { measuredAt = NOW - MINUTE_MS, accountUuid = null, ...rest } = change
  const windows = [
    { name: 'five_hour', scope: null, usedPercent: 37, resetsAt: RESET },
    { name: 'seven_day', scope: null, usedPercent: 96.5, resetsAt: RESET + 24 * HOUR_MS },
    { name: 'weekly', scope: 'Opus', usedPercent: null, resetsAt: null },
  ]
  write(join(paths.slots, `${name}.json`), {
    schema: 1,
    slot: name,
    configDir: join(home, configDir),
    observation: { measuredAt, source: 'oauth', accountUuid, organizationUuid: null, windows, extraUsage: null },
    lastAttempt: { at: NOW - MINUTE_MS, outcome: 'ok', reason: 'measured' },
    requests: { requestedAt: [NOW - 2 * HOUR_MS, NOW - MINUTE_MS], blockedUntil: null, rateLimitedInARow: 0 },
    ...rest,
  })
}

function record(job: string, change: Partial<RunRecord> = {}): void {
  write(join(paths.runs, `${job}.json`), {
    schema: 1,
    job,
    run_id: 'run-1',
    pid: 1,
    version: '0.1.0',
    started_at: NOW - 2 * MINUTE_MS,
    ended_at: NOW - MINUTE_MS,
    outcome: 'ok',
    exit_code: 0,
    reason: '2 ok',
    failure: null,
    accounts: {},
    counters: {},
    streak: { kind: 'ok', count: 2, since: NOW - HOUR_MS },
    last_success_at: NOW - MINUTE_MS,
    unfinished_before: null,
    ...change,
  })
}

/** Two accounts, one of them logged out, and jobs that did their work. */
function layOut(): void {
  write(
    paths.accounts,
    `current: work
accounts:
  work:
    config_dir: ~/.claude
  other:
    email: blake@example.com
    config_dir: ~/.claude-other
    status: inactive
    inactive_reason: session_expired
    inactive_since: 2026-11-22T13:36:00Z
`,
  )
  identity('.claude', 1, 'alex@example.com')
  slot('work', '.claude', { accountUuid: 'account-1' })
  for (const job of JOBS) record(job)
}

/** Every path below the home with what would show a change. */
function traces(dir = home): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
    const path = join(dir, entry.name)
    const { mtimeNs, size } = statSync(path, { bigint: true })
    return [`${path} ${mtimeNs} ${size}`, ...(entry.isDirectory() ? traces(path) : [])]
  })
}

async function gather() {
  const before = traces()
  const status = await gatherStatus(paths, NOW)
  expect(traces(), 'the status leaves no trace').toEqual(before)
  return v.parse(v.strictObject(Status.pipe[0].entries), status)
}

test('nothing there at all: it says to log in, and makes nothing', async () => {
  const status = await gather()
  expect(status.pool).toEqual({
    verdict: 'empty',
    reason: 'no Claude Code login was found',
    recovers_at: null,
    remedy: 'claude /login',
  })
  expect(status).toMatchObject({ schema: 1, checked_at: NOW, current: null, accounts: [] })
  expect(status.jobs.map(({ job, state }) => [job, state])).toEqual(JOBS.map(job => [job, 'never']))
  expect(status.problems.map(({ what }) => what)).toEqual(['no job has run yet'])
})

test('a home that is not there is no reason to fail', async () => {
  expect((await gatherStatus(pathsFor(join(home, 'gone'), join(home, 'gone', '.claude')), NOW)).pool.verdict).toBe(
    'empty',
  )
})

test.each(['.claude', '.claude-work'])('a login in %s that no job has seen yet', async dir => {
  identity(dir, 1, 'alex@example.com')
  expect((await gather()).pool).toEqual({
    verdict: 'empty',
    reason: 'a Claude Code login is there, and no job has seen it yet',
    recovers_at: null,
    remedy: 'vigil run refresh-tokens',
  })
})

test('everything of an account', async () => {
  layOut()
  write(join(paths.logins, 'work.json'), {
    schema: 1,
    slot: 'work',
    configDir: join(home, '.claude'),
    dead: null,
    failures: 0,
    notBefore: null,
    refreshedAt: NOW - HOUR_MS,
    loginEndsAt: NOW + 240 * HOUR_MS,
  })
  const status = await gather()
  expect(status.current).toBe('work')
  expect(status.accounts).toEqual([
    {
      slot: 'work',
      email: 'alex@example.com',
      config_dir: '~/.claude',
      standing: 'active',
      reason: null,
      since: null,
      windows: [
        { name: 'five_hour', scope: null, label: 'five-hour', used_percent: 37, resets_at: RESET, level: 'ok' },
        {
          name: 'seven_day',
          scope: null,
          label: 'weekly',
          used_percent: 96.5,
          resets_at: RESET + 24 * HOUR_MS,
          level: 'near',
        },
        { name: 'weekly', scope: 'Opus', label: 'weekly Opus', used_percent: null, resets_at: null, level: null },
      ],
      extra_usage: null,
      freshness: { state: 'fresh', age_ms: MINUTE_MS },
      measured_at: NOW - MINUTE_MS,
      source: 'oauth',
      login_ends_at: NOW + 240 * HOUR_MS,
      refreshed_at: NOW - HOUR_MS,
      last_attempt: { at: NOW - MINUTE_MS, outcome: 'ok', reason: 'measured' },
      requests_last_hour: 1,
      // Half a period of tolerance before the five minutes are over.
      next_request_not_before: NOW - MINUTE_MS + 2.5 * MINUTE_MS,
      remedy: null,
    },
    expect.objectContaining({
      slot: 'other',
      email: 'blake@example.com',
      config_dir: '~/.claude-other',
      standing: 'inactive',
      reason: 'session_expired',
      since: Date.parse('2026-11-22T13:36:00Z'),
      freshness: { state: 'absent', age_ms: null },
      next_request_not_before: null,
      remedy: 'CLAUDE_CONFIG_DIR=~/.claude-other claude /login',
    }),
  ])
  expect(status.pool).toEqual({
    verdict: 'degraded',
    reason: 'other is logged out; work is near a limit',
    recovers_at: null,
    remedy: null,
  })
  expect(status.problems).toMatchObject([{ about: 'account', slot: 'other', severity: 'warning' }])
})

test('the one that is logged out and current is what to mend first', async () => {
  layOut()
  write(
    paths.accounts,
    `current: b
accounts:
  a: { config_dir: ~/.claude-a, status: inactive, inactive_reason: logged_out }
  b: { config_dir: ~/.claude-b, status: inactive, inactive_reason: logged_out }
  c: { config_dir: ~/.claude-c, status: inactive, inactive_reason: paused }
`,
  )
  const status = await gather()
  expect(status.pool).toMatchObject({ verdict: 'logged-out', remedy: 'CLAUDE_CONFIG_DIR=~/.claude-b claude /login' })
  expect(status.problems.map(({ slot, severity }) => [slot, severity])).toEqual([
    ['a', 'critical'],
    ['b', 'critical'],
  ])
})

test('figures of the account that was logged in here before are nobody’s', async () => {
  layOut()
  slot('work', '.claude', { accountUuid: 'account-2' })
  const [work] = (await gather()).accounts
  expect(work).toMatchObject({ measured_at: null, freshness: { state: 'absent', age_ms: null } })
  expect(work!.windows.map(({ used_percent }) => used_percent)).toEqual([null, null])
})

test('a window whose reset has passed is unknown', async () => {
  layOut()
  write(
    join(paths.slots, 'work.json'),
    readFileSync(join(paths.slots, 'work.json'), 'utf8').replace(String(RESET), String(NOW)),
  )
  expect((await gather()).accounts[0]!.windows[0]).toMatchObject({ used_percent: null, resets_at: null, level: null })
})

test('a registry without accounts, or with paused ones only, is what a person has to change', async () => {
  write(paths.accounts, 'accounts:\n')
  const edit = '${EDITOR:-vi} ~/.claude/config/claude-sessions.yaml'
  expect((await gather()).pool).toMatchObject({ verdict: 'empty', reason: 'no account is known yet', remedy: edit })
  write(paths.accounts, 'accounts:\n  a: { config_dir: ~/.claude, status: inactive, inactive_reason: paused }\n')
  expect((await gather()).pool).toMatchObject({ verdict: 'empty', remedy: edit })
})

test('wrong settings are a problem with all its lines, and hide nothing', async () => {
  layOut()
  write(paths.settings, 'quota:\n  evry: 5m\nrefresh: maybe\n')
  record('fetch-quota', { outcome: 'failed', failure: 'settings', streak: { kind: 'failed', count: 3, since: NOW } })
  const status = await gather()
  expect(status.problems.filter(({ slot }) => slot === null)).toEqual([
    {
      severity: 'critical',
      about: 'settings',
      slot: null,
      what: 'vigil.yaml has 2 problems, and no job works until they are mended',
      details: expect.arrayContaining([
        expect.stringMatching(/^line 2: .*quota\.evry/),
        expect.stringMatching(/^line 3: refresh /),
      ]),
      since: null,
      remedy: '${EDITOR:-vi} ~/.claude/config/vigil.yaml',
    },
  ])
  expect(status.accounts).toHaveLength(2)
})

test('settings in force decide what is fresh and what is near', async () => {
  layOut()
  slot('work', '.claude', { accountUuid: 'account-1', measuredAt: NOW - 20 * MINUTE_MS })
  write(paths.settings, 'quota: { fresh_for: 30m, stale_after: 30m, alert_at: [30] }\n')
  const [work] = (await gather()).accounts
  expect(work!.freshness.state).toBe('fresh')
  expect(work!.windows.map(({ level }) => level)).toEqual(['near', 'near', null])
})

test('a registry that cannot be used is a problem with all its lines, and nobody claims that there are no accounts', async () => {
  layOut()
  write(paths.accounts, 'current: nobody\naccounts:\n  work:\n    status: maybe\n')
  const status = await gather()
  expect(status.pool).toEqual({
    verdict: 'blind',
    reason: 'claude-sessions.yaml cannot be used, so nobody knows which accounts there are',
    recovers_at: null,
    remedy: '${EDITOR:-vi} ~/.claude/config/claude-sessions.yaml',
  })
  expect(status.problems).toMatchObject([{ about: 'registry', severity: 'critical' }])
  expect(status.problems[0]!.details).toHaveLength(3)
  expect(status.jobs.map(({ state }) => state)).toEqual(JOBS.map(() => 'ok'))
})

test('files of ours that are no good are each a problem of their own', async () => {
  layOut()
  write(join(paths.slots, 'work.json'), '{ torn')
  write(join(paths.runs, 'fetch-quota.json'), '[]')
  write(paths.mergedQuota, '{}')
  const status = await gather()
  expect(status.problems.filter(({ about }) => about === 'cache')).toMatchObject([
    { slot: null, what: expect.stringContaining('runs/fetch-quota.json is no good'), remedy: 'vigil run fetch-quota' },
    {
      slot: null,
      what: expect.stringContaining('merged-quota-cache.json is corrupt'),
      remedy: 'vigil run fetch-quota',
    },
    { slot: 'work', what: expect.stringContaining('slots/work.json is corrupt'), remedy: 'vigil run fetch-quota' },
  ])
  expect(status.jobs.find(({ job }) => job === 'fetch-quota')).toMatchObject({ state: 'failing' })
})

test('a directory where a file should be is a problem of its own', async () => {
  layOut()
  for (const path of [join(paths.slots, 'other.json'), join(paths.logins, 'work.json'), paths.mergedQuota]) {
    mkdirSync(path, { recursive: true })
  }
  expect((await gather()).problems.filter(({ about }) => about === 'cache').map(({ what }) => what)).toEqual([
    'merged-quota-cache.json is corrupt: it is no regular file',
    'slots/other.json is corrupt (it is no regular file); it is measured anew',
  ])
})

test('a published cache that calls old figures fresh is told', async () => {
  layOut()
  const cached = {
    email: null,
    status: 'active',
    five_hour_util: 37,
    seven_day_util: 96,
    five_hour_resets_at: null,
    seven_day_resets_at: null,
    weekly_budget_remaining_hours: null,
    weekly_reset_day: null,
    windows: [],
    extra_usage: null,
    last_fetched: NOW - 49 * HOUR_MS,
    source: 'oauth',
    is_fresh: true,
    last_attempt: null,
  }
  write(paths.mergedQuota, { schema: 1, ts: NOW / 1000 - 60, current: 'work', slots: { work: cached } })
  expect((await gather()).problems).toContainEqual(
    expect.objectContaining({
      about: 'cache',
      what: 'merged-quota-cache.json calls old figures fresh (work): the mark was false when it was written',
    }),
  )
})

/** The record and the lock's note of a run that has not ended. */
function unfinished(pid: number, holder: { pid: number; processStart: string | null } | null): void {
  record('fetch-quota', { outcome: 'running', pid, ended_at: null, exit_code: null, streak: null })
  if (holder === null) return
  const note = { ...holder, job: 'fetch-quota', since: NOW, overdueAtMonotonicMs: null }
  write(join(paths.locks, 'fetch-quota.lock.info'), note)
}

const stateOf = async () => (await gather()).jobs.find(({ job }) => job === 'fetch-quota')!.state

test('a run that has not ended is running while its very process lives', async () => {
  layOut()
  unfinished(process.pid, { pid: process.pid, processStart: processStart(process.pid) })
  expect(await stateOf()).toBe('running')
  unfinished(process.pid, null)
  expect(await stateOf()).toBe('running')
})

test('a run whose process is gone was killed', async () => {
  layOut()
  const child = spawn('/bin/sh', ['-c', 'exit 0'])
  await new Promise(resolve => child.once('exit', resolve))
  unfinished(child.pid!, { pid: child.pid!, processStart: '1' })
  expect(await stateOf()).toBe('killed')
  unfinished(child.pid!, null)
  expect(await stateOf()).toBe('killed')
})

test.runIf(process.platform === 'linux')('a process that was given the same id later is another one', async () => {
  layOut()
  unfinished(process.pid, { pid: process.pid, processStart: '1' })
  expect(await stateOf()).toBe('killed')
})

test('a run whose lock another one has is over', async () => {
  layOut()
  for (const start of [processStart(process.ppid), null]) {
    unfinished(process.pid, { pid: process.ppid, processStart: start })
    expect(await stateOf()).toBe('killed')
  }
})

test.each([
  [null, null],
  [0, 'ok'],
  [79.9, 'ok'],
  [80, 'high'],
  [94.9, 'high'],
  [95, 'near'],
  [99.9, 'near'],
  [100, 'full'],
  [101, 'full'],
] as const)('%s percent is %s', (percent, level) => {
  expect(levelOf(percent, [80, 95])).toBe(level)
})

test('without alert levels only full is a level of its own', () => {
  expect([99, 100].map(percent => levelOf(percent, []))).toEqual(['ok', 'full'])
})
