// Which files of accounts were found well, as they stood then, and until when that holds. Reading and judging a hundred
// accounts costs more than the rest of a watchdog's run; asking whether their files changed costs a tenth of it.
import { dirname } from 'node:path'
import { ensurePrivateDir, publish, readJson, statSync } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'
import { VERSION } from '../timings.ts'
import * as v from '../valibot.ts'

const Still = v.object({
  /** The Vigil that judged them; another one may judge otherwise. */
  version: v.literal(VERSION),
  /** The settings by which they were judged. */
  rules: v.string(),
  /** ms; `until` is not included. */
  from: v.number(),
  until: v.number(),
  files: v.array(v.string()),
  marks: v.array(v.string()),
})

/** How files stand: a mark each, in the same order. */
export interface Stamps {
  files: string[]
  marks: string[]
}

/** By inode, size and both times: a change time cannot be set back by a program. */
export function stampsOf(files: string[]): Stamps {
  return { files, marks: files.map(markOf) }
}

function markOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown' // It cannot be looked at; that it still cannot is no change.
  }
}

/** Whether every file stands as it did when all was well, and that still holds. @param rules the settings in force */
export function areStill(paths: Paths, rules: string, now: number): boolean {
  try {
    const kept = readJson(paths.stillAccounts, Still)
    if (kept.state !== 'present') return false
    const { value } = kept
    if (value.rules !== rules || now < value.from || now >= value.until) return false
    return value.files.length > 0 && value.files.every((path, n) => markOf(path) === value.marks[n])
  } catch {
    return false // Not to be read: then the accounts are.
  }
}

/** A change within the clock's own grain would not show, so where a file is younger than this nothing is kept. */
const GRAIN_MS = 2000

export async function keepStill(
  paths: Paths,
  stamps: Stamps,
  rules: string,
  from: number,
  until: number,
): Promise<void> {
  const changedAt = stamps.marks.map(mark => Number(mark.split(' ')[3] ?? 0))
  if (changedAt.some(at => at > from - GRAIN_MS)) return
  try {
    ensurePrivateDir(dirname(paths.stillAccounts))
    await publish(paths.stillAccounts, JSON.stringify({ version: VERSION, rules, from, until, ...stamps }))
  } catch {
    // Only the next look is slower for it; a full disk is told by DiskLow.
  }
}
