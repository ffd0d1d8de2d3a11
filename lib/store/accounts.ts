// The registry of accounts on disk. A person edits it and jobs edit it, so a change is made under a lock, to the text as it
// stands in that moment, and an editor's save in between is never written over.

import { dirname, join } from 'node:path'
import { Account, standingOf, tildePath } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import type { StandingChange } from '../domain/accounts-text.ts'
import {
  chmodSync,
  existsSync,
  lstatSync,
  readJson,
  readRegularFile,
  realpathSync,
  renameSync,
  statSync,
  UnfitFileError,
} from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import {
  ensurePrivateDir,
  NotDurableError,
  PublishError,
  publish,
  removeDurably,
  stagingName,
} from '../edges/publish.ts'
import type { Paths } from '../paths.ts'
import { SettingsError } from '../settings-defaults.ts'
import { LOCK_WAIT_MS, VERSION } from '../timings.ts'
import * as v from '../valibot.ts'

/** An editor that saves this often within one change is no person at work. */
const MAX_TRIES = 5

/** What the registry meant when it was last parsed: the parser costs 11 of the 19 ms of a start, and the file rarely changes. */
const ParsedCopy = v.object({
  schema: v.literal(2),
  /** The Vigil that parsed it; another one may read the same text otherwise. */
  version: v.literal(VERSION),
  home: v.string(),
  /** The whole text: size and time of a file do not tell for sure that it is the same. */
  source: v.string(),
  registry: v.object({ current: v.nullable(v.string()), accounts: v.array(Account) }),
})

/**
 * null: there is no registry yet. One that was here and is gone is a problem: to find the logins anew would wake those that
 * a person had paused.
 * @param copy `leave` writes nothing at all, not even the parsed copy that makes the next start faster
 * @throws SettingsError with every problem and its line
 */
export async function readRegistry(paths: Paths, copy: 'keep' | 'leave' = 'keep'): Promise<Registry | null> {
  const text = readText(paths)
  if (text !== null) return registryOf(text, paths, copy)
  if (!existsSync(paths.parsedAccounts)) return null
  const copyShown = tildePath(paths.parsedAccounts, paths.home)
  throw new SettingsError('claude-sessions.yaml', [
    `it was here and is gone; put it back, or, to have Vigil find the logins anew, remove ${copyShown}`,
  ])
}

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
    const text = readText(paths)
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

/**
 * Puts `next` in place of `before`, at the end of a link too, with the mode it had. publish() alone would not do: between its
 * reading and its rename lies a disk sync, long enough for an editor's save to be lost, and a job's umask takes mode bits away.
 * @returns false when the file is not `before` any more; nothing was changed then
 */
async function replaceText(paths: Paths, before: string | null, next: string): Promise<boolean> {
  const place = before === null ? { target: paths.accounts, mode: 0o600 } : placeOf(paths.accounts)
  if (place === null) return false
  const staging = stagingName(place.target)
  let replaced = false
  try {
    await publish(staging, next, { mode: place.mode })
    chmodSync(staging, place.mode)
    if (readText(paths) === before) {
      renameSync(staging, place.target)
      replaced = true
    }
  } catch (error) {
    await removeDurably(staging).catch(() => undefined) // The janitor takes it; the first failure is the one to tell.
    if (error instanceof SettingsError) throw error
    throw new PublishError(paths.accounts, error instanceof PublishError ? error.cause : error)
  }
  try {
    // After the rename there is nothing to remove, and the directory is synced all the same.
    await removeDurably(staging)
  } catch (error) {
    // Where nothing was replaced, a staging file that stays is the janitor's.
    if (replaced) throw new NotDurableError(paths.accounts, (error as Error).cause ?? error)
  }
  return replaced
}

function placeOf(path: string): { target: string; mode: number } | null {
  try {
    const target = realpathSync(path)
    return { target, mode: statSync(target).mode & 0o777 }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null // Removed since it was read.
    throw new PublishError(path, error)
  }
}

/** null: no such file. Bytes that are no UTF-8 are refused, since writing them back would not give the same bytes. */
function readText(paths: Paths): string | null {
  const shown = tildePath(paths.accounts, paths.home)
  let bytes: Buffer
  try {
    bytes = readRegularFile(paths.accounts)
  } catch (error) {
    if (error instanceof UnfitFileError) {
      throw new SettingsError('claude-sessions.yaml', [`${error.message}; see what it is with: ls -ld ${shown}`])
    }
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      throw new SettingsError('claude-sessions.yaml', [`it cannot be read (${code}); see why with: ls -ld ${shown}`])
    }
    const link = lstatSync(paths.accounts, { throwIfNoEntry: false })
    if (link === undefined) return null
    if (!link.isSymbolicLink()) return readText(paths) // It appeared in between.
    throw new SettingsError('claude-sessions.yaml', [`${shown} is a link that leads nowhere; mend or remove it`])
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new SettingsError('claude-sessions.yaml', ['it is not UTF-8 text; save it as UTF-8']) // A TypeError of the decoder.
  }
}

/** The same for every path to one directory, by links, mounts or letter case; the path itself where there is none. */
export function directoryOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return path // Not there, or not to be seen: what needs it says so itself.
  }
}

async function registryOf(text: string, paths: Paths, keep: 'keep' | 'leave' = 'keep'): Promise<Registry> {
  try {
    const copy = readJson(paths.parsedAccounts, ParsedCopy)
    if (copy.state === 'present' && copy.value.source === text && copy.value.home === paths.home) {
      const { accounts } = copy.value.registry
      // Links change without the text: where two accounts are one login by now, the parser says so with the line.
      if (new Set(accounts.map(account => directoryOf(account.configDir))).size === accounts.length)
        return copy.value.registry
    }
  } catch {
    // It cannot be read: the file itself is there to be parsed.
  }
  const { parseRegistry } = await import('../domain/accounts-file.ts')
  const registry = parseRegistry(text, paths.home, directoryOf)
  if (keep === 'leave') return registry
  const copy: v.InferOutput<typeof ParsedCopy> = {
    schema: 2,
    version: VERSION,
    home: paths.home,
    source: text,
    registry,
  }
  try {
    ensurePrivateDir(dirname(paths.parsedAccounts))
    await publish(paths.parsedAccounts, `${JSON.stringify(copy)}\n`)
  } catch {
    // Only the next start takes longer; a full disk must not keep anyone from reading the registry.
  }
  return registry
}
