// The folder that ccusage is given instead of the whole history: hard links to the transcripts that matter, and copies of
// the part that matters where a transcript began before the cut. The transcripts themselves are never written to.
import { dirname, join } from 'node:path'
import {
  closeSync,
  ensurePrivateDir,
  linkSync,
  lstatSync,
  mkdirSync,
  openNew,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFully,
} from '../edges/fs.ts'
import type { Seen } from './transcripts.ts'

export interface Wanted {
  seen: Seen
  /** See Known.ranges: `[0, -1]` is the whole file. */
  ranges: number[]
}

/**
 * Makes the folder hold what is wanted and nothing else. Whatever a killed run left in it is put right.
 * @returns how much it holds
 * @throws Error when a transcript is gone, or the disk refuses
 */
export function syncNarrowFolder(
  projectsDir: string,
  configDir: string,
  wanted: Wanted[],
): { files: number; bytes: number } {
  const root = join(configDir, 'projects')
  ensurePrivateDir(root)
  const there = new Map<string, ReturnType<typeof lstatSync>>()
  const folders: string[] = []
  list(root, '', there, folders)
  let files = 0
  let bytes = 0
  const keep = new Set<string>()
  for (const { seen, ranges } of wanted) {
    const length = lengthOf(seen, ranges)
    if (length === 0) continue
    const source = join(projectsDir, seen.path)
    const target = join(root, seen.path)
    const present = there.get(seen.path)
    const linkable = ranges.length === 2 && ranges[0] === 0 && ranges[1] === -1
    const isLink = present?.ino === seen.ino && present.dev === seen.dev
    const isCopy = !isLink && present?.size === length && Math.abs(Number(present.mtimeMs) - seen.mtimeMs) < 1
    if (!(linkable ? isLink || isCopy : isCopy)) {
      // Always taken away first: opened for writing, a link of ours would be the transcript itself.
      if (present) unlinkSync(target)
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
      if (!(linkable && link(source, target))) copy(source, target, seen, ranges)
    }
    keep.add(seen.path)
    files += 1
    bytes += length
  }
  for (const path of there.keys()) if (!keep.has(path)) unlinkSync(join(root, path))
  for (const folder of folders.reverse()) removeIfEmpty(join(root, folder))
  return { files, bytes }
}

/** A config directory whose projects/ is the real one: ccusage reads no configuration there and minds no comma in its path. */
export function pointAt(projectsDir: string, configDir: string): void {
  const path = join(configDir, 'projects')
  ensurePrivateDir(configDir)
  try {
    if (readlinkSync(path) === projectsDir) return
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  symlinkSync(projectsDir, path)
}

function list(root: string, below: string, into: Map<string, ReturnType<typeof lstatSync>>, folders: string[]): void {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) {
      folders.push(path)
      list(root, path, into, folders)
    } else into.set(path, lstatSync(join(root, path)))
  }
}

function lengthOf(seen: Seen, ranges: number[]): number {
  return pairs(ranges, seen.size).reduce((sum, [from, to]) => sum + to - from, 0)
}

function pairs(ranges: number[], size: number): Array<[number, number]> {
  const result: Array<[number, number]> = []
  for (let index = 0; index < ranges.length; index += 2) {
    const to = ranges[index + 1]!
    result.push([ranges[index]!, to === -1 ? size : to])
  }
  return result
}

/** Another file system, a foreign owner, too many links, no links at all: then it has to be a copy. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

function link(source: string, target: string): boolean {
  try {
    linkSync(source, target)
    return true
  } catch (error) {
    if (NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

const CHUNK_BYTES = 1 << 20

/** The copy gets the transcript's time last of all: one without it was cut short and is made again. */
function copy(source: string, target: string, seen: Seen, ranges: number[]): void {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  const from = openSync(source, 'r')
  try {
    const to = openNew(target, 0o600)
    try {
      let written = 0
      for (const [start, end] of pairs(ranges, seen.size)) {
        for (let at = start; at < end; ) {
          const length = readSync(from, chunk, 0, Math.min(chunk.length, end - at), at)
          if (length === 0) throw new Error(`${source} became shorter while it was copied`)
          writeFully(to, chunk.subarray(0, length), written)
          written += length
          at += length
        }
      }
    } finally {
      closeSync(to)
    }
  } finally {
    closeSync(from)
  }
  utimesSync(target, seen.mtimeMs / 1000, seen.mtimeMs / 1000)
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
