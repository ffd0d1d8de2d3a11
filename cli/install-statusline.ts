// `vigil install --statusline` and `uninstall --statusline`: the command in Claude Code's settings.json of every account.
// Shows the difference, asks, writes whole files, and remembers what stood there, so that all of it can be undone.
import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tildePath } from '../lib/domain/account.ts'
import { readFileSync, statSync, unlinkSync } from '../lib/edges/fs.ts'
import { ensurePrivateDir, publish } from '../lib/edges/publish.ts'
import { readJson } from '../lib/edges/read-json.ts'
import { withoutStatusLine, withStatusLine } from '../lib/install/claude-settings.ts'
import type { Paths } from '../lib/paths.ts'
import { readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import * as v from '../lib/valibot.ts'
import { agree } from './agree.ts'

const FAILED = 1
const SETTINGS_ARE_WRONG = 78

interface Options {
  dryRun: boolean
  yes: boolean
}

/** By settings.json: the value that stood there before ours, as it was spelled, and whether there was a file at all. */
const Before = v.record(v.string(), v.object({ value: v.nullable(v.string()), wasThere: v.boolean() }))
type Before = v.InferOutput<typeof Before>

interface Change {
  path: string
  old: string | null
  /** null = the file goes. */
  text: string | null
}

export async function installStatusline(options: Options): Promise<void> {
  const { paths } = readEnvironment()
  const before = { ...readBefore(paths) }
  const changes: Change[] = []
  try {
    for (const path of await settingsFiles(paths)) {
      const old = readIfThere(path)
      const change = withStatusLine(old, command())
      if (change.do === 'refuse') fail(`${tildePath(path, paths.home)} was left alone: ${change.reason}`)
      if (change.do !== 'change') continue
      changes.push({ path, old, text: change.text })
      // Of an earlier checkout of ours the first memory stands: that is what a person had.
      if (before[path] === undefined || !isOurs(change.before))
        before[path] = { value: change.before, wasThere: old !== null }
    }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    fail(error.message, SETTINGS_ARE_WRONG)
    return
  }
  await carryOut('install', changes, paths, options, before)
}

export async function uninstallStatusline(options: Options): Promise<void> {
  const { paths } = readEnvironment()
  const changes: Change[] = []
  for (const [path, { value, wasThere }] of Object.entries(readBefore(paths))) {
    const old = readIfThere(path)
    const text = old === null ? null : withoutStatusLine(old, commandIn(old), value)
    if (old === null || text === null || !isOurs(old)) continue
    changes.push({ path, old, text: !wasThere && text.replace(/\s/g, '') === '{}' ? null : text })
  }
  await carryOut('uninstall', changes, paths, options, {})
}

async function carryOut(
  what: 'install' | 'uninstall',
  changes: Change[],
  paths: Paths,
  { dryRun, yes }: Options,
  before: Before,
): Promise<void> {
  if (changes.length === 0)
    return say(what === 'install' ? 'The status line is in place already.' : 'No status line of ours is there.')
  for (const { path, old, text } of changes)
    say([tildePath(path, paths.home), ...difference(old ?? '', text ?? ''), ''].join('\n'))
  if (dryRun) return say('Nothing was changed.')
  if (!(await agree(`${what} --statusline`, yes))) return
  ensurePrivateDir(paths.health)
  // First what it takes to undo it.
  if (what === 'install') await publish(memory(paths), `${JSON.stringify(before, null, 2)}\n`, { durable: true })
  for (const { path, old, text } of changes) {
    // Claude Code may have written it while a person was reading.
    if (readIfThere(path) !== old) fail(`${tildePath(path, paths.home)} was changed meanwhile; run it again`)
    else if (text === null) unlinkSync(path)
    else await publish(path, text, { durable: true, mode: old === null ? 0o600 : statSync(path).mode & 0o777 })
  }
  say(
    what === 'install'
      ? 'Done; Claude Code shows it from its next message on. `vigil uninstall --statusline` undoes it.'
      : 'Done.',
  )
}

async function settingsFiles(paths: Paths): Promise<string[]> {
  const registry = await readRegistry(paths, 'leave')
  const dirs = registry?.accounts.map(({ configDir }) => configDir) ?? []
  const all = (dirs.length > 0 ? dirs : [join(paths.home, '.claude')]).map(dir => join(dir, 'settings.json'))
  // Two accounts may share one file by a link.
  return [...new Map(all.map(path => [realOf(path), path])).values()]
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path // Not there yet.
  }
}

function command(): string {
  const program = join(realpathSync(fileURLToPath(new URL('..', import.meta.url))), 'bin', 'vigil')
  return `${/^[\w@%+=:,./-]+$/.test(program) ? program : `'${program.replaceAll("'", "'\\''")}'`} statusline`
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

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && statSync(dirname(path), { throwIfNoEntry: false }))
      return null
    throw error
  }
}

/** Only the lines that differ: one stretch, for one member is put in or taken out. */
function difference(old: string, text: string): string[] {
  const [before, after] = [old.split('\n'), text.split('\n')]
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (tail < Math.min(before.length, after.length) - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const minus = before.slice(head, before.length - tail).filter((line, _n, all) => all.length > 1 || line !== '')
  const plus = after.slice(head, after.length - tail).filter((line, _n, all) => all.length > 1 || line !== '')
  return [...minus.map(line => `  - ${line}`), ...plus.map(line => `  + ${line}`)]
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(text: string, exitCode = FAILED): void {
  process.stderr.write(`vigil: ${text}\n`)
  process.exitCode = exitCode
}
