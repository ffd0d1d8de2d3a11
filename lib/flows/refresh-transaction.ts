// The refresh transaction: locks -> read again -> reserve, rehearse -> intent -> one POST -> answer on disk -> store ->
// clear. A refresh token can be spent once. Every step leaves on disk what the next run needs to go on from a kill there.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { PreparedWrite } from '../domain/credential-store.ts'
import { withFailure } from '../domain/login-state.ts'
import { resultOfError } from '../domain/run-record.ts'
import { type ClaudeLock, takeClaudeLock } from '../edges/claude-locks.ts'
import { realpathSync } from '../edges/fs.ts'
import type { HttpFailure } from '../edges/http.ts'
import { type LockResult, waitForLock } from '../edges/kernel-lock.ts'
import type { Run } from '../job.ts'
import { postRefresh, type RawTokenAnswer, readTokenAnswer } from '../sources/token-endpoint.ts'
import { fingerprint, loginKey, otherSender, pointTo, saveLoginState } from '../store/login-states.ts'
import { beginJournal, journalPath, type RefreshIntent, type RefreshJournal } from '../store/refresh-journal.ts'
import { isSpent } from '../store/spent-tokens.ts'
import { LOCK_WAIT_MS, TOKEN_TERM_GRACE_MS, TOKEN_TIMEOUT_MS, VERSION } from '../timings.ts'
import {
  inTheWay,
  type LoginLook,
  type LoginPlace,
  type LoginResult,
  lookAtLogin,
  settleWithoutRefresh,
  storedFingerprint,
} from './refresh-login.ts'
import { adopted, failed, forget, forgetSpent, loginIsOver, settle } from './settle-refresh.ts'
import { findJournal, placeOf } from './unfinished-refresh.ts'

export interface RefreshWish {
  /** An access token that the API refused: refresh it if it is still the stored one, due or not. */
  rejectedAccessToken?: string
  /** Finish what a journal holds, and refresh nothing else. */
  onlyUnfinished?: boolean
}

/** Takes all locks, in Claude Code's order, and refreshes what is still due under them. */
export async function refreshUnderLocks(account: Account, run: Run, wish: RefreshWish): Promise<LoginResult> {
  await run.begun
  // A person may set a link to another login at any moment; the tokens have to go where the one that is sent came from.
  const store = (await lookAtLogin(account, run)).store.pinned()
  // By the store's real place: two names of one login are one login.
  const lockPath = join(run.paths.locks, `account-${loginKey(store)}.lock`)
  const own = await waitForLock(lockPath, { job: run.job, now: run.clock() }, LOCK_WAIT_MS, run.signal)
  if (!own.held)
    return busy(`vigil's ${own.holder?.job ?? 'other job'} (pid ${own.holder?.pid ?? 'unknown'}) is at this login`)
  const held: ClaudeLock[] = []
  try {
    const directory = store.directory()
    if (directory === null) {
      // Gone, or not mounted just now. A journal in there is where its login is; nothing is forgotten here.
      const look = await lookAtLogin(account, run)
      return await settleWithoutRefresh(look, run)
    }
    const place = { store, configDir: realpathSync(account.configDir) }
    for (const path of claudeLockPaths(place)) {
      const lock = await takeClaudeLock(path, LOCK_WAIT_MS, run.clock, run.signal)
      if (!lock.held) return busy(inTheWay(lock, run))
      held.push(lock)
    }
    const lost = AbortSignal.any(held.map(lock => lock.lost))
    return await refreshLocked(account, run, lost, wish, place)
  } finally {
    for (const lock of held.reverse()) {
      await lock.release().catch(error => run.log('warn', `a lock was not given back: ${(error as Error).message}`))
    }
    own.release()
  }
}

/** In the order in which Claude Code takes them: the first in the directory, the second beside the real one. */
function claudeLockPaths({ configDir }: LoginPlace): string[] {
  return [join(configDir, '.oauth_refresh.lock'), `${configDir}.lock`]
}

async function refreshLocked(
  account: Account,
  run: Run,
  lost: AbortSignal,
  wish: RefreshWish,
  place: LoginPlace,
): Promise<LoginResult> {
  const look = await lookAtLogin(account, run, wish.rejectedAccessToken, place)
  const path = journalPath(look.store)
  // Nothing can be said of the store just now: what the journal holds is worth more than a clean folder.
  if (path === null || look.plan.do === 'report') return settleWithoutRefresh(look, run)
  await look.store.cleanUp()
  const stored = storedFingerprint(look.reading)
  const found = await findJournal(look, run, path, stored)
  const untouched = (found.state === 'answered' || found.state === 'intent') && found.intent.fingerprint === stored
  const answer = found.state === 'answered' ? readTokenAnswer(found.answer).kind : null
  if (untouched && found.state === 'answered' && answer !== 'inDoubt' && answer !== 'invalidScope') {
    run.log(
      'info',
      `${account.slot}: an answer of ${new Date(found.answer.receivedAt).toISOString()} was still to be stored`,
    )
    return settle({ look, run, path, intent: found.intent, raw: found.answer })
  }
  const recovery = untouched && answer !== 'invalidScope'
  if (!recovery) {
    // Tokens that came for a store which holds no login now may still be all there is of it: kept until another is there.
    if (answer === 'tokens' && stored === null) {
      const settled = await settleWithoutRefresh(look, run)
      return {
        ...settled,
        reason: `${settled.reason}; tokens of an unfinished refresh are kept until a login is there`,
      }
    }
    // The store moved on from the token that was sent, or may have been.
    const moved = found.state === 'intent' || answer === 'tokens' || answer === 'inDoubt'
    await ('intent' in found && moved
      ? forgetSpent(look, run, path, found.intent.fingerprint)
      : forget(look, run, path))
  }
  if (recovery && run.settings.refresh === 'off') {
    return failed('in_doubt', 'a refresh was cut off earlier, and refresh is off now', 'temporary')
  }
  if (look.plan.do === 'nothing' && (!recovery || ['waiting', 'paused'].includes(look.plan.outcome))) {
    const result = await settleWithoutRefresh(look, run)
    return result.outcome === 'fresh' && wish.onlyUnfinished !== true ? adopted(result) : result
  }
  if (!recovery && wish.onlyUnfinished)
    return { outcome: 'left', reason: 'nothing was unfinished', failure: null, usable: false }
  if (run.signal.aborted) return stopped()
  return underTokenLock(look, run, path, recovery, lost)
}

/** Two stores that hold the same token (a copied directory) must not both send it. */
async function underTokenLock(
  look: LoginLook,
  run: Run,
  path: string,
  recovery: boolean,
  lost: AbortSignal,
): Promise<LoginResult> {
  const print = storedFingerprint(look.reading)!
  const lockPath = join(run.paths.locks, `token-${print.slice(0, 16)}.lock`)
  const lock: LockResult = await waitForLock(lockPath, { job: run.job, now: run.clock() }, LOCK_WAIT_MS, run.signal)
  if (!lock.held) return busy('another account is sending the very same token just now: one is a copy of the other')
  try {
    // In this order: the other one says that the token is spent before it says that it has finished.
    const sender = otherSender(run.paths.refreshing, loginKey(look.store), print)
    if (sender !== null)
      return busy(`${sender} sent the very same token and has not finished: one is a copy of the other`)
    if (!recovery && isSpent(run.paths.logins, print)) return await loginIsOver(look, run, path, print, 'copied_login')
    return await sendOnce(look, run, path, recovery, lost)
  } finally {
    lock.release()
  }
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
  const { slot, isDefault } = account
  const configDir = placeOf(look)
  const intent: RefreshIntent = {
    schema: 1,
    slot,
    configDir,
    isDefault,
    fingerprint: fingerprint(refreshToken),
    at: run.clock(),
    recovery,
  }
  let prepared: PreparedWrite | null = null
  let journal: RefreshJournal | null = null
  try {
    prepared = await store.prepareWrite(reading.blob)
    const refusal = await rehearse(look, run, prepared)
    if (refusal) return refusal
    await pointTo(run.paths.refreshing, loginKey(store), intent)
    journal = await beginJournal(path, intent)
    if (lost.aborted || run.signal.aborted) {
      if (!recovery) await forget(look, run, path)
      return lost.aborted ? busy('another program took over the lock of this login') : stopped()
    }
    run.count('posts')
    let raw = await post(refreshToken, reading.credential.scopes, run)
    if ('status' in raw && readTokenAnswer(raw).kind === 'invalidScope' && !run.signal.aborted) {
      await journal.putIntent(intent)
      run.count('posts')
      raw = await post(refreshToken, null, run)
    }
    if (!('status' in raw)) return await noAnswer(look, run, path, raw)
    const journaled = await put(journal, raw, look, run)
    return await settle({ look, run, path, intent, raw, prepared, ...(journaled ? {} : { rescue: journal }) })
  } catch (error) {
    // Nothing was sent; what stays is harmless.
    if (journal === null && !recovery) await forget(look, run, path).catch(() => undefined)
    return { ...resultOfError(error), usable: false }
  } finally {
    await prepared?.discard()
    journal?.close()
  }
}

/** Puts what is stored in its own place once more: a store that cannot be written shows while nothing is spent. */
async function rehearse(look: LoginLook, run: Run, prepared: PreparedWrite): Promise<LoginResult | null> {
  const lock = await takeClaudeLock(join(look.configDir, '.storage-write.lock'), LOCK_WAIT_MS, run.clock, run.signal)
  if (!lock.held) return busy(inTheWay(lock, run))
  try {
    const now = await look.store.read()
    // Changed in this moment: another is at it, and the next run looks again.
    if (storedFingerprint(now) !== storedFingerprint(look.reading)) return busy('its login was just replaced')
    await prepared.rehearse()
    return null
  } finally {
    await lock.release()
  }
}

/** Still in our hands if it fails: storing it is all the more urgent then. */
async function put(journal: RefreshJournal, raw: RawTokenAnswer, look: LoginLook, run: Run): Promise<boolean> {
  try {
    await journal.putAnswer(raw)
    return true
  } catch (error) {
    run.log('warn', `${look.account.slot}: the answer could not be put into the journal: ${(error as Error).message}`)
    return false
  }
}

/** One POST. Told to stop, it may still finish: a login in doubt is worse than a stop some seconds later. */
async function post(refreshToken: string, scopes: string[] | null, run: Run): Promise<RawTokenAnswer | HttpFailure> {
  const patient = new AbortController()
  let grace: NodeJS.Timeout | undefined
  const onStop = () => {
    grace = setTimeout(() => patient.abort(), TOKEN_TERM_GRACE_MS)
  }
  if (run.signal.aborted) onStop()
  else run.signal.addEventListener('abort', onStop, { once: true })
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

async function noAnswer(look: LoginLook, run: Run, path: string, failure: HttpFailure): Promise<LoginResult> {
  await saveLoginState(run.paths.logins, withFailure(look.state, null, run.clock()))
  if (!failure.sent) {
    await forget(look, run, path)
    return failed('transient', `the token endpoint was not reached: ${failure.message}`, 'network', look, run)
  }
  // The intent stays in the journal: the next run looks at the store first and then tries the stored token once.
  const now = await lookAtLogin(look.account, run, undefined, look)
  const stored = storedFingerprint(now.reading)
  if (stored !== null && stored !== storedFingerprint(look.reading)) {
    await forgetSpent(look, run, path, storedFingerprint(look.reading)!)
    return adopted({ outcome: 'adopted', reason: '', failure: null, usable: true })
  }
  const reason = `no answer after the token was sent (${failure.message}); the next run finds out`
  return failed('in_doubt', reason, 'network', look, run)
}

function busy(reason: string): LoginResult {
  return { outcome: 'busy', reason: `${reason}; left to the next run`, failure: 'temporary', usable: false }
}

function stopped(): LoginResult {
  return { outcome: 'stopped', reason: 'told to stop before it was begun', failure: 'temporary', usable: false }
}
