// What an answer of the token endpoint turns into: new tokens in Claude Code's store, a login that is over, or a try that
// failed. The journal goes last, so that a kill anywhere in between is gone on from here.
import { join } from 'node:path'
import { loginCommand } from '../domain/account.ts'
import { withNewTokens } from '../domain/credential.ts'
import type { PreparedWrite } from '../domain/credential-store.ts'
import { type LoginState, withFailure, withSuccess } from '../domain/login-state.ts'
import { type FailureClass, resultOfError } from '../domain/run-record.ts'
import { takeClaudeLock } from '../edges/claude-locks.ts'
import { NotDurableError } from '../edges/publish.ts'
import type { Run } from '../job.ts'
import { type RawTokenAnswer, readTokenAnswer, type TokenAnswer } from '../sources/token-endpoint.ts'
import { saveLoginState } from '../store/login-states.ts'
import { clearJournal, fingerprint, type RefreshIntent } from '../store/refresh-journal.ts'
import { WRITE_LOCK_WAIT_MS } from '../timings.ts'
import {
  applyStanding,
  inTheWay,
  type LoginLook,
  type LoginResult,
  lookAtLogin,
  settleWithoutRefresh,
  storedFingerprint,
} from './refresh-login.ts'

export interface Settlement {
  look: LoginLook
  run: Run
  path: string
  intent: RefreshIntent
  raw: RawTokenAnswer
  prepared?: PreparedWrite
}

/** Turns an answer into what the store, the registry and the record say. The journal goes last. */
export async function settle(settlement: Settlement): Promise<LoginResult> {
  const { look, run, path, raw } = settlement
  const { account } = look
  const answer: TokenAnswer = readTokenAnswer(raw)
  // While the journal stands: after a kill between the two, no run would have a reason to look beside the store again.
  if (answer.kind !== 'tokens') await settlement.prepared?.discard()
  switch (answer.kind) {
    case 'tokens':
      return storeTokens(settlement, answer)
    case 'invalidGrant':
      return loginIsOver(settlement)
    case 'inDoubt':
      await saveLoginState(run.paths.logins, withFailure(look.state, null, run.clock()))
      return failed('in_doubt', answer.detail, 'bug', look, run)
    case 'transient': {
      const state = withFailure(look.state, answer.retryAfterMs, run.clock())
      await saveLoginState(run.paths.logins, state)
      await clearJournal(path)
      const until =
        state.notBefore === null ? 'the next run tries again' : `next try at ${new Date(state.notBefore).toISOString()}`
      return failed('transient', `${answer.detail}; ${until}`, answer.failure, look, run)
    }
    case 'invalidScope':
    case 'refused': {
      await saveLoginState(run.paths.logins, withFailure(look.state, null, run.clock()))
      await clearJournal(path)
      const detail =
        answer.kind === 'refused'
          ? answer.detail
          : 'the token endpoint refused the scopes, and the request without them too'
      return failed('refused', `${detail}; ${account.slot} itself is not at fault`, 'bug', look, run)
    }
  }
}

/** New tokens into Claude Code's store, if it still holds the token that was sent; else what is there is newer than ours. */
async function storeTokens(settlement: Settlement, answer: TokenAnswer & { kind: 'tokens' }): Promise<LoginResult> {
  const { look, run, path, intent } = settlement
  const { account, store } = look
  const writeLock = await takeClaudeLock(join(account.configDir, '.storage-write.lock'), WRITE_LOCK_WAIT_MS, run.clock)
  // A store that still held the spent token would end the login at Claude Code's next refresh: after a long wait for a
  // lock that somebody forgot, the compare-and-swap alone has to do.
  if (!writeLock.held)
    run.log('warn', `${account.slot}: ${inTheWay(writeLock, run)}; storing the new tokens without it`)
  let state: LoginState
  try {
    const now = await store.read()
    const holdsSent =
      now.state === 'present' &&
      now.credential.refreshToken !== null &&
      fingerprint(now.credential.refreshToken) === intent.fingerprint
    if (now.state === 'present' && !holdsSent) {
      await settlement.prepared?.discard()
      await clearJournal(path)
      return {
        outcome: 'adopted',
        reason: 'another login was stored meanwhile; it is left as it is',
        failure: null,
        usable: true,
      }
    }
    if (now.state !== 'present') {
      const detail = 'detail' in now ? now.detail : 'nothing is stored there any more'
      return failed(
        'not_stored',
        `new tokens wait in the journal, for the store cannot take them: ${detail}`,
        'permission',
      )
    }
    const prepared = settlement.prepared ?? (await store.prepareWrite(now.blob))
    try {
      await prepared.commit(withNewTokens(now.blob, answer.tokens))
    } catch (error) {
      if (!(error instanceof NotDurableError)) {
        return {
          ...resultOfError(error),
          usable: true,
          outcome: 'not_stored',
          reason: `new tokens wait in the journal: ${(error as Error).message}`,
        }
      }
      run.log('warn', `${account.slot}: ${error.message}`)
    } finally {
      await prepared.discard()
    }
    const written = await store.read()
    const wanted = answer.tokens.refreshToken ?? now.credential.refreshToken
    if (
      written.state !== 'present' ||
      written.credential.refreshToken !== wanted ||
      written.credential.accessToken !== answer.tokens.accessToken
    ) {
      return failed(
        'not_stored',
        `new tokens wait in the journal: ${store.name} does not hold them after the write`,
        'disk',
      )
    }
    state = withSuccess(look.state, run.clock(), written.credential.refreshTokenExpiresAt)
  } finally {
    if (writeLock.held) await writeLock.release()
  }
  await saveLoginState(run.paths.logins, state)
  await applyStanding(account, 'active', run)
  await clearJournal(path)
  run.count('refreshed')
  const minutes = Math.floor((answer.tokens.expiresAt - run.clock()) / 60_000)
  return { outcome: 'refreshed', reason: `good for ${minutes} min`, failure: null, usable: true }
}

async function loginIsOver(settlement: Settlement): Promise<LoginResult> {
  const { look, run, path, intent } = settlement
  const { account } = look
  const now = await lookAtLogin(account, run)
  if (
    now.reading.state === 'present' &&
    storedFingerprint(now.reading) !== null &&
    storedFingerprint(now.reading) !== intent.fingerprint
  ) {
    await clearJournal(path)
    const result = await settleWithoutRefresh(now.plan.do === 'refresh' ? { ...now, plan: adoptedPlan } : now, run)
    return { ...result, outcome: 'adopted', reason: `another refreshed it meanwhile; ${result.reason}` }
  }
  const reason = intent.recovery ? 'refresh_interrupted' : 'session_expired'
  const at = run.clock()
  await saveLoginState(run.paths.logins, {
    ...look.state,
    dead: { fingerprint: intent.fingerprint, reason, at },
    failures: 0,
    notBefore: null,
  })
  await applyStanding(account, reason, run)
  await clearJournal(path)
  run.count('ended')
  const why = intent.recovery
    ? 'a refresh was cut off between sending and receiving, and the login did not survive it'
    : 'the login is over (invalid_grant)'
  return {
    outcome: 'ended',
    reason: `${why}; run: ${loginCommand(account, run.paths.home)}`,
    failure: null,
    usable: false,
  }
}

const adoptedPlan = { do: 'nothing', outcome: 'fresh', reason: 'the next run refreshes it', standing: null } as const

/** A try that failed does not make the access token bad: it is usable to its end. */
export function failed(
  outcome: string,
  reason: string,
  failure: FailureClass,
  look?: LoginLook,
  run?: Run,
): LoginResult {
  const usable =
    look?.reading.state === 'present' && run !== undefined && run.clock() < look.reading.credential.expiresAt
  return { outcome, reason, failure, usable }
}
