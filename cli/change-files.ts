// How a command changes files that a person keeps: read whole, shown as a difference, and put in place whole; never through
// what they are not.
import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { tildePath } from '../lib/domain/account.ts'
import { lstatSync, mkdirSync, readFileSync, statSync, unlinkSync } from '../lib/edges/fs.ts'
import { replaceFile } from '../lib/edges/replace.ts'
import { agree } from './agree.ts'

const FAILED = 1

export interface Change {
  path: string
  /** null = it was not there. */
  old: string | null
  /** null = the file goes. */
  text: string | null
}

/**
 * @param makesFolder its folder need not be there
 * @returns `text` null = there is none; or why it cannot be changed, in a person's words
 */
export function readPersonsFile(path: string, makesFolder = false): { text: string | null } | { trouble: string } {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
      return makesFolder || statSync(dirname(path), { throwIfNoEntry: false })
        ? { text: null }
        : { trouble: 'its folder is not there' }
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return { trouble: 'it is a link to what is not there' }
    if (!stat.isFile()) return { trouble: 'it is no file' }
    const bytes = readFileSync(path)
    const text = bytes.toString()
    // Written back, what is none would be another text.
    return Buffer.from(text).equals(bytes) ? { text } : { trouble: 'it is no UTF-8' }
  } catch (error) {
    return { trouble: `it cannot be read: ${(error as NodeJS.ErrnoException).code}` }
  }
}

/**
 * Shows, asks and does it.
 * @param remember puts down first what it takes to undo it
 * @returns whether anything was done; what was not is said on stderr
 */
export async function agreeAndChange(
  command: string,
  changes: readonly Change[],
  home: string,
  { dryRun, yes }: { dryRun: boolean; yes: boolean },
  remember: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  process.stdout.write(`${changeLines(changes, home).join('\n')}\n`)
  if (dryRun) {
    process.stdout.write('Nothing was changed.\n')
    return false
  }
  if (!(await agree(command, yes))) return false
  await remember()
  const failures = await writeChanges(changes, home)
  for (const failure of failures) sayFailed(failure)
  return failures.length < changes.length
}

export function sayFailed(text: string, exitCode = FAILED): void {
  process.stderr.write(`vigil: ${text}\n`)
  process.exitCode = exitCode
}

/** Each path with the lines that differ. */
export function changeLines(changes: readonly Change[], home: string): string[] {
  return changes.flatMap(({ path, old, text }) => [tildePath(path, home), ...difference(old ?? '', text ?? ''), ''])
}

/** Each for itself. @returns what could not be done, a line each */
export async function writeChanges(changes: readonly Change[], home: string): Promise<string[]> {
  const failures: string[] = []
  for (const { path, old, text } of changes) {
    const shown = tildePath(path, home)
    const isStill = () => {
      const present = readPersonsFile(path, old === null)
      return 'text' in present && present.text === old
    }
    try {
      // Its other writer may have been at it while a person was reading.
      let done = isStill()
      if (done && text === null) unlinkSync(path)
      else if (done && text !== null) {
        mkdirSync(dirname(path), { recursive: true })
        done = await replaceFile(path, text, old !== null, isStill)
      }
      if (!done) failures.push(`${shown} was changed meanwhile; run it again`)
    } catch (error) {
      failures.push(`${shown}: ${(error as Error).message}`)
    }
  }
  return failures
}

/** By the file that it is, where several paths lead to one. The last of them counts. */
export function withoutTwins(paths: readonly string[]): string[] {
  return [...new Map(paths.map(path => [realOf(path), path])).values()]
}

/** The file itself, at the end of a link; the path where nothing is there yet. */
export function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Only the lines that differ; what stands between two of them may be what no screen should show. */
function difference(old: string, text: string): string[] {
  // The end of the last line is none of its own.
  const [before, after] = [old.replace(/\n$/, '').split('\n'), text.replace(/\n$/, '').split('\n')]
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (tail < Math.min(before.length, after.length) - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const [minus, plus] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)]
  const kept = longestCommon(minus, plus)
  const lines = (sign: string, all: string[], common: ReadonlySet<number>) =>
    all.filter((line, n) => !common.has(n) && (all.length > 1 || line !== '')).map(line => `  ${sign} ${line}`)
  return [...lines('-', minus, kept.minus), ...lines('+', plus, kept.plus)]
}

/** Which lines of each are common to both, in their order. */
function longestCommon(minus: readonly string[], plus: readonly string[]) {
  const lengths = Array.from({ length: minus.length + 1 }, () => new Uint32Array(plus.length + 1))
  for (let m = minus.length - 1; m >= 0; m--)
    for (let p = plus.length - 1; p >= 0; p--)
      lengths[m]![p] =
        minus[m] === plus[p] ? lengths[m + 1]![p + 1]! + 1 : Math.max(lengths[m + 1]![p]!, lengths[m]![p + 1]!)
  const kept = { minus: new Set<number>(), plus: new Set<number>() }
  for (let m = 0, p = 0; m < minus.length && p < plus.length; ) {
    if (minus[m] === plus[p]) {
      kept.minus.add(m++)
      kept.plus.add(p++)
    } else if (lengths[m + 1]![p]! >= lengths[m]![p + 1]!) m++
    else p++
  }
  return kept
}
