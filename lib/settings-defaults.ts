// What is in force without a vigil.yaml. Apart from the schema, so that a run without one need not load a parser.
import { HOUR_MS, MINUTE_MS } from './timings.ts'

export interface Settings {
  endpoints: { api: string; token: string }
  /** `off` is read-only: no token is ever rotated. */
  refresh: 'direct' | 'off'
  refreshAheadMs: number
  /** How we name ourselves to the endpoints; `null` = `vigil/<version>`. */
  userAgent: string | null
  quota: {
    sources: Array<'statusline' | 'oauth'>
    everyMs: number
    freshForMs: number
    staleAfterMs: number
    unreliableAfterMs: number
    maxRequestsPerHour: number
    /** Percent used, rising. */
    alertAt: number[]
  }
  billing: {
    /** USD; null = no budget. */
    budgetUsd: { daily: number | null; block: number | null; weekly: number | null }
    alertAt: number[]
    ccusageTimeoutMs: number
  }
  alerts: { repeatEveryMs: number; quietHours: { from: string; to: string; zone: string } | null }
  failover: { enabled: boolean }
}

/** The part that may hold secrets, so it is never copied anywhere: who needs it reads vigil.yaml itself. */
interface DeliverySettings {
  channels: {
    desktop: { enabled: boolean; minSeverity: Severity }
    email: EmailSettings | null
    webhooks: WebhookSettings[]
  }
  /** Ping URLs. */
  deadMan: { watchdog: string | null; jobs: Record<string, string> }
}
export type AllSettings = Settings & DeliverySettings

type Severity = 'info' | 'warning' | 'critical'
interface EmailSettings {
  to: string[]
  from: string
  /** `password` may be `file:PATH`, `env:NAME` or `cmd:COMMAND`. */
  smtp: { host: string; port: number; user: string | null; password: string | null }
  minSeverity: Severity
}
interface WebhookSettings {
  name: string
  kind: 'json' | 'slack' | 'discord' | 'ntfy' | 'telegram' | 'pagerduty' | 'ping' | 'alertmanager'
  /** May be `file:PATH`, `env:NAME` or `cmd:COMMAND`, for many of these URLs are secrets. */
  url: string
  minSeverity: Severity
}

export const DEFAULT_SETTINGS: Settings = {
  endpoints: { api: 'https://api.anthropic.com', token: 'https://platform.claude.com/v1/oauth/token' },
  refresh: 'direct',
  refreshAheadMs: 30 * MINUTE_MS,
  userAgent: null,
  quota: {
    sources: ['statusline', 'oauth'],
    everyMs: 5 * MINUTE_MS,
    freshForMs: 10 * MINUTE_MS,
    staleAfterMs: 15 * MINUTE_MS,
    unreliableAfterMs: HOUR_MS,
    maxRequestsPerHour: 20,
    alertAt: [80, 95],
  },
  billing: { budgetUsd: { daily: null, block: null, weekly: null }, alertAt: [80, 100], ccusageTimeoutMs: MINUTE_MS },
  alerts: { repeatEveryMs: 4 * HOUR_MS, quietHours: null },
  failover: { enabled: false },
}
