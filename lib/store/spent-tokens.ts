// Refresh tokens that are known to be used up, by fingerprint. A copied login directory holds one some day, and sending it
// would end the login that it was copied from.
import { join } from 'node:path'
import { ensurePrivateDir, publish, readJson } from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import type { Paths } from '../paths.ts'
import { LOCK_WAIT_MS } from '../timings.ts'
import * as v from '../valibot.ts'

/** A login brings three a day; this is some months of several. */
const MOST = 2000

const Spent = v.object({ schema: v.literal(1), fingerprints: v.array(v.string()) })

export function isSpent(loginsDir: string, fingerprint: string): boolean {
  return readSpent(loginsDir).includes(fingerprint)
}

/**
 * Durable, for it is what keeps the token from being sent again.
 * @throws Error when its lock is not to be had, or the disk refuses
 */
export async function rememberSpent(
  paths: Paths,
  who: { job: string; now: number },
  fingerprint: string,
): Promise<void> {
  const lock = await waitForLock(join(paths.locks, 'spent-tokens.lock'), who, LOCK_WAIT_MS)
  if (!lock.held) throw new Error(`the list of spent tokens is held by ${lock.holder?.job ?? 'another program'}`)
  try {
    const known = readSpent(paths.logins)
    if (known.includes(fingerprint)) return
    ensurePrivateDir(paths.logins)
    const fingerprints = [...known, fingerprint].slice(-MOST)
    await publish(pathOf(paths.logins), `${JSON.stringify({ schema: 1, fingerprints })}\n`, { durable: true })
  } finally {
    lock.release()
  }
}

function readSpent(loginsDir: string): string[] {
  const reading = readJson(pathOf(loginsDir), Spent)
  return reading.state === 'present' ? reading.value.fingerprints : []
}

/** A slot cannot begin with a dot, so no login's own file has this name. */
function pathOf(loginsDir: string): string {
  return join(loginsDir, '.spent-tokens.json')
}
