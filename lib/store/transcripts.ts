// Claude Code's transcripts, only ever read: which there are, and of each what decides whether it matters to the present
// figures. ccusage takes every *.jsonl below projects/ and follows no symbolic link there; so does this.
import { join } from 'node:path'
import { closeSync, lstatSync, openSync, readdirSync, readSync } from '../edges/fs.ts'

export interface Seen {
  /** Below projects/. */
  path: string
  size: number
  mtimeMs: number
  ino: number
  dev: number
}

export interface Inventory {
  files: Map<string, Seen>
  bytes: number
  /** Folders that we may not read. ccusage, which is the same user, leaves them out as well. */
  unreadable: number
  /** Names that are no UTF-8: ccusage reads such files, we cannot name them. */
  unnameable: number
}

/** null = there is no such folder. What vanishes while it is listed is left out. */
export function listTranscripts(projectsDir: string): Inventory | null {
  const inventory: Inventory = { files: new Map(), bytes: 0, unreadable: 0, unnameable: 0 }
  return list(projectsDir, '', inventory) ? inventory : null
}

function list(root: string, below: string, into: Inventory): boolean {
  let entries: ReturnType<typeof readFolder>
  try {
    entries = readFolder(join(root, below))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    into.unreadable += 1
    return true
  }
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.name.includes('\uFFFD')) into.unnameable += 1
    else if (entry.isDirectory()) list(root, path, into)
    // A file named `.jsonl` alone has no extension in ccusage's eyes.
    else if (entry.isFile() && entry.name.endsWith('.jsonl') && entry.name !== '.jsonl') {
      try {
        const { size, mtimeMs, ino, dev } = lstatSync(`${root}/${path}`)
        into.files.set(path, { path, size, mtimeMs, ino, dev })
        into.bytes += size
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }
  return true
}

function readFolder(path: string) {
  return readdirSync(path, { withFileTypes: true })
}

/** Unchanged since, as far as anybody can tell without reading it. ctime says nothing: our own hard links move it. */
export function isSame(seen: Pick<Seen, 'size' | 'mtimeMs' | 'ino'>, known: typeof seen): boolean {
  return seen.size === known.size && seen.mtimeMs === known.mtimeMs && seen.ino === known.ino
}

/** What is remembered of a transcript that may hold entries since the cut. */
export interface Known {
  path: string
  size: number
  mtimeMs: number
  ino: number
  /** Up to here its lines were looked at. */
  scannedTo: number
  /** A mark of the bytes before that, so that a rewritten file is not taken for one that grew. */
  tail: number
  /** Pairs of from and to in bytes: what is left when every entry from before the cut is taken out. -1 = to the end. */
  ranges: number[]
}

/** What the lines with usage are that a transcript has got since it was known, by the times on them. */
export interface Look {
  known: Known
  beforeCut: number
  beforeToday: number
  /** Marks of the message ids on the lines from before the cut, from there to today, and of today. */
  idsBeforeCut: number[]
  idsBeforeToday: number[]
  ids: number[]
}

const TAIL_BYTES = 512
const ISO_LENGTH = '2026-11-20T00:00:00.000Z'.length
const NEWLINE = 10
const QUOTE = 34
const USAGE = Buffer.from('"usage":{')
const ID = Buffer.from('"id":"')
const TOOL_ID = Buffer.from('toolu_')
const TIMESTAMP = Buffer.from('"timestamp":"')

/**
 * Looks at the lines of a transcript that are new since it was known, up to the size that was seen.
 * @returns null when it did not just grow: what was known of it is void
 */
export function lookAt(
  projectsDir: string,
  seen: Seen,
  since: { cutAt: number; dayStartsAt: number },
  known: Known | null,
): Look | null {
  const from = known?.scannedTo ?? 0
  const tailFrom = Math.max(0, from - TAIL_BYTES)
  const bytes = readPart(join(projectsDir, seen.path), tailFrom, seen.size)
  if (known && mark(bytes, 0, from - tailFrom) !== known.tail) return null
  const look = { beforeCut: 0, beforeToday: 0, idsBeforeCut: [], idsBeforeToday: [], ids: [] }
  const ranges = known ? [...known.ranges] : [0, -1]
  let sinceRangeBegan = known !== null
  for (let hit = bytes.indexOf(USAGE, from - tailFrom); hit !== -1; ) {
    const start = bytes.lastIndexOf(NEWLINE, hit) + 1
    const newline = bytes.indexOf(NEWLINE, hit)
    const end = newline === -1 ? bytes.length : newline
    const line = bytes.subarray(start, end)
    const at = timeOf(line)
    if (at < since.cutAt) {
      look.beforeCut += 1
      collectIds(line, look.idsBeforeCut)
      if (ranges.at(-1) === -1) {
        if (sinceRangeBegan) ranges[ranges.length - 1] = tailFrom + start
        else ranges.length -= 2
      }
    } else if (at >= since.cutAt) {
      if (at < since.dayStartsAt) look.beforeToday += 1
      collectIds(line, at < since.dayStartsAt ? look.idsBeforeToday : look.ids)
      if (ranges.at(-1) !== -1) ranges.push(tailFrom + start, -1)
      sinceRangeBegan = true
    }
    hit = newline === -1 ? -1 : bytes.indexOf(USAGE, newline + 1)
  }
  // A line that is still being written is looked at again when it is whole.
  const scanned = Math.max(from - tailFrom, bytes.lastIndexOf(NEWLINE) + 1)
  const { path, size, mtimeMs, ino } = seen
  const tail = mark(bytes, Math.max(0, scanned - TAIL_BYTES), scanned)
  return { ...look, known: { path, size, mtimeMs, ino, scannedTo: tailFrom + scanned, tail, ranges } }
}

/**
 * Marks of all message ids in a transcript, each once, and the latest time on a line with one, ms: null = there is none,
 * and a time that cannot be read counts as the end of time. A file's own time may have been set back, its lines not.
 */
export function idsAndLastTime(projectsDir: string, seen: Seen): { ids: number[]; lastAt: number | null } {
  const bytes = readPart(join(projectsDir, seen.path), 0, seen.size)
  const ids: number[] = []
  let latest = ''
  collectIds(bytes, ids, at => {
    const found = bytes.indexOf(TIMESTAMP, at)
    if (found === -1) return
    // All of them in UTC and of one length, so that the later is the greater; reading each as a time cost twice as much.
    const text = bytes.toString('latin1', found + TIMESTAMP.length, found + TIMESTAMP.length + ISO_LENGTH)
    if (text > latest) latest = text
  })
  if (latest === '') return { ids: [...new Set(ids)], lastAt: null }
  const lastAt = Date.parse(latest)
  return { ids: [...new Set(ids)], lastAt: Number.isNaN(lastAt) ? Number.MAX_SAFE_INTEGER : lastAt }
}

/** The time of a line as ccusage takes it: its own, or that of the message within an agent's progress. */
function timeOf(line: Buffer): number {
  const first = line.indexOf(TIMESTAMP)
  const onlyOne = first !== -1 && line.indexOf(TIMESTAMP, first + 1) === -1
  if (onlyOne) return Date.parse(textFrom(line, first + TIMESTAMP.length))
  try {
    const entry = JSON.parse(line.toString())
    return Date.parse(entry.timestamp ?? entry.data?.message?.timestamp)
  } catch {
    return Number.NaN // Torn or no entry: ccusage leaves it out, so it belongs to neither side.
  }
}

function textFrom(bytes: Buffer, start: number): string {
  return bytes.toString('latin1', start, bytes.indexOf(QUOTE, start))
}

/** Every `"id"` is taken, but those of tools: one too many costs a full run at worst. */
function collectIds(bytes: Buffer, into: number[], onId: (at: number) => void = () => undefined): void {
  for (let found = bytes.indexOf(ID); found !== -1; found = bytes.indexOf(ID, found + ID.length)) {
    const start = found + ID.length
    if (bytes[start] === TOOL_ID[0] && bytes.compare(TOOL_ID, 0, TOOL_ID.length, start, start + TOOL_ID.length) === 0)
      continue
    let end = start
    while (end < bytes.length && bytes[end] !== QUOTE) end += 1
    into.push(mark(bytes, start, end))
    onId(end)
  }
}

/** 48 bits of two multiplicative hashes. */
function mark(bytes: Buffer, start: number, end: number): number {
  let low = 0x811c9dc5
  let high = 0x9747b28c
  for (let at = start; at < end; at += 1) {
    low = Math.imul(low ^ bytes[at]!, 0x01000193)
    high = Math.imul(high ^ bytes[at]!, 0x5bd1e995)
    high ^= high >>> 15
  }
  return (high & 0xffff) * 2 ** 32 + (low >>> 0)
}

let scratch = Buffer.alloc(0)

/** What is read stands in one buffer that the next reading overwrites: 2,000 of their own were 1 GB of garbage. */
function readPart(path: string, from: number, to: number): Buffer {
  if (scratch.length < to - from) scratch = Buffer.allocUnsafeSlow(Math.ceil((to - from) * 1.25))
  const descriptor = openSync(path, 'r')
  try {
    let length = 0
    while (length < to - from) {
      const read = readSync(descriptor, scratch, length, to - from - length, from + length)
      if (read === 0) break
      length += read
    }
    return scratch.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}
