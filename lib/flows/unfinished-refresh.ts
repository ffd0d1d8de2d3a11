// What a refresh that was cut off left beside its login, whatever a person did to the directory since.
import type { Run } from '../job.ts'
import { loginKey, pointTo, removePointer } from '../store/login-states.ts'
import { adoptJournal, type JournalReading, readJournal } from '../store/refresh-journal.ts'
import type { LoginLook } from './refresh-login.ts'

/** What is unfinished of this login, by whatever name its directory went when it was begun. */
export async function findJournal(
  look: LoginLook,
  run: Run,
  path: string,
  stored: string | null,
): Promise<JournalReading> {
  const found = readJournal(path)
  if (found.state !== 'absent' || stored === null) return found
  const earlierKey = adoptJournal(path, stored)
  if (earlierKey === null) return found
  const { slot, isDefault } = look.account
  const configDir = placeOf(look)
  await pointTo(run.paths.refreshing, loginKey(look.store), { slot, configDir, isDefault, fingerprint: stored })
  removePointer(run.paths.refreshing, earlierKey)
  return readJournal(path)
}

/** By which a later run finds it, where a link leads elsewhere by then. */
export function placeOf({ store, configDir, account }: LoginLook): string {
  return store.opensByRealDirectory ? configDir : account.configDir
}
