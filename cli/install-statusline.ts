// `vigil install --statusline` and `uninstall --statusline`: the command in Claude Code's settings.json of every account.
// Shows the difference, asks, writes whole files, and remembers what stood there, so that all of it can be undone.
import { join } from 'node:path'
import { tildePath } from '../lib/domain/account.ts'
import { ensurePrivateDir, publish, readJson } from '../lib/edges/fs.ts'
import { withoutStatusLine, withStatusLine } from '../lib/install/claude-settings.ts'
import type { Paths } from '../lib/paths.ts'
import { readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import * as v from '../lib/valibot.ts'
import { agreeAndChange, type Change, readPersonsFile, realOf, sayFailed } from './change-files.ts'
import { ownProgram, settingsFiles } from './claude-settings.ts'

const SETTINGS_ARE_WRONG = 78

interface Options {
  dryRun: boolean
  yes: boolean
}

/** By settings.json: what there was before ours. */
const Before = v.record(
  v.string(),
  v.object({
    /** The value that stood in our place, as it was spelled; null = none. */
    value: v.nullable(v.string()),
    /** Whether there was a file at all. */
    wasThere: v.boolean(),
    /** The whole of one that held nothing, with its blanks; null = it held something. */
    nothing: v.optional(v.nullable(v.string()), null),
  }),
)
type Before = v.InferOutput<typeof Before>

export async function installStatusline(options: Options): Promise<void> {
  const { paths } = readEnvironment()
  const before = { ...readBefore(paths) }
  const changes: Change[] = []
  try {
    for (const path of await settingsFiles(paths)) {
      const reading = readPersonsFile(path)
      const change =
        'trouble' in reading
          ? { do: 'refuse' as const, reason: reading.trouble }
          : withStatusLine(reading.text, `${ownProgram()} statusline`)
      if (change.do === 'refuse') sayFailed(`${tildePath(path, paths.home)} was left alone: ${change.reason}`)
      if (change.do !== 'change' || 'trouble' in reading) continue
      const old = reading.text
      changes.push({ path, old, text: change.text })
      // Of an earlier checkout of ours the first memory stands: that is what a person had.
      if (before[path] === undefined || !isOurs(change.before))
        before[path] = { value: change.before, wasThere: old !== null, nothing: holdsNothing(old) ? old : null }
    }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    sayFailed(error.message, SETTINGS_ARE_WRONG)
    return
  }
  await carryOut('install', changes, paths, options, before)
}

export async function uninstallStatusline(options: Options): Promise<void> {
  const { paths } = readEnvironment()
  await carryOut('uninstall', statusLinesToTakeOut(paths), paths, options, {})
}

/** What has to be written so that no status line of ours is left. @param others changes of the same files that go before it */
export function statusLinesToTakeOut(paths: Paths, others: readonly Change[] = []): Change[] {
  const changes = new Map(others.map(change => [realOf(change.path), change]))
  for (const [path, { value, wasThere, nothing }] of Object.entries(readBefore(paths))) {
    const earlier = changes.get(realOf(path))
    const reading = readPersonsFile(path)
    const present = earlier !== undefined ? earlier.text : 'text' in reading ? reading.text : null
    const text = present === null ? null : withoutStatusLine(present, commandIn(present), value)
    if (present === null || text === null || !isOurs(present)) continue
    const emptied = wasThere ? (nothing ?? text) : null
    changes.set(realOf(path), { path, old: earlier?.old ?? present, text: holdsNothing(text) ? emptied : text })
  }
  return [...changes.values()]
}

async function carryOut(
  what: 'install' | 'uninstall',
  changes: Change[],
  paths: Paths,
  options: Options,
  before: Before,
): Promise<void> {
  // What was left alone has been told, and is not in place.
  if (changes.length === 0 && process.exitCode !== undefined) return
  if (changes.length === 0)
    return say(what === 'install' ? 'The status line is in place already.' : 'No status line of ours is there.')
  const done = await agreeAndChange(`${what} --statusline`, changes, paths.home, options, async () => {
    ensurePrivateDir(paths.health)
    if (what === 'install') await publish(memory(paths), `${JSON.stringify(before, null, 2)}\n`, { durable: true })
  })
  if (!done) return
  say(
    what === 'install'
      ? 'Done; Claude Code shows it from its next message on. `vigil uninstall --statusline` undoes it.'
      : 'Done.',
  )
}

function holdsNothing(text: string | null): boolean {
  return text !== null && ['', '{}'].includes(text.replace(/\s/g, ''))
}

function isOurs(text: string | null): boolean {
  return text !== null && /bin\/vigil'? statusline"/.test(text)
}

function commandIn(text: string): string {
  try {
    return String(JSON.parse(text).statusLine?.command)
  } catch {
    return '' // No JSON: then nothing of ours is found in it.
  }
}

function memory(paths: Paths): string {
  return join(paths.health, 'statusline-before.json')
}

function readBefore(paths: Paths): Before {
  const reading = readJson(memory(paths), Before)
  return reading.state === 'present' ? reading.value : {}
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
