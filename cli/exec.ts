// `vigil exec -- claude …`: becomes that program, in the current account's config directory. The process is replaced, so
// signals, terminal and exit code are the program's own.
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import { readRegistry } from '../lib/store/accounts.ts'

const NOT_FOUND = 127
const CANNOT_RUN = 126
const SETTINGS_ARE_WRONG = 78

export async function execCommand([name, ...words]: readonly [string, ...string[]]): Promise<void> {
  const { paths } = readEnvironment()
  let environment: NodeJS.ProcessEnv
  try {
    const registry = await readRegistry(paths, 'leave')
    const account = registry?.accounts.find(({ slot }) => slot === registry.current)
    const { CLAUDE_CONFIG_DIR: asCalled, ...rest } = process.env
    // Without a current account the environment stays as it was called with.
    if (account === undefined) environment = process.env
    else environment = account.isDefault ? rest : { ...rest, CLAUDE_CONFIG_DIR: account.configDir }
    if (account === undefined && asCalled === undefined) environment = rest
  } catch (error) {
    process.stderr.write(`vigil exec: ${(error as Error).message}\nto start it without Vigil: command ${name}\n`)
    process.exitCode = error instanceof SettingsError ? SETTINGS_ARE_WRONG : CANNOT_RUN
    return
  }
  const program = findProgram(name, process.env['PATH'] ?? '/usr/bin:/bin')
  if (program === null) {
    process.stderr.write(`vigil exec: there is no program ${name}\n`)
    process.exitCode = NOT_FOUND
    return
  }
  process.removeAllListeners('warning')
  process.execve!(program, [name, ...words], environment as Record<string, string>)
}

/** As a shell finds it: by its path, or the first of that name on the PATH that can be run. */
export function findProgram(name: string, path: string): string | null {
  const places = name.includes('/') ? [name] : path.split(delimiter).map(folder => join(folder || '.', name))
  return places.find(isProgram) ?? null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // Not there, or not to be run.
  }
}
