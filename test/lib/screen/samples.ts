// Status values for tests of the screen, at a frozen time.
import type { Status, StatusAccount, StatusJob, StatusWindow } from '../../../lib/domain/status.ts'
import type { ScreenOptions } from '../../../lib/screen/look.ts'
import { renderStatus } from '../../../lib/screen/status-screen.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
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
    left_behind: [],
    jobs: [jobOf('refresh-tokens'), jobOf('fetch-quota', { last_success_at: NOW - 3 * MINUTE_MS })],
    billing: null,
    alerts: { firing: [], waiting: {}, broken_channels: [], silenced: [], last_looked_at: NOW - MINUTE_MS },
    problems: [],
    ...change,
  }
}

/** After a line break, so that in an inline snapshot all lines begin in the same column. */
export function screen(status: Status, options: Partial<ScreenOptions> = {}): string {
  return `\n${renderStatus(status, { columns: 100, color: false, unicode: true, now: NOW, timeZone: 'Europe/Berlin', ...options })}`
}
