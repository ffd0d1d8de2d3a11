// What the watchdog may see, at a frozen time: one account and three jobs, all well, and what a test changes of that.
import { type AlertState, alertKey, type Fact } from '../../../lib/domain/alert.ts'
import type { BillingCache } from '../../../lib/domain/billing.ts'
import { judgeJob } from '../../../lib/domain/job-state.ts'
import { freshLoginState, type LoginState } from '../../../lib/domain/login-state.ts'
import type { QuotaObservation, QuotaWindow } from '../../../lib/domain/quota.ts'
import type { RunRecord } from '../../../lib/domain/run-record.ts'
import type { StatusAccount, StatusBilling } from '../../../lib/domain/status.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../../lib/settings-defaults.ts'
import { CRON_PERIOD_MS, type JobName } from '../../../lib/timings.ts'
import { findFacts } from '../../../lib/watchdog/find-facts.ts'
import type { SeenAccount, SeenBilling, SeenJob, Sight } from '../../../lib/watchdog/sight.ts'
import { accountOf, HOUR_MS, MINUTE_MS, measured, NOW } from '../screen/samples.ts'

export { HOUR_MS, MINUTE_MS, NOW }
export const DAY_MS = 24 * HOUR_MS
export const RESET = NOW + 2 * HOUR_MS

export function quotaWindow(usedPercent: number | null, change: Partial<QuotaWindow> = {}): QuotaWindow {
  return { name: 'five_hour', scope: null, usedPercent, resetsAt: RESET, ...change }
}

export function observationOf(
  windows: QuotaWindow[],
  agoMs = MINUTE_MS,
  change: Partial<QuotaObservation> = {},
): QuotaObservation {
  return {
    measuredAt: NOW - agoMs,
    source: 'oauth',
    accountUuid: null,
    organizationUuid: null,
    windows,
    extraUsage: null,
    ...change,
  }
}

export interface AccountChange extends Partial<Omit<StatusAccount, 'remedy'>> {
  state?: Partial<LoginState>
  observation?: QuotaObservation | null
  blind?: boolean
}

export function seen(change: AccountChange = {}): SeenAccount {
  const { state, observation = observationOf([quotaWindow(37)]), blind = false, ...rest } = change
  const age = observation === null ? {} : measured(NOW - observation.measuredAt)
  const { remedy: _remedy, ...account } = accountOf({ ...age, ...rest })
  const login =
    account.config_dir === '~/.claude' ? 'claude /login' : `CLAUDE_CONFIG_DIR=${account.config_dir} claude /login`
  const own = freshLoginState({ slot: account.slot, configDir: account.config_dir })
  return { account, login, state: { ...own, ...state }, observation, blind }
}

export function loggedOut(slot: string, change: AccountChange = {}): SeenAccount {
  return seen({
    slot,
    config_dir: `~/.claude-${slot}`,
    standing: 'inactive',
    reason: 'session_expired',
    since: NOW - HOUR_MS,
    ...change,
  })
}

export function recordOf(job: string, change: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: 1,
    job,
    run_id: 'run-1',
    pid: 1,
    version: '0.1.0',
    started_at: NOW - 2 * MINUTE_MS,
    ended_at: NOW - MINUTE_MS,
    outcome: 'ok',
    exit_code: 0,
    reason: '1 ok',
    failure: null,
    accounts: {},
    counters: {},
    totals: {},
    streak: { kind: 'ok', count: 2, since: NOW - 3 * HOUR_MS },
    last_success_at: NOW - MINUTE_MS,
    unfinished_before: null,
    ...change,
  }
}

/** As the run record makes it; null = it never ran. @param alive of a run that has not ended */
export function jobSeen(
  name: JobName,
  change: Partial<RunRecord> | null = {},
  alive = false,
  trouble: string | null = null,
): SeenJob {
  const record = change === null || trouble !== null ? null : recordOf(name, change)
  const job = judgeJob(name, trouble === null ? record : 'corrupt', alive, NOW, CRON_PERIOD_MS[name])
  return { job, record, trouble }
}

export function failed(count: number, sinceMs: number, change: Partial<RunRecord> = {}): Partial<RunRecord> {
  return {
    outcome: 'failed',
    exit_code: 1,
    reason: 'slot-1: no',
    failure: 'temporary',
    streak: { kind: 'failed', count, since: NOW - sinceMs },
    last_success_at: NOW - HOUR_MS,
    ...change,
  }
}

const usage = { limitUsd: null, usedUsd: null, usedPercent: null }

export function billingOf(
  change: Partial<BillingCache> = {},
  state: StatusBilling['freshness']['state'] = 'fresh',
  today = '2026-11-24',
): SeenBilling {
  const cache: BillingCache = {
    schema: 1,
    lastFetched: NOW - MINUTE_MS,
    source: 'ccusage',
    isFresh: state === 'fresh',
    ttlMs: 5 * MINUTE_MS,
    day: '2026-11-24',
    zone: 'UTC',
    costTodayUsd: 10,
    costWeekUsd: 20,
    budgetUsd: null,
    budgetUsedPercent: null,
    budgets: { daily: usage, block: { ...usage, projectedPercent: null }, weekly: usage },
    block: null,
    byAccount: {},
    paid: {},
    unpricedModels: [],
    sources: [],
    last_attempt: { at: NOW - MINUTE_MS, outcome: 'ok', reason: '1 measured' },
    failures: 0,
    ...change,
  }
  const status: StatusBilling = {
    source: cache.source,
    freshness: { state, age_ms: cache.lastFetched === null ? null : NOW - cache.lastFetched },
    measured_at: cache.lastFetched,
    cost_today_usd: cache.costTodayUsd,
    cost_week_usd: cache.costWeekUsd,
    block: null,
    budgets: {
      daily: { limit_usd: null, used_percent: null },
      block: { limit_usd: null, used_percent: null },
      weekly: { limit_usd: null, used_percent: null },
    },
    unpriced_models: [],
    last_attempt: cache.last_attempt,
  }
  return { status, cache, today, freshForMs: 8 * MINUTE_MS }
}

export function sightOf(change: Partial<Sight> = {}): Sight {
  return {
    now: NOW,
    settings: DEFAULT_SETTINGS,
    settingsProblem: null,
    registryProblem: null,
    still: false,
    accounts: [seen()],
    current: 'slot-1',
    jobs: [jobSeen('refresh-tokens'), jobSeen('fetch-quota'), jobSeen('fetch-billing')],
    billing: billingOf(),
    troubles: [],
    falseFresh: [],
    disk: { freeBytes: 1e11, totalBytes: 1e12 },
    awakeSince: null,
    gone: null,
    firstSeenAt: NOW - 30 * DAY_MS,
    states: [],
    history: [],
    ...change,
  }
}

export function withSettings(change: {
  quota?: Partial<Settings['quota']>
  billing?: Partial<Settings['billing']>
}): Pick<Settings, 'quota' | 'billing'> {
  return {
    quota: { ...DEFAULT_SETTINGS.quota, ...change.quota },
    billing: { ...DEFAULT_SETTINGS.billing, ...change.billing },
  }
}

/** A key that is alive in alerts.json. */
export function alive(
  name: Fact['name'],
  labels: Record<string, string>,
  phase: AlertState['phase'] = 'firing',
): AlertState {
  return {
    key: alertKey({ name, labels }),
    name,
    labels,
    phase,
    episode: phase === 'pending' ? 0 : 7,
    severity: 'warning',
    text: { summary: 'as it was', details: [], remedy: null, affects: null },
    pendingSince: NOW - HOUR_MS,
    since: NOW - HOUR_MS,
    badRuns: 60,
    firedAt: NOW - HOUR_MS,
    okSince: null,
    resolvedAt: null,
    told: {},
    alsoMutedBy: [],
    unmutedRuns: null,
  }
}

/** The verdicts of one kind of alert, by key. */
export function verdicts(sight: Sight, name: Fact['name']): Record<string, Fact['verdict']> {
  return Object.fromEntries(
    findFacts(sight)
      .filter(fact => fact.name === name)
      .map(fact => [alertKey(fact), fact.verdict]),
  )
}

export function factOf(sight: Sight, key: string): Fact {
  const found = findFacts(sight).filter(fact => alertKey(fact) === key)
  if (found.length !== 1) throw new Error(`${found.length} facts of ${key}`)
  return found[0]!
}

/** The keys that are bad. */
export function badKeys(sight: Sight): string[] {
  return findFacts(sight)
    .filter(fact => fact.verdict === 'bad')
    .map(alertKey)
}
