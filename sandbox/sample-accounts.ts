import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StandInLogin } from './stand-in.ts'
import { newAccessToken, newRefreshToken } from './tokens.ts'
import { usageBody } from './usage-bodies.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const SCOPES = ['user:inference', 'user:profile', 'user:sessions:claude_code']

/** Where each of the sample logins lives below a home, in the order of sampleLogins(). */
const SAMPLE_PLACES = [
  { configDir: '.claude', identityFile: '.claude.json' },
  { configDir: '.claude-work', identityFile: '.claude-work/.claude.json' },
  { configDir: '.claude-spare', identityFile: '.claude-spare/.claude.json' },
]

/**
 * Three logins that show what Vigil does, for the time `now` (ms): alex is healthy and due for a refresh, blake is near
 * its limits, casey is logged out (no tokens, but known to the stand-in, so that a /login works).
 * Always the same tokens: what layOutHome() wrote and what a stand-in was given separately fit each other.
 */
export function sampleLogins(now: number): StandInLogin[] {
  return [
    {
      ...identity(1, 'alex@example.com', "alex@example.com's Organization"),
      ...sampleTokens('alex'),
      // Within the 30 minutes in which Vigil refreshes ahead, outside the 5 in which Claude Code would do it itself.
      expiresAt: now + 12 * MINUTE_MS,
      refreshTokenExpiresAt: now + 21 * DAY_MS,
      usage: usageBody({
        fiveHourPercent: 37,
        fiveHourResetsAt: now + 3 * HOUR_MS,
        weeklyPercent: 26,
        weeklyResetsAt: now + 4 * DAY_MS,
      }),
    },
    {
      ...identity(2, 'blake@example.com', 'Example Ltd'),
      ...sampleTokens('blake'),
      expiresAt: now + 6 * HOUR_MS,
      refreshTokenExpiresAt: now + 9 * DAY_MS,
      usage: usageBody({
        fiveHourPercent: 91,
        fiveHourResetsAt: now + HOUR_MS,
        weeklyPercent: 97,
        weeklyResetsAt: now + 2 * DAY_MS,
        opusPercent: 64,
      }),
    },
    {
      ...identity(3, 'casey@example.com', "casey@example.com's Organization"),
      accessToken: '',
      refreshToken: '',
      expiresAt: 0,
      refreshTokenExpiresAt: null,
      usage: idleUsage(now),
    },
  ]
}

/**
 * Writes the three sample logins below `home` and returns them for a stand-in: `.claude` with `.claude.json` beside it,
 * `.claude-work` and `.claude-spare` with theirs inside.
 * Throws when one of the files is already there: this must never fall on a real login.
 */
export function layOutHome(home: string, now: number): StandInLogin[] {
  const logins = sampleLogins(now)
  const places = SAMPLE_PLACES.map(place => ({
    configDir: join(home, place.configDir),
    identityFile: join(home, place.identityFile),
  }))
  for (const { configDir, identityFile } of places) {
    const taken = [join(configDir, '.credentials.json'), identityFile].find(path => existsSync(path))
    if (taken !== undefined) throw new Error(`${taken} is already there: the sample accounts need an empty home.`)
  }
  logins.forEach((login, index) => {
    const { configDir, identityFile } = places[index]!
    writeConfigDir(configDir, identityFile, login)
  })
  return logins
}

export interface MakeLoginsOptions {
  /** From `now` to the access token's end; 8 hours unless told, negative for one that has ended. */
  expiresInMs?: number
  /** From `now` to the login's hard end; null unless told. */
  refreshTokenExpiresInMs?: number | null
  scopes?: string[]
  /** The usage body of the login with this index; 12 % and 40 % unless told. */
  usage?: (index: number) => unknown
}

/** `count` logins, user-1@example.com and on, with random tokens. `now` in ms. */
export function makeLogins(count: number, now: number, options: MakeLoginsOptions = {}): StandInLogin[] {
  const { expiresInMs = 8 * HOUR_MS, refreshTokenExpiresInMs = null, scopes = SCOPES } = options
  return Array.from({ length: count }, (_, index) => ({
    ...identity(index + 1, `user-${index + 1}@example.com`, `Organization ${index + 1}`),
    accessToken: newAccessToken(),
    refreshToken: newRefreshToken(),
    expiresAt: now + expiresInMs,
    refreshTokenExpiresAt: refreshTokenExpiresInMs === null ? null : now + refreshTokenExpiresInMs,
    scopes: [...scopes],
    usage: options.usage?.(index) ?? idleUsage(now),
  }))
}

/**
 * Writes `dir`/.credentials.json (0600) and the identity file, as Claude Code leaves them after a /login. Directories
 * are made with 0700. Files that are there are replaced whole, so it plays a later /login too.
 */
export function writeConfigDir(dir: string, identityFile: string, login: StandInLogin): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  mkdirSync(dirname(identityFile), { recursive: true, mode: 0o700 })
  replaceFile(join(dir, '.credentials.json'), {
    claudeAiOauth: {
      accessToken: login.accessToken,
      refreshToken: login.refreshToken,
      expiresAt: login.expiresAt,
      ...(login.refreshTokenExpiresAt !== null && { refreshTokenExpiresAt: login.refreshTokenExpiresAt }),
      scopes: login.scopes,
      subscriptionType: 'max',
      rateLimitTier: 'default_claude_max_20x',
    },
    mcpOAuth: {},
    organizationUuid: login.organizationUuid,
  })
  replaceFile(identityFile, {
    numStartups: 12,
    hasCompletedOnboarding: true,
    oauthAccount: {
      accountUuid: login.accountUuid,
      emailAddress: login.email,
      organizationUuid: login.organizationUuid,
      organizationName: login.organizationName,
    },
  })
}

// By rename, as Claude Code writes them: somebody may be reading the old file just now.
function replaceFile(path: string, value: unknown): void {
  const temporary = `${path}.tmp.${randomUUID()}`
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 })
  renameSync(temporary, path)
}

function identity(number: number, email: string, organizationName: string) {
  const digits = String(number).padStart(12, '0')
  return {
    email,
    accountUuid: `00000000-0000-4000-8000-${digits}`,
    organizationUuid: `00000000-0000-4000-9000-${digits}`,
    organizationName,
    scopes: [...SCOPES],
  }
}

function sampleTokens(name: string) {
  const filler = 'x'.repeat(95 - 'SAMPLE-'.length - name.length) // as long as the real ones
  return {
    accessToken: `sk-ant-oat01-SAMPLE-${name}${filler}`,
    refreshToken: `sk-ant-ort01-SAMPLE-${name}${filler}`,
  }
}

function idleUsage(now: number) {
  return usageBody({
    fiveHourPercent: 12,
    fiveHourResetsAt: now + 2 * HOUR_MS,
    weeklyPercent: 40,
    weeklyResetsAt: now + 5 * DAY_MS,
  })
}
