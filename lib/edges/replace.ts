// Changing a file that a person edits as well. publish() alone would not do: between a look at what stands there and the
// rename lies a disk sync, long enough for an editor's save to be lost, and the umask takes mode bits away.
import {
  chmodSync,
  NotDurableError,
  PublishError,
  publish,
  realpathSync,
  removeDurably,
  renameSync,
  stagingName,
  statSync,
} from './fs.ts'

/**
 * Puts `next` in the place of what is there, at the end of a link too, with the mode it had.
 * @param wasThere false = there is to be a first one, 0600
 * @param isStill whether what stands there is still what `next` was made from; asked when all is on the disk
 * @returns false when it is not; nothing was changed then
 * @throws PublishError when nothing changed; NotDurableError when in place but not synced; what `isStill` throws
 */
export async function replaceFile(
  path: string,
  next: string,
  wasThere: boolean,
  isStill: () => boolean,
): Promise<boolean> {
  const place = wasThere ? placeOf(path) : { target: path, mode: 0o600 }
  if (place === null) return false
  const staging = stagingName(place.target)
  let replaced = false
  try {
    await publish(staging, next, { mode: place.mode })
    chmodSync(staging, place.mode)
    if (isStill()) {
      renameSync(staging, place.target)
      replaced = true
    }
  } catch (error) {
    await removeDurably(staging).catch(() => undefined) // The janitor takes it; the first failure is the one to tell.
    if (error instanceof PublishError) throw new PublishError(path, error.cause)
    throw (error as NodeJS.ErrnoException).code === undefined ? error : new PublishError(path, error)
  }
  try {
    // After the rename there is nothing to remove, and the directory is synced all the same.
    await removeDurably(staging)
  } catch (error) {
    // Where nothing was replaced, a staging file that stays is the janitor's.
    if (replaced) throw new NotDurableError(path, (error as Error).cause ?? error)
  }
  return replaced
}

function placeOf(path: string): { target: string; mode: number } | null {
  try {
    const target = realpathSync(path)
    return { target, mode: statSync(target).mode & 0o777 }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null // Removed since it was read.
    throw new PublishError(path, error)
  }
}
