// The only reader of process.env. Settings are a person's file: nothing here writes it.

import { dirname, isAbsolute, join } from 'node:path'
import { tildePath } from './domain/account.ts'
import { ensurePrivateDir, existsSync, lstatSync, publish, readJson, readRegularFile, statSync } from './edges/fs.ts'
import { type Paths, pathsFor } from './paths.ts'
import { type AllSettings, DEFAULT_SETTINGS, Settings, SettingsError } from './settings-defaults.ts'
import { VERSION } from './timings.ts'
import * as v from './valibot.ts'

export type { Settings } from './settings-defaults.ts'

/** What the environment says, read once. */
export interface Environment {
  paths: Paths
  /** Show the log on stderr too (`vigil run`). */
  echoLog: boolean
  /** The Claude Code session that a job is started for, where its status line started it. */
  sessionId: string | null
  /** What a child process gets, and nothing else. */
  childEnv: Record<string, string>
  /** One variable by its name, for `env:NAME` in vigil.yaml; null = there is none. Not a part of the value: it is never copied. */
  secretFromEnv: (name: string) => string | null
  terminal: Terminal
}

/** What a screen has to know of where it is shown. */
interface Terminal {
  /** NO_COLOR and FORCE_COLOR, in this order; auto = where a terminal shows it. */
  color: 'always' | 'never' | 'auto'
  /** COLUMNS, for where the terminal itself does not say; null = not told. */
  columns: number | null
  /** Whether the locale's characters are UTF-8. */
  utf8: boolean
}

/** @throws SettingsError when HOME or VIGIL_HOME cannot be used */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const home = env['HOME'] ?? ''
  const vigilHome = env['VIGIL_HOME'] || join(home, '.claude')
  const problems: string[] = []
  if (!isAbsolute(home)) problems.push(`HOME is "${home}", which is no absolute path; set it (cron does so by itself)`)
  if (!isAbsolute(vigilHome)) problems.push(`VIGIL_HOME is "${vigilHome}", which is no absolute path`)
  if (problems.length > 0) throw new SettingsError('the environment', problems)
  const childEnv: Record<string, string> = { HOME: home, VIGIL_HOME: vigilHome, PATH: env['PATH'] ?? '/usr/bin:/bin' }
  for (const name of [
    'TZ',
    'LANG',
    'LC_ALL',
    'LC_CTYPE',
    'TERM',
    'COLUMNS',
    'NO_COLOR',
    'FORCE_COLOR',
    'NODE_COMPILE_CACHE',
    'NODE_EXTRA_CA_CERTS',
    'USER',
    'LOGNAME',
    'TMPDIR',
  ]) {
    const value = env[name]
    if (value) childEnv[name] = value
  }
  return {
    paths: pathsFor(home, vigilHome),
    echoLog: env['VIGIL_ECHO_LOG'] === '1',
    sessionId: env['VIGIL_SESSION_ID'] || null,
    childEnv,
    secretFromEnv: name => env[name] ?? null,
    terminal: readTerminal(env),
  }
}

function readTerminal(env: NodeJS.ProcessEnv): Terminal {
  const columns = Number(env['COLUMNS'])
  const plain = env['NO_COLOR'] || env['FORCE_COLOR'] === '0' || env['TERM'] === 'dumb'
  return {
    color: plain ? 'never' : env['FORCE_COLOR'] ? 'always' : 'auto',
    columns: Number.isInteger(columns) && columns > 0 ? columns : null,
    utf8: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
  }
}

/**
 * The settings in force. No file means defaults, unless one was here before: with `refresh: off` in it, the defaults would
 * do what a person forbade. Parsing costs a third of a start, so what a file meant is kept (less the
 * part that may hold secrets) and used for as long as the very same file, unchanged, is there.
 * @param copy `leave` writes nothing at all
 * @throws SettingsError with every problem and its line
 */
export async function loadSettings(paths: Paths, now: number, copy: 'keep' | 'leave' = 'keep'): Promise<Settings> {
  const seal = sealOf(paths)
  if (seal === null) return DEFAULT_SETTINGS
  const kept = keptSettings(paths)
  if (kept?.seal === seal) return kept.settings
  const { channels: _channels, deadMan: _deadMan, ...settings } = await loadAllSettings(paths)
  if (copy === 'keep') await keepSettings(paths, { version: VERSION, seal, settings }, now)
  return settings
}

/**
 * The settings with what may hold secrets: for the run that has something to deliver. No file means defaults.
 * @throws SettingsError with every problem and its line
 */
export async function loadAllSettings(paths: Paths): Promise<AllSettings> {
  const isThere = sealOf(paths) !== null
  const { parseSettings } = await import('./settings-schema.ts')
  try {
    return parseSettings(isThere ? readRegularFile(paths.settings).toString('utf8') : '')
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw cannotBeRead(error)
  }
}

/**
 * Where messages go, even if vigil.yaml has problems elsewhere: a slip in one line must not silence the message about it.
 * Where that cannot be read either, the desktop is left. Never throws.
 */
export async function loadDelivery(paths: Paths): Promise<AllSettings> {
  const { parseDelivery } = await import('./settings-schema.ts')
  try {
    return parseDelivery(readRegularFile(paths.settings).toString('utf8'))
  } catch {
    return parseDelivery('')
  }
}

/**
 * The channels of vigil.yaml when it could last be used. For a run that cannot use it: what was promised to a channel must
 * not be dropped because of a slip in the lines about it.
 */
export function lastKnownChannels(paths: Paths): Settings['delivery']['channels'] {
  return keptSettings(paths)?.settings.delivery.channels ?? []
}

const KeptSettings = v.object({
  /** The Vigil that parsed it; another one may read the same file otherwise. */
  version: v.literal(VERSION),
  /** Which file it was, to the nanosecond of its last change. */
  seal: v.string(),
  settings: Settings,
})
type KeptSettings = v.InferOutput<typeof KeptSettings>

/**
 * null: there is no file, nor was there one. The change time cannot be set back by a program, as the modification time can.
 * @throws SettingsError
 */
function sealOf(paths: Paths): string | null {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(paths.settings, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw cannotBeRead(error)
  }
  const shown = (path: string) => tildePath(path, paths.home)
  if (lstatSync(paths.settings, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new SettingsError('vigil.yaml', [`${shown(paths.settings)} is a link that leads nowhere; mend or remove it`])
  }
  if (!existsSync(paths.parsedSettings)) return null
  const confirm = `to go on with the defaults, confirm that by removing ${shown(paths.parsedSettings)}`
  throw new SettingsError('vigil.yaml', [`it was here and is gone; put it back, or, ${confirm}`])
}

/** By its code: the system's own message holds the home path. */
function cannotBeRead(error: unknown): SettingsError {
  const { code, message } = error as NodeJS.ErrnoException
  return new SettingsError('vigil.yaml', [`it cannot be read: ${code ?? message}`])
}

function keptSettings(paths: Paths): KeptSettings | null {
  try {
    const kept = readJson(paths.parsedSettings, KeptSettings)
    return kept.state === 'present' ? kept.value : null
  } catch {
    return null // Not to be read: then the file itself is parsed.
  }
}

/** A change within the clock's own grain would not show in the seal, so a file that is younger than this is not kept. */
const SEAL_GRAIN_NS = 2_000_000_000n

async function keepSettings(paths: Paths, kept: KeptSettings, now: number): Promise<void> {
  const changedNs = BigInt(kept.seal.split(' ')[3]!)
  const nowNs = BigInt(now) * 1_000_000n
  if (nowNs - changedNs < SEAL_GRAIN_NS) return
  try {
    if (sealOf(paths) !== kept.seal) return
    ensurePrivateDir(dirname(paths.parsedSettings))
    await publish(paths.parsedSettings, JSON.stringify(kept))
  } catch {
    // Only the next start is slower for it; a full disk shows where it matters.
  }
}
