// What vigil.yaml may say. Every problem is reported at once, each with its line, in words that say what to write instead.

import { LineCounter, parseDocument } from 'yaml'
import { mayReceiveTokens } from './edges/http.ts'
import { ChannelsFile, checkChannels, DeadManFile, flag, oneLine, toDelivery } from './settings-channels.ts'
import { type AllSettings, DEFAULT_SETTINGS, SettingsError } from './settings-defaults.ts'
import { checkFailover, FailoverFile, toFailover } from './settings-failover.ts'
import { byLine, describeIssue, lineFinder, readData } from './settings-problems.ts'
import { SEGMENT_NAMES, VARIANTS } from './statusline/line.ts'
import { checkTimings, DAY_MS, HOUR_MS, MINUTE_MS } from './timings.ts'
import * as v from './valibot.ts'

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS }
const DURATION = /^(\d{1,6})(ms|s|m|h|d)$/

const duration = v.pipe(
  v.string('is no duration; write a number and a unit, such as 30s, 5m or 4h'),
  v.regex(DURATION, 'is no duration; write a number and a unit, such as 30s, 5m or 4h'),
  v.check(text => durationMs(text) > 0, 'has to be more than nothing'),
)
const percent = v.pipe(
  v.number('is no number; write a percentage such as 80'),
  v.minValue(1, 'has to be at least 1 (percent)'),
  v.maxValue(1000, 'has to be at most 1000 (percent)'),
)
const levels = v.pipe(
  v.array(percent, 'is no list; write percentages such as [80, 95]'),
  v.check(
    list => list.every((level, index) => index === 0 || level > list[index - 1]!),
    'has to rise, such as [80, 95]',
  ),
)
const budget = v.nullable(
  v.pipe(v.number('is no amount; write US dollars such as 50, or null'), v.gtValue(0, 'has to be more than 0')),
)
const clockTime = v.pipe(
  v.string('is no time; write it quoted, such as "22:00"'),
  v.regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is no time; write it such as "22:00"'),
)
const zone = v.pipe(v.string(), v.check(isTimeZone, 'is no time zone; write one such as Europe/Berlin'))
const endpoint = v.pipe(
  oneLine,
  v.check(
    text => URL.canParse(text) && mayReceiveTokens(new URL(text)),
    'may not receive tokens; only https on anthropic.com or claude.com, or http on loopback, may',
  ),
)
/** A header's value: with anything else, every request would fail before it is sent. */
const headerText = v.pipe(
  v.string('is no text'),
  v.regex(
    /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/,
    'has to be plain ASCII text, without accents, dashes or quotes of other alphabets',
  ),
)

/** The file's own shape, with its own names and spellings; vigil.schema.json is generated from it. */
export const SettingsFile = v.strictObject({
  endpoints: v.optional(v.strictObject({ api: v.optional(endpoint), token: v.optional(endpoint) })),
  refresh: v.optional(v.picklist(['direct', 'off'], 'has to be direct or off')),
  refresh_ahead: v.optional(duration),
  user_agent: v.optional(headerText),
  quota: v.optional(
    v.strictObject({
      sources: v.optional(
        v.pipe(
          v.array(v.picklist(['statusline', 'oauth'], 'has to be statusline or oauth')),
          v.minLength(1, 'needs at least one source'),
        ),
      ),
      every: v.optional(duration),
      fresh_for: v.optional(duration),
      stale_after: v.optional(duration),
      unreliable_after: v.optional(duration),
      max_requests_per_hour: v.optional(
        v.pipe(
          v.number('is no number'),
          v.integer('has to be a whole number'),
          v.minValue(1, 'has to be at least 1'),
          v.maxValue(28, 'has to be at most 28: from about there on the endpoint blocks the account'),
        ),
      ),
      alert_at: v.optional(levels),
    }),
  ),
  billing: v.optional(
    v.strictObject({
      budget_usd: v.optional(
        v.strictObject({ daily: v.optional(budget), block: v.optional(budget), weekly: v.optional(budget) }),
      ),
      alert_at: v.optional(levels),
      ccusage_timeout: v.optional(duration),
    }),
  ),
  alerts: v.optional(
    v.strictObject({
      repeat_every: v.optional(duration),
      quiet_hours: v.optional(v.nullable(v.strictObject({ from: clockTime, to: clockTime, zone }))),
    }),
  ),
  channels: v.optional(ChannelsFile),
  dead_man: v.optional(DeadManFile),
  failover: v.optional(FailoverFile),
  statusline: v.optional(
    v.strictObject({
      segments: v.optional(
        v.pipe(
          v.array(v.picklist(SEGMENT_NAMES, `has to be one of ${SEGMENT_NAMES.join(', ')}`), 'is no list'),
          v.minLength(1, 'needs at least one segment'),
          v.check(list => new Set(list).size === list.length, 'names a segment twice'),
        ),
      ),
      variant: v.optional(v.picklist(VARIANTS, `has to be one of ${VARIANTS.join(', ')}`)),
      colors: v.optional(flag),
      lines: v.optional(
        v.pipe(
          v.number('is no number'),
          v.integer('has to be a whole number'),
          v.minValue(1, 'has to be at least 1'),
          v.maxValue(3, 'has to be at most 3'),
        ),
      ),
      levels: v.optional(levels),
      context_levels: v.optional(levels),
    }),
  ),
})
type SettingsFile = v.InferOutput<typeof SettingsFile>

/**
 * @throws SettingsError with every problem and its line: syntax, unknown keys, types, broken relations
 */
export function parseSettings(text: string): AllSettings {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineOf = lineFinder(document, lines)
  const data = readData(text, document, lines)
  const result = v.safeParse(SettingsFile, data, { abortPipeEarly: true })
  if (!result.success) {
    const problems = result.issues.map(issue => describeIssue(issue, lineOf))
    throw new SettingsError('vigil.yaml', problems.sort(byLine))
  }
  const settings = toSettings(result.output)
  const broken = [...checkTimings(settings), ...checkChannels(result.output.channels ?? {}), ...checkFailover(settings)]
  if (broken.length > 0) {
    throw new SettingsError(
      'vigil.yaml',
      broken.map(({ path, message }) => `${lineOf(path)}${path.join('.')} ${message}`).sort(byLine),
    )
  }
  return settings
}

/** What the sections about messages say, whatever is wrong with the others; one that is wrong itself counts as not there. */
export function parseDelivery(text: string): AllSettings {
  const document = parseDocument(text, { prettyErrors: false })
  const data = (document.errors.length === 0 ? document.toJS() : null) as Record<string, unknown> | null
  const readable: Record<string, unknown> = {}
  for (const section of ['channels', 'dead_man', 'alerts'] as const) {
    const result = v.safeParse(SettingsFile.entries[section], data?.[section])
    if (result.success && result.output !== undefined) readable[section] = result.output
  }
  return toSettings(readable as SettingsFile)
}

function toSettings(file: SettingsFile): AllSettings {
  const defaults = DEFAULT_SETTINGS
  const ms = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : durationMs(text))
  const { quota = {}, billing = {}, alerts = {}, channels = {}, dead_man: deadMan = {}, statusline = {} } = file
  return {
    endpoints: {
      api: file.endpoints?.api ?? defaults.endpoints.api,
      token: file.endpoints?.token ?? defaults.endpoints.token,
    },
    refresh: file.refresh ?? defaults.refresh,
    refreshAheadMs: ms(file.refresh_ahead, defaults.refreshAheadMs),
    userAgent: file.user_agent ?? null,
    quota: {
      sources: quota.sources ?? defaults.quota.sources,
      everyMs: ms(quota.every, defaults.quota.everyMs),
      freshForMs: ms(quota.fresh_for, defaults.quota.freshForMs),
      staleAfterMs: ms(quota.stale_after, defaults.quota.staleAfterMs),
      unreliableAfterMs: ms(quota.unreliable_after, defaults.quota.unreliableAfterMs),
      maxRequestsPerHour: quota.max_requests_per_hour ?? defaults.quota.maxRequestsPerHour,
      alertAt: quota.alert_at ?? defaults.quota.alertAt,
    },
    billing: {
      budgetUsd: { ...defaults.billing.budgetUsd, ...billing.budget_usd },
      alertAt: billing.alert_at ?? defaults.billing.alertAt,
      ccusageTimeoutMs: ms(billing.ccusage_timeout, defaults.billing.ccusageTimeoutMs),
    },
    alerts: {
      repeatEveryMs: ms(alerts.repeat_every, defaults.alerts.repeatEveryMs),
      quietHours: alerts.quiet_hours ?? null,
    },
    ...toDelivery(channels, deadMan),
    failover: toFailover(file.failover ?? {}, durationMs),
    statusline: {
      segments: statusline.segments ?? defaults.statusline.segments,
      variant: statusline.variant ?? defaults.statusline.variant,
      colors: statusline.colors ?? defaults.statusline.colors,
      lines: statusline.lines ?? defaults.statusline.lines,
      levels: statusline.levels ?? defaults.statusline.levels,
      contextLevels: statusline.context_levels ?? defaults.statusline.contextLevels,
    },
  }
}

function durationMs(text: string): number {
  const match = DURATION.exec(text)
  return match ? Number(match[1]) * UNIT_MS[match[2]!]! : Number.NaN
}

function isTimeZone(zoneName: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zoneName })
    return true
  } catch {
    return false // RangeError: not a zone that this machine knows.
  }
}
