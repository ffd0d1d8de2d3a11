// What each alert needs before it is told, and what keeps it quiet. The table of docs/alerts.md, as data.
import { type AlertName, alertKey, type Fact } from './alert.ts'

const MINUTE_MS = 60_000

export interface AlertRule {
  /** Bad in so many runs of the watchdog in a row, at least. */
  confirm: number
  /** And bad for so long, ms. */
  forMs: number
  /** Ok for so long, ms, before it is over: a flicker is no end. */
  keepMs: number
  /** False for what happened and is not a lasting state: it is told once and ends by itself, without a word. */
  lasts: boolean
  /** Cannot be seen for so long, ms: `NoData` says so. Infinite where DataStale says it of the figures themselves. */
  unknownMs: number
  /** The keys whose firing makes this one needless. */
  mutedBy: (fact: Pick<Fact, 'labels'>) => string[]
}

const plain: AlertRule = {
  confirm: 1,
  forMs: 0,
  keepMs: 2 * MINUTE_MS,
  lasts: true,
  // Longer than any job's cycle with its grace (22 min), so that a sleep is no loss of sight.
  unknownMs: 45 * MINUTE_MS,
  mutedBy: () => [],
}
const twice: AlertRule = { ...plain, confirm: 2 }
const event: AlertRule = { ...plain, keepMs: 10 * MINUTE_MS, lasts: false }
const ofFigures = { unknownMs: Number.POSITIVE_INFINITY }
const offline = ['HostOffline']

export const ALERT_RULES: Record<AlertName, AlertRule> = {
  AllInactive: { ...twice, forMs: MINUTE_MS, mutedBy: () => offline },
  AccountInactive: { ...plain, mutedBy: () => ['AllInactive'] },
  LoginEnding: { ...plain, mutedBy: ({ labels }) => [alertKey({ name: 'AccountInactive', labels: slotOf(labels) })] },
  QuotaHigh: { ...twice, ...ofFigures, mutedBy: () => ['AllInactive'] },
  QuotaRunsOut: { ...plain, ...ofFigures, confirm: 3, forMs: 10 * MINUTE_MS },
  BudgetHigh: { ...twice, ...ofFigures },
  PaidWhilePlanLeft: { ...twice, ...ofFigures },
  DataStale: { ...twice, mutedBy: ({ labels }) => staleSources(labels) },
  CacheCorrupt: plain,
  SettingsWrong: plain,
  JobFailed: plain,
  JobMissing: { ...twice, mutedBy: () => ['JobsAllMissing'] },
  JobsAllMissing: twice,
  WatchdogMissing: plain,
  HostOffline: { ...twice, forMs: 2 * MINUTE_MS },
  SwapMade: event,
  SwapBlocked: { ...plain, mutedBy: () => ['PoolExhausted'] },
  PoolExhausted: { ...plain, mutedBy: () => ['AllInactive'] },
  ChannelBroken: plain,
  NoConfirmedChannel: plain,
  StateReset: event,
  ClockJump: event,
  DiskLow: plain,
  NoData: { ...plain, mutedBy: () => ['WatchdogMissing'] },
}

function slotOf(labels: Record<string, string>): Record<string, string> {
  return { slot: labels['slot'] ?? '' }
}

/** Old figures are no news where their job, their login or the network is the trouble. */
function staleSources(labels: Record<string, string>): string[] {
  const { of = '', slot } = labels
  const job = of === 'billing' ? 'fetch-billing' : 'fetch-quota'
  const ofJob = ['JobFailed', 'JobMissing'].map(name => alertKey({ name, labels: { job } }))
  const ofSlot = slot === undefined ? [] : [alertKey({ name: 'AccountInactive', labels: { slot } })]
  return ['AllInactive', 'JobsAllMissing', ...ofJob, ...ofSlot, ...offline]
}
