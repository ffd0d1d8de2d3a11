// One account's turn in fetch-quota: may it be asked, with which token, what came back, and what is kept of it.
import { type Account, type Identity, standingOf } from '../domain/account.ts'
import type { QuotaObservation } from '../domain/quota.ts'
import { decideRequest, withoutRateLimit, withRateLimit, withRequest } from '../domain/request-budget.ts'
import type { AccountResult, FailureClass } from '../domain/run-record.ts'
import type { Slot } from '../domain/slot.ts'
import type { Run } from '../job.ts'
import type { UsageAnswer } from '../sources/usage-endpoint.ts'
import { readIdentity } from '../store/identity.ts'
import { readSlot, updateSlot } from '../store/slots.ts'
import { CRON_PERIOD_MS, USAGE_TIMEOUT_MS } from '../timings.ts'
import { VERSION } from '../version.ts'

/** What is known of one account before it is asked. */
export interface QuotaLook {
  account: Account
  identity: Identity | null
  slot: Slot
}

export async function lookAtQuota(account: Account, run: Run): Promise<QuotaLook> {
  const { slot, trouble } = readSlot(run.paths, account.slot, account.configDir)
  if (trouble) run.log('warn', trouble, { slot: account.slot })
  const identity = await readIdentity(account.configDir, account.isDefault, run.paths.home)
  const { observation } = slot
  if (observation?.accountUuid && identity && observation.accountUuid !== identity.accountUuid) {
    run.log('info', `${account.slot} holds another login now; the figures of the old one are dropped`, {
      slot: account.slot,
    })
    return {
      account,
      identity,
      slot: { ...slot, observation: null, requests: withoutRateLimit({ ...slot.requests, requestedAt: [] }) },
    }
  }
  return { account, identity, slot }
}

/**
 * Two slots on one login share its request budget: only the first of them is asked.
 * @returns for each slot that is not asked, the one that is
 */
export function twinsOf(looks: readonly QuotaLook[]): Map<string, string> {
  const firstOf = new Map<string, string>()
  const twins = new Map<string, string>()
  for (const { account, identity } of looks) {
    if (identity === null || standingOf(account) !== 'active') continue
    const login = `${identity.accountUuid} ${identity.organizationUuid ?? ''}`
    const first = firstOf.get(login)
    if (first === undefined) firstOf.set(login, account.slot)
    else twins.set(account.slot, first)
  }
  return twins
}

/** Asks for one account's figures if they are due and its budget allows; keeps the last good ones when that fails. */
export async function observeQuota(look: QuotaLook, run: Run): Promise<AccountResult> {
  const { account, slot } = look
  if (standingOf(account) === 'pausedByPerson') return fact('paused', 'paused by hand; vigil leaves it alone')
  const decision = decideRequest(slot.requests, slot.observation?.measuredAt ?? null, run.now, {
    everyMs: run.settings.quota.everyMs,
    cronPeriodMs: CRON_PERIOD_MS['fetch-quota'],
    maxRequestsPerHour: run.settings.quota.maxRequestsPerHour,
  })
  if (decision.do === 'skip') {
    run.count(`skipped_${decision.code}`)
    return fact(decision.code, `${decision.reason}; ${slot.requests.requestedAt.length} requests in the last hour`)
  }
  const token = await usableToken(account, run)
  if ('outcome' in token) return keepAttempt(look, run, token)
  const first = await ask(look, run, token.accessToken)
  if (first.kind !== 'unauthorized') return keepAnswer(look, run, first)
  return afterUnauthorized(look, run, token.accessToken)
}

/** 401: one refresh through the same transaction, then one more try if the budget allows, and no third. */
async function afterUnauthorized(look: QuotaLook, run: Run, rejected: string): Promise<AccountResult> {
  const { refreshLogin } = await import('./refresh-login.ts')
  const login = await refreshLogin(look.account, run, rejected)
  const token = login.usable ? await storedToken(look.account, run) : null
  if (token === null || token === rejected) {
    return keepAttempt(look, run, {
      outcome: 'unauthorized',
      reason: `the API refused the access token, and it could not be renewed: ${login.reason}`,
      failure: login.failure,
    })
  }
  return keepAnswer(look, run, await ask(look, run, token))
}

/** An access token that is not known to be expired: such a one would only burn the budget. */
async function usableToken(account: Account, run: Run): Promise<{ accessToken: string } | AccountResult> {
  if (standingOf(account) === 'active') {
    const token = await storedToken(account, run)
    if (token !== null) return { accessToken: token }
  }
  const { refreshLogin } = await import('./refresh-login.ts')
  const login = await refreshLogin(account, run)
  if (!login.usable) return { outcome: login.outcome, reason: login.reason, failure: login.failure }
  const token = await storedToken(account, run)
  return token === null
    ? { outcome: 'no_token', reason: 'no access token is stored that is good now', failure: null }
    : { accessToken: token }
}

async function storedToken(account: Account, run: Run): Promise<string | null> {
  const { openCredentialStore } = await import('./open-credential-store.ts')
  const store = await openCredentialStore(account, {
    paths: run.paths,
    childEnv: run.environment.childEnv,
    job: run.job,
    signal: run.signal,
  })
  const reading = await store.read()
  if (reading.state !== 'present' || reading.credential.accessToken === '') return null
  return run.clock() < reading.credential.expiresAt ? reading.credential.accessToken : null
}

interface Asked {
  sentAt: number
}

/** Puts the request into the budget before it is sent: a kill in between must not make it uncounted. */
async function ask(look: QuotaLook, run: Run, accessToken: string): Promise<UsageAnswer & Asked> {
  const { fetchUsage } = await import('../sources/usage-endpoint.ts')
  const { account } = look
  const sentAt = run.clock()
  await updateSlot(run.paths, { job: run.job, now: sentAt }, account.slot, account.configDir, present => ({
    ...present,
    observation: sameOwner(present.observation, look) ? present.observation : null,
    requests: withRequest(present.requests, sentAt),
  }))
  run.count('requests')
  const answer = await fetchUsage({
    api: run.settings.endpoints.api,
    accessToken,
    userAgent: run.settings.userAgent ?? `vigil/${VERSION}`,
    deadlineMs: USAGE_TIMEOUT_MS,
    signal: run.signal,
  })
  return { ...answer, sentAt }
}

async function keepAnswer(look: QuotaLook, run: Run, answer: UsageAnswer & Asked): Promise<AccountResult> {
  const { identity } = look
  if (answer.kind === 'figures') {
    const observation: QuotaObservation = {
      measuredAt: answer.sentAt,
      source: 'oauth',
      accountUuid: identity?.accountUuid ?? null,
      organizationUuid: identity?.organizationUuid ?? null,
      windows: answer.windows,
      extraUsage: answer.extraUsage,
    }
    const highest = Math.max(0, ...answer.windows.map(window => window.usedPercent ?? 0))
    run.count('fetched')
    return keepAttempt(look, run, fact('ok', `measured; the fullest window is at ${Math.round(highest)} %`), slot => ({
      ...slot,
      observation,
      requests: withoutRateLimit(slot.requests),
    }))
  }
  if (answer.kind === 'rateLimited') {
    return keepAttempt(look, run, problem('rate_limited', '429; the endpoint wants a pause', 'temporary'), slot => ({
      ...slot,
      requests: withRateLimit(slot.requests, answer.retryAfter, answer.sentAt),
    }))
  }
  if (answer.kind === 'transient') return keepAttempt(look, run, problem('failed', answer.detail, answer.failure))
  if (answer.kind === 'changed') return keepAttempt(look, run, problem('changed', answer.detail, 'bug'))
  if (answer.kind === 'noProfileScope') {
    return keepAttempt(
      look,
      run,
      fact('no_profile_scope', 'this login may not ask for its quota (403); a /login instead of setup-token can'),
    )
  }
  return keepAttempt(
    look,
    run,
    problem('unauthorized', 'the API refused a token that was renewed just now', 'temporary'),
  )
}

/** The attempt goes into the slot beside the figures, which keep their own time. */
async function keepAttempt(
  look: QuotaLook,
  run: Run,
  result: AccountResult,
  change: (slot: Slot) => Slot = slot => slot,
): Promise<AccountResult> {
  const { account } = look
  const at = run.clock()
  await updateSlot(run.paths, { job: run.job, now: at }, account.slot, account.configDir, present => ({
    ...change({ ...present, observation: sameOwner(present.observation, look) ? present.observation : null }),
    lastAttempt: { at, outcome: result.outcome, reason: result.reason },
  }))
  return result
}

function sameOwner(observation: QuotaObservation | null, look: QuotaLook): boolean {
  return !observation?.accountUuid || !look.identity || observation.accountUuid === look.identity.accountUuid
}

function fact(outcome: string, reason: string): AccountResult {
  return { outcome, reason, failure: null }
}

function problem(outcome: string, reason: string, failure: FailureClass): AccountResult {
  return { outcome, reason, failure }
}
