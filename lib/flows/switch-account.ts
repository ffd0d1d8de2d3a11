// The switch: journal, registry, current.env, link, proof, record. After a kill at any step the next run begins with the
// journal and does all of it again; each step is one that says nothing new where it is done already.
import type { Account } from '../domain/account.ts'
import { withFailedSwap, withSwap } from '../domain/failover.ts'
import type { SwitchJournal } from '../domain/switch.ts'
import type { Run } from '../job.ts'
import { readIdentity, readRegistry } from '../store/accounts.ts'
import { editRegistry } from '../store/change-accounts.ts'
import { clearSwitch, loadFailover, readSwitch, saveFailover, saveSwitch } from '../store/failover.ts'
import { appendHistory } from '../store/history.ts'
import { PROFILE_TIMEOUT_MS, VERSION } from '../timings.ts'
import { pointAt } from './point-at.ts'

export interface SwitchResult {
  outcome: 'swapped' | 'put_back' | 'overtaken'
  reason: string
}

/** Finishes what a killed run began. null = there is nothing. */
export async function resumeSwitch(run: Run): Promise<SwitchResult | null> {
  const reading = readSwitch(run.paths)
  if (reading.state === 'absent') return null
  if (reading.state === 'corrupt') {
    // Published whole or not at all, so this was not us: the registry is the truth, and it is whole.
    run.log('warn', `switch.json is no good and is removed: ${reading.detail}`)
    await clearSwitch(run.paths)
    return null
  }
  run.log('warn', `a switch from ${reading.value.from} to ${reading.value.to} was cut off; it is finished`)
  return switchAccount(reading.value, run)
}

/** @throws Error where a file cannot be written; the journal stays, and the next run goes on */
export async function switchAccount(journal: SwitchJournal, run: Run): Promise<SwitchResult> {
  await run.begun
  const { paths } = run
  await saveSwitch(paths, journal)
  if (journal.phase === 'back') return putBack(journal, run)
  const { state } = loadFailover(paths, run.now)
  // It was whole before the kill; only what comes behind that is missing.
  if (state.lastSwap?.at === journal.at && state.lastSwap.to === journal.to) return conclude(journal, 'swapped', run)
  const target = await makeCurrent(journal.to, journal, run)
  if (target === null) return conclude(journal, 'overtaken', run)
  await pointAt(target, paths)
  const failure = await proofFailure(target, run)
  if (failure !== null) {
    const back: SwitchJournal = { ...journal, phase: 'back', failure }
    await saveSwitch(paths, back)
    return putBack(back, run)
  }
  await saveFailover(paths, withSwap(state, journal))
  return conclude(journal, 'swapped', run)
}

async function putBack(journal: SwitchJournal, run: Run): Promise<SwitchResult> {
  const account = await makeCurrent(journal.from, journal, run)
  if (account === null) return conclude(journal, 'overtaken', run)
  await pointAt(account, run.paths)
  const { state } = loadFailover(run.paths, run.now)
  await saveFailover(run.paths, withFailedSwap(state, journal.to, journal.at))
  return conclude(journal, 'put_back', run)
}

/** null: a person chose another account meanwhile, or took one of these away: theirs counts. */
async function makeCurrent(slot: string, { from, to }: SwitchJournal, run: Run): Promise<Account | null> {
  const { paths, job } = run
  const { withCurrent } = await import('../domain/accounts-edit.ts')
  let target: Account | undefined
  await editRegistry(paths, job, run.clock(), async (text, registry) => {
    const mayMove = registry.current === from || registry.current === to
    target = mayMove ? registry.accounts.find(account => account.slot === slot) : undefined
    if (target === undefined || registry.current === slot) return { left: 'left' as const }
    return withCurrent(text, slot)
  })
  return target ?? null
}

/** Asks whose login is there now. null = the one that was meant. */
async function proofFailure(account: Account, run: Run): Promise<string | null> {
  const { slot, configDir, isDefault } = account
  const expected = await readIdentity(configDir, isDefault, run.paths.home)
  if (expected === null) return `nobody knows whose login ${slot} is`
  const { storedLogin } = await import('./stored-login.ts')
  const { accessToken } = await storedLogin(account, run)
  if (accessToken === null) return `${slot} has no access token that is good now`
  const { fetchProfile } = await import('../sources/profile-endpoint.ts')
  const answer = await fetchProfile({
    api: run.settings.endpoints.api,
    accessToken,
    userAgent: run.settings.userAgent ?? `vigil/${VERSION}`,
    deadlineMs: PROFILE_TIMEOUT_MS,
    signal: run.signal,
  })
  run.count('proofs')
  if (answer.kind !== 'login') return `the login of ${slot} could not be proven: ${answer.detail}`
  const { accountUuid, organizationUuid } = expected
  const isOther =
    answer.accountUuid !== accountUuid ||
    (organizationUuid !== null && answer.organizationUuid !== null && answer.organizationUuid !== organizationUuid)
  return isOther ? `the login in ${slot} is another one than it was taken for` : null
}

/** The last steps, the same after every end. One record a switch, however often it was begun. */
async function conclude(journal: SwitchJournal, outcome: SwitchResult['outcome'], run: Run): Promise<SwitchResult> {
  const { paths, now } = run
  if (outcome === 'overtaken') {
    const registry = await readRegistry(paths)
    const present = registry?.accounts.find(({ slot }) => slot === registry.current)
    if (present !== undefined) await pointAt(present, paths)
  }
  const reason = {
    swapped: journal.reason,
    put_back: journal.failure ?? 'it could not be proven',
    overtaken: 'a person changed claude-sessions.yaml meanwhile, and that counts',
  }[outcome]
  const { id, at, from, to } = journal
  try {
    appendHistory(
      paths.history,
      {
        figures: [],
        runs: [],
        alerts: [],
        failover: [
          { at, id, event: 'switch', slot: to, reason: `${outcome}: ${reason}`, detail: JSON.stringify({ from, to }) },
        ],
      },
      now,
    )
  } catch (error) {
    run.log('warn', `the history could not be written: ${(error as Error).message}`)
  }
  await clearSwitch(paths)
  run.count(outcome)
  // Else the run would end with "nothing to do".
  run.report(to, { outcome, reason: `from ${from}: ${reason}`, failure: null })
  return { outcome, reason }
}
