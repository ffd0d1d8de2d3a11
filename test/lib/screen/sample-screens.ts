// What the screen is shown for in its tests: a day without trouble, and days with some.
import {
  accountOf,
  HOUR_MS,
  jobOf,
  loggedOutOf,
  MINUTE_MS,
  measured,
  NOW,
  neverMeasured,
  statusOf,
  weeklyOf,
  windowOf,
} from './samples.ts'

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
      details: ['vigil install sets up what starts it; what the shell said is in logs/cron.err'],
      since: null,
      remedy: 'vigil install',
    },
  ],
})

export const SAMPLES = { HEALTHY, NEAR_LIMIT, LOGGED_OUT, OLD_FIGURES, NOTHING_THERE }
