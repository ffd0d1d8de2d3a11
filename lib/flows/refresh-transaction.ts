// The refresh transaction: locks -> read again -> reserve -> intent -> one POST -> answer on disk -> store -> clear.
// A refresh token can be spent once. Every step leaves on disk what the next run needs to go on from a kill right there.

import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { PreparedWrite } from '../domain/credential-store.ts'
import { withFailure } from '../domain/login-state.ts'
import { resultOfError } from '../domain/run-record.ts'
import { type ClaudeLock, takeClaudeLock } from '../edges/claude-locks.ts'
import { realpathSync } from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import type { Run } from '../job.ts'
import { postRefresh, readTokenAnswer } from '../sources/token-endpoint.ts'
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
import { LOCK_WAIT_MS, TOKEN_TERM_GRACE_MS, TOKEN_TIMEOUT_MS } from '../timings.ts'
import { VERSION } from '../version.ts'
import {
  inTheWay,
  type LoginLook,
  type LoginResult,
  lookAtLogin,
  settleWithoutRefresh,
  storedFingerprint,
} from './refresh-login.ts'
import { failed, settle } from './settle-refresh.ts'

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

function busy(reason: string): LoginResult {
  return { outcome: 'busy', reason: `${reason}; left to the next run`, failure: 'temporary', usable: false }
}
