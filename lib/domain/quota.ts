import * as v from '../valibot.ts'

/** One quota window as its source reported it. */
export const QuotaWindow = v.object({
  /** `five_hour`, `seven_day`, or the source's own name for one we do not know. */
  name: v.string(),
  /** What the window is limited to (`Opus`); null = everything. */
  scope: v.nullable(v.string()),
  /** 0-100, may exceed 100; null is unknown, never zero. */
  usedPercent: v.nullable(v.number()),
  /** ms since the epoch; null = the source did not say, which does not mean never. */
  resetsAt: v.nullable(v.number()),
})
export type QuotaWindow = v.InferOutput<typeof QuotaWindow>

/** Paid use beyond the plan, in the currency's main unit (dollars, not cents); null is unknown. */
export const ExtraUsage = v.object({
  enabled: v.nullable(v.boolean()),
  used: v.nullable(v.number()),
  limit: v.nullable(v.number()),
  currency: v.nullable(v.string()),
})
export type ExtraUsage = v.InferOutput<typeof ExtraUsage>

/** One look at an account's quota: what was measured, when, by which source, of whom. */
export const QuotaObservation = v.object({
  /** ms since the epoch: when the source measured, not when we wrote. It moves only with new figures. */
  measuredAt: v.number(),
  source: v.picklist(['oauth', 'statusline']),
  /** The account that it belongs to; null where the identity was unknown at the time. */
  accountUuid: v.nullable(v.string()),
  organizationUuid: v.nullable(v.string()),
  windows: v.array(QuotaWindow),
  extraUsage: v.nullable(ExtraUsage),
  /**
   * ms. Of a status line's figures: when all that it is not told (windows of one model, paid use) was measured. null or absent =
   * nothing of that is here.
   */
  carriedFrom: v.optional(v.nullable(v.number())),
})
export type QuotaObservation = v.InferOutput<typeof QuotaObservation>

/** When an account's whole picture was measured last, ms; null = not within what these figures know. */
export function wholeAt({ source, measuredAt, carriedFrom }: QuotaObservation): number | null {
  return source === 'oauth' ? measuredAt : (carriedFrom ?? null)
}

interface CarryRules {
  everyMs: number
  freshForMs: number
  unreliableAfterMs: number
}

/** How long what a status line is not told may stand beside its figures: while it is fresh itself, where there is any. */
export function carryMs(seen: QuotaObservation | null, { freshForMs, unreliableAfterMs }: CarryRules): number {
  const more = seen?.windows.some(({ name, scope }) => scope !== null || (name !== 'five_hour' && name !== 'seven_day'))
  return more || seen?.extraUsage?.enabled ? freshForMs : unreliableAfterMs
}

/**
 * From when the next asking is counted, ms: a status line's figures put it off, but not for longer than what they leave out
 * may stand. null = ask now.
 */
export function countsFrom(seen: QuotaObservation, rules: CarryRules): number | null {
  const whole = wholeAt(seen)
  if (whole === null) return null
  return Math.min(seen.measuredAt, whole + carryMs(seen, rules) - rules.everyMs)
}

/**
 * Whose figures and whose requests they are. A person can have several organizations, each with a quota of its own, so
 * one without the other names nobody.
 */
export interface Owner {
  accountUuid: string | null
  organizationUuid: string | null
}

/** One name for a login that is known; null where nobody knows whose it is. */
export function loginKey(owner: Owner | null): string | null {
  return owner?.accountUuid ? `${owner.accountUuid} ${owner.organizationUuid ?? ''}` : null
}

/** Known to be one login. */
export function isSameLogin(one: Owner | null, other: Owner | null): boolean {
  if (one === null || other === null || one.accountUuid === null) return false
  return one.accountUuid === other.accountUuid && one.organizationUuid === other.organizationUuid
}

/** Known to be two logins. What is unknown of either tells nothing. */
export function isOtherLogin(one: Owner | null, other: Owner | null): boolean {
  if (one === null || other === null) return false
  const apart = (key: keyof Owner) => one[key] !== null && other[key] !== null && one[key] !== other[key]
  return apart('accountUuid') || apart('organizationUuid')
}

/** May figures from a login's own slot be shown as its own? Ownerless ones only while nobody knows whose login it is. */
export function belongsTo(seen: Owner, owner: Owner | null): boolean {
  if (owner === null) return true
  return owner.accountUuid === null ? !isOtherLogin(seen, owner) : isSameLogin(seen, owner)
}

/** A window whose reset has passed says nothing about the present: its figure is void, which is unknown, not zero. */
export function voidIfReset(window: QuotaWindow, now: number): QuotaWindow {
  return window.resetsAt !== null && window.resetsAt <= now ? { ...window, usedPercent: null, resetsAt: null } : window
}

/** The account-wide window of that name, void ones as unknown; null where the source named none. */
export function accountWindow(
  observation: QuotaObservation | null,
  name: 'five_hour' | 'seven_day',
  now: number,
): QuotaWindow | null {
  const found = observation?.windows.find(window => window.name === name && window.scope === null)
  return found ? voidIfReset(found, now) : null
}
