// What a shell and a person find of the current account outside of claude-sessions.yaml: current.env and, on Linux, a link.
import type { Account } from '../domain/account.ts'
import { currentEnvText } from '../domain/switch.ts'
import {
  ensurePrivateDir,
  publish,
  readFileSync,
  readlinkSync,
  renameSync,
  stagingName,
  symlinkSync,
  syncDirectory,
} from '../edges/fs.ts'
import type { Paths } from '../paths.ts'

/** Each in one piece; what says so already is left alone. @throws Error where one cannot be written */
export async function pointAt(
  account: Account,
  paths: Paths,
  platform: NodeJS.Platform = process.platform,
): Promise<void> {
  ensurePrivateDir(paths.health)
  const text = currentEnvText(account)
  if (tolerant(() => readFileSync(paths.currentEnv, 'utf8')) !== text)
    await publish(paths.currentEnv, text, { durable: true, blocking: true })
  if (platform !== 'linux' || tolerant(() => readlinkSync(paths.currentLink)) === account.configDir) return
  const staging = stagingName(paths.currentLink)
  symlinkSync(account.configDir, staging)
  renameSync(staging, paths.currentLink)
  await syncDirectory(paths.health, paths.currentLink, true)
}

function tolerant(read: () => string): string | null {
  try {
    return read()
  } catch {
    return null // Not there, or something else in its place: then writing says what is wrong.
  }
}
