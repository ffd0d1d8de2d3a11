import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { layOutHome, makeLogins, sampleLogins, writeConfigDir } from '../../sandbox/sample-accounts.ts'
import { getUsage, NOW, refresh, start } from './start.ts'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'samples-'))
})

function readJson(...path: string[]) {
  return JSON.parse(readFileSync(join(...path), 'utf8'))
}

function modeOf(...path: string[]): string {
  return (statSync(join(...path)).mode & 0o777).toString(8)
}

test('the sample accounts: one healthy and due for a refresh, one near its limits, one logged out', () => {
  const [healthy, near, out] = sampleLogins(NOW)
  expect(healthy!.expiresAt - NOW).toBeLessThan(30 * 60_000)
  expect(healthy!.expiresAt - NOW).toBeGreaterThan(5 * 60_000)
  expect(healthy!.usage).toMatchObject({ five_hour: { utilization: 37 }, seven_day: { utilization: 26 } })
  expect(near!.expiresAt - NOW).toBeGreaterThan(HOUR_MS)
  expect(near!.usage).toMatchObject({ five_hour: { utilization: 91 }, seven_day: { utilization: 97 } })
  expect(out).toMatchObject({ accessToken: '', refreshToken: '', expiresAt: 0 })
})

test('a usage body has every field of the recorded ones, with times from now on', () => {
  const { usage } = sampleLogins(NOW)[1]!
  const scope = { model: { id: null, display_name: 'Opus' }, surface: null }
  const session = { kind: 'session', group: 'session', severity: 'warning', scope: null, is_active: false }
  const weekly = { kind: 'weekly_all', group: 'weekly', severity: 'warning', scope: null, is_active: true }
  const opus = { kind: 'weekly_scoped', group: 'weekly', severity: 'normal', scope, is_active: false }
  const inOneHour = '2026-11-24T01:00:00.000000+00:00'
  const inTwoDays = '2026-11-26T00:00:00.000000+00:00'
  expect(usage).toEqual({
    five_hour: { utilization: 91, resets_at: inOneHour },
    seven_day: { utilization: 97, resets_at: inTwoDays },
    seven_day_opus: null,
    seven_day_sonnet: { utilization: 1, resets_at: null },
    extra_usage: {
      is_enabled: false,
      monthly_limit: 5000,
      used_credits: 1234,
      utilization: 24.7,
      currency: 'USD',
      decimal_places: 2,
    },
    limits: [
      { ...session, percent: 91, resets_at: inOneHour },
      { ...weekly, percent: 97, resets_at: inTwoDays },
      { ...opus, percent: 64, resets_at: inTwoDays },
    ],
  })
})

test('layOutHome writes what Claude Code would have left', () => {
  const logins = layOutHome(home, NOW)
  expect(logins).toEqual(sampleLogins(NOW))
  expect(readdirSync(home).sort()).toEqual(['.claude', '.claude-spare', '.claude-work', '.claude.json'])
  expect(readdirSync(join(home, '.claude'))).toEqual(['.credentials.json'])
  expect(readdirSync(join(home, '.claude-work')).sort()).toEqual(['.claude.json', '.credentials.json'])

  const blob = readJson(home, '.claude', '.credentials.json')
  expect(blob.claudeAiOauth).toMatchObject({
    accessToken: logins[0]!.accessToken,
    refreshToken: logins[0]!.refreshToken,
    expiresAt: logins[0]!.expiresAt,
    refreshTokenExpiresAt: NOW + 21 * DAY_MS,
  })
  expect(readJson(home, '.claude.json').oauthAccount).toEqual({
    accountUuid: '00000000-0000-4000-8000-000000000001',
    emailAddress: 'alex@example.com',
    organizationUuid: '00000000-0000-4000-9000-000000000001',
    organizationName: "alex@example.com's Organization",
  })
  expect(readJson(home, '.claude-work', '.claude.json').oauthAccount.emailAddress).toBe('blake@example.com')
  expect(Object.keys(readJson(home, '.claude.json')).length).toBeGreaterThan(1)
})

test('what layOutHome writes has the form of the recorded fixtures', () => {
  layOutHome(home, NOW)
  const fixtures = join(import.meta.dirname, '..', 'fixtures', 'credentials')
  const husk = readJson(fixtures, 'logged-out-husk.json').claudeAiOauth
  expect(readJson(home, '.claude-spare', '.credentials.json').claudeAiOauth).toEqual(husk)
  const recorded = Object.keys(readJson(fixtures, 'logged-in.json').claudeAiOauth)
  expect(Object.keys(readJson(home, '.claude', '.credentials.json').claudeAiOauth)).toEqual(
    expect.arrayContaining(recorded),
  )
})

test('directories are 0700 and credentials 0600', () => {
  layOutHome(home, NOW)
  for (const dir of ['.claude', '.claude-work', '.claude-spare']) {
    expect([modeOf(home, dir), modeOf(home, dir, '.credentials.json')]).toEqual(['700', '600'])
  }
})

test.each(['.claude.json', '.claude-spare/.credentials.json'])(
  'layOutHome touches nothing where %s is there',
  taken => {
    mkdirSync(join(home, '.claude-spare'))
    writeFileSync(join(home, taken), 'somebody lives here')
    expect(() => layOutHome(home, NOW)).toThrow(`${join(home, taken)} is already there`)
    expect(readFileSync(join(home, taken), 'utf8')).toBe('somebody lives here')
    expect(readdirSync(home)).not.toContain('.claude-work')
  },
)

test('a stand-in with the sample logins serves the tokens that layOutHome wrote', async () => {
  const { standIn } = await start({ logins: layOutHome(home, NOW) })
  const { accessToken, refreshToken } = readJson(home, '.claude', '.credentials.json').claudeAiOauth
  expect((await getUsage(standIn, accessToken)).status).toBe(200)
  expect((await refresh(standIn, refreshToken)).body.account.email_address).toBe('alex@example.com')
  expect(standIn.login('casey@example.com').refreshToken).toMatch(/^sk-ant-ort01-/)
})

test('makeLogins makes logins that differ in everything that names them', () => {
  const logins = makeLogins(50, NOW)
  for (const key of ['email', 'accountUuid', 'organizationUuid', 'accessToken', 'refreshToken'] as const) {
    expect(new Set(logins.map(login => login[key])).size).toBe(50)
  }
})

test('makeLogins heeds its options', () => {
  const options = { expiresInMs: -5, refreshTokenExpiresInMs: 7, scopes: ['a'], usage: (index: number) => ({ index }) }
  expect(makeLogins(2, NOW, options)[1]).toMatchObject({
    expiresAt: NOW - 5,
    refreshTokenExpiresAt: NOW + 7,
    scopes: ['a'],
    usage: { index: 1 },
  })
})

test('writeConfigDir makes the directories, and replaces the files of an earlier login', () => {
  const [first, second] = makeLogins(2, NOW)
  const dir = join(home, 'deep', 'config')
  writeConfigDir(dir, join(dir, '.claude.json'), first!)
  writeConfigDir(dir, join(dir, '.claude.json'), second!)
  expect(readdirSync(dir).sort()).toEqual(['.claude.json', '.credentials.json'])
  expect(readJson(dir, '.credentials.json').claudeAiOauth.refreshToken).toBe(second!.refreshToken)
  expect(readJson(dir, '.credentials.json').claudeAiOauth).not.toHaveProperty('refreshTokenExpiresAt')
  expect(readJson(dir, '.claude.json').oauthAccount.emailAddress).toBe('user-2@example.com')
})
