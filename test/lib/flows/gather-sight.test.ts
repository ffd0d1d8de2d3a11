import { chmodSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, test } from 'vitest'
import { type AlertsFile, emptyAlerts } from '../../../lib/domain/alert.ts'
import { gatherSight } from '../../../lib/flows/gather-sight.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { DEFAULT_SETTINGS, SettingsError } from '../../../lib/settings-defaults.ts'
import { appendHistory } from '../../../lib/store/history.ts'
import { findFacts } from '../../../lib/watchdog/find-facts.ts'
import { historyEntries } from '../../../lib/watchdog/history-entries.ts'
import { alive, HOUR_MS, MINUTE_MS, NOW, recordOf } from '../watchdog/sights.ts'

let home = ''
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'sight-'))
  paths = pathsFor(home, join(home, '.claude'))
})

function write(path: string, content: string | object): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
}

const JOBS = ['refresh-tokens', 'fetch-quota', 'fetch-billing']
const RESET = NOW + 2 * HOUR_MS

/** One account that works, with figures of a minute ago, and jobs that did their work. */
function layOut(usedPercent = 20): void {
  write(paths.accounts, 'current: work\naccounts:\n  work:\n    config_dir: ~/.claude\n')
  const windows = [{ name: 'five_hour', scope: null, usedPercent, resetsAt: RESET }]
  const whose = { accountUuid: null, organizationUuid: null }
  write(join(paths.slots, 'work.json'), {
    schema: 1,
    slot: 'work',
    configDir: join(home, '.claude'),
    observation: { measuredAt: NOW - MINUTE_MS, source: 'oauth', ...whose, windows, extraUsage: null },
    lastAttempt: { at: NOW - MINUTE_MS, outcome: 'ok', reason: 'measured' },
    requests: { requestedAt: [], blockedUntil: null, rateLimitedInARow: 0 },
  })
  for (const job of JOBS) write(join(paths.runs, `${job}.json`), recordOf(job))
}

const file = (change: Partial<AlertsFile> = {}): AlertsFile => ({ ...emptyAlerts(NOW - HOUR_MS), ...change })
const gather = (settings: Parameters<typeof gatherSight>[1] = DEFAULT_SETTINGS, alerts = file()) =>
  gatherSight(paths, settings, NOW, alerts)

test('a home with nothing in it can be looked at', async () => {
  const sight = await gather()
  expect(sight).toMatchObject({ accounts: [], billing: null, troubles: [], history: [], disk: null, current: null })
  expect(sight.firstSeenAt).toBe(NOW - HOUR_MS)
})

test('everything that is there', async () => {
  layOut()
  const sight = await gather()
  expect(sight.accounts).toMatchObject([
    { account: { slot: 'work', freshness: { state: 'fresh' } }, login: 'claude /login', blind: false },
  ])
  expect(sight).toMatchObject({
    current: 'work',
    troubles: [],
    settingsProblem: null,
    registryProblem: null,
    history: [],
  })
  expect(sight.disk!.totalBytes).toBeGreaterThan(0)
  expect(
    findFacts(sight)
      .filter(({ verdict }) => verdict === 'bad')
      .map(({ name, labels }) => [name, labels]),
  ).toEqual([['DataStale', { of: 'billing' }]])
})

test('vigil.yaml that cannot be used gives its lines, and the rest is judged by the defaults', async () => {
  layOut()
  const sight = await gather(new SettingsError('vigil.yaml', ['line 1: a', 'line 2: b']))
  expect(sight.settingsProblem).toEqual({
    lines: ['line 1: a', 'line 2: b'],
    remedy: '${EDITOR:-vi} ~/.claude/config/vigil.yaml',
  })
  expect(sight.settings).toBe(DEFAULT_SETTINGS)
})

test('an accounts file that cannot be used gives its lines and hides nothing else', async () => {
  layOut()
  write(paths.accounts, 'accounts: 7\n')
  const sight = await gather()
  expect(sight.registryProblem!.remedy).toBe('${EDITOR:-vi} ~/.claude/config/claude-sessions.yaml')
  expect(sight.registryProblem!.lines).toHaveLength(1)
  expect(sight.accounts).toEqual([])
  expect(sight.jobs.filter(({ record }) => record !== null)).toHaveLength(3)
})

test.each([
  ['a gap of 5 min is none to look into', 5, null],
  ['a longer one is', 6, { from: NOW - 3 * MINUTE_MS, until: NOW - MINUTE_MS }],
])('what the script in place of a checkout left: %s', async (_name, minutes, expected) => {
  const mark = (name: string, at: number) => {
    write(join(paths.health, name), '')
    utimesSync(join(paths.health, name), at / 1000, at / 1000)
  }
  expect((await gather(DEFAULT_SETTINGS, file({ lastRunAt: NOW - minutes * MINUTE_MS }))).gone).toBe(null)
  mark('gone.seen', NOW - MINUTE_MS)
  expect((await gather(DEFAULT_SETTINGS, file({ lastRunAt: NOW - minutes * MINUTE_MS }))).gone).toBe(null)
  mark('gone.since', NOW - 3 * MINUTE_MS)
  expect((await gather(DEFAULT_SETTINGS, file({ lastRunAt: NOW - minutes * MINUTE_MS }))).gone).toEqual(expected)
})

describe('one file that is no good hides nothing else', () => {
  it.each([
    ['slots/work.json', 'CacheCorrupt{slots/work.json}'],
    ['runs/fetch-quota.json', 'CacheCorrupt{runs/fetch-quota.json}'],
    ['merged-quota-cache.json', 'CacheCorrupt{merged-quota-cache.json}'],
    ['billing-shared.json', 'CacheCorrupt{billing-shared.json}'],
  ])('%s', async (name, key) => {
    layOut()
    write(join(paths.health, name), '{"schema":1,')
    const sight = await gather()
    const bad = findFacts(sight).filter(fact => fact.name === 'CacheCorrupt' && fact.verdict === 'bad')
    expect(bad.map(({ labels }) => `CacheCorrupt{${labels['file']}}`)).toEqual([key])
    expect(sight.accounts).toHaveLength(1)
    expect(sight.accounts[0]!.blind).toBe(name.startsWith('slots'))
  })
  it('a slot that may not be read', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may read every file')
    layOut()
    chmodSync(join(paths.slots, 'work.json'), 0)
    expect((await gather()).troubles).toEqual([
      { slot: 'work', file: 'slots/work.json', what: 'slots/work.json cannot be read (EACCES)', remedy: null },
    ])
  })
  it('a directory in the place of a file', async () => {
    layOut()
    mkdirSync(paths.billing)
    mkdirSync(paths.mergedQuota)
    expect((await gather()).troubles.map(trouble => trouble.file)).toEqual([
      'merged-quota-cache.json',
      'billing-shared.json',
    ])
  })
})

test('the 49 hours: a fresh-mark beside old figures is found whatever it says', async () => {
  layOut()
  const cached = { email: null, status: 'active', five_hour_util: 20, seven_day_util: null, five_hour_resets_at: null }
  const rest = { seven_day_resets_at: null, weekly_budget_remaining_hours: null, weekly_reset_day: null, windows: [] }
  const lie = {
    last_fetched: NOW - 49 * HOUR_MS,
    source: 'oauth',
    is_fresh: true,
    last_attempt: null,
    extra_usage: null,
  }
  write(paths.mergedQuota, {
    schema: 1,
    ts: NOW / 1000,
    current: 'work',
    slots: { work: { ...cached, ...rest, ...lie } },
  })
  const sight = await gather()
  expect(sight.falseFresh).toEqual([{ slot: 'work', kind: 'lied', ageMs: 49 * HOUR_MS }])
})

test('history is read only where a figure asks for it', async () => {
  layOut(60)
  const figure = { slot: 'work', window: 'five_hour', scope: null, used: 50, resetsAt: RESET }
  const recent = { ...figure, measuredAt: NOW - HOUR_MS }
  const entries = { figures: [recent, { ...figure, measuredAt: NOW - 25 * HOUR_MS }], runs: [], alerts: [] }
  mkdirSync(paths.health, { recursive: true })
  appendHistory(paths.history, entries, NOW)
  expect((await gather()).history).toEqual([recent])
  layOut(20)
  expect((await gather()).history).toEqual([])
  write(paths.history, 'no database')
  expect((await gather()).history).toEqual([])
  layOut(60)
  expect((await gather()).history).toBeNull()
})

test('a resolved state that waits to be told is not alive', async () => {
  const labels = { slot: 'work' }
  const states = [alive('AccountInactive', labels, 'resolved'), alive('AllInactive', {})]
  expect((await gather(DEFAULT_SETTINGS, file({ states }))).states).toEqual([states[1]])
})

test('Vigil is here for as long as the oldest of its own files tells', async () => {
  layOut()
  expect((await gather()).firstSeenAt).toBe(NOW - 3 * HOUR_MS)
})

describe('what is remembered', () => {
  it('is the figures and the runs since the last look, and those of a little before', async () => {
    layOut()
    const sight = await gather()
    const figure = {
      slot: 'work',
      measuredAt: NOW - MINUTE_MS,
      window: 'five_hour',
      scope: null,
      used: 20,
      resetsAt: RESET,
    }
    expect(historyEntries(sight, null).figures).toEqual([figure])
    expect(historyEntries(sight, NOW + MINUTE_MS).figures).toEqual([figure])
    expect(historyEntries(sight, NOW + MINUTE_MS + 1).figures).toEqual([])
  })
  it.each([
    [NOW - MINUTE_MS + 10_000, 1],
    [NOW - MINUTE_MS + 10_001, 0],
  ])('of a run that ended a minute ago, with the last look at %i: %i', async (lastRunAt, count) => {
    layOut()
    write(join(paths.runs, 'fetch-quota.json'), recordOf('fetch-quota', { counters: { requests: 1 } }))
    expect(historyEntries(await gather(), lastRunAt).runs).toHaveLength(count)
  })
  it.each([
    ['that found nothing to do', { counters: { skipped_fresh: 3 } }, 0],
    ['that is at it', { outcome: 'running', ended_at: null, streak: { kind: 'ok', count: 1, since: 0 } }, 0],
    ['that asked somebody', { counters: { requests: 1 } }, 1],
    ['that failed', { outcome: 'failed', streak: { kind: 'failed', count: 9, since: 0 } }, 1],
    ['that was the first good one again', { streak: { kind: 'ok', count: 1, since: 0 } }, 1],
  ] as const)('of runs, one %s counts %#', async (_name, change, count) => {
    layOut()
    write(join(paths.runs, 'fetch-quota.json'), recordOf('fetch-quota', change as object))
    expect(historyEntries(await gather(), null).runs).toHaveLength(count)
  })
})
