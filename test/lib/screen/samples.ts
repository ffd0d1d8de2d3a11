// Status values for tests of the screen, at a frozen time.
import type { Status, StatusAccount, StatusJob, StatusWindow } from '../../../lib/domain/status.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Tuesday, 24 November 2026, 10:50 UTC. */
export const NOW = Date.UTC(2026, 10, 24, 10, 50)

export function windowOf(change: Partial<StatusWindow> = {}): StatusWindow {
  return {
    name: 'five_hour',
    scope: null,
    label: 'five-hour',
    used_percent: 37,
    resets_at: NOW + 2 * HOUR_MS + 10 * MINUTE_MS,
    level: 'ok',
    ...change,
  }
}

export function weeklyOf(change: Partial<StatusWindow> = {}): StatusWindow {
  return windowOf({
    name: 'seven_day',
    label: 'weekly',
    used_percent: 26,
    resets_at: NOW + 4 * DAY_MS + 3 * HOUR_MS,
    ...change,
  })
}

export function accountOf(change: Partial<StatusAccount> = {}): StatusAccount {
  return {
    slot: 'slot-1',
    email: 'alex@example.com',
    config_dir: '~/.claude',
    standing: 'active',
    reason: null,
    since: null,
    windows: [windowOf(), weeklyOf()],
    extra_usage: null,
    freshness: { state: 'fresh', age_ms: 3 * MINUTE_MS },
    measured_at: NOW - 3 * MINUTE_MS,
    source: 'oauth',
    login_ends_at: NOW + 21 * DAY_MS,
    refreshed_at: NOW - 2 * HOUR_MS,
    last_attempt: { at: NOW - 3 * MINUTE_MS, outcome: 'ok', reason: 'measured' },
    requests_last_hour: 12,
    next_request_not_before: null,
    remedy: null,
    ...change,
  }
}

/** As far back as told; the state is what such an age means under the default settings. */
export function measured(agoMs: number): Pick<StatusAccount, 'freshness' | 'measured_at'> {
  const state = agoMs <= 10 * MINUTE_MS ? 'fresh' : agoMs <= HOUR_MS ? 'stale' : 'unreliable'
  return { freshness: { state, age_ms: agoMs }, measured_at: NOW - agoMs }
}

export function neverMeasured(): Partial<StatusAccount> {
  return {
    windows: [
      windowOf({ used_percent: null, resets_at: null, level: null }),
      weeklyOf({ used_percent: null, resets_at: null, level: null }),
    ],
    freshness: { state: 'absent', age_ms: null },
    measured_at: null,
    source: null,
    login_ends_at: null,
    last_attempt: null,
    requests_last_hour: 0,
  }
}

export function loggedOutOf(slot: string, configDir: string, email: string): StatusAccount {
  return accountOf({
    ...neverMeasured(),
    slot,
    email,
    config_dir: configDir,
    standing: 'inactive',
    reason: 'session_expired',
    since: NOW - 45 * HOUR_MS,
    remedy: `CLAUDE_CONFIG_DIR=${configDir} claude /login`,
  })
}

export function jobOf(job: string, change: Partial<StatusJob> = {}): StatusJob {
  return {
    job,
    state: 'ok',
    last_started_at: NOW - 4 * MINUTE_MS,
    last_success_at: NOW - 4 * MINUTE_MS,
    reason: '1 ok',
    exit_code: 0,
    streak: { kind: 'ok', count: 12, since: NOW - 2 * HOUR_MS },
    ...change,
  }
}

export function statusOf(change: Partial<Status> = {}): Status {
  return {
    schema: 1,
    checked_at: NOW,
    pool: { verdict: 'usable', reason: 'the only account has room', recovers_at: null, remedy: null },
    current: 'slot-1',
    accounts: [accountOf()],
    jobs: [jobOf('refresh-tokens'), jobOf('fetch-quota', { last_success_at: NOW - 3 * MINUTE_MS })],
    problems: [],
    ...change,
  }
}

const HEALTHY = statusOf({
  pool: { verdict: 'usable', reason: 'both accounts have room', recovers_at: null, remedy: null },
  accounts: [
    accountOf(),
    accountOf({
      slot: 'work',
      email: 'blake@example.com',
      config_dir: '~/.claude-work',
      windows: [
        windowOf({ used_percent: 0, resets_at: null }),
        weeklyOf({ used_percent: 8.9 }),
        weeklyOf({ name: 'weekly', scope: 'Opus', label: 'weekly Opus', used_percent: 12 }),
      ],
      extra_usage: { used: 12.34, limit: 50, currency: 'USD' },
      ...measured(20_000),
      login_ends_at: null,
    }),
  ],
})

const NEAR_LIMIT = statusOf({
  pool: { verdict: 'degraded', reason: 'slot-1 is near a limit', recovers_at: null, remedy: null },
  accounts: [
    accountOf({
      windows: [
        windowOf({ used_percent: 91, level: 'high' }),
        weeklyOf({ used_percent: 97.9, level: 'near' }),
        weeklyOf({ name: 'weekly', scope: 'Opus', label: 'weekly Opus', used_percent: 100, level: 'full' }),
      ],
    }),
  ],
})

const LOGGED_OUT_PROBLEM = {
  severity: 'warning',
  about: 'account',
  what: 'logged out: the login is over',
  details: [] as string[],
  since: NOW - 45 * HOUR_MS,
} as const

const LOGGED_OUT = statusOf({
  pool: {
    verdict: 'logged-out',
    reason: 'both accounts are logged out',
    recovers_at: null,
    remedy: 'claude /login',
  },
  accounts: [
    { ...loggedOutOf('slot-1', '~/.claude', 'alex@example.com'), remedy: 'claude /login' },
    loggedOutOf('work', '~/.claude-work', 'blake@example.com'),
  ],
  problems: [
    { ...LOGGED_OUT_PROBLEM, slot: 'slot-1', severity: 'critical', remedy: 'claude /login' },
    {
      ...LOGGED_OUT_PROBLEM,
      slot: 'work',
      severity: 'critical',
      remedy: 'CLAUDE_CONFIG_DIR=~/.claude-work claude /login',
    },
  ],
})

const OLD_FIGURES = statusOf({
  pool: {
    verdict: 'degraded',
    reason: 'slot-2 and slot-3 have no reliable figures; slot-1 has old figures only',
    recovers_at: null,
    remedy: null,
  },
  accounts: [
    accountOf({
      ...measured(18 * MINUTE_MS),
      extra_usage: { used: 12.34, limit: 50, currency: 'USD' },
      last_attempt: { at: NOW - 2 * MINUTE_MS, outcome: 'rate_limited', reason: '429; the endpoint wants a pause' },
      next_request_not_before: NOW + 33 * MINUTE_MS,
    }),
    accountOf({
      slot: 'slot-2',
      email: null,
      config_dir: '~/.claude-work',
      windows: [
        windowOf({ used_percent: null, resets_at: null, level: null }),
        weeklyOf({ used_percent: 98.2, level: 'near' }),
        weeklyOf({ name: 'weekly', scope: 'Opus', label: 'weekly Opus', used_percent: 5, resets_at: null }),
      ],
      extra_usage: { used: 12.34, limit: 50, currency: 'USD' },
      ...measured(30 * HOUR_MS),
      last_attempt: { at: NOW - 2 * MINUTE_MS, outcome: 'failed', reason: 'the usage endpoint answered 500' },
    }),
    accountOf({ ...neverMeasured(), slot: 'slot-3', email: 'casey@example.com' }),
  ],
  jobs: [
    jobOf('refresh-tokens'),
    jobOf('fetch-quota', {
      state: 'failing',
      last_success_at: NOW - 30 * HOUR_MS,
      reason: 'slot-1: 429; the endpoint wants a pause (and 1 more)',
      exit_code: 75,
      streak: { kind: 'failed', count: 360, since: NOW - 30 * HOUR_MS },
    }),
  ],
  problems: [
    {
      severity: 'critical',
      about: 'settings',
      slot: null,
      what: 'vigil.yaml has 2 problems, and no job works until they are mended',
      details: [
        'line 3: quota.evry is unknown here; check its spelling and indentation, or remove it',
        'line 9: refresh has to be direct or off (it is "maybe")',
      ],
      since: null,
      remedy: '${EDITOR:-vi} ~/.claude/config/vigil.yaml',
    },
    {
      severity: 'warning',
      about: 'job',
      slot: null,
      what: 'fetch-quota failed 360 times in a row',
      details: ['slot-1: 429; the endpoint wants a pause', 'slot-2: the usage endpoint answered 500'],
      since: NOW - 30 * HOUR_MS,
      remedy: 'vigil run fetch-quota',
    },
  ],
})

const never = { last_started_at: null, last_success_at: null, exit_code: null, streak: null }

const NOTHING_THERE = statusOf({
  pool: { verdict: 'empty', reason: 'no Claude Code login was found', recovers_at: null, remedy: 'claude /login' },
  current: null,
  accounts: [],
  jobs: ['refresh-tokens', 'fetch-quota'].map(job => ({
    ...jobOf(job, { ...never, state: 'never', reason: 'it has never run' }),
  })),
  problems: [
    {
      severity: 'warning',
      about: 'job',
      slot: null,
      what: 'no job has run yet',
      details: ['its line for the crontab is in crontab.example; what the shell said is in logs/cron.err'],
      since: null,
      remedy: 'crontab -e',
    },
  ],
})

export const SAMPLES = { HEALTHY, NEAR_LIMIT, LOGGED_OUT, OLD_FIGURES, NOTHING_THERE }
