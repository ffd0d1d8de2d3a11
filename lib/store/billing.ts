import { BillingCache } from '../domain/billing.ts'
import { type JsonReading, publish, readJson } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'

export function readBilling(paths: Paths): JsonReading<BillingCache> {
  return readJson(paths.billing, BillingCache)
}

/** Called inside the job's lock only, so that what a second caller reads is what the first one measured. */
export async function saveBilling(paths: Paths, cache: BillingCache): Promise<void> {
  await publish(paths.billing, `${JSON.stringify(cache, null, 2)}\n`)
}
