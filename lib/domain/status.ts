// What `vigil status` knows, as `--json` prints it. docs/status.schema.json is generated from this.
import * as v from '../valibot.ts'
import { POOL_VERDICTS } from './pool.ts'
import { SEVERITIES } from './severity.ts'

/** A key with what the type cannot say; the words go into the JSON schema. */
function said<const Schema extends v.GenericSchema>(schema: Schema, text: string) {
  return v.pipe(schema, v.description(text))
}

const time = (text: string) => said(v.number(), `${text} (ms since the epoch)`)
const timeOrNull = (text: string) => said(v.nullable(v.number()), `${text} (ms since the epoch)`)
const command = (text: string) => said(v.nullable(v.string()), `${text}: the exact command; null where there is none`)

/** How far a window is used, by the levels of `quota.alert_at`. */
const LEVELS = ['ok', 'high', 'near', 'full'] as const

const Window = v.object({
  name: said(v.string(), 'five_hour, seven_day, weekly, or the own name of the source'),
  scope: said(v.nullable(v.string()), 'what it is limited to, such as Opus; null = everything'),
  label: said(v.string(), 'its name for a person'),
  used_percent: said(v.nullable(v.number()), '0-100 and more; null = unknown, never zero'),
  resets_at: timeOrNull('when it begins anew; null = not known'),
  level: said(
    v.nullable(v.picklist(LEVELS)),
    'high = from the lowest alert level on, near = from the highest, full = from 100 %; null = unknown',
  ),
})
export type StatusWindow = v.InferOutput<typeof Window>

const Extra = v.object({
  used: said(v.nullable(v.number()), 'in the main unit of the currency'),
  limit: said(v.nullable(v.number()), 'in the main unit of the currency'),
  currency: v.nullable(v.string()),
})

const StatusAccount = v.object({
  slot: v.string(),
  email: v.nullable(v.string()),
  config_dir: said(v.string(), '~ stands for the home folder'),
  standing: said(
    v.picklist(['active', 'inactive', 'paused']),
    'inactive = it needs a person; paused = a person wants it left alone',
  ),
  reason: said(v.nullable(v.string()), 'why it is not active, as the accounts file says'),
  since: timeOrNull('since when it is not active'),
  windows: v.array(Window),
  extra_usage: said(v.nullable(Extra), 'paid use beyond the plan; null = not enabled or not known'),
  freshness: said(
    v.object({
      state: v.picklist(['fresh', 'stale', 'unreliable', 'absent']),
      age_ms: said(v.nullable(v.number()), 'negative where the figures are dated in the future'),
    }),
    'judged at checked_at. Only fresh figures are the present ones; an unreliable one is a lower bound until its window resets',
  ),
  measured_at: timeOrNull('when the source measured the figures'),
  source: v.nullable(v.picklist(['oauth', 'statusline'])),
  login_ends_at: timeOrNull('the hard end of the login, where Claude Code tells it'),
  refreshed_at: timeOrNull('when Vigil last renewed its tokens'),
  last_attempt: said(
    v.nullable(v.object({ at: v.number(), outcome: v.string(), reason: v.string() })),
    'the latest try to measure, whatever came of it',
  ),
  requests_last_hour: v.number(),
  next_request_not_before: timeOrNull('null = at any time, or never while it is not active'),
  remedy: command('what mends this account'),
})
export type StatusAccount = v.InferOutput<typeof StatusAccount>

const StatusSession = v.object({
  session: said(v.string(), 'the beginning of its id'),
  slot: said(v.string(), 'the account that it runs on'),
  folder: said(v.nullable(v.string()), 'the last part of the folder that it works in'),
  seen_at: time('when its status line was last called'),
})
export type StatusSession = v.InferOutput<typeof StatusSession>

const usd = (text: string) => said(v.nullable(v.number()), `${text} (USD; null = unknown, never 0)`)
const budget = (text: string) =>
  said(v.object({ limit_usd: usd('the budget'), used_percent: v.nullable(v.number()) }), text)

const StatusBilling = v.object({
  source: said(v.nullable(v.picklist(['oauth', 'ccusage', 'subscription'])), 'where the cost of today comes from'),
  freshness: v.object({
    state: v.picklist(['fresh', 'stale', 'unreliable', 'absent']),
    age_ms: v.nullable(v.number()),
  }),
  measured_at: timeOrNull('when the oldest of the figures was measured'),
  cost_today_usd: usd('at API prices, no invoice; null also once the day is over'),
  cost_week_usd: usd('Monday to today'),
  block: said(
    v.nullable(
      v.object({
        cost_usd: usd('so far'),
        burn_rate_usd_per_hour: usd('at present'),
        projected_cost_usd: usd('at its end, if it goes on so'),
        ends_at: time('its end'),
      }),
    ),
    'the five-hour block that is under way; null = none, or not known',
  ),
  budgets: v.object({ daily: budget('of the day'), block: budget('of the block'), weekly: budget('of the week') }),
  unpriced_models: said(v.array(v.string()), 'used, but counted as 0: the cost is higher'),
  last_attempt: v.nullable(v.object({ at: v.number(), outcome: v.string(), reason: v.string() })),
})
export type StatusBilling = v.InferOutput<typeof StatusBilling>

const StatusJob = v.object({
  job: v.string(),
  state: said(
    v.picklist(['ok', 'failing', 'running', 'killed', 'never', 'overdue']),
    'killed = it began and its process is gone; overdue = nobody starts it, or no success in two of its periods',
  ),
  last_started_at: timeOrNull('start of its latest run'),
  last_success_at: timeOrNull('end of its latest good run'),
  reason: said(v.string(), 'one sentence for a person'),
  exit_code: v.nullable(v.number()),
  streak: said(
    v.nullable(v.object({ kind: v.picklist(['ok', 'failed']), count: v.number(), since: v.number() })),
    'runs in a row that went the same way',
  ),
})
export type StatusJob = v.InferOutput<typeof StatusJob>

export { SEVERITIES }

const Problem = v.object({
  severity: v.picklist(SEVERITIES),
  about: said(
    v.picklist(['settings', 'registry', 'account', 'job', 'cache']),
    'settings and registry: what is wrong there makes the exit code 78',
  ),
  slot: said(v.nullable(v.string()), 'the account that it is about'),
  what: said(v.string(), 'one sentence for a person'),
  details: said(v.array(v.string()), 'every single finding, one a line'),
  since: timeOrNull('since when'),
  remedy: command('what mends it'),
})
export type Problem = v.InferOutput<typeof Problem>

const StatusAlerts = v.object({
  firing: said(
    v.array(v.object({ key: v.string(), severity: v.picklist(SEVERITIES), since: time('since when it is so') })),
    'what the watchdog holds for true in its latest run',
  ),
  waiting: said(v.record(v.string(), v.number()), 'messages that are promised and not yet accepted, by channel'),
  broken_channels: said(v.array(v.string()), 'channels that refuse messages until somebody mends them'),
  silenced: said(v.array(v.string()), 'keys that are acknowledged or silenced'),
  last_looked_at: timeOrNull('when the watchdog last looked'),
})
export type StatusAlerts = v.InferOutput<typeof StatusAlerts>

export const Status = v.pipe(
  v.object({
    schema: v.literal(1),
    checked_at: time('the moment that all of this was judged for'),
    pool: v.object({
      verdict: said(v.picklist(POOL_VERDICTS), 'all accounts together'),
      reason: said(v.string(), 'one sentence for a person'),
      recovers_at: timeOrNull('exhausted only: when the first account can be used again'),
      remedy: command('what to do first'),
    }),
    current: said(v.nullable(v.string()), 'the slot that new sessions use'),
    accounts: v.array(StatusAccount),
    left_behind: said(
      v.array(StatusSession),
      'sessions seen in the last half hour on an account that failover left and that is not renewed yet, the latest first',
    ),
    billing: said(v.nullable(StatusBilling), 'null = never measured, or not readable'),
    jobs: v.array(StatusJob),
    alerts: StatusAlerts,
    problems: said(v.array(Problem), 'the worst first'),
  }),
  v.title('vigil status --json'),
)
export type Status = v.InferOutput<typeof Status>
