import { existsSync } from 'node:fs'
import type { FreshnessBudget } from '../domain/freshness.ts'
import { type FreshFlagFinding, findFalseFreshFlags, MergedQuotaCache } from '../domain/quota-cache.ts'
import { publish } from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'
import type { Paths } from '../paths.ts'

/** What is wrong with the published cache as a reader would find it now; absent is not wrong. */
export function inspectMergedCache(
  paths: Paths,
  now: number,
  budget: FreshnessBudget,
): { corrupt: string | null; falseFlags: FreshFlagFinding[] } {
  const reading = readJson(paths.mergedQuota, MergedQuotaCache)
  if (reading.state === 'absent') return { corrupt: null, falseFlags: [] }
  if (reading.state === 'corrupt') return { corrupt: reading.detail, falseFlags: [] }
  return { corrupt: null, falseFlags: findFalseFreshFlags(reading.value, now, budget) }
}

/**
 * Publishes both caches, unless all but the time of merging is as it stands there already: a young `ts` over the same
 * figures tells nobody anything.
 */
export async function saveQuotaCaches(
  paths: Paths,
  merged: MergedQuotaCache,
  hotSwap: object,
): Promise<'published' | 'unchanged'> {
  const standing = readJson(paths.mergedQuota, MergedQuotaCache)
  const same =
    standing.state === 'present' &&
    JSON.stringify({ ...standing.value, ts: 0 }) === JSON.stringify({ ...merged, ts: 0 })
  if (same && existsSync(paths.hotSwapQuota)) return 'unchanged'
  await publish(paths.mergedQuota, `${JSON.stringify(merged, null, 2)}\n`)
  await publish(paths.hotSwapQuota, `${JSON.stringify(hotSwap, null, 2)}\n`)
  return 'published'
}
