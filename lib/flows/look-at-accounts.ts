// What the files say of each account: its standing, its figures with their age, its login. Reads only.
import { type Account, loginCommand, standingOf, tildePath } from '../domain/account.ts'
import { judgeFreshness } from '../domain/freshness.ts'
import { freshLoginState, type LoginState } from '../domain/login-state.ts'
import type { PoolAccount } from '../domain/pool.ts'
import { type QuotaObservation, type QuotaWindow, voidIfReset } from '../domain/quota.ts'
import { observationOf } from '../domain/quota-cache.ts'
import {
  byLogin,
  decideRequest,
  emailOf,
  emptySlot,
  historyOf,
  type MeasuredAccount,
  ownerOf,
  type RequestHistory,
} from '../domain/slot.ts'
import type { Problem, StatusAccount, StatusWindow } from '../domain/status.ts'
import { type AccountFacts, cacheProblem, FETCH_COMMAND } from '../domain/status-problems.ts'
import type { Paths } from '../paths.ts'
import type { Settings } from '../settings.ts'
import { readIdentity } from '../store/accounts.ts'
import { readLoginState } from '../store/login-states.ts'
import { readSlot } from '../store/quota.ts'
import { CRON_PERIOD_MS } from '../timings.ts'

interface Context {
  paths: Paths
  settings: Settings
  now: number
}

interface Look extends MeasuredAccount {
  login: LoginState
  blind: boolean
}

export interface LookedAccount extends AccountFacts {
  state: LoginState
  /** As it was measured, windows that are over included; null = no figures that are this login's. */
  observation: QuotaObservation | null
  /** Its slot file is there and cannot be used, so nothing is known of its figures. */
  blind: boolean
  measured: MeasuredAccount
}

/** A file of an account that is no good. */
export interface AccountFileTrouble {
  slot: string
  /** As it is named in messages: `slots/work.json`. */
  file: string
  what: string
  remedy: string | null
}

export async function lookAtAccounts(
  accounts: readonly Account[],
  context: Context,
): Promise<{ facts: LookedAccount[]; pool: PoolAccount[]; problems: Problem[]; troubles: AccountFileTrouble[] }> {
  const troubles: AccountFileTrouble[] = []
  const looks: Look[] = []
  for (const account of accounts) looks.push(await lookAt(account, context.paths, troubles))
  const index = byLogin(looks)
  const facts = looks.map(look => {
    const observation = observationOf(look, index, context.now)
    return {
      account: describe(look, observation, historyOf(look, index, context.now), context),
      login: loginCommand(look.account, context.paths.home),
      state: look.login,
      observation,
      blind: look.blind,
      measured: look,
    }
  })
  const pool = facts.map(({ account }) => ({
    slot: account.slot,
    standing: account.standing,
    freshness: account.freshness.state,
    windows: account.windows.map(window => ({
      name: window.name,
      scope: window.scope,
      usedPercent: window.used_percent,
      resetsAt: window.resets_at,
    })),
  }))
  const problems = troubles.map(({ what, remedy, slot }) => cacheProblem(what, remedy, slot))
  return { facts, pool, problems, troubles }
}

async function lookAt(account: Account, paths: Paths, troubles: AccountFileTrouble[]): Promise<Look> {
  const { slot: name, configDir, isDefault } = account
  const identity = await readIdentity(configDir, isDefault, paths.home)
  const tolerant = <T>(file: string, read: () => T): T | null => {
    try {
      return read()
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      troubles.push({ slot: name, file, what: `${file} cannot be read (${code})`, remedy: null })
      return null
    }
  }
  const reading = tolerant(`slots/${name}.json`, () => readSlot(paths, name, configDir))
  if (reading?.trouble) {
    troubles.push({ slot: name, file: `slots/${name}.json`, what: reading.trouble, remedy: FETCH_COMMAND })
  }
  const login = tolerant(`logins/${name}.json`, () => readLoginState(paths.logins, account))
  const slot = reading?.slot ?? emptySlot(name, configDir)
  const owner = ownerOf(identity, slot)
  return {
    account: { ...account, email: emailOf(account, identity, owner) },
    slot,
    owner,
    login: login ?? freshLoginState(account),
    blind: reading === null || reading.trouble !== null,
  }
}

function describe(
  { account, slot, login }: Look,
  seen: QuotaObservation | null,
  history: RequestHistory,
  { paths, settings, now }: Context,
): AccountFacts['account'] {
  const { quota } = settings
  const freshness = judgeFreshness(seen?.measuredAt ?? null, now, quota)
  const standing = ({ active: 'active', inactiveByJob: 'inactive', pausedByPerson: 'paused' } as const)[
    standingOf(account)
  ]
  const since = account.inactiveSince === null ? Number.NaN : Date.parse(account.inactiveSince)
  const decision = decideRequest(history, seen?.measuredAt ?? null, now, {
    everyMs: quota.everyMs,
    cronPeriodMs: CRON_PERIOD_MS['fetch-quota'],
    maxRequestsPerHour: quota.maxRequestsPerHour,
  })
  return {
    slot: account.slot,
    email: account.email,
    config_dir: tildePath(account.configDir, paths.home),
    standing,
    reason: standing === 'active' ? null : account.inactiveReason,
    since: standing === 'active' || Number.isNaN(since) ? null : since,
    windows: windowsOf(seen, now, quota.alertAt),
    extra_usage: extraOf(seen),
    freshness: { state: freshness.state, age_ms: freshness.ageMs },
    measured_at: seen?.measuredAt ?? null,
    source: seen?.source ?? null,
    login_ends_at: login.loginEndsAt,
    refreshed_at: login.refreshedAt,
    last_attempt: slot.lastAttempt,
    requests_last_hour: history.requestedAt.length,
    next_request_not_before: standing === 'active' && decision.do === 'skip' ? decision.untilMs : null,
  }
}

/** The two account-wide windows always, known or not; then those of one model or surface. */
function windowsOf(seen: QuotaObservation | null, now: number, levels: readonly number[]): StatusWindow[] {
  const wide = (name: string): QuotaWindow =>
    seen?.windows.find(window => window.name === name && window.scope === null) ?? {
      name,
      scope: null,
      usedPercent: null,
      resetsAt: null,
    }
  const others = (seen?.windows ?? []).filter(
    ({ name, scope }) => scope !== null || (name !== 'five_hour' && name !== 'seven_day'),
  )
  return [wide('five_hour'), wide('seven_day'), ...others].map(window => {
    const { name, scope, usedPercent, resetsAt } = voidIfReset(window, now)
    return {
      name,
      scope,
      label: labelOf(name, scope),
      used_percent: usedPercent,
      resets_at: resetsAt,
      level: levelOf(usedPercent, levels),
    }
  })
}

const LABELS: Record<string, string> = { five_hour: 'five-hour', seven_day: 'weekly' }

function labelOf(name: string, scope: string | null): string {
  const label = LABELS[name] ?? name.replaceAll('_', ' ')
  return scope === null ? label : `${label} ${scope}`
}

/** @param levels percentages, rising; none = only full is a level of its own */
export function levelOf(usedPercent: number | null, levels: readonly number[]): StatusWindow['level'] {
  if (usedPercent === null) return null
  if (usedPercent >= 100) return 'full'
  if (usedPercent >= (levels.at(-1) ?? Number.POSITIVE_INFINITY)) return 'near'
  return usedPercent >= (levels[0] ?? Number.POSITIVE_INFINITY) ? 'high' : 'ok'
}

function extraOf(seen: QuotaObservation | null): StatusAccount['extra_usage'] {
  const extra = seen?.extraUsage
  return extra?.enabled ? { used: extra.used, limit: extra.limit, currency: extra.currency } : null
}
