// `vigil install --alias` and `uninstall --alias`: `claude` in a person's shell starts Claude Code in the current account.
import { join } from 'node:path'
import { tildePath } from '../lib/domain/account.ts'
import { ensurePrivateDir, publish, readJson } from '../lib/edges/fs.ts'
import { NO_FILE, withBlock, withoutBlock } from '../lib/install/crontab-text.ts'
import { aliasLine, otherAlias, PROFILE_SHELLS, profilePath, shellNamed } from '../lib/install/shell-profile.ts'
import type { Paths } from '../lib/paths.ts'
import { readEnvironment } from '../lib/settings.ts'
import * as v from '../lib/valibot.ts'
import { agreeAndChange, type Change, readPersonsFile, sayFailed, withoutTwins } from './change-files.ts'
import { programPath } from './claude-settings.ts'
import { findProgram } from './exec.ts'

const WRONG_USAGE = 64
const HALF = 'it has a line ">>> vigil >>>" or "<<< vigil <<<" without the other; mend that first'

/** The profiles that have it: ZDOTDIR may be another one by the time it is taken out. */
const Places = v.array(v.string())

/** @param named the shell; true = the one of $SHELL */
export async function installAlias(named: string | true, options: { dryRun: boolean; yes: boolean }): Promise<void> {
  const { paths } = readEnvironment()
  const shell = shellNamed(named === true ? process.env['SHELL'] : named)
  if (shell === null) {
    const which = named === true ? `$SHELL is ${process.env['SHELL'] || 'not set'}` : `there is none for "${named}"`
    return sayFailed(`install --alias: ${which}; say one of --alias=${PROFILE_SHELLS.join(', --alias=')}`, WRONG_USAGE)
  }
  const path = profilePath(shell, paths.home, process.env)
  const shown = tildePath(path, paths.home)
  // A folder of fish's is made; that of a profile is the home, or what a person named.
  const reading = readPersonsFile(path, shell === 'fish')
  if ('trouble' in reading) return sayFailed(`${shown} was left alone: ${reading.trouble}`)
  const old = reading.text
  const text = withBlock(old, [aliasLine(shell, programPath())], NO_FILE)
  if (text === null) return sayFailed(`${shown} was left alone: ${HALF}`)
  const theirs = otherAlias((old === null ? null : withoutBlock(old)?.text) ?? '')
  if (theirs !== null) say(`Mind: ${shown} says what claude is already, and the alias takes its place: ${theirs}`)
  if (findProgram('claude', process.env['PATH'] ?? '') === null)
    say('Mind: no program claude is on the PATH, and an alias of that name is none: put its folder there.')
  if (text === old) return say(`The alias is in place already, in ${shown}.`)
  const done = await agreeAndChange('install --alias', [{ path, old, text }], paths.home, options, async () => {
    ensurePrivateDir(paths.health)
    const places = [...new Set([...readPlaces(paths), path])]
    await publish(memory(paths), `${JSON.stringify(places)}\n`, { durable: true })
  })
  if (done) say('Done; it counts in shells that begin from now on. `vigil uninstall --alias` undoes it.')
}

export async function uninstallAlias(options: { dryRun: boolean; yes: boolean }): Promise<void> {
  const { paths } = readEnvironment()
  const changes = aliasesToTakeOut(paths)
  if (changes.length === 0) return say('No alias of ours is there.')
  if (await agreeAndChange('uninstall --alias', changes, paths.home, options)) say('Done.')
}

/** What has to be written so that no alias of ours is left; a file that cannot be mended is told of on stderr. */
export function aliasesToTakeOut(paths: Paths): Change[] {
  const usual = [process.env, {}].flatMap(folders =>
    PROFILE_SHELLS.map(shell => profilePath(shell, paths.home, folders)),
  )
  return withoutTwins([...usual, ...readPlaces(paths)]).flatMap(path => {
    const reading = readPersonsFile(path)
    if ('trouble' in reading || reading.text === null) return []
    const without = withoutBlock(reading.text)
    if (without === null) sayFailed(`${tildePath(path, paths.home)} was left alone: ${HALF}`)
    return without === null || without.text === reading.text ? [] : [{ path, old: reading.text, text: without.text }]
  })
}

function memory(paths: Paths): string {
  return join(paths.health, 'alias-in.json')
}

function readPlaces(paths: Paths): string[] {
  const reading = readJson(memory(paths), Places)
  return reading.state === 'present' ? reading.value : []
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
