// The refresh transaction: locks -> read again -> reserve -> intent -> one POST -> answer on disk -> store -> clear.
// A refresh token can be spent once. Every step leaves on disk what the next run needs to go on from a kill right there.

import { join } from 'node:path'
import { type Account, loginCommand, tildePath } from '../domain/account.ts'
import { withNewTokens } from '../domain/credential.ts'
import type { PreparedWrite } from '../domain/credential-store.ts'
import { type LoginState, withFailure, withSuccess } from '../domain/login-state.ts'
import { type FailureClass, resultOfError } from '../domain/run-record.ts'
import { type ClaudeLock, type ClaudeLockBusy, takeClaudeLock } from '../edges/claude-locks.ts'
import { realpathSync } from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import { NotDurableError } from '../edges/publish.ts'
import type { Run } from '../job.ts'
import { postRefresh, type RawTokenAnswer, readTokenAnswer, type TokenAnswer } from '../sources/token-endpoint.ts'
import { saveLoginState } from '../store/login-states.ts'
import {
  beginJournal,
  clearJournal,
  fingerprint,
  journalPath,
  loginKey,
  type RefreshIntent,
  type RefreshJournal,
  readJournal,
} from '../store/refresh-journal.ts'
import { LOCK_WAIT_MS, TOKEN_TERM_GRACE_MS, TOKEN_TIMEOUT_MS, WRITE_LOCK_WAIT_MS } from '../timings.ts'
import { VERSION } from '../version.ts'
import {
  applyStanding,
  type LoginLook,
  type LoginResult,
  lookAtLogin,
  settleWithoutRefresh,
  storedFingerprint,
} from './refresh-login.ts'

/** Takes all locks, in Claude Code's order, and refreshes what is still due under them. */
export async function refreshUnderLocks(
  account: Account,
  run: Run,
  rejectedAccessToken?: string,
): Promise<LoginResult> {
  // By directory: two slots on one directory are one login.
  const lockPath = join(run.paths.locks, `account-${loginKey(account.configDir)}.lock`)
  const own = await waitForLock(lockPath, { job: run.job, now: run.clock() }, LOCK_WAIT_MS, run.signal)
  if (!own.held)
    return busy(`vigil's ${own.holder?.job ?? 'other job'} (pid ${own.holder?.pid ?? 'unknown'}) is at this login`)
  const held: ClaudeLock[] = []
  try {
    const realDir = realDirectory(account.configDir)
    if (realDir === null) {
      await clearJournal(journalPath(run.paths.journal, account.configDir))
      return await settleWithoutRefresh(await lookAtLogin(account, run), run)
    }
    // Claude Code's order: its refresh lock, then the older one beside the directory. Released in reverse.
    for (const path of [join(account.configDir, '.oauth_refresh.lock'), `${realDir}.lock`]) {
      const lock = await takeClaudeLock(path, LOCK_WAIT_MS, run.clock, run.signal)
      if (!lock.held) return busy(inTheWay(lock, run))
      held.push(lock)
    }
    const lost = AbortSignal.any(held.map(lock => lock.lost))
    return await refreshLocked(account, run, lost, rejectedAccessToken)
  } finally {
    for (const lock of held.reverse()) {
      await lock.release().catch(error => run.log('warn', `a lock was not given back: ${(error as Error).message}`))
    }
    own.release()
  }
}

/** null: the directory is gone. */
function realDirectory(configDir: string): string | null {
  try {
    return realpathSync(configDir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function refreshLocked(
  account: Account,
  run: Run,
  lost: AbortSignal,
  rejectedAccessToken?: string,
): Promise<LoginResult> {
  const path = journalPath(run.paths.journal, account.configDir)
  const look = await lookAtLogin(account, run, rejectedAccessToken)
  await look.store.cleanUp()
  // Nothing can be said of the store just now: what the journal holds is worth more than a clean folder.
  if (look.plan.do === 'report') return settleWithoutRefresh(look, run)
  const found = readJournal(path)
  const stored = storedFingerprint(look.reading)
  const untouched = (found.state === 'answered' || found.state === 'intent') && found.intent.fingerprint === stored
  const answer = untouched && found.state === 'answered' ? readTokenAnswer(found.answer).kind : null
  if (untouched && found.state === 'answered' && answer !== 'inDoubt' && answer !== 'invalidScope') {
    run.log(
      'info',
      `${account.slot}: an answer of ${new Date(found.answer.receivedAt).toISOString()} was still to be stored`,
    )
    return settle({ look, run, path, intent: found.intent, raw: found.answer })
  }
  const recovery = untouched && answer !== 'invalidScope'
  if (found.state !== 'absent' && !recovery) {
    // The store moved on (a new login, another refresher) or the journal says nothing: it has no more to give.
    await clearJournal(path)
  }
  if (recovery && run.settings.refresh === 'off') {
    return failed('in_doubt', 'a refresh was cut off earlier, and refresh is off now', 'temporary')
  }
  if (look.plan.do !== 'refresh' && !recovery) {
    const result = await settleWithoutRefresh(look, run)
    return result.outcome === 'fresh'
      ? { ...result, outcome: 'adopted', reason: `another refreshed it meanwhile; ${result.reason}` }
      : result
  }
  if (recovery && look.plan.do === 'nothing' && ['waiting', 'paused'].includes(look.plan.outcome))
    return settleWithoutRefresh(look, run)
  if (run.signal.aborted) return failed('stopped', 'told to stop before it was begun', 'temporary')
  return sendOnce(look, run, path, recovery, lost)
}

async function sendOnce(
  look: LoginLook,
  run: Run,
  path: string,
  recovery: boolean,
  lost: AbortSignal,
): Promise<LoginResult> {
  if (look.reading.state !== 'present') throw new Error('nothing is stored that could be refreshed')
  const { account, store, reading } = look
  const refreshToken = reading.credential.refreshToken!
  const intent: RefreshIntent = {
    schema: 1,
    slot: account.slot,
    configDir: account.configDir,
    isDefault: account.isDefault,
    fingerprint: fingerprint(refreshToken),
    at: run.clock(),
    recovery,
  }
  let prepared: PreparedWrite | null = null
  let journal: RefreshJournal | null = null
  try {
    prepared = await store.prepareWrite(reading.blob)
    journal = await beginJournal(path, intent)
    if (lost.aborted) {
      await clearJournal(path)
      return busy('another program took over the lock of this login')
    }
    run.count('posts')
    let raw = await post(refreshToken, reading.credential.scopes, run)
    if ('status' in raw && readTokenAnswer(raw).kind === 'invalidScope') {
      await journal.putIntent(intent)
      run.count('posts')
      raw = await post(refreshToken, null, run)
    }
    if (!('status' in raw)) return await noAnswer(look, run, path, raw)
    await journal.putAnswer(raw).catch(error => {
      // Still in our hands: storing it now is all the more urgent.
      run.log('warn', `${account.slot}: the answer could not be put into the journal: ${(error as Error).message}`)
    })
    return await settle({ look, run, path, intent, raw, prepared })
  } catch (error) {
    if (journal === null && recovery === false) await clearJournal(path).catch(() => undefined) // Nothing was sent; what stays is harmless.
    return { ...resultOfError(error), usable: false }
  } finally {
    await prepared?.discard()
    journal?.close()
  }
}

/** One POST. Told to stop, it may still finish: a login in doubt is worse than a stop some seconds later. */
async function post(refreshToken: string, scopes: string[] | null, run: Run) {
  const patient = new AbortController()
  let grace: NodeJS.Timeout | undefined
  const onStop = () => {
    grace = setTimeout(() => patient.abort(), TOKEN_TERM_GRACE_MS)
  }
  run.signal.addEventListener('abort', onStop, { once: true })
  try {
    return await postRefresh({
      url: run.settings.endpoints.token,
      refreshToken,
      scopes,
      userAgent: run.settings.userAgent ?? `vigil/${VERSION}`,
      deadlineMs: TOKEN_TIMEOUT_MS,
      signal: patient.signal,
      clock: run.clock,
    })
  } finally {
    clearTimeout(grace)
    run.signal.removeEventListener('abort', onStop)
  }
}

async function noAnswer(
  look: LoginLook,
  run: Run,
  path: string,
  failure: { sent: boolean; message: string },
): Promise<LoginResult> {
  const { paths } = run
  if (!failure.sent) {
    await saveLoginState(paths.logins, withFailure(look.state, null, run.clock()))
    await clearJournal(path)
    return failed('transient', `the token endpoint was not reached: ${failure.message}`, 'network', look, run)
  }
  // The intent stays in the journal: the next run looks at the store first and then tries the stored token once.
  const now = await lookAtLogin(look.account, run)
  if (storedFingerprint(now.reading) !== storedFingerprint(look.reading)) {
    await clearJournal(path)
    return settleWithoutRefresh(now, run)
  }
  await saveLoginState(paths.logins, withFailure(look.state, null, run.clock()))
  return failed(
    'in_doubt',
    `no answer after the token was sent (${failure.message}); the next run finds out`,
    'network',
    look,
    run,
  )
}

interface Settlement {
  look: LoginLook
  run: Run
  path: string
  intent: RefreshIntent
  raw: RawTokenAnswer
  prepared?: PreparedWrite
}

/** Turns an answer into what the store, the registry and the record say. The journal goes last. */
async function settle(settlement: Settlement): Promise<LoginResult> {
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

function inTheWay(lock: ClaudeLockBusy, run: Run): string {
  const beat = lock.lastBeatAgoMs === null ? 'just now' : `${Math.round(lock.lastBeatAgoMs / 1000)} s ago`
  return `another program, most likely Claude Code, holds ${tildePath(lock.lockPath, run.paths.home)} (last sign of life ${beat})`
}

function busy(reason: string): LoginResult {
  return { outcome: 'busy', reason: `${reason}; left to the next run`, failure: 'temporary', usable: false }
}

/** A try that failed does not make the access token bad: it is usable to its end. */
function failed(outcome: string, reason: string, failure: FailureClass, look?: LoginLook, run?: Run): LoginResult {
  const usable =
    look?.reading.state === 'present' && run !== undefined && run.clock() < look.reading.credential.expiresAt
  return { outcome, reason, failure, usable }
}
