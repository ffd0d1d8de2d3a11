// What `vigil doctor` looks at of files: who may read and change them, and what they lie on. Reads only.
import { lstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SeenDisk, SeenPath } from '../lib/doctor/check-files.ts'
import { OVERRIDES, type SeenConfigDir } from '../lib/doctor/check-logins.ts'
import { type Account, tildePath } from '../lib/domain/account.ts'
import { expandHome } from '../lib/domain/accounts-file.ts'
import { type CleanupStep, planCleanup } from '../lib/domain/cleanup.ts'
import type { Paths } from '../lib/paths.ts'
import { directoryOf } from '../lib/store/accounts.ts'
import { listLeftovers } from '../lib/store/leftovers.ts'

export function lookAtPaths(paths: Paths, accounts: readonly Account[]): SeenPath[] {
  const seen = new Map<string, SeenPath>()
  const add = (path: string, role: SeenPath['role']) => {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    // A link's own mode means nothing.
    if (stat === undefined || !(stat.isFile() || stat.isDirectory()) || seen.has(path)) return null
    const kind = stat.isDirectory() ? 'folder' : 'file'
    seen.set(path, { path, shown: tildePath(path, paths.home), uid: stat.uid, mode: stat.mode, kind, role })
    return kind
  }
  const below = (path: string) => {
    if (add(path, 'ours') !== 'folder') return
    // What ccusage is given are links to a person's transcripts: their mode is that of the transcripts.
    if (path !== paths.ccusage) for (const name of namesIn(path)) below(join(path, name))
  }
  below(paths.health)
  for (const path of [paths.settings, paths.accounts, paths.subscription]) add(path, 'person')
  for (const { configDir } of accounts) add(join(configDir, '.credentials.json'), 'ours')
  for (const folder of [
    dirname(paths.settings),
    dirname(paths.health),
    ...accounts.map(({ configDir }) => configDir),
  ]) {
    for (let at = folder; ; at = dirname(at)) {
      add(at, 'above')
      if (at === paths.home || at === dirname(at)) break
    }
  }
  return [...seen.values()]
}

export function lookForLeftovers(paths: Paths, now: number): CleanupStep[] {
  return planCleanup(listLeftovers(paths).found, now).filter(({ file }) => file.kind === 'temp')
}

/** Of the folder itself, or of what is there of the way to it. */
export function lookAtDisk(path: string): SeenDisk {
  try {
    const { bavail, blocks, bsize, ffree, files, type } = statfsSync(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree, inodes: files, type }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error
    return lookAtDisk(dirname(path))
  }
}

/** What takes the place of a login, in our environment and in each directory's settings.json. */
export function lookForOverrides(
  fromEnv: (name: string) => string | null,
  paths: Paths,
  accounts: readonly Account[],
): Array<{ name: string; where: string }> {
  const inEnv = OVERRIDES.filter(name => fromEnv(name)).map(name => ({ name, where: 'the environment' }))
  const inFiles = accounts.flatMap(({ configDir }) => {
    const path = join(configDir, 'settings.json')
    const { env, apiKeyHelper } = jsonOf(path) as { env?: Record<string, unknown>; apiKeyHelper?: unknown }
    const names = [...OVERRIDES.filter(name => env?.[name]), ...(apiKeyHelper ? ['apiKeyHelper'] : [])]
    return names.map(name => ({ name, where: tildePath(path, paths.home) }))
  })
  return [...inEnv, ...inFiles]
}

/** Which account the variable leads to; null = it is not set, or there is no account yet to compare it with. */
export function lookAtConfigDir(
  variable: string | null,
  paths: Paths,
  accounts: readonly Account[],
): SeenConfigDir | null {
  if (!variable || accounts.length === 0) return null
  const dir = expandHome(variable, paths.home)
  const known = accounts.some(({ configDir }) => directoryOf(configDir) === directoryOf(dir))
  const isDefault = dir === expandHome('~/.claude', paths.home)
  return { shown: tildePath(dir, paths.home), isOf: isDefault ? 'default' : known ? 'account' : 'nobody' }
}

/** Claude Code's version by where it is installed: to run it could begin a refresh. null = it does not say. */
export function claudeVersion(realPath: string): string | null {
  const [, inPath] = /\/versions\/(\d+\.\d+\.\d+)(?:\/|$)/.exec(realPath) ?? []
  if (inPath !== undefined) return inPath
  for (let folder = dirname(realPath); folder !== dirname(folder); folder = dirname(folder)) {
    if (!/^claude-code/.test(basename(folder))) continue
    const { version } = jsonOf(join(folder, 'package.json')) as { version?: unknown }
    if (typeof version === 'string') return version
  }
  return null
}

function jsonOf(path: string): object {
  try {
    const data: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof data === 'object' && data !== null ? data : {}
  } catch {
    return {} // Not there, or Claude Code's own business.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // Not to be read: its own mode is told.
  }
}
