// Which logs there are, and what they hold. Reads only.
import { basename, join } from 'node:path'
import { type LogEntry, readEntries } from '../domain/log-line.ts'
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from '../edges/fs.ts'
import { logPath, type Paths } from '../paths.ts'

export interface LogFile {
  path: string
  /** The job, or the name of the file where it is what others said. */
  from: string
}

/** `x.log`, `x.log.3`, `cron.err`, `channel-mail.stderr`, `x.log.stderr`. */
const NAME = /^[\p{L}\p{N}._-]+\.(?:log|err|stderr)(?:\.\d+)?$/u

/** Those that are written to now. @param job null = of all jobs, with what shells and channels said */
export function listLogs(paths: Paths, job: string | null): LogFile[] {
  const own = logPath(paths, 'refresh-tokens')
  const inLogs = namesIn(paths.logs).map(name => join(paths.logs, name))
  const all = [own, ...inLogs].filter(path => NAME.test(basename(path)) && !/\.\d+$/.test(path) && isFile(path))
  const files = all.map(path => ({ path, from: path === own ? 'refresh-tokens' : fromOf(basename(path)) }))
  return job === null ? files : files.filter(({ from }) => from === job || from === `${job}.log.stderr`)
}

/** What they hold of the time since then, the rotated ones too. @param since ms */
export function readLogs(files: readonly LogFile[], since: number): LogEntry[] {
  return files.flatMap(({ path, from }) => {
    const rotated = namesIn(join(path, '..')).filter(name => isRotationOf(name, basename(path)))
    const oldFirst = rotated.sort((a, b) => numberOf(b) - numberOf(a)).map(name => join(path, '..', name))
    return [...oldFirst, path].flatMap(part => entriesOf(part, from, since))
  })
}

export interface Tail {
  ino: number
  offset: number
}

/** Where a log ends now; null = it is not there. */
export function endOf(path: string): Tail | null {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isFile() ? { ino: stat.ino, offset: stat.size } : null
}

/**
 * What was added since, whole lines only; what a rotation has moved away is read to its end first.
 * @param seen null = it was not there
 */
export function readAdded(file: LogFile, seen: Tail | null): { entries: LogEntry[]; seen: Tail | null } {
  const end = endOf(file.path)
  const entries: LogEntry[] = []
  let from = seen
  if (seen !== null && end?.ino !== seen.ino) {
    const moved = endOf(`${file.path}.1`)
    if (moved?.ino === seen.ino) entries.push(...wholeLines(`${file.path}.1`, file.from, seen.offset).entries)
    from = null
  }
  if (end === null) return { entries, seen: null }
  // Shorter than it was: somebody emptied it.
  const offset = from === null || from.offset > end.offset ? 0 : from.offset
  const added = wholeLines(file.path, file.from, offset)
  return { entries: [...entries, ...added.entries], seen: { ino: end.ino, offset: offset + added.bytes } }
}

function wholeLines(path: string, from: string, offset: number): { entries: LogEntry[]; bytes: number } {
  const read = readFrom(path, offset)
  if (read === null) return { entries: [], bytes: 0 }
  const bytes = read.bytes.lastIndexOf('\n') + 1
  return { entries: readEntries(read.bytes.subarray(0, bytes).toString('utf8'), from, read.writtenAt), bytes }
}

function entriesOf(path: string, from: string, since: number): LogEntry[] {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  // Written before that, it can hold nothing of the time since.
  if (stat === undefined || !stat.isFile() || stat.mtimeMs < since) return []
  const read = readFrom(path, 0)
  return read === null ? [] : readEntries(read.bytes.toString('utf8'), from, read.writtenAt)
}

/** Far more than a log ever has; of a longer one the end. */
const MAX_BYTES = 16 * 1024 * 1024

function readFrom(path: string, offset: number): { bytes: Buffer; writtenAt: number } | null {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null // Rotated away in between.
    throw error
  }
  try {
    const { size, mtimeMs } = fstatSync(descriptor)
    const start = Math.max(offset, size - MAX_BYTES)
    const bytes = Buffer.alloc(Math.max(0, size - start))
    const length = readSync(descriptor, bytes, 0, bytes.length, start)
    return { bytes: bytes.subarray(0, length), writtenAt: mtimeMs }
  } finally {
    closeSync(descriptor)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // No job has run yet.
    throw error
  }
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function isRotationOf(name: string, log: string): boolean {
  return name.startsWith(`${log}.`) && /^\d+$/.test(name.slice(log.length + 1))
}

function numberOf(name: string): number {
  return Number(/\d+$/.exec(name)![0])
}

function fromOf(name: string): string {
  return name.endsWith('.log') ? name.slice(0, -'.log'.length) : name
}
