// Changing the registry of accounts. A person edits it and jobs edit it, so a change is made under a lock, to the text as it
// stands in that moment, and an editor's save in between is never written over.

import { dirname, join } from 'node:path'
import { type Account, standingOf } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import type { StandingChange } from '../domain/accounts-text.ts'
import { ensurePrivateDir } from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import { replaceFile } from '../edges/replace.ts'
import type { Paths } from '../paths.ts'
import { LOCK_WAIT_MS } from '../timings.ts'
import { readRegistry, readRegistryText, registryOf } from './accounts.ts'

/** An editor that saves this often within one change is no person at work. */
const MAX_TRIES = 5

/**
 * Puts down that an account's login works, or that it needs a person.
 * `unchanged`: the file says so already. Of two beginnings of the same bad stretch the earlier one stands.
 * `pausedByPerson`: only a person undoes that. `noSuchSlot`: also where a person gave the slot another directory meanwhile.
 * @throws SettingsError when the registry cannot be used; Error when it is locked for too long or cannot be changed
 */
export async function setStanding(
  paths: Paths,
  job: string,
  now: number,
  slot: string,
  configDir: string,
  change: StandingChange,
): Promise<'changed' | 'unchanged' | 'pausedByPerson' | 'noSuchSlot'> {
  return editRegistry(paths, job, now, async (text, registry) => {
    const account = registry.accounts.find(known => known.slot === slot && known.configDir === configDir)
    if (account === undefined) return { left: 'noSuchSlot' as const }
    if (standingOf(account) === 'pausedByPerson') return { left: 'pausedByPerson' as const }
    if (saysAlready(account, change)) return { left: 'unchanged' as const }
    const { withStanding } = await import('../domain/accounts-text.ts')
    return withStanding(text, slot, change)
  })
}

/**
 * Changes the text as it stands in that moment. No file reads as an empty one, and is left alone.
 * @param edit gives the new text, or why there is none
 * @throws SettingsError when the registry cannot be used, or could not be afterwards; Error when it cannot be changed
 */
export async function editRegistry<Left extends string>(
  paths: Paths,
  job: string,
  now: number,
  edit: (text: string, registry: Registry) => Promise<string | { left: Left }>,
): Promise<'changed' | 'unchanged' | Left> {
  return underLock(paths, job, now, async () => {
    const text = readRegistryText(paths)
    const registry = text === null ? { current: null, accounts: [] } : await registryOf(text, paths)
    const next = await edit(text ?? '', registry)
    if (typeof next !== 'string') return next.left
    if (text === null || next === text) return 'unchanged'
    // Read before it is written: nothing is put there that the next run would refuse.
    await registryOf(next, paths)
    return (await replaceText(paths, text, next)) ? 'changed' : 'overtaken'
  })
}

/**
 * Writes the first registry, in this order, the first account as the current one.
 * If one appeared meanwhile, that one counts and nothing is written.
 */
export async function writeFirstRegistry(
  paths: Paths,
  job: string,
  now: number,
  accounts: ReadonlyArray<Pick<Account, 'slot' | 'configDir' | 'email'>>,
): Promise<Registry> {
  ensurePrivateDir(dirname(paths.accounts))
  return underLock(paths, job, now, async () => {
    const present = await readRegistry(paths)
    if (present !== null) return present
    const { registryText } = await import('../domain/accounts-text.ts')
    const text = registryText(accounts, accounts[0]?.slot ?? null, paths.home)
    // The copy comes after the file: with the copy alone, the registry would seem to have been here and gone.
    await registryOf(text, paths, 'leave')
    return (await replaceText(paths, null, text)) ? registryOf(text, paths) : 'overtaken'
  })
}

/** One change at a time; again from the start where an editor saved in the middle of it. */
async function underLock<T>(
  paths: Paths,
  job: string,
  now: number,
  attempt: () => Promise<T | 'overtaken'>,
): Promise<T> {
  ensurePrivateDir(paths.locks)
  const lock = await waitForLock(join(paths.locks, 'accounts-file.lock'), { job, now }, LOCK_WAIT_MS)
  if (!lock.held) {
    const holder = lock.holder ? `${lock.holder.job} (pid ${lock.holder.pid})` : 'another process'
    throw new Error(
      `claude-sessions.yaml was not changed: ${holder} has been at it for too long; the next run tries again`,
    )
  }
  try {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const result = await attempt()
      if (result !== 'overtaken') return result
    }
  } finally {
    lock.release()
  }
  throw new Error(
    `claude-sessions.yaml was not changed: something else wrote it ${MAX_TRIES} times meanwhile; the next run tries again`,
  )
}

function saysAlready(account: Account, change: StandingChange): boolean {
  if (account.status !== change.status) return false
  if (change.status === 'active') return account.inactiveReason === null && account.inactiveSince === null
  if (account.inactiveReason !== change.reason || account.inactiveSince === null) return false
  return Date.parse(account.inactiveSince) <= Date.parse(change.since)
}

/** @returns false when the file is not `before` any more; nothing was changed then */
function replaceText(paths: Paths, before: string | null, next: string): Promise<boolean> {
  return replaceFile(paths.accounts, next, before !== null, () => readRegistryText(paths) === before)
}
