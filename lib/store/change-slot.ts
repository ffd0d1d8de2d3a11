// Changing a slot. Loaded by who has something to put into it.
import { join } from 'node:path'
import type { Slot } from '../domain/slot.ts'
import { ensurePrivateDir, publish } from '../edges/fs.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import type { Paths } from '../paths.ts'
import { LOCK_WAIT_MS } from '../timings.ts'
import { readSlot } from './quota.ts'

/**
 * Changes a slot under its lock, so that no two writers lose each other's update.
 * @throws Error when the lock is not to be had within 10 s, or the disk refuses
 */
export async function updateSlot(
  paths: Paths,
  who: { job: string; now: number },
  slot: string,
  configDir: string,
  change: (present: Slot) => Slot,
): Promise<Slot> {
  ensurePrivateDir(paths.slots)
  const lock = await waitForLock(join(paths.locks, `slot-${slot}.lock`), who, LOCK_WAIT_MS)
  if (!lock.held)
    throw new Error(
      `slots/${slot}.json is held by ${lock.holder?.job ?? 'another program'} for over ${LOCK_WAIT_MS / 1000} s`,
    )
  try {
    const next = change(readSlot(paths, slot, configDir).slot)
    await publish(join(paths.slots, `${slot}.json`), `${JSON.stringify(next)}\n`)
    return next
  } finally {
    lock.release()
  }
}
