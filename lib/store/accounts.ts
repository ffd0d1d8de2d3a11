// The registry of accounts as it stands on disk, and who is logged in in each. In one file, for every start loads both.

import { dirname, join } from 'node:path'
import { Account, type Identity, tildePath } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import {
  ensurePrivateDir,
  existsSync,
  lstatSync,
  publish,
  readJson,
  readRegularFile,
  statSync,
  UnfitFileError,
} from '../edges/fs.ts'
import type { Paths } from '../paths.ts'
import { SettingsError } from '../settings-defaults.ts'
import { VERSION } from '../timings.ts'
import * as v from '../valibot.ts'

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
  const text = readRegistryText(paths)
  if (text !== null) return registryOf(text, paths, copy)
  if (!existsSync(paths.parsedAccounts)) return null
  const copyShown = tildePath(paths.parsedAccounts, paths.home)
  throw new SettingsError('claude-sessions.yaml', [
    `it was here and is gone; put it back, or, to have Vigil find the logins anew, remove ${copyShown}`,
  ])
}

/** null: no such file. Bytes that are no UTF-8 are refused, since writing them back would not give the same bytes. */
export function readRegistryText(paths: Paths): string | null {
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
    if (!link.isSymbolicLink()) return readRegistryText(paths) // It appeared in between.
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

export async function registryOf(text: string, paths: Paths, keep: 'keep' | 'leave' = 'keep'): Promise<Registry> {
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

/** One line, since it goes into messages and into the registry. */
const word = v.fallback(v.nullable(v.pipe(v.string(), v.regex(/^[^\r\n\0]+$/))), null)

const ClaudeJson = v.object({
  oauthAccount: v.object({
    accountUuid: v.pipe(v.string(), v.minLength(1)),
    emailAddress: word,
    organizationUuid: word,
  }),
})

/**
 * null: not logged in there, or nothing of it can be read. It does *not* mean that the login is over.
 * @param isDefault the default account's file stands in the home folder, beside `~/.claude`, not in it
 */
export async function readIdentity(configDir: string, isDefault: boolean, home: string): Promise<Identity | null> {
  try {
    const reading = readJson(join(isDefault ? home : configDir, '.claude.json'), ClaudeJson)
    if (reading.state !== 'present') return null
    const { accountUuid, emailAddress, organizationUuid } = reading.value.oauthAccount
    return { accountUuid, organizationUuid, email: emailAddress }
  } catch {
    return null // No permission, or a directory in its place: what needs the identity says so itself.
  }
}
