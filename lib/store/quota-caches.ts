import { MergedQuotaCache } from '../domain/quota-cache.ts'
import { existsSync } from '../edges/fs.ts'
import { publish } from '../edges/publish.ts'
import { type JsonReading, readJson } from '../edges/read-json.ts'
import type { Paths } from '../paths.ts'

/** The cache as a reader would find it now. */
export function readMergedCache(paths: Paths): JsonReading<MergedQuotaCache> {
  return readJson(paths.mergedQuota, MergedQuotaCache)
}

/**
 * Publishes both caches, unless all but the time of merging is as it stands there already: a young `ts` over the same
 * figures tells nobody anything.
 * @param standing what was found there, or null to write in any case
 */
export async function saveQuotaCaches(
  paths: Paths,
  standing: MergedQuotaCache | null,
  merged: MergedQuotaCache,
  hotSwap: object,
): Promise<void> {
  const same = standing !== null && JSON.stringify({ ...standing, ts: 0 }) === JSON.stringify({ ...merged, ts: 0 })
  if (same && existsSync(paths.hotSwapQuota)) return
  await publish(paths.mergedQuota, `${JSON.stringify(merged, null, 2)}\n`)
  await publish(paths.hotSwapQuota, `${JSON.stringify(hotSwap, null, 2)}\n`)
}
