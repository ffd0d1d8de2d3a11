// The one way a file is written. write-file-atomic was measured and left out: it renames a file that was cut short over
// the good one, opens its temporary file without O_EXCL, and costs every job 7-10 ms of start.
import {
  chmod,
  constants,
  type FileHandle,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface PublishOptions {
  /** True for what may not be lost by a power cut: the directory is synced too. Caches may skip that. */
  durable?: boolean
  mode?: number
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
export async function ensurePrivateDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/** Closes a directory of ours to others, whoever made it and with whatever umask. */
export async function makePrivate(path: string): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) await chmod(path, 0o700)
}

/**
 * Puts `content` at `path` whole or not at all: staging file in the same directory, sync, read back and compare, rename.
 * A symlink is resolved once and the real file replaced.
 * @throws PublishError when nothing changed; NotDurableError when the new file is in place but was not synced
 */
export async function publish(path: string, content: string | Buffer, options: PublishOptions = {}): Promise<void> {
  const target = await resolveTarget(path)
  const staging = stagingName(target)
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  try {
    const handle = await openNew(staging, options.mode ?? 0o600)
    try {
      await writeFully(handle, bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await commitStaging(staging, target, bytes)
  } catch (error) {
    await discard(staging)
    throw new PublishError(path, error)
  }
  if (options.durable) await syncDirectory(target, path)
}

/** A staging file that already has its disk space, for a write that must not fail for want of it. */
export interface Reservation {
  /** @throws PublishError when nothing changed; NotDurableError when in place but not synced */
  commit(content: string): Promise<void>
  discard(): Promise<void>
}

/**
 * Takes the disk space for a later write of `path` now, so that a full disk shows before something irrevocable is done.
 * @throws PublishError when the space is not to be had
 */
export async function reserve(path: string, bytes: number): Promise<Reservation> {
  const target = await resolveTarget(path)
  const staging = stagingName(target)
  let handle: FileHandle
  try {
    handle = await openNew(staging, 0o600)
    try {
      await writeFully(handle, Buffer.alloc(bytes, 0x20))
      await handle.sync()
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    await discard(staging)
    throw new PublishError(path, error)
  }
  return {
    async commit(content) {
      const data = Buffer.from(content)
      try {
        try {
          await writeFully(handle, data)
          await handle.truncate(data.length)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await commitStaging(staging, target, data)
      } catch (error) {
        await discard(staging)
        throw new PublishError(path, error)
      }
      await syncDirectory(target, path)
    },
    async discard() {
      await handle.close().catch(() => undefined) // Closed already: then there is nothing left to close.
      await discard(staging)
    },
  }
}

/** Removes a file durably; one that is gone already is fine. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await syncDirectory(path, path)
}

async function resolveTarget(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path
    throw new PublishError(path, error)
  }
}

async function openNew(path: string, mode: number): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode)
}

/** `write` may take less than it was given (full disk, quota, file-size limit); a count of 0 would loop for ever. */
async function writeFully(handle: FileHandle, bytes: Buffer): Promise<void> {
  let offset = 0
  while (offset < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, offset)
    if (bytesWritten === 0) throw Object.assign(new Error('the disk took no more bytes'), { code: 'ENOSPC' })
    offset += bytesWritten
  }
}

async function commitStaging(staging: string, target: string, bytes: Buffer): Promise<void> {
  const written = await readFile(staging)
  if (!written.equals(bytes)) throw new Error(`${written.length} of ${bytes.length} bytes came back from the disk`)
  await rename(staging, target)
}

async function syncDirectory(target: string, path: string): Promise<void> {
  try {
    const directory = await open(dirname(target), constants.O_RDONLY)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (error) {
    throw new NotDurableError(path, error)
  }
}

async function discard(staging: string): Promise<void> {
  await unlink(staging).catch(() => undefined) // It may never have existed; the janitor takes what stays.
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
