import type { FreshnessBudget } from '../domain/freshness.ts'
import { type FreshFlagFinding, findFalseFreshFlags, MergedQuotaCache } from '../domain/quota-cache.ts'
import { publish } from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'
import type { Paths } from '../paths.ts'

/** What is wrong with the published cache as a reader would find it now; absent is not wrong. */
export async function inspectMergedCache(
  paths: Paths,
  now: number,
  budget: FreshnessBudget,
): Promise<{ corrupt: string | null; falseFlags: FreshFlagFinding[] }> {
  const reading = await readJson(paths.mergedQuota, MergedQuotaCache)
  if (reading.state === 'absent') return { corrupt: null, falseFlags: [] }
  if (reading.state === 'corrupt') return { corrupt: reading.detail, falseFlags: [] }
  return { corrupt: null, falseFlags: findFalseFreshFlags(reading.value, now, budget) }
}

export async function saveQuotaCaches(paths: Paths, merged: MergedQuotaCache, hotSwap: object): Promise<void> {
  await publish(paths.mergedQuota, `${JSON.stringify(merged, null, 2)}\n`)
  await publish(paths.hotSwapQuota, `${JSON.stringify(hotSwap, null, 2)}\n`)
}
