import { join } from 'node:path'
import { emptySlot, Slot } from '../domain/slot.ts'
import { waitForLock } from '../edges/kernel-lock.ts'
import { ensurePrivateDir, publish } from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'
import type { Paths } from '../paths.ts'
import { LOCK_WAIT_MS } from '../timings.ts'

export type SlotReading = { slot: Slot; trouble: string | null }

/** A slot that is corrupt, or was another directory's, reads as one that never measured, and says so. */
export function readSlot(paths: Paths, slot: string, configDir: string): SlotReading {
  const reading = readJson(join(paths.slots, `${slot}.json`), Slot)
  if (reading.state === 'absent') return { slot: emptySlot(slot, configDir), trouble: null }
  if (reading.state === 'corrupt') {
    return {
      slot: emptySlot(slot, configDir),
      trouble: `slots/${slot}.json is corrupt (${reading.detail}); it is measured anew`,
    }
  }
  if (reading.value.configDir !== configDir) return { slot: emptySlot(slot, configDir), trouble: null }
  return { slot: reading.value, trouble: null }
}

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
