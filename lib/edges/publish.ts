// The one way a file is written. write-file-atomic was measured and left out: it opens its temporary file without O_EXCL,
// renames one that was cut short over the good one, and costs every job 7-10 ms of a 20 ms start. Only syncing waits for
// the disk, so only that is asynchronous: the other calls take microseconds, and a trip to the thread pool ten times that.

import { basename, dirname, join } from 'node:path'
import {
  chmodSync,
  closeSync,
  constants,
  fsync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from './fs.ts'

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

/** A staging file that already has its disk space, for a write that must not fail for want of it. */
export interface Reservation {
  /** @throws PublishError when nothing changed; NotDurableError when in place but not synced */
  commit(content: string): Promise<void>
  /** Gives the space back; harmless after commit. */
  discard(): void
}

/**
 * Takes the disk space for a later write of `path` now, so that a full disk shows before something irrevocable is done.
 * @throws PublishError when the space is not to be had
 */
export async function reserve(path: string, bytes: number): Promise<Reservation> {
  const target = resolveTarget(path)
  const staging = stagingName(target)
  let descriptor: number | null = null
  const close = () => {
    if (descriptor !== null) closeSync(descriptor)
    descriptor = null
  }
  try {
    descriptor = openNew(staging, 0o600)
    writeFully(descriptor, Buffer.alloc(bytes, 0x20), 0)
    await sync(descriptor)
  } catch (error) {
    close()
    discard(staging)
    throw new PublishError(path, error)
  }
  return {
    async commit(content) {
      const data = Buffer.from(content)
      try {
        if (descriptor === null) throw new Error('the reservation was given back already')
        writeFully(descriptor, data, 0)
        ftruncateSync(descriptor, data.length)
        await sync(descriptor)
        close()
        commitStaging(staging, target, data)
      } catch (error) {
        close()
        discard(staging)
        throw new PublishError(path, error)
      }
      await syncDirectory(dirname(target), path)
    },
    discard() {
      if (descriptor === null) return
      close()
      discard(staging)
    },
  }
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

function resolveTarget(path: string): string {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync(path) : path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path
    throw new PublishError(path, error)
  }
}

function commitStaging(staging: string, target: string, bytes: Buffer): void {
  const written = readFileSync(staging)
  if (!written.equals(bytes)) throw new Error(`${written.length} of ${bytes.length} bytes came back from the disk`)
  renameSync(staging, target)
}

function discard(staging: string): void {
  try {
    unlinkSync(staging)
  } catch {
    // It may never have existed; the janitor takes what stays.
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
