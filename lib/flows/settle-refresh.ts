// What an answer of the token endpoint turns into: new tokens in Claude Code's store, a login that is over, or a try that
// failed. The journal goes last, so that a kill anywhere in between is gone on from here.
import { join } from 'node:path'
import { loginCommand } from '../domain/account.ts'
import { withNewTokens } from '../domain/credential.ts'
import type { PreparedWrite, StoreReading } from '../domain/credential-store.ts'
import { withEnd, withFailure, withSuccess } from '../domain/login-state.ts'
import { type FailureClass, resultOfError } from '../domain/run-record.ts'
import { type ClaudeLock, takeClaudeLock } from '../edges/claude-locks.ts'
import { NotDurableError } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { type RawTokenAnswer, readTokenAnswer, type TokenAnswer } from '../sources/token-endpoint.ts'
import { fingerprint, loginKey, removePointer, saveLoginState } from '../store/login-states.ts'
import { clearJournal, type RefreshIntent, type RefreshJournal } from '../store/refresh-journal.ts'
import { rememberSpent } from '../store/spent-tokens.ts'
import { RESCUE_MS, WRITE_LOCK_WAIT_MS } from '../timings.ts'
import { applyStanding, inTheWay, type LoginLook, type LoginResult, storedFingerprint } from './refresh-login.ts'

export interface Settlement {
  look: LoginLook
  run: Run
  path: string
  intent: RefreshIntent
  raw: RawTokenAnswer
  prepared?: PreparedWrite
  /** Given where the answer could not be put into it: then these tokens are nowhere but in this process. */
  rescue?: RefreshJournal
}

/** Turns an answer into what the store, the registry and the record say. The journal goes last. */
export async function settle(settlement: Settlement): Promise<LoginResult> {
  const { look, run, path, raw, intent } = settlement
  const { account } = look
  const answer: TokenAnswer = readTokenAnswer(raw)
  // While the journal stands: after a kill between the two, no run would have a reason to look beside the store again.
  if (answer.kind !== 'tokens') await settlement.prepared?.discard()
  switch (answer.kind) {
    case 'tokens':
      return storeTokens(settlement, answer)
    case 'invalidGrant':
      return loginIsOver(
        look,
        run,
        path,
        intent.fingerprint,
        intent.recovery ? 'refresh_interrupted' : 'session_expired',
      )
    case 'inDoubt':
      await saveLoginState(run.paths.logins, withFailure(look.state, null, run.clock()))
      return failed('in_doubt', answer.detail, 'bug', look, run)
    case 'transient': {
      const state = withFailure(look.state, answer.retryAfterMs, run.clock())
      await saveLoginState(run.paths.logins, state)
      await forget(look, run, path)
      const until =
        state.notBefore === null ? 'the next run tries again' : `next try at ${new Date(state.notBefore).toISOString()}`
      return failed('transient', `${answer.detail}; ${until}`, answer.failure, look, run)
    }
    case 'invalidScope':
    case 'refused': {
      await saveLoginState(run.paths.logins, withFailure(look.state, null, run.clock()))
      await forget(look, run, path)
      const detail =
        answer.kind === 'refused'
          ? answer.detail
          : 'the token endpoint refused the scopes, and the request without them too'
      return failed('refused', `${detail}; ${account.slot} itself is not at fault`, 'bug', look, run)
    }
  }
}

/** Nothing is unfinished any more. The pointer goes after the journal: without it nobody would look for that. */
export async function forget(look: LoginLook, run: Run, path: string): Promise<void> {
  await clearJournal(path)
  removePointer(run.paths.refreshing, loginKey(look.store))
}

/** The same where the token that was sent is used up, or may be: a copy of this login must not send it again. */
export async function forgetSpent(look: LoginLook, run: Run, path: string, print: string): Promise<void> {
  await rememberSpent(run.paths, { job: run.job, now: run.clock() }, print)
  await forget(look, run, path)
}

/** New tokens into Claude Code's store, if it still holds the token that was sent; else what is there is newer than ours. */
async function storeTokens(settlement: Settlement, answer: TokenAnswer & { kind: 'tokens' }): Promise<LoginResult> {
  const { look, run, path, intent } = settlement
  const { account } = look
  const writeLock = await takeWriteLock(settlement)
  let outcome: LoginResult | null
  try {
    outcome = await commit(settlement, answer)
    // The journal has not got them either: as long as this process may live, it goes on trying.
    const until = run.clock() + RESCUE_MS
    while (outcome?.outcome === 'not_stored' && settlement.rescue && run.clock() < until && !run.signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, 1000))
      outcome = (await journaled(settlement)) ? outcome : await commit({ ...settlement, prepared: undefined }, answer)
    }
  } finally {
    await writeLock?.release()
  }
  if (outcome !== null) return outcome
  const written = await look.store.read()
  const endsAt = written.state === 'present' ? written.credential.refreshTokenExpiresAt : null
  const renewed = answer.tokens.refreshToken !== null && fingerprint(answer.tokens.refreshToken) !== intent.fingerprint
  if (renewed) await rememberSpent(run.paths, { job: run.job, now: run.clock() }, intent.fingerprint)
  const tokens = { accessEndsAt: answer.tokens.expiresAt, isNew: account.status === 'inactive' }
  await saveLoginState(run.paths.logins, withSuccess(look.state, run.clock(), endsAt, tokens))
  await applyStanding(account, 'active', run)
  await forget(look, run, path)
  run.count('refreshed')
  const minutes = Math.floor((answer.tokens.expiresAt - run.clock()) / 60_000)
  return { outcome: 'refreshed', reason: `good for ${minutes} min`, failure: null, usable: true }
}

/**
 * A store that still held the spent token would end the login at Claude Code's next refresh. So a write lock that is not
 * to be had (forgotten by somebody, or no room for it) is gone without: the compare-and-swap alone has to do.
 */
async function takeWriteLock({ look, run }: Settlement): Promise<ClaudeLock | null> {
  const { slot } = look.account
  try {
    const lock = await takeClaudeLock(join(look.configDir, '.storage-write.lock'), WRITE_LOCK_WAIT_MS, run.clock)
    if (lock.held) return lock
    run.log('warn', `${slot}: ${inTheWay(lock, run)}; storing the new tokens without it`)
  } catch (error) {
    run.log(
      'warn',
      `${slot}: the write lock cannot be made (${(error as Error).message}); storing the new tokens without it`,
    )
  }
  return null
}

async function journaled({ rescue, raw }: Settlement): Promise<boolean> {
  try {
    await rescue?.putAnswer(raw)
    return rescue !== undefined
  } catch {
    return false // As before; the store is tried again next.
  }
}

/** One try. null: the store holds the new tokens, read back. */
async function commit(settlement: Settlement, answer: TokenAnswer & { kind: 'tokens' }): Promise<LoginResult | null> {
  const { look, run, path, intent, prepared: reserved, rescue } = settlement
  const { store } = look
  const where = rescue ? 'new tokens are only in this run' : 'new tokens wait in the journal'
  const now = await store.read()
  const stored = storedFingerprint(now)
  if (now.state === 'present' && stored !== intent.fingerprint) {
    await reserved?.discard()
    await forgetSpent(look, run, path, intent.fingerprint)
    return stored === null
      ? // Claude Code logged it out while we asked: what a person ended is not brought back.
        {
          outcome: 'logged_out',
          reason: `it was logged out meanwhile; run: ${loginCommand(look.account, run.paths.home)}`,
          failure: null,
          usable: false,
        }
      : adopted({ outcome: 'adopted', reason: '', failure: null, usable: true })
  }
  if (now.state !== 'present')
    return failed('not_stored', `${where}, for the store cannot take them: ${detailOf(now)}`, 'permission')
  let prepared: PreparedWrite | null = null
  try {
    prepared = reserved ?? (await store.prepareWrite(now.blob))
    await prepared.commit(withNewTokens(now.blob, answer.tokens))
  } catch (error) {
    if (!(error instanceof NotDurableError)) {
      return {
        ...resultOfError(error),
        usable: true,
        outcome: 'not_stored',
        reason: `${where}: ${(error as Error).message}`,
      }
    }
    run.log('warn', `${look.account.slot}: ${error.message}`)
  } finally {
    await prepared?.discard()
  }
  const written = await store.read()
  const wanted = answer.tokens.refreshToken ?? now.credential.refreshToken
  const holds =
    written.state === 'present' &&
    written.credential.refreshToken === wanted &&
    written.credential.accessToken === answer.tokens.accessToken
  return holds ? null : failed('not_stored', `${where}: ${store.name} does not hold them after the write`, 'disk')
}

function detailOf(reading: StoreReading): string {
  return 'detail' in reading ? reading.detail : 'nothing is stored there any more'
}

/**
 * The login is over, if the store still holds the very token that says so. Where it cannot be read now, nothing is certain,
 * and everything stays for the next run.
 */
export async function loginIsOver(
  look: LoginLook,
  run: Run,
  path: string,
  print: string,
  reason: 'session_expired' | 'refresh_interrupted' | 'copied_login',
): Promise<LoginResult> {
  const { account } = look
  const now = await look.store.read()
  const stored = storedFingerprint(now)
  if (stored !== null && stored !== print) {
    await forget(look, run, path)
    return adopted({ outcome: 'adopted', reason: '', failure: null, usable: true })
  }
  if (now.state === 'unknown' || now.state === 'refused' || now.state === 'corrupt') {
    return failed(
      'in_doubt',
      `the endpoint says that the login is over, but the store cannot be read again: ${now.detail}`,
      'temporary',
    )
  }
  await saveLoginState(run.paths.logins, withEnd(look.state, { fingerprint: print, reason, at: run.clock() }))
  await applyStanding(account, reason, run)
  await (reason === 'refresh_interrupted' ? forgetSpent(look, run, path, print) : forget(look, run, path))
  run.count('ended')
  return {
    outcome: 'ended',
    reason: `${WHY_OVER[reason]}; run: ${loginCommand(account, run.paths.home)}`,
    failure: null,
    usable: false,
  }
}

const WHY_OVER = {
  session_expired: 'the login is over (invalid_grant)',
  refresh_interrupted: 'a refresh was cut off between sending and receiving, and the login did not survive it',
  copied_login:
    'it holds a token that was used up elsewhere (a copied directory, or an old backup), which is not sent again',
}

/** Somebody else renewed or replaced the login meanwhile: theirs stands. */
export function adopted(result: LoginResult): LoginResult {
  const detail = result.reason === '' ? 'it is left as it is' : result.reason
  return { ...result, outcome: 'adopted', reason: `another renewed it meanwhile; ${detail}` }
}

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
