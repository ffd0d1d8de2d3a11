// `vigil install --hooks` and `uninstall --hooks`: Claude Code's StopFailure hook in settings.json of every account, which tells
// failover at once that a session was turned away. All else in there stays, and all of it can be undone.
import { join } from 'node:path'
import { tildePath } from '../lib/domain/account.ts'
import { ensurePrivateDir, publish, readJson } from '../lib/edges/fs.ts'
import { HookUndo, withHook, withoutHook } from '../lib/install/claude-hooks.ts'
import type { Paths } from '../lib/paths.ts'
import { loadSettings, readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import * as v from '../lib/valibot.ts'
import { agreeAndChange, type Change, readPersonsFile, sayFailed, withoutTwins } from './change-files.ts'
import { ownProgram, settingsFiles } from './claude-settings.ts'

const SETTINGS_ARE_WRONG = 78

/** By settings.json. */
const Before = v.record(v.string(), HookUndo)
type Before = v.InferOutput<typeof Before>

export async function installHooks(options: { dryRun: boolean; yes: boolean }): Promise<void> {
  const { paths } = readEnvironment()
  const before: Before = { ...readBefore(paths) }
  const changes: Change[] = []
  let inPlace = 0
  try {
    for (const path of await settingsFiles(paths)) {
      const reading = readPersonsFile(path)
      if ('trouble' in reading) {
        sayLeftAlone(path, paths, reading.trouble)
        continue
      }
      const change = withHook(reading.text, `${ownProgram()} hook stop-failure`)
      if (change.do === 'refuse') sayLeftAlone(path, paths, change.reason)
      else if (change.do === 'keep') inPlace += 1
      else {
        changes.push({ path, old: reading.text, text: change.text })
        if (change.undo !== null) before[path] = change.undo
      }
    }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return sayFailed(error.message, SETTINGS_ARE_WRONG)
  }
  if (changes.length === 0) {
    if (inPlace > 0) say('The hook is in place already.')
  } else {
    const done = await agreeAndChange('install --hooks', changes, paths.home, options, async () => {
      ensurePrivateDir(paths.health)
      await publish(memory(paths), `${JSON.stringify(before, null, 2)}\n`, { durable: true })
    })
    if (!done) return
    say('Done; Claude Code calls it in sessions that begin from now on. `vigil uninstall --hooks` undoes it.')
  }
  await sayWhetherItCounts(paths)
}

export async function uninstallHooks(options: { dryRun: boolean; yes: boolean }): Promise<void> {
  const { paths } = readEnvironment()
  const changes = await hooksToTakeOut(paths)
  if (changes.length === 0) return say('No hook of ours is there.')
  if (await agreeAndChange('uninstall --hooks', changes, paths.home, options)) say('Done.')
}

/** What has to be written so that no hook of ours is left; a file that cannot be mended is told of on stderr. */
export async function hooksToTakeOut(paths: Paths): Promise<Change[]> {
  const before = readBefore(paths)
  const known = await settingsFiles(paths).catch(() => [join(paths.home, '.claude', 'settings.json')])
  return withoutTwins([...known, ...Object.keys(before)]).flatMap(path => {
    const reading = readPersonsFile(path)
    if ('trouble' in reading || reading.text === null) return []
    const change = withoutHook(reading.text, before[path] ?? null)
    if (change.do === 'refuse') sayLeftAlone(path, paths, change.reason)
    return change.do === 'change' ? [{ path, old: reading.text, text: change.text }] : []
  })
}

function sayLeftAlone(path: string, { home }: Paths, reason: string): void {
  sayFailed(`${tildePath(path, home)} was left alone: ${reason}`)
}

async function sayWhetherItCounts(paths: Paths): Promise<void> {
  const { failover } = await loadSettings(paths, Date.now(), 'leave').catch(() => ({ failover: { enabled: true } }))
  if (!failover.enabled)
    say(
      `Mind: failover is off; it counts once ${tildePath(paths.settings, paths.home)} says: failover: { enabled: true }`,
    )
}

function memory(paths: Paths): string {
  return join(paths.health, 'hooks-before.json')
}

function readBefore(paths: Paths): Before {
  const reading = readJson(memory(paths), Before)
  return reading.state === 'present' ? reading.value : {}
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
