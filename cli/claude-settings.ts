// Which files are Claude Code's settings here, and how it is told to call us.
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isPlain, shellQuoted } from '../lib/install/shell-profile.ts'
import type { Paths } from '../lib/paths.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { withoutTwins } from './change-files.ts'

/** Of every account; two of them may share one by a link. @throws SettingsError */
export async function settingsFiles(paths: Paths): Promise<string[]> {
  const registry = await readRegistry(paths, 'leave')
  const dirs = registry?.accounts.map(({ configDir }) => configDir) ?? []
  return withoutTwins((dirs.length > 0 ? dirs : [join(paths.home, '.claude')]).map(dir => join(dir, 'settings.json')))
}

/** For a shell, whatever stands in the path: Claude Code hands it to one. */
export function ownProgram(): string {
  const program = programPath()
  return isPlain(program) ? program : shellQuoted(program)
}

export function programPath(): string {
  return join(realpathSync(fileURLToPath(new URL('..', import.meta.url))), 'bin', 'vigil')
}
