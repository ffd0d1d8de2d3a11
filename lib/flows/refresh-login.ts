// Keeps one login alive. Outside: a look without locks, for most runs have nothing to do. Inside (refresh-transaction.ts):
// Vigil's own account lock, then Claude Code's two, then the one POST that cannot be done twice.
import { type Account, type JobReason, loginCommand, standingOf, tildePath } from '../domain/account.ts'
import type { CredentialStore, StoreReading } from '../domain/credential-store.ts'
import { type LoginPlan, type LoginState, planLogin, withLook } from '../domain/login-state.ts'
import { type AccountResult, type FailureClass, resultOfError } from '../domain/run-record.ts'
import type { ClaudeLockBusy } from '../edges/claude-locks.ts'
import { realpathSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { fingerprint, listPointers, loginKey, readLoginState, saveLoginState } from '../store/login-states.ts'
import { openCredentialStore } from './open-credential-store.ts'

export interface LoginResult extends AccountResult {
  /** Whether the account's access token is good to be used now. */
  usable: boolean
}

/** Where a login is. */
export interface LoginPlace {
  store: CredentialStore
  /** Its account's, or, while a token of it is under way, the real one that this led to. */
  configDir: string
}

/** Everything that is known about one login at one moment. */
export interface LoginLook extends LoginPlace {
  account: Account
  reading: StoreReading
  state: LoginState
  plan: LoginPlan
}

/**
 * Refreshes one login if it is due, and puts its standing right. Never throws for what concerns this account alone.
 * @param rejectedAccessToken one that the API refused: then due is not asked for, only whether it is still the stored one
 */
export async function refreshLogin(account: Account, run: Run, rejectedAccessToken?: string): Promise<LoginResult> {
  try {
    const look = await lookAtLogin(account, run, rejectedAccessToken)
    // A refresh of this login that was begun and not finished goes through the locks, whatever is due.
    const unfinished = listPointers(run.paths.refreshing)
    if (look.plan.do !== 'refresh' && !unfinished.some(({ key }) => key === loginKey(look.store))) {
      return await settleWithoutRefresh(look, run)
    }
    const { refreshUnderLocks } = await import('./refresh-transaction.ts')
    return await refreshUnderLocks(account, run, {
      ...(rejectedAccessToken === undefined ? {} : { rejectedAccessToken }),
    })
  } catch (error) {
    return { ...resultOfError(error), usable: false }
  }
}

/** @param place where it is known already, and must not be another one */
export async function lookAtLogin(
  account: Account,
  run: Run,
  rejectedAccessToken?: string,
  place?: LoginPlace,
): Promise<LoginLook> {
  // Without the run's signal: an answer that comes while the run is told to stop still has to be stored.
  const context = { paths: run.paths, childEnv: run.environment.childEnv, job: run.job }
  const { configDir } = place ?? account
  const store = place?.store ?? (await openCredentialStore(account, context))
  const reading = await store.read()
  const state = readLoginState(run.paths.logins, account)
  // Loading the hash functions costs a start 3 ms, and only a login that is known to be dead asks for one.
  const stored = state.dead !== null ? storedFingerprint(reading) : null
  const plan = planLogin(account, reading, stored, state, run.clock(), {
    refreshAheadMs: run.settings.refreshAheadMs,
    refresh: run.settings.refresh,
    ...(rejectedAccessToken === undefined ? {} : { rejectedAccessToken }),
  })
  return { account, store, configDir, reading, state, plan }
}

/** The end for a login that needs no refresh: its standing, and what the record says. */
export async function settleWithoutRefresh(look: LoginLook, run: Run): Promise<LoginResult> {
  const { account, plan, reading } = look
  if (plan.do === 'refresh') throw new Error('a login that is due was to be settled without a refresh')
  if (plan.do === 'report') {
    const failure: FailureClass = plan.outcome === 'unknown' ? 'temporary' : 'permission'
    return { outcome: plan.outcome, reason: plan.reason, failure, usable: false }
  }
  await rememberLogin(look, run)
  if (plan.standing !== null) await applyStanding(account, plan.standing, run)
  const valid =
    reading.state === 'present' && reading.credential.accessToken !== '' && run.clock() < reading.credential.expiresAt
  const usable = valid && plan.outcome !== 'paused' && plan.outcome !== 'inactive'
  const reason =
    plan.standing === null || plan.standing === 'active'
      ? plan.reason
      : `${plan.reason}; run: ${loginCommand(account, run.paths.home)}`
  return { outcome: plan.outcome, reason, failure: null, usable }
}

/** Puts down what a look at a login that works teaches of its beginning and its end, where that is new. */
async function rememberLogin({ account, reading, plan }: LoginLook, run: Run): Promise<void> {
  if (reading.state !== 'present' || plan.do !== 'nothing' || !WORKS.includes(plan.outcome)) return
  const { logins } = run.paths
  try {
    // As it stands now: what another job put down since the look must not be lost.
    const state = readLoginState(logins, account)
    const next = withLook(state, reading.credential, plan.outcome === 'became_active', run.clock())
    if (next !== state) await saveLoginState(logins, next)
  } catch (error) {
    // Only a warning ahead of the login's end is lost; what it means that the file cannot be written, others say.
    run.log('warn', `${account.slot}: when its login began and ends was not put down: ${(error as Error).message}`)
  }
}

const WORKS: string[] = ['fresh', 'became_active', 'no_refresh_token']

/**
 * Writes a standing into the registry. What already is inactive keeps its reason and its since: one trouble seen in two
 * ways (the endpoint's no, then Claude Code's husk) began only once.
 */
export async function applyStanding(account: Account, standing: 'active' | JobReason, run: Run): Promise<void> {
  const present = standingOf(account)
  if (present === 'pausedByPerson' || (standing === 'active') === (present === 'active')) return
  const now = run.clock()
  const change =
    standing === 'active'
      ? { status: 'active' as const }
      : { status: 'inactive' as const, reason: standing, since: new Date(now).toISOString() }
  const { setStanding } = await import('../store/change-accounts.ts')
  const outcome = await setStanding(run.paths, run.job, now, account.slot, account.configDir, change)
  run.log(
    'info',
    `${account.slot} is ${standing === 'active' ? 'active again' : `inactive: ${standing}`} (${outcome})`,
    { slot: account.slot },
  )
}

/** Of the refresh token that the store holds; null where it holds none. */
export function storedFingerprint(reading: StoreReading): string | null {
  return reading.state === 'present' && reading.credential.refreshToken
    ? fingerprint(reading.credential.refreshToken)
    : null
}

/** Who holds a lock of Claude Code's, as far as a directory can tell. */
export function inTheWay(lock: ClaudeLockBusy, run: Run): string {
  const beat = lock.lastBeatAgoMs === null ? 'just now' : `${Math.round(lock.lastBeatAgoMs / 1000)} s ago`
  const { home } = run.paths
  // Its place is a real one, and the home may be a link itself.
  const shown = tildePath(tildePath(lock.lockPath, home), realpathSync(home))
  return `another program, most likely Claude Code, holds ${shown} (last sign of life ${beat})`
}
