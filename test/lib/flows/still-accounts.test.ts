// The short way of a look: accounts whose files have not changed since all was well are not read again. What it must never do
// is hide anything.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type AlertState, emptyAlerts } from '../../../lib/domain/alert.ts'
import { gatherSight } from '../../../lib/flows/gather-sight.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { DEFAULT_SETTINGS, type Settings, SettingsError } from '../../../lib/settings-defaults.ts'
import { findFacts } from '../../../lib/watchdog/find-facts.ts'
import { historyEntries } from '../../../lib/watchdog/history-entries.ts'
import { alive, DAY_MS, HOUR_MS, MINUTE_MS } from '../watchdog/sights.ts'

/** Files have their times from the machine's clock, so the look is an hour after it, whatever it says. */
const NOW = Date.now() + HOUR_MS

let home = ''
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'still-'))
  paths = pathsFor(home, join(home, '.claude'))
  write(paths.accounts, 'current: a\naccounts:\n  a:\n    config_dir: ~/.claude\n  b:\n    config_dir: ~/.claude-b\n')
  slot('a', '.claude')
  slot('b', '.claude-b')
})

function write(path: string, content: string | object): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
}

function slot(name: string, dir: string, agoMs = MINUTE_MS, usedPercent = 20): void {
  const windows = [{ name: 'five_hour', scope: null, usedPercent, resetsAt: NOW + 2 * HOUR_MS }]
  const whose = { accountUuid: null, organizationUuid: null }
  write(join(paths.slots, `${name}.json`), {
    schema: 1,
    slot: name,
    configDir: join(home, dir),
    observation: { measuredAt: NOW - agoMs, source: 'oauth', ...whose, windows, extraUsage: null },
    lastAttempt: null,
    requests: { requestedAt: [], blockedUntil: null, rateLimitedInARow: 0 },
  })
}

function login(name: string, dir: string, loginEndsAt: number): void {
  const state = { dead: null, failures: 0, notBefore: null, refreshedAt: null, loginEndsAt }
  write(join(paths.logins, `${name}.json`), { schema: 1, slot: name, configDir: join(home, dir), ...state })
}

const look = (now = NOW, settings: Settings | Error = DEFAULT_SETTINGS, states: AlertState[] = []) =>
  gatherSight(paths, settings, now, { ...emptyAlerts(NOW), states })
const bad = (sight: Awaited<ReturnType<typeof look>>) =>
  findFacts(sight)
    .filter(({ verdict, name }) => verdict === 'bad' && name !== 'DataStale')
    .map(({ name }) => name)

test('the second look reads no account again, and finds the same', async () => {
  const first = await look()
  const second = await look(NOW + MINUTE_MS)
  expect([first.still, second.still]).toEqual([false, true])
  expect(second.accounts).toEqual([])
  const accountKeys = (sight: typeof first) => findFacts(sight).filter(({ labels }) => 'slot' in labels)
  expect(accountKeys(first)).toEqual([])
  expect(accountKeys(second)).toEqual([])
  expect(findFacts(second).find(({ name }) => name === 'AllInactive')!.verdict).toBe('ok')
  expect(historyEntries(second, NOW).figures).toEqual([])
})

test.each<[string, () => void, string[]]>([
  ['a figure rises', () => slot('b', '.claude-b', 0, 99), ['QuotaHigh']],
  ['a slot is spoilt in place', () => writeFileSync(join(paths.slots, 'b.json'), '{'), ['CacheCorrupt']],
  ['a login is about to end', () => login('b', '.claude-b', NOW + DAY_MS), ['LoginEnding']],
  [
    'somebody else logs in',
    () => write(join(home, '.claude-b', '.claude.json'), { oauthAccount: { accountUuid: 'x' } }),
    [],
  ],
  ['the merged cache is spoilt', () => write(paths.mergedQuota, '{'), ['CacheCorrupt']],
  ['the registry cannot be used', () => write(paths.accounts, 'accounts: 7\n'), ['SettingsWrong']],
  [
    'an account is logged out',
    () => {
      const inactive = '    status: inactive\n    inactive_reason: session_expired\n'
      writeFileSync(paths.accounts, readFileSync(paths.accounts, 'utf8') + inactive)
    },
    ['AccountInactive'],
  ],
  ['a slot is gone', () => rmSync(join(paths.slots, 'b.json')), []],
])('that %s is seen in the next look', async (_name, change, expected) => {
  await look()
  expect((await look()).still).toBe(true)
  change()
  const sight = await look(NOW + MINUTE_MS)
  expect(sight.still).toBe(false)
  expect(bad(sight)).toEqual(expected)
})

test('a file with its old size and its old time is another all the same', async () => {
  const path = join(paths.slots, 'b.json')
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  await look()
  expect((await look()).still).toBe(true)
  writeFileSync(path, readFileSync(path, 'utf8').replace('"usedPercent":20', '"usedPercent":99'))
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  expect(bad(await look())).toEqual(['QuotaHigh'])
})

test.each([
  ["the end of the other account's fresh figure", MINUTE_MS, null, 9 * MINUTE_MS],
  ['the end of a fresh figure', 4 * MINUTE_MS, null, 6 * MINUTE_MS],
  ['the moment an old one is too old', 55 * MINUTE_MS, null, 5 * MINUTE_MS],
  ['a week before the login ends', MINUTE_MS, 7 * DAY_MS + 3 * MINUTE_MS, 3 * MINUTE_MS],
])('it holds until %s', async (_name, agoMs, endsInMs, forMs) => {
  slot('b', '.claude-b', agoMs)
  if (endsInMs !== null) login('b', '.claude-b', NOW + endsInMs)
  await look()
  const { until } = JSON.parse(readFileSync(paths.stillAccounts, 'utf8')) as { until: number }
  expect(until - NOW).toBe(forMs)
  expect((await look(until - 1)).still).toBe(true)
  expect((await look(until)).still).toBe(false)
})

test('a clock that was set back before it ends it', async () => {
  await look()
  expect((await look(NOW - 1)).still).toBe(false)
})

test.each<[string, () => Promise<Awaited<ReturnType<typeof look>>>]>([
  ['a key is alive', () => look(NOW, DEFAULT_SETTINGS, [alive('DiskLow', {})])],
  [
    'settings are others',
    () => look(NOW, { ...DEFAULT_SETTINGS, quota: { ...DEFAULT_SETTINGS.quota, alertAt: [10] } }),
  ],
  ['settings cannot be used', () => look(NOW, new SettingsError('vigil.yaml', ['line 1: no']))],
])('where %s, everything is read', async (_name, again) => {
  await look()
  expect((await again()).still).toBe(false)
})

test.each<[string, () => void]>([
  ['a figure at its level', () => slot('b', '.claude-b', MINUTE_MS, 80)],
  ['figures that are too old', () => slot('b', '.claude-b', 2 * HOUR_MS)],
  ['no figures, of which nobody can say yet whether they are missing', () => rmSync(join(paths.slots, 'b.json'))],
])('with %s it is never still', async (_name, change) => {
  change()
  await look()
  expect((await look()).still).toBe(false)
})

test('a file that changed just now may change again without a trace, so nothing is kept', async () => {
  const now = Date.now()
  for (const [name, dir] of [
    ['a', '.claude'],
    ['b', '.claude-b'],
  ] as const)
    slot(name, dir, NOW - now + MINUTE_MS)
  const lookAt = (at: number) => gatherSight(paths, DEFAULT_SETTINGS, at, emptyAlerts(at))
  await lookAt(now)
  expect((await lookAt(now)).still).toBe(false)
  await lookAt(now + MINUTE_MS)
  expect((await lookAt(now + MINUTE_MS)).still).toBe(true)
})
