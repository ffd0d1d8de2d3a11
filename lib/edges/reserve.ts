// Disk space that is taken before it is needed. Loaded only where a login is about to be rewritten.
import { dirname } from 'node:path'
import {
  closeSync,
  commitStaging,
  discard,
  ftruncateSync,
  openNew,
  PublishError,
  resolveTarget,
  stagingName,
  sync,
  syncDirectory,
  writeFully,
} from './fs.ts'

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
