// One account's turn in fetch-quota: may it be asked, with which token, what came back, and what is kept of it.
import { type Account, standingOf } from '../domain/account.ts'
import type { QuotaObservation } from '../domain/quota.ts'
import { withRateLimit } from '../domain/retry-after.ts'
import { type AccountResult, type FailureClass, resultOfError } from '../domain/run-record.ts'
import {
  checkedOwner,
  clockError,
  decideRenewal,
  type Slot,
  takenOver,
  withoutRateLimit,
  withRequest,
} from '../domain/slot.ts'
import { inParallel } from '../edges/in-parallel.ts'
import type { Run } from '../job.ts'
import type { UsageAnswer } from '../sources/usage-endpoint.ts'
import { readIdentity } from '../store/accounts.ts'
import { updateSlot } from '../store/change-slot.ts'
import { QUOTA_CONCURRENCY, RENEW_AGAIN_AFTER_MS, USAGE_TIMEOUT_MS, VERSION } from '../timings.ts'
import { mayAsk, measuredAtOf, type QuotaLook, type QuotaRound, settleOwner } from './quota-round.ts'
import { type StoredLogin, storedLogin } from './stored-login.ts'

/** All that are due, side by side; one account's trouble stays its own. */
export async function observeAll(due: readonly QuotaLook[], round: QuotaRound, run: Run): Promise<void> {
  await inParallel(due, QUOTA_CONCURRENCY, run.signal, async look => {
    run.report(look.account.slot, await observeQuota(look, round, run).catch(resultOfError))
  })
}

/** Asks for one account's figures; keeps the last good ones when that fails. */
async function observeQuota(look: QuotaLook, round: QuotaRound, run: Run): Promise<AccountResult> {
  const stored = await usableLogin(look.account, run)
  if ('outcome' in stored) return keepAttempt(look, run, stored)
  if (settleOwner(look, stored.organizationUuid, run)) {
    const ofTheOther = mayAsk(look, round, run, run.now, measuredAtOf(look, round, run))
    if (ofTheOther !== null) return keepAttempt(look, run, ofTheOther)
  }
  const answer = await ask(look, run, stored.accessToken)
  if (answer.kind !== 'unauthorized') return keepAnswer(look, run, answer)
  return afterUnauthorized(look, round, run, stored.accessToken)
}

/** 401: one refresh through the same transaction, then one more try if the budget allows, and no third. */
async function afterUnauthorized(
  look: QuotaLook,
  round: QuotaRound,
  run: Run,
  rejected: string,
): Promise<AccountResult> {
  const { account } = look
  const { refreshLogin } = await import('./refresh-login.ts')
  const { readLoginState } = await import('../store/login-states.ts')
  let stored = await storedLogin(account, run)
  // Another one in the store is somebody's renewal meanwhile, and needs none of ours.
  if (stored.accessToken === null || stored.accessToken === rejected) {
    if (stored.accessToken === rejected) {
      const { refreshedAt } = readLoginState(run.paths.logins, account)
      const renewal = decideRenewal(refreshedAt, run.clock(), RENEW_AGAIN_AFTER_MS)
      if (renewal.do === 'leave') return keepAttempt(look, run, problem('unauthorized', renewal.reason, 'temporary'))
    }
    const login = await refreshLogin(account, run, rejected)
    if (login.usable) stored = await storedLogin(account, run)
    if (!login.usable || stored.accessToken === null || stored.accessToken === rejected) {
      return keepAttempt(look, run, {
        outcome: 'unauthorized',
        reason: `the API refused the access token, and it could not be renewed: ${login.reason}`,
        failure: login.failure,
      })
    }
  }
  settleOwner(look, stored.organizationUuid, run)
  const spent = mayAsk(look, round, run, run.clock(), null)
  if (spent !== null) return keepAttempt(look, run, { ...spent, reason: `the token was renewed; ${spent.reason}` })
  return keepAnswer(look, run, await ask(look, run, stored.accessToken))
}

/** An access token that is not known to be expired: such a one would only burn the budget. */
async function usableLogin(
  account: Account,
  run: Run,
): Promise<(StoredLogin & { accessToken: string }) | AccountResult> {
  if (standingOf(account) === 'active') {
    const stored = await storedLogin(account, run)
    if (isGood(stored)) return stored
  }
  const { refreshLogin } = await import('./refresh-login.ts')
  const login = await refreshLogin(account, run)
  if (!login.usable) return { outcome: login.outcome, reason: login.reason, failure: login.failure }
  const stored = await storedLogin(account, run)
  return isGood(stored) ? stored : fact('no_token', 'no access token is stored that is good now')
}

function isGood(stored: StoredLogin): stored is StoredLogin & { accessToken: string } {
  return stored.accessToken !== null
}

interface Asked {
  sentAt: number
}

/** Puts the request into the budget before it is sent: a kill in between must not make it uncounted. */
async function ask(look: QuotaLook, run: Run, accessToken: string): Promise<UsageAnswer & Asked> {
  await run.begun
  const { fetchUsage } = await import('../sources/usage-endpoint.ts')
  const { account } = look
  const sentAt = run.clock()
  look.slot = await updateSlot(run.paths, { job: run.job, now: sentAt }, account.slot, account.configDir, present => {
    const own = takenOver(present, look.owner)
    return { ...own, clock: look.slot.clock, requests: withRequest(own.requests, sentAt) }
  })
  run.count('requests')
  const answer = await fetchUsage({
    api: run.settings.endpoints.api,
    accessToken,
    userAgent: run.settings.userAgent ?? `vigil/${VERSION}`,
    deadlineMs: USAGE_TIMEOUT_MS,
    signal: run.signal,
  })
  // It goes to the disk with what becomes of this attempt.
  look.slot = { ...look.slot, clock: clockError(answer.date, sentAt, run.clock()) ?? look.slot.clock }
  return { ...answer, sentAt }
}

async function keepAnswer(look: QuotaLook, run: Run, answer: UsageAnswer & Asked): Promise<AccountResult> {
  if (answer.kind === 'figures') {
    if (await isLoginChanged(look, run)) {
      return keepAttempt(
        look,
        run,
        fact(
          'login_changed',
          'somebody logged in while it was asked, so nobody knows whose figures came; next run measures',
        ),
      )
    }
    const observation: QuotaObservation = {
      measuredAt: answer.sentAt,
      source: 'oauth',
      accountUuid: look.owner?.accountUuid ?? null,
      organizationUuid: look.owner?.organizationUuid ?? null,
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

/** The identity was read at the start, the token after a wait for locks: only one that stayed the same names the owner. */
async function isLoginChanged(look: QuotaLook, run: Run): Promise<boolean> {
  const { configDir, isDefault } = look.account
  const claimed = await readIdentity(configDir, isDefault, run.paths.home)
  const { accountUuid, organizationUuid } = claimed ?? { accountUuid: null, organizationUuid: null }
  if (
    accountUuid === (look.claimed?.accountUuid ?? null) &&
    organizationUuid === (look.claimed?.organizationUuid ?? null)
  )
    return false
  look.claimed = claimed
  look.owner = checkedOwner(claimed, null)
  return true
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
  look.slot = await updateSlot(run.paths, { job: run.job, now: at }, account.slot, account.configDir, present => ({
    ...change(takenOver(present, look.owner)),
    clock: look.slot.clock,
    lastAttempt: { at, outcome: result.outcome, reason: result.reason },
  }))
  return result
}

function fact(outcome: string, reason: string): AccountResult {
  return { outcome, reason, failure: null }
}

function problem(outcome: string, reason: string, failure: FailureClass): AccountResult {
  return { outcome, reason, failure }
}
