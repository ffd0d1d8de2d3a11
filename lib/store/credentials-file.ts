// Claude Code's `.credentials.json`: the store on Linux, and on macOS where the Keychain holds nothing.

import { basename, dirname, join } from 'node:path'
import { shellPath, tildePath } from '../domain/account.ts'
import { readBlob } from '../domain/credential.ts'
import type { CredentialStore, StoreReading } from '../domain/credential-store.ts'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  publish,
  readdirSync,
  readFileSync,
  realpathSync,
  unlinkSync,
} from '../edges/fs.ts'
import { hideSecret } from '../edges/redact.ts'
import type { Reservation } from '../edges/reserve.ts'

/** Real ones are 1-20 KB; what is longer is not one. */
const MAX_BYTES = 1024 * 1024
/** New tokens may be longer than the old ones by this much without the write running out of room. */
const SLACK_BYTES = 4096

/** @param home for messages only */
export function credentialsFile(configDir: string, home: string): CredentialStore {
  const path = join(configDir, '.credentials.json')
  return fileAt(path, tildePath(path, home), home)
}

function fileAt(path: string, name: string, home: string): CredentialStore {
  /** How the file was laid out when last read, so that a rewrite looks the same. */
  let indent = 0
  return {
    name,
    place: () => real(path),
    directory: () => realDirectory(path),
    opensByRealDirectory: true,
    pinned: () => fileAt(real(path), name, home),
    async read() {
      const { reading, text } = readFileSafely(path, home)
      if (text !== null) indent = /^\{\s*\n/.test(text) ? 2 : 0
      return reading
    },
    async prepareWrite(blob) {
      const { reserve } = await import('../edges/reserve.ts')
      const reservation: Reservation = await reserve(
        path,
        Buffer.byteLength(JSON.stringify(blob, null, indent)) + SLACK_BYTES,
      )
      return {
        rehearse: () => publish(path, readFileSync(path, 'utf8')),
        commit: next => reservation.commit(JSON.stringify(next, null, indent) + (indent > 0 ? '\n' : '')),
        discard: async () => reservation.discard(),
      }
    },
    async cleanUp() {
      for (const leftover of stagingFilesOf(path)) unlinkSync(leftover)
    },
  }
}

/** A link may point elsewhere; the staging files stand beside the real file. */
function stagingFilesOf(path: string): string[] {
  try {
    const real = realpathSync(path)
    const names = readdirSync(dirname(real))
    const ours = names.filter(name => name.startsWith(`.${basename(real)}.`) && name.endsWith('.vigil-tmp'))
    return ours.map(name => join(dirname(real), name))
  } catch {
    return [] // Nothing is stored, so nothing was being replaced.
  }
}

function readFileSafely(path: string, home: string): { reading: StoreReading; text: string | null } {
  const shown = tildePath(path, home)
  const refused = (detail: string, remedy: string) => ({
    reading: { state: 'refused', detail, remedy } as const,
    text: null,
  })
  let real: string
  try {
    lstatSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { reading: { state: 'absent' }, text: null }
    return { reading: unknown(error, shown), text: null }
  }
  try {
    real = realpathSync(path)
  } catch {
    return refused(`${shown} is a link that leads nowhere`, `remove or mend the link ${shown}, then log in again`)
  }
  let descriptor: number
  try {
    // Non-blocking: a FIFO in its place must not hang the run.
    descriptor = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return { reading: unknown(error, shown), text: null }
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return refused(`${shown} is no regular file`, `remove ${shown} and log in again`)
    const me = process.geteuid?.()
    if (me !== undefined && stat.uid !== me) {
      return refused(`${shown} belongs to user ${stat.uid}, not to ${me}`, `run Vigil as the user who owns ${shown}`)
    }
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8)
      return refused(`${shown} is open to others (mode ${mode})`, `chmod 600 ${shellPath(tildePath(real, home))}`)
    }
    if (stat.size > MAX_BYTES)
      return refused(`${shown} is ${stat.size} bytes long`, `look at ${shown}: it is no credentials file`)
    const text = readFileSync(descriptor, 'utf8')
    const blob = readBlob(text)
    if (blob.state === 'corrupt') {
      return {
        reading: { state: 'corrupt', detail: `${shown}: ${blob.detail}`, remedy: 'log in again with /login' },
        text: null,
      }
    }
    if (blob.state === 'present') {
      hideSecret(blob.credential.accessToken)
      hideSecret(blob.credential.refreshToken)
    }
    return { reading: blob, text }
  } catch (error) {
    return { reading: unknown(error, shown), text: null }
  } finally {
    closeSync(descriptor)
  }
}

function unknown(error: unknown, shown: string): StoreReading {
  const { code, message } = error as NodeJS.ErrnoException
  return {
    state: 'unknown',
    detail: `${shown} cannot be read (${code ?? message})`,
    remedy: `see why with: ls -l ${shown}`,
  }
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const directory = realDirectory(path)
    return directory === null ? path : join(directory, basename(path)) // Nothing is stored there yet.
  }
}

/** Of the file itself, where it is a link; else the config directory's own. */
function realDirectory(path: string): string | null {
  for (const candidate of [path, dirname(path)]) {
    try {
      const found = realpathSync(candidate)
      return candidate === path ? dirname(found) : found
    } catch {
      // Not there: the next one may be.
    }
  }
  return null
}
