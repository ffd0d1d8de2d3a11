// The only reader of process.env. Settings are a person's file: nothing here writes it.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { type Paths, pathsFor } from './paths.ts'
import { DEFAULT_SETTINGS, type Settings } from './settings-defaults.ts'
import { SettingsError } from './settings-error.ts'

export type { Settings } from './settings-defaults.ts'

/** What the environment says, read once. */
export interface Environment {
  paths: Paths
  /** Show the log on stderr too (`vigil run`). */
  echoLog: boolean
  /** What a child process gets, and nothing else. */
  childEnv: Record<string, string>
}

/** @throws SettingsError when HOME or VIGIL_HOME cannot be used */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const home = env['HOME'] ?? homedir()
  const vigilHome = env['VIGIL_HOME'] || join(home, '.claude')
  const problems: string[] = []
  if (!isAbsolute(home)) problems.push(`HOME is "${home}", which is no absolute path; set it in the crontab`)
  if (!isAbsolute(vigilHome)) problems.push(`VIGIL_HOME is "${vigilHome}", which is no absolute path`)
  if (problems.length > 0) throw new SettingsError('the environment', problems)
  const childEnv: Record<string, string> = { HOME: home, VIGIL_HOME: vigilHome, PATH: env['PATH'] ?? '/usr/bin:/bin' }
  for (const name of [
    'TZ',
    'LANG',
    'LC_ALL',
    'NODE_COMPILE_CACHE',
    'NODE_EXTRA_CA_CERTS',
    'USER',
    'LOGNAME',
    'TMPDIR',
  ]) {
    const value = env[name]
    if (value) childEnv[name] = value
  }
  return { paths: pathsFor(home, vigilHome), echoLog: env['VIGIL_ECHO_LOG'] === '1', childEnv }
}

/**
 * The settings in force. No file means defaults; the parser is loaded only where there is something to parse.
 * @throws SettingsError with every problem and its line
 */
export async function loadSettings(paths: Paths): Promise<Settings> {
  let text: string
  try {
    text = readFileSync(paths.settings, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return DEFAULT_SETTINGS
    throw new SettingsError('vigil.yaml', [`it cannot be read: ${(error as Error).message}`])
  }
  const { parseSettings } = await import('./settings-schema.ts')
  return parseSettings(text)
}
