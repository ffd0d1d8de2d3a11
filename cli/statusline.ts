// `vigil statusline`: what Claude Code calls after every message. Prints at once, always one line or more, always with exit
// code 0 and nothing on stderr; what is to be done besides comes after the printing.
import { type Paths, pathsFor } from '../lib/paths.ts'
import { fieldsOf, type Gathered, gatherGlance, isHealthDue, sessionOf } from '../lib/statusline/glance.ts'
import { fitLines, segmentsOf } from '../lib/statusline/line.ts'

// As glance.ts takes it.
const { existsSync, fstatSync, read, readFileSync, writeSync } = process.getBuiltinModule('node:fs')

/** Claude Code writes its 1.5 KB before we have even started. Whoever holds stdin open says nothing more. */
const STDIN_WAIT_MS = 250
const MAX_INPUT_BYTES = 1024 * 1024
const UNKNOWN = '–\n'
const USAGE = `Usage: vigil statusline [--preview]

what Claude Code calls: one line from the caches and what it hands over on stdin

Options:
  --preview   all its states, side by side
  -h, --help  display help for command
`

if (import.meta.main) await statuslineCommand()

export async function statuslineCommand(): Promise<void> {
  const now = Date.now()
  if (process.argv.includes('--help') || process.argv.includes('-h')) return print(USAGE)
  if (process.argv.includes('--preview')) {
    const { previewText } = await import('../lib/statusline/preview.ts')
    return print(previewText(now, !process.env['NO_COLOR']))
  }
  const { HOME: home = '', VIGIL_HOME, CLAUDE_CONFIG_DIR, COLUMNS } = process.env
  let gathered: Gathered | null = null
  let text = UNKNOWN
  let input: unknown
  const paths = pathsFor(home, VIGIL_HOME || `${home}/.claude`)
  const stdin = await readStdin()
  try {
    input = stdin.value
    gathered = gatherGlance({ paths, configDir: CLAUDE_CONFIG_DIR || null, input, now })
    text = `${lineOf(gathered, Number(COLUMNS))}\n`
  } catch (error) {
    // Whatever it was: a blank line would hide it from the person it is for.
    gathered?.troubles.push(`the line could not be made: ${(error as Error).message}`)
  }
  print(text)
  if (gathered !== null && isAnythingDue({ paths, gathered, input, now }))
    await afterwards({ paths, gathered, input, now })
  if (stdin.isOpen) leaveAtOnce()
}

interface Seen {
  paths: Paths
  gathered: Gathered
  input: unknown
  now: number
}

/** What is asked here is asked again, closer, by what is loaded then. */
function isAnythingDue({ paths, gathered, input, now }: Seen): boolean {
  const { harvest, gitDue, troubles, glance, billingMark } = gathered
  // Where no job ever ran there is nobody to do anything for, and nothing is laid down.
  if (!existsSync(paths.runs)) return false
  if (harvest?.isNew || troubles.length > 0 || gitDue) return true
  if (billingMark !== 'fresh' || (glance.fiveHour.mark !== 'fresh' && glance.weekly.mark !== 'fresh')) return true
  const sessionId = sessionOf(fieldsOf(input))
  return sessionId !== null && isHealthDue(paths, sessionId, now)
}

async function afterwards(seen: Seen): Promise<void> {
  try {
    const { doAfterwards } = await import('../lib/statusline/afterwards.ts')
    const starts = doAfterwards(seen)
    if (starts.length === 0) return
    const { startDetached } = await import('../lib/edges/detach.ts')
    const { readEnvironment } = await import('../lib/settings.ts')
    const { childEnv } = readEnvironment()
    for (const { script, words, outputPath, sessionId } of starts) {
      const env = sessionId === null ? childEnv : { ...childEnv, VIGIL_SESSION_ID: sessionId }
      const path = decodeURIComponent(new URL(`../${script}`, import.meta.url).pathname)
      startDetached([process.execPath, path, ...words], { outputPath, env, cwd: '/' })
    }
  } catch {
    // It is done by the next one, or told by the watchdog; the person who waits for the line need not know.
  }
}

function lineOf({ glance, settings }: Gathered, columns: number): string {
  const space = {
    columns: Number.isInteger(columns) && columns > 0 ? columns : null,
    lines: settings.lines,
    color: settings.colors && !process.env['NO_COLOR'],
    ascii: settings.variant === 'ascii',
  }
  return fitLines(segmentsOf(glance, settings), space).join('\n')
}

interface Stdin {
  /** null where it is torn, or nothing: the caches are shown all the same. */
  value: unknown
  /** A read of it is still waiting. */
  isOpen: boolean
}

/** As much as comes until it is whole, its end, or the wait is over. A terminal is not asked. */
async function readStdin(): Promise<Stdin> {
  try {
    const stat = fstatSync(0)
    if (stat.isFile() && stat.size <= MAX_INPUT_BYTES) return { value: parsed(readFileSync(0, 'utf8')), isOpen: false }
    if (!stat.isFIFO() && !stat.isSocket()) return { value: null, isOpen: false }
  } catch {
    return { value: null, isOpen: false } // Closed.
  }
  // One reader is all that is needed, and each costs.
  process.env['UV_THREADPOOL_SIZE'] = '1'
  return new Promise(resolve => {
    const room = Buffer.allocUnsafeSlow(64 * 1024)
    let text = ''
    const decoder = new TextDecoder()
    const timer = setTimeout(() => resolve({ value: parsed(text), isOpen: true }), STDIN_WAIT_MS)
    const end = (value: unknown) => {
      clearTimeout(timer)
      resolve({ value, isOpen: false })
    }
    // Not process.stdin: loading what it is made of costs half of what the line may.
    const more = () =>
      read(0, room, 0, room.length, null, (error, count) => {
        if (error || count === 0 || text.length > MAX_INPUT_BYTES) return end(parsed(text))
        text += decoder.decode(room.subarray(0, count), { stream: true })
        const value = text.trimEnd().endsWith('}') ? parsed(text) : null
        return value === null ? more() : end(value)
      })
    more()
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/**
 * A read that waits for ever keeps Node from ending, even by process.exit(). Another program in our place takes that along;
 * nothing else ends with code 0.
 */
function leaveAtOnce(): void {
  try {
    process.execve?.('/bin/sh', ['sh', '-c', ':'], {})
  } catch {
    // No such call on this system: Claude Code ends us at its next trigger.
  }
}

function print(text: string): void {
  const bytes = Buffer.from(text)
  for (let offset = 0, tries = 0; offset < bytes.length && tries < 50; tries++) {
    try {
      offset += writeSync(1, bytes, offset)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return // Nobody reads any more.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}
