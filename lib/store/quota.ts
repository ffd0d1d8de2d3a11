// Quota on disk: a slot for each account, and the two caches that are merged from them. In one file, for whoever loads the
// one loads the other.
import { join } from 'node:path'
import { MergedQuotaCache } from '../domain/quota-cache.ts'
import { emptySlot, Slot } from '../domain/slot.ts'
import { type JsonReading, publish, readFileSync, readJson } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'

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

/** The cache as a reader would find it now. */
export function readMergedCache(paths: Paths): JsonReading<MergedQuotaCache> {
  return readJson(paths.mergedQuota, MergedQuotaCache)
}

/**
 * Publishes each cache, unless all but the time of merging is as it stands there already: a young `ts` over the same
 * figures tells nobody anything. Each is compared for itself: a run that was killed between the two left only one new.
 * @param standing what was found there, or null to write in any case
 */
export async function saveQuotaCaches(
  paths: Paths,
  standing: MergedQuotaCache | null,
  merged: MergedQuotaCache,
  hotSwap: object,
): Promise<void> {
  const same = standing !== null && JSON.stringify({ ...standing, ts: 0 }) === JSON.stringify({ ...merged, ts: 0 })
  if (!same) await publish(paths.mergedQuota, `${JSON.stringify(merged, null, 2)}\n`)
  const flat = `${JSON.stringify(hotSwap, null, 2)}\n`
  if (textOf(paths.hotSwapQuota) !== flat) await publish(paths.hotSwapQuota, flat)
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // Absent or unreadable: publishing says what is wrong with the place, if anything is.
  }
}
