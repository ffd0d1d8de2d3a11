// Every duration that a person does not set, with its unit and its reason. What settings may change stands in settings.ts;
// the relations between all of them are checked here whenever settings load.

/** Of this Vigil, as package.json has it. Here, for a file of its own would cost each start half a millisecond. */
export const VERSION = '0.1.0'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** How old quota figures may be, unless settings say otherwise. */
export const DEFAULT_QUOTA_AGES = {
  freshForMs: 10 * MINUTE_MS,
  staleAfterMs: 15 * MINUTE_MS,
  unreliableAfterMs: HOUR_MS,
}

/** One run of ccusage, unless settings say otherwise. */
export const DEFAULT_CCUSAGE_TIMEOUT_MS = 60_000

/** How often each job is started: the one home of schedules. `npm run schedules` writes crontab.example and deploy/ from it. */
export const CRON_PERIOD_MS = {
  'refresh-tokens': 10 * MINUTE_MS,
  'fetch-quota': 5 * MINUTE_MS,
  'fetch-billing': MINUTE_MS,
  // Looks once a minute where it is turned on; else it ends at once.
  failover: MINUTE_MS,
  // Its timers of cron are at noon: at night a laptop sleeps.
  janitor: DAY_MS,
  watchdog: MINUTE_MS,
} as const
export type JobName = keyof typeof CRON_PERIOD_MS

/**
 * After a 401, a login that Vigil renewed less than this ago is left as it is: then the endpoint is at fault, and an
 * endpoint that refuses every token must not cost a rotation in every run.
 */
export const RENEW_AGAIN_AFTER_MS = 30 * MINUTE_MS

/** At most so long is a run put off so that many machines do not ask in the same second. */
export const START_JITTER_MS = 20_000

/** One request to the usage endpoint. Answers were seen within 2 s; a hanging one must not eat the run. */
export const USAGE_TIMEOUT_MS = 20_000

/** One request to the profile endpoint, after a switch. */
export const PROFILE_TIMEOUT_MS = 10_000

/** One POST to the token endpoint. Long, because giving up after sending leaves a login in doubt. */
export const TOKEN_TIMEOUT_MS = 30_000

/** After SIGTERM a POST under way may still finish: a login in doubt is worse than a slow stop (which is 10 s). */
export const TOKEN_TERM_GRACE_MS = 7000

/** How long an account's locks are waited for before the account is left to the next run. */
export const LOCK_WAIT_MS = 10_000

/**
 * How long Claude Code's write lock is waited for with new tokens in hand. Longer than its writes ever take; after that
 * they are stored without it, for a store that keeps a spent token costs the login.
 */
export const WRITE_LOCK_WAIT_MS = 20_000

/** With new tokens that neither the journal nor the store would take: how long they are tried again before they are lost. */
export const RESCUE_MS = 2 * MINUTE_MS

/** A run that is longer than this has gone wrong; it ends itself, children first. */
export const JOB_DEADLINE_MS: Record<JobName, number> = {
  // Several rounds of 4 accounts, each at worst 10 s of locks and 30 s of POST.
  'refresh-tokens': 8 * MINUTE_MS,
  // Under one cron period, so that a hung run never costs the next one.
  'fetch-quota': 4 * MINUTE_MS,
  // Longer than the longest ccusage_timeout with its grace, so that the job's own record tells of a hung ccusage.
  'fetch-billing': 5 * MINUTE_MS,
  // Under one cron period; a switch is a few files and one request.
  failover: 45_000,
  // A folder of 10,000 files takes a second.
  janitor: 2 * MINUTE_MS,
  // Under one cron period, with its end; longer than all its deliveries together.
  watchdog: 50_000,
}

/** One try of one channel, name look-up to last byte. Channels run side by side, so one that hangs starves no other. */
export const CHANNEL_TIMEOUT_MS = 10_000

/** All deliveries of one run together; what is not sent by then is sent by the next. */
export const DELIVERY_TIMEOUT_MS = 45_000

/** A watchdog that was not seen for so long is looked after by whatever job ends next. */
export const WATCHDOG_MISSING_MS = 5 * MINUTE_MS

/** From SIGTERM or the deadline to the end of the process. */
export const TERM_GRACE_MS = 9000

/** From SIGTERM to SIGKILL for ccusage and its children. */
export const CCUSAGE_KILL_GRACE_MS = 2000

/** The longest that `billing.ccusage_timeout` may be. */
const LONGEST_CCUSAGE_TIMEOUT_MS = 4 * MINUTE_MS

/**
 * How long a second fetch-billing waits for the first, to use what it measures. Longer than ccusage's deadline with its
 * grace can ever be: once both were 35 s, and a second ccusage began beside the first.
 */
export const BILLING_WAIT_MS = LONGEST_CCUSAGE_TIMEOUT_MS + CCUSAGE_KILL_GRACE_MS + 30_000

/** Accounts worked on side by side. Refreshes few, since each may hold three locks; requests more, since they only wait. */
export const REFRESH_CONCURRENCY = 4
export const QUOTA_CONCURRENCY = 16

/** A log of the busiest job grows by half of this in a week, so the present file holds some days. */
export const LOG_MAX_BYTES = 1024 * 1024
/** A job that says little begins a new file too, so that the janitor can take what is old. */
export const LOG_MAX_AGE_MS = 7 * DAY_MS
/** `x.log.1` to `x.log.5`: with the present one the last weeks of every job. */
export const LOG_KEPT_FILES = 5

export interface TimedSettings {
  refreshAheadMs: number
  quota: {
    everyMs: number
    freshForMs: number
    staleAfterMs: number
    unreliableAfterMs: number
    maxRequestsPerHour: number
  }
  billing: { ccusageTimeoutMs: number }
}

/** A broken relation between settings, by the setting's path, in words that say which numbers collide. */
export interface TimingProblem {
  path: string[]
  message: string
}

/**
 * The relations that keep figures from being stale by construction (a 5 min cooldown once met a 2 min freshness).
 */
export function checkTimings(settings: TimedSettings): TimingProblem[] {
  const problems: TimingProblem[] = []
  const { quota } = settings
  const period = CRON_PERIOD_MS['fetch-quota']
  const worstAgeMs = Math.ceil(quota.everyMs / period) * period + START_JITTER_MS + USAGE_TIMEOUT_MS
  if (worstAgeMs > quota.freshForMs) {
    problems.push({
      path: ['quota', 'fresh_for'],
      message: `is ${span(quota.freshForMs)}, but figures grow ${span(worstAgeMs)} old between two fetches (every ${span(quota.everyMs)} in whole cron periods of ${span(period)}, plus jitter and time-out); raise fresh_for or lower every`,
    })
  }
  if (quota.freshForMs > quota.staleAfterMs) {
    problems.push({
      path: ['quota', 'stale_after'],
      message: `is ${span(quota.staleAfterMs)}, which is less than fresh_for (${span(quota.freshForMs)}); it has to be at least that`,
    })
  }
  if (quota.staleAfterMs >= quota.unreliableAfterMs) {
    problems.push({
      path: ['quota', 'unreliable_after'],
      message: `is ${span(quota.unreliableAfterMs)}, which is not more than stale_after (${span(quota.staleAfterMs)}); it has to be more`,
    })
  }
  const perHour = Math.ceil(HOUR_MS / Math.max(quota.everyMs, period))
  if (perHour > quota.maxRequestsPerHour) {
    problems.push({
      path: ['quota', 'max_requests_per_hour'],
      message: `is ${quota.maxRequestsPerHour}, but every ${span(quota.everyMs)} needs ${perHour} requests an hour; raise it (20 is the most that is safe) or every`,
    })
  }
  if (settings.billing.ccusageTimeoutMs > LONGEST_CCUSAGE_TIMEOUT_MS) {
    problems.push({
      path: ['billing', 'ccusage_timeout'],
      message: `is ${span(settings.billing.ccusageTimeoutMs)}, but a run that waits for it gives up after ${span(BILLING_WAIT_MS)}; ${span(LONGEST_CCUSAGE_TIMEOUT_MS)} is the most`,
    })
  }
  const twoRuns = 2 * CRON_PERIOD_MS['refresh-tokens']
  if (settings.refreshAheadMs < twoRuns) {
    problems.push({
      path: ['refresh_ahead'],
      message: `is ${span(settings.refreshAheadMs)}, which leaves no second try: refresh-tokens runs every ${span(CRON_PERIOD_MS['refresh-tokens'])}, so at least ${span(twoRuns)} are needed`,
    })
  }
  return problems
}

/** A duration as settings spell it: `90s`, `5m`, `4h`. */
export function span(ms: number): string {
  if (ms % DAY_MS === 0 && ms !== 0) return `${ms / DAY_MS}d`
  if (ms % HOUR_MS === 0 && ms !== 0) return `${ms / HOUR_MS}h`
  if (ms % MINUTE_MS === 0 && ms !== 0) return `${ms / MINUTE_MS}m`
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}
