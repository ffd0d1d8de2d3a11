// GET /api/oauth/usage. Only the status and `error.type` classify an answer: a 500 that talks of a rate limit is a 500.

import type { ExtraUsage, QuotaWindow } from '../domain/quota.ts'
import type { FailureClass } from '../domain/run-record.ts'
import { request } from '../edges/http.ts'
import { foreignWord } from '../edges/redact.ts'
import * as v from '../valibot.ts'

const MAX_BYTES = 256 * 1024

export type UsageAnswer =
  | { kind: 'figures'; windows: QuotaWindow[]; extraUsage: ExtraUsage | null }
  /** The access token is over; the login need not be. */
  | { kind: 'unauthorized' }
  /** A token without `user:profile`, as `claude setup-token` makes them: it will never be told its quota. */
  | { kind: 'noProfileScope' }
  | { kind: 'rateLimited'; retryAfter: string | undefined }
  | { kind: 'transient'; detail: string; failure: FailureClass }
  /** 200, but nothing in it that we know: the endpoint has changed. */
  | { kind: 'changed'; detail: string }

/** Asks once for the figures of the account that the token belongs to. `date` is the header; undefined = no answer, or none in it. */
export async function fetchUsage(options: {
  api: string
  accessToken: string
  userAgent: string
  deadlineMs: number
  signal: AbortSignal
}): Promise<UsageAnswer & { date: string | undefined }> {
  const answer = await request({
    method: 'GET',
    url: new URL('/api/oauth/usage', options.api).href,
    headers: {
      Authorization: `Bearer ${options.accessToken}`,
      'anthropic-beta': 'oauth-2025-04-20',
      Accept: 'application/json, text/plain, */*',
      'Content-Type': 'application/json',
      'User-Agent': options.userAgent,
    },
    deadlineMs: options.deadlineMs,
    maxBytes: MAX_BYTES,
    signal: options.signal,
    reuseConnection: true,
  })
  if (answer.kind === 'failure')
    return { kind: 'transient', detail: answer.message, failure: 'network', date: undefined }
  const { date, 'retry-after': retryAfter } = answer.headers
  return { ...readUsageAnswer(answer.status, retryAfter, answer.body), date }
}

/** Understands an answer. Pure. */
export function readUsageAnswer(status: number, retryAfter: string | undefined, body: string): UsageAnswer {
  const json = parseJson(body)
  if (status === 200) return readFigures(json)
  const type = (json as { error?: { type?: unknown } } | null)?.error?.type
  const said = `the usage endpoint answered ${status}${typeof type === 'string' ? ` ${foreignWord(type)}` : ''}`
  if (status === 401) return { kind: 'unauthorized' }
  if (status === 403 && type === 'permission_error') return { kind: 'noProfileScope' }
  if (status === 429) return { kind: 'rateLimited', retryAfter }
  if (status === 403 || status === 408 || status >= 500)
    return { kind: 'transient', detail: said, failure: 'temporary' }
  return { kind: 'changed', detail: `${said}; it may have moved or changed` }
}

const Limit = v.object({
  kind: v.string(),
  percent: v.optional(v.unknown()),
  resets_at: v.optional(v.unknown()),
  scope: v.optional(
    v.nullable(
      v.object({
        model: v.optional(
          v.nullable(
            v.object({ id: v.optional(v.nullable(v.string())), display_name: v.optional(v.nullable(v.string())) }),
          ),
        ),
        surface: v.optional(v.nullable(v.string())),
      }),
    ),
  ),
})

/** Names of the older flat keys, as the newer list calls them. */
const FLAT_NAMES = new Map<string, { name: string; scope: string | null }>([
  ['five_hour', { name: 'five_hour', scope: null }],
  ['seven_day', { name: 'seven_day', scope: null }],
  ['seven_day_opus', { name: 'weekly', scope: 'Opus' }],
  ['seven_day_sonnet', { name: 'weekly', scope: 'Sonnet' }],
])
const KIND_NAMES = new Map([
  ['session', 'five_hour'],
  ['weekly_all', 'seven_day'],
  ['weekly_scoped', 'weekly'],
])
const NOT_WINDOWS = new Set(['limits', 'extra_usage', 'spend'])

function readFigures(json: unknown): UsageAnswer {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { kind: 'changed', detail: 'the usage endpoint answered 200 with something that is no JSON object' }
  }
  const body = json as Record<string, unknown>
  const windows: QuotaWindow[] = []
  let unreadable = 0
  /** @param percent as it came: an explicit null is an account that has not been used, anything else has to be a number */
  const add = (window: Pick<QuotaWindow, 'name' | 'scope'>, percent: unknown, resetsAt: unknown) => {
    const usedPercent = percentOf(percent)
    if (usedPercent === null && percent !== null) unreadable += 1
    const read = { ...window, usedPercent, resetsAt: timeOf(resetsAt) }
    const known = windows.findIndex(({ name, scope }) => name === window.name && scope === window.scope)
    if (known === -1) windows.push(read)
    else if (windows[known]!.usedPercent === null && usedPercent !== null) windows[known] = read
  }
  if (Array.isArray(body['limits'])) {
    for (const item of body['limits']) {
      const limit = v.safeParse(Limit, item)
      if (!limit.success) {
        unreadable += 1
        continue
      }
      const { kind, percent, resets_at: resetsAt, scope } = limit.output
      const scopeName = scope ? (scope.model?.display_name ?? scope.model?.id ?? scope.surface ?? 'unnamed') : null
      add(
        { name: KIND_NAMES.get(kind) ?? foreignWord(kind), scope: scopeName === null ? null : foreignWord(scopeName) },
        percent,
        resetsAt,
      )
    }
  }
  for (const [key, value] of Object.entries(body)) {
    if (NOT_WINDOWS.has(key) || typeof value !== 'object' || value === null) continue
    if (!('utilization' in value) && !FLAT_NAMES.has(key)) continue
    const { utilization, resets_at: resetsAt } = value as { utilization?: unknown; resets_at?: unknown }
    add(FLAT_NAMES.get(key) ?? { name: foreignWord(key), scope: null }, utilization, resetsAt)
  }
  const known = windows.length > 0 || 'five_hour' in body || 'seven_day' in body || 'limits' in body
  if (!known) return { kind: 'changed', detail: 'the usage endpoint answered 200 without any window that Vigil knows' }
  if (unreadable > 0 && windows.every(({ usedPercent }) => usedPercent === null)) {
    return {
      kind: 'changed',
      detail: 'the usage endpoint answered 200 with windows, and no percentage can be read in any',
    }
  }
  return { kind: 'figures', windows, extraUsage: extraUsageOf(body['extra_usage']) }
}

/** Money comes in minor units (cents) with the number of decimals beside it. */
function extraUsageOf(value: unknown): ExtraUsage | null {
  if (typeof value !== 'object' || value === null) return null
  const {
    is_enabled: enabled,
    used_credits: used,
    monthly_limit: limit,
    currency,
    decimal_places: decimals,
  } = value as Record<string, unknown>
  const scale =
    10 ** (typeof decimals === 'number' && Number.isInteger(decimals) && decimals >= 0 && decimals <= 6 ? decimals : 2)
  const money = (minor: unknown) => (typeof minor === 'number' && Number.isFinite(minor) ? minor / scale : null)
  return {
    enabled: typeof enabled === 'boolean' ? enabled : null,
    used: money(used),
    limit: money(limit),
    currency: typeof currency === 'string' ? foreignWord(currency) : null,
  }
}

function percentOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

function timeOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // An edge's HTML page, or a cut text: only the status speaks then.
  }
}
