// All accounts together, in one word with its reason. No figure stands in a reason, for a figure is never told without its age.
import type { Freshness } from './freshness.ts'
import type { QuotaWindow } from './quota.ts'

/**
 * - `usable`: every account that is not paused works, with fresh figures and room.
 * - `degraded`: at least one can be used, and something is wrong with another or near its limit.
 * - `blind`: logins work, but no figure is new enough to say what is left.
 * - `exhausted`: every account whose figures are known is used up.
 * - `logged-out`: no login works.
 * - `empty`: there is no account, or none that is not paused.
 */
export const POOL_VERDICTS = ['usable', 'degraded', 'blind', 'exhausted', 'logged-out', 'empty'] as const

export interface PoolAccount {
  slot: string
  standing: 'active' | 'inactive' | 'paused'
  freshness: Freshness['state']
  /** Void ones (their reset has passed) as unknown. */
  windows: readonly QuotaWindow[]
}

export interface PoolVerdict {
  verdict: (typeof POOL_VERDICTS)[number]
  /** One sentence for a person. */
  reason: string
  /** `exhausted` only: when the first account can be used again, ms; null = not known. */
  recoversAt: number | null
}

/** @param nearPercent the highest alert level; null = none is set */
export function judgePool(accounts: readonly PoolAccount[], nearPercent: number | null): PoolVerdict {
  const pool = accounts.filter(account => account.standing !== 'paused')
  if (pool.length === 0) return plain('empty', accounts.length === 0 ? 'no account is known yet' : allPaused(accounts))
  const active = pool.filter(account => account.standing === 'active')
  const inactive = pool.filter(account => account.standing === 'inactive')
  if (active.length === 0) return plain('logged-out', all(pool, 'is', 'are', 'logged out'))
  const known = active.filter(isKnown)
  const unknown = active.filter(account => !isKnown(account))
  if (known.length === 0) {
    const rest = inactive.length > 0 ? `; ${are(inactive, 'logged out')}` : ''
    return plain('blind', `no figure of ${names(active)} is new enough to tell what is left${rest}`)
  }
  const full = known.filter(isFull)
  const trouble = [are(full, 'used up'), are(inactive, 'logged out'), have(unknown, 'no reliable figures')]
  if (full.length === known.length) return exhausted(full, trouble.filter(isSaid))
  const room = known.filter(account => !isFull(account))
  const near = room.filter(account => isNear(account, nearPercent))
  const stale = room.filter(account => account.freshness === 'stale')
  const said = [...trouble, are(near, 'near a limit'), have(stale, 'old figures only')].filter(isSaid)
  if (said.length > 0) return plain('degraded', said.join('; '))
  return plain('usable', all(pool, 'has', 'have', 'room'))
}

/** New enough to act on, and at least one account-wide window with a figure. */
function isKnown(account: PoolAccount): boolean {
  const told = account.freshness === 'fresh' || account.freshness === 'stale'
  return told && accountWide(account).some(window => window.usedPercent !== null)
}

function isFull(account: PoolAccount): boolean {
  return fullWindows(account).length > 0
}

/** A window of one model does not stop the account, but it is worth a word. */
function isNear(account: PoolAccount, nearPercent: number | null): boolean {
  return (
    nearPercent !== null &&
    account.windows.some(window => window.usedPercent !== null && window.usedPercent >= nearPercent)
  )
}

function accountWide(account: PoolAccount): QuotaWindow[] {
  return account.windows.filter(({ name, scope }) => scope === null && (name === 'five_hour' || name === 'seven_day'))
}

function fullWindows(account: PoolAccount): QuotaWindow[] {
  return accountWide(account).filter(window => window.usedPercent !== null && window.usedPercent >= 100)
}

function exhausted(full: PoolAccount[], trouble: string[]): PoolVerdict {
  const recoveries = full
    .map(account => ({ slot: account.slot, at: recoveryOf(account) }))
    .filter((recovery): recovery is { slot: string; at: number } => recovery.at !== null)
    .toSorted((a, b) => a.at - b.at)
  const [first] = recoveries
  const only = full.length === 1 && trouble.length === 1
  const next =
    first === undefined
      ? 'it is not known when one recovers'
      : only
        ? 'it recovers'
        : `${first.slot} is the first to recover`
  return { verdict: 'exhausted', reason: `${trouble.join('; ')}; ${next}`, recoversAt: first?.at ?? null }
}

/** An account can be used again when the last of its full windows resets; null = one of them does not say when. */
function recoveryOf(account: PoolAccount): number | null {
  const resets = fullWindows(account).map(window => window.resetsAt)
  return resets.some(at => at === null) ? null : Math.max(...(resets as number[]))
}

function plain(verdict: PoolVerdict['verdict'], reason: string): PoolVerdict {
  return { verdict, reason, recoversAt: null }
}

function allPaused(accounts: readonly PoolAccount[]): string {
  return all(accounts, 'is', 'are', 'paused by hand')
}

function all(accounts: readonly unknown[], one: string, many: string, what: string): string {
  if (accounts.length === 1) return `the only account ${one} ${what}`
  return `${accounts.length === 2 ? 'both' : `all ${accounts.length}`} accounts ${many} ${what}`
}

function are(accounts: readonly PoolAccount[], what: string): string {
  return accounts.length === 0 ? '' : `${names(accounts)} ${accounts.length === 1 ? 'is' : 'are'} ${what}`
}

function have(accounts: readonly PoolAccount[], what: string): string {
  return accounts.length === 0 ? '' : `${names(accounts)} ${accounts.length === 1 ? 'has' : 'have'} ${what}`
}

function isSaid(text: string): boolean {
  return text !== ''
}

/** Up to three by name; a person looks at the screen for more. */
function names(accounts: readonly PoolAccount[]): string {
  const slots = accounts.map(account => account.slot)
  if (slots.length > 3) return `${slots.length} accounts (${slots[0]}, ${slots[1]} and ${slots.length - 2} more)`
  return slots.length < 2 ? slots.join('') : `${slots.slice(0, -1).join(', ')} and ${slots.at(-1)}`
}
