// Files: node:fs itself, how one is read, and the one way one is written. In one place, for every start loads all of it.
import { basename, dirname, join } from 'node:path'
import type * as v from '../valibot.ts'

// Taken as a value: an ESM import of it looks at every export, loads its promises half by that, and costs a start 3 of its 20 ms.
export const {
  accessSync,
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} = process.getBuiltinModule('node:fs')

// ---- Reading

/** Absent and corrupt are different things: the first is normal at the start, the second is a fact to report. */
export type JsonReading<T> = { state: 'present'; value: T } | { state: 'absent' } | { state: 'corrupt'; detail: string }

/** What is longer is none of the files that we know; Claude Code's `.claude.json` is the longest of them. */
const MAX_BYTES = 64 * 1024 * 1024

/** It is there, and reading it would be wrong: a FIFO keeps a reader for ever, and nothing of ours is this long. */
export class UnfitFileError extends Error {
  override name = 'UnfitFileError'
}

/**
 * The whole of a regular file; whatever else stands in its place never keeps the run waiting.
 * @throws UnfitFileError, or the system's error
 */
export function readRegularFile(path: string): Buffer {
  return readOpened(path, descriptor => readFileSync(descriptor))
}

/** The same as UTF-8 text. Read as such, for a Buffer apiece adds up with a thousand accounts. */
function readRegularText(path: string): string {
  return readOpened(path, descriptor => readFileSync(descriptor, 'utf8'))
}

function readOpened<T>(path: string, read: (descriptor: number) => T): T {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    // A socket cannot even be opened.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw new UnfitFileError('it is no regular file')
    throw error
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new UnfitFileError('it is no regular file')
    if (stat.size > MAX_BYTES) throw new UnfitFileError(`it is ${stat.size} bytes long`)
    return read(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Reads a JSON file and checks its schema.
 * @throws Error for what is neither absent nor a matter of content (permission, I/O)
 */
export function readJson<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): JsonReading<v.InferOutput<Schema>> {
  let text: string
  try {
    text = readRegularText(path)
  } catch (error) {
    if (error instanceof UnfitFileError) return { state: 'corrupt', detail: error.message }
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' }
    throw error
  }
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return { state: 'corrupt', detail: `it is not JSON (${text.length} characters)` }
  }
  // By the interface that validators share: this file is loaded by who needs none.
  const parsed = schema['~standard'].validate(data)
  if (parsed instanceof Promise) throw new Error('a schema that has to be waited for')
  if (parsed.issues === undefined) return { state: 'present', value: parsed.value as v.InferOutput<Schema> }
  const { path: where = [], message } = parsed.issues[0]!
  const keys = where.map(part => String(typeof part === 'object' ? part.key : part))
  return { state: 'corrupt', detail: `${keys.join('.') || 'the whole'}: ${message}` }
}

// ---- Writing. write-file-atomic was measured and left out: it opens its temporary file without O_EXCL,
// renames one that was cut short over the good one, and costs every job 7-10 ms of a 20 ms start. Only syncing waits for
// the disk, so only that is asynchronous: the other calls take microseconds, and a trip to the thread pool ten times that.

export interface PublishOptions {
  /** True for what may not be lost by a power cut: the directory is synced too. Caches may skip that. */
  durable?: boolean
  mode?: number
  /** True where nothing else is at work meanwhile: then waiting in place is cheaper than waking the thread pool (2 ms). */
  blocking?: boolean
}

/** The file that was to be written is as it was before; nothing of ours is left beside it. */
export class PublishError extends Error {
  readonly code: string | undefined
  constructor(path: string, cause: unknown) {
    super(`${basename(path)} was not written: ${describe(cause)}`, { cause })
    this.name = 'PublishError'
    this.code = (cause as NodeJS.ErrnoException | undefined)?.code
  }
}

/** The new content is visible, but a power cut could still undo it. */
export class NotDurableError extends Error {
  constructor(path: string, cause: unknown) {
    super(`${basename(path)} was written, but is perhaps not durable: ${describe(cause)}`, { cause })
    this.name = 'NotDurableError'
  }
}

let serial = 0

/** Names of our staging files, so that the janitor knows its own: `.<name>.<pid>.<n>.vigil-tmp`. */
export function stagingName(target: string): string {
  serial += 1
  return join(dirname(target), `.${basename(target)}.${process.pid}.${serial}.vigil-tmp`)
}

/** Creates a private directory with its parents; one that exists keeps its mode. */
export function ensurePrivateDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

/** Closes a directory of ours to others, whoever made it and with whatever umask. */
export function makePrivate(path: string): void {
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/**
 * Puts `content` at `path` whole or not at all: staging file in the same directory, sync, read back and compare, rename.
 * A symlink is resolved once and the real file replaced.
 * @throws PublishError when nothing changed; NotDurableError when the new file is in place but was not synced
 */
export async function publish(path: string, content: string, options: PublishOptions = {}): Promise<void> {
  const target = resolveTarget(path)
  const staging = stagingName(target)
  const bytes = Buffer.from(content)
  try {
    const descriptor = openNew(staging, options.mode ?? 0o600)
    try {
      writeFully(descriptor, bytes, 0)
      if (options.blocking) fsyncSync(descriptor)
      else await sync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    commitStaging(staging, target, bytes)
  } catch (error) {
    discard(staging)
    throw new PublishError(path, error)
  }
  if (options.durable) await syncDirectory(dirname(target), path, options.blocking)
}

/** Removes a file durably; one that is gone already is fine. */
export async function removeDurably(path: string, blocking = false): Promise<void> {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await syncDirectory(dirname(path), path, blocking)
}

/** Opens a file that must not have been there, not even as a link. */
export function openNew(path: string, mode: number): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode)
}

/** `write` may take less than it was given (full disk, quota, file-size limit); a count of 0 would loop for ever. */
export function writeFully(descriptor: number, bytes: Buffer, position: number): void {
  let offset = 0
  while (offset < bytes.length) {
    const written = writeSync(descriptor, bytes, offset, bytes.length - offset, position + offset)
    if (written === 0) throw Object.assign(new Error('the disk took no more bytes'), { code: 'ENOSPC' })
    offset += written
  }
}

/** A sync that failed is never tried again on the same descriptor: the kernel may have dropped the pages. */
export function sync(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => fsync(descriptor, error => (error ? reject(error) : resolve())))
}

/** @throws NotDurableError */
export async function syncDirectory(directory: string, path: string, blocking = false): Promise<void> {
  try {
    const descriptor = openSync(directory, constants.O_RDONLY)
    try {
      if (blocking) fsyncSync(descriptor)
      else await sync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw new NotDurableError(path, error)
  }
}

export function resolveTarget(path: string): string {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync(path) : path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path
    throw new PublishError(path, error)
  }
}

export function commitStaging(staging: string, target: string, bytes: Buffer): void {
  const written = readFileSync(staging)
  if (!written.equals(bytes)) throw new Error(`${written.length} of ${bytes.length} bytes came back from the disk`)
  renameSync(staging, target)
}

export function discard(staging: string): void {
  try {
    unlinkSync(staging)
  } catch {
    // It may never have existed; the janitor takes what stays.
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
