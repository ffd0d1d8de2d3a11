// What is in force without a vigil.yaml. Apart from the schema, so that a run without one need not load a parser.

import type { StatuslineSettings } from './statusline/line.ts'
import { DEFAULT_CCUSAGE_TIMEOUT_MS, DEFAULT_QUOTA_AGES, HOUR_MS, MINUTE_MS } from './timings.ts'
import * as v from './valibot.ts'

const usd = v.nullable(v.number())
/** Percent; null = none. */
const level = v.nullable(v.number())
const Severity = v.picklist(['info', 'warning', 'critical'])
type Severity = v.InferOutput<typeof Severity>

const STATUSLINE_SEGMENTS = [
  'model',
  'context',
  'weekly',
  'five_hour',
  'block',
  'git',
  'account',
  'alerts',
  'watchdog',
] as const

/** A schema, for what vigil.yaml meant is kept in a file. */
export const Settings = v.object({
  endpoints: v.object({ api: v.string(), token: v.string() }),
  /** `off` is read-only: no token is ever rotated. */
  refresh: v.picklist(['direct', 'off']),
  refreshAheadMs: v.number(),
  /** How we name ourselves to the endpoints; `null` = `vigil/<version>`. */
  userAgent: v.nullable(v.string()),
  quota: v.object({
    sources: v.array(v.picklist(['statusline', 'oauth'])),
    everyMs: v.number(),
    freshForMs: v.number(),
    staleAfterMs: v.number(),
    unreliableAfterMs: v.number(),
    maxRequestsPerHour: v.number(),
    /** Percent used, rising. */
    alertAt: v.array(v.number()),
  }),
  billing: v.object({
    /** USD; null = no budget. */
    budgetUsd: v.object({ daily: usd, block: usd, weekly: usd }),
    alertAt: v.array(v.number()),
    ccusageTimeoutMs: v.number(),
  }),
  alerts: v.object({
    repeatEveryMs: v.number(),
    quietHours: v.nullable(v.object({ from: v.string(), to: v.string(), zone: v.string() })),
  }),
  /**
   * Where messages go, without any secret: a watchdog that has nothing to say decides by this alone, and only the run that
   * delivers reads vigil.yaml itself.
   */
  delivery: v.object({
    channels: v.array(v.object({ name: v.string(), minSeverity: Severity, confirms: v.boolean() })),
    /** Names of the Alertmanagers: they are told of all that fires, in every run. */
    mirrors: v.array(v.string()),
    /** Whether any dead man's switch is to be pinged. */
    deadMan: v.boolean(),
  }),
  failover: v.object({
    enabled: v.boolean(),
    strategy: v.picklist(['most-room', 'soonest-reset', 'priority']),
    levels: v.object({ five_hour: level, seven_day: level }),
    /** By slot, what it has of its own. */
    levelsOf: v.record(v.string(), v.object({ five_hour: v.exactOptional(level), seven_day: v.exactOptional(level) })),
    cooldownMs: v.number(),
    /** Slots, the best first. */
    priority: v.array(v.string()),
    /** Whether panes of tmux are looked at: for those without hooks. */
    tmux: v.boolean(),
  }),
  statusline: v.object({
    /** In the order in which they are shown. */
    segments: v.array(v.picklist(STATUSLINE_SEGMENTS)),
    variant: v.picklist(['emoji', 'ascii', 'nerd']),
    colors: v.boolean(),
    lines: v.number(),
    /** Percent of a quota window or budget, and of the context, rising: from the first on yellow, from the last on red. */
    levels: v.array(v.number()),
    contextLevels: v.array(v.number()),
  }),
})
export type Settings = v.InferOutput<typeof Settings>

/** The part that may hold secrets, so it is never copied anywhere: who needs it reads vigil.yaml itself. */
interface DeliverySettings {
  channels: {
    desktop: { enabled: boolean; minSeverity: Severity }
    email: EmailSettings | null
    webhooks: WebhookSettings[]
    exec: ExecSettings[]
  }
  /** Ping URLs. */
  deadMan: { watchdog: string | null; jobs: Record<string, string> }
}
export type AllSettings = Settings & DeliverySettings

export interface EmailSettings {
  to: string[]
  from: string
  /** `password` may be `file:PATH`, `env:NAME` or `cmd:COMMAND`. */
  smtp: { host: string; port: number; user: string | null; password: string | null }
  minSeverity: Severity
}
export interface WebhookSettings {
  name: string
  kind: 'json' | 'slack' | 'discord' | 'ntfy' | 'telegram' | 'pagerduty' | 'ping' | 'alertmanager'
  /** One; several only for the peers of an Alertmanager. May be `file:PATH`, …, for many of these URLs are secrets. */
  urls: [string, ...string[]]
  /** May be `file:PATH`, …; PagerDuty's routing key, for the others a Bearer token. */
  token: string | null
  minSeverity: Severity
}
export interface ExecSettings {
  name: string
  command: [string, ...string[]]
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
    ...DEFAULT_QUOTA_AGES,
    maxRequestsPerHour: 20,
    alertAt: [80, 95],
  },
  billing: {
    budgetUsd: { daily: null, block: null, weekly: null },
    alertAt: [80, 100],
    ccusageTimeoutMs: DEFAULT_CCUSAGE_TIMEOUT_MS,
  },
  alerts: { repeatEveryMs: 4 * HOUR_MS, quietHours: null },
  delivery: {
    channels: [{ name: 'desktop', minSeverity: 'warning', confirms: false }],
    mirrors: [],
    deadMan: false,
  },
  failover: {
    enabled: false,
    strategy: 'most-room',
    levels: { five_hour: 95, seven_day: 95 },
    levelsOf: {},
    cooldownMs: 5 * MINUTE_MS,
    priority: [],
    tmux: false,
  },
  // As lib/statusline/line.ts has it, which no job has to load; a test compares the two.
  statusline: {
    segments: [...STATUSLINE_SEGMENTS],
    variant: 'emoji',
    colors: true,
    lines: 1,
    levels: [80, 95],
    contextLevels: [60, 80],
  } satisfies StatuslineSettings,
}

/** Settings or registry that cannot be used, all problems at once. Exit code 78. */
export class SettingsError extends Error {
  readonly problems: string[]
  /** @param file its name, not its path: messages hold no home path */
  constructor(file: string, problems: string[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`${file} has ${count}; nothing was changed:\n${problems.map(problem => `  ${problem}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** Whether what goes there is a secret besides the message: a token, or a URL that is one itself. */
export function carriesSecret({ kind, token }: { kind: WebhookSettings['kind']; token?: string | null | undefined }) {
  return (token ?? null) !== null || ['slack', 'discord', 'telegram', 'pagerduty'].includes(kind)
}
