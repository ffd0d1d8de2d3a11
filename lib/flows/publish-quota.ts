// Merges all slots into the two caches. Freshness is judged anew at every merge; the figures keep their own time.
import {
  buildHotSwapCache,
  buildMergedCache,
  findFalseFreshFlags,
  type MergedQuotaCache,
} from '../domain/quota-cache.ts'
import { emailOf, type MeasuredAccount, type Slot } from '../domain/slot.ts'
import type { Run } from '../job.ts'
import { readRegistry } from '../store/accounts.ts'
import { readMergedCache, readSlot, saveQuotaCaches } from '../store/quota.ts'
import type { QuotaLook } from './look-at-quota.ts'

/**
 * Says what is wrong with the cache that stands there: a flag that calls old figures fresh was the 49-hour bug.
 * @returns what stands there, where it can be read
 */
export function reportFalseFreshness(run: Run): MergedQuotaCache | null {
  const reading = readMergedCache(run.paths)
  if (reading.state === 'corrupt') {
    run.count('corrupt_caches')
    run.log('warn', `merged-quota-cache.json is corrupt and is built anew: ${reading.detail}`)
  }
  if (reading.state !== 'present') return null
  const falseFlags = findFalseFreshFlags(reading.value, run.now, run.settings.quota)
  for (const { slot, kind, ageMs } of falseFlags) {
    run.count(`false_fresh_${kind}`)
    const minutes = Math.round(ageMs / 60_000)
    const how = kind === 'lied' ? 'was false when written' : 'has outlived its figures'
    run.log('warn', `corrupt data: ${slot} was marked fresh beside figures of ${minutes} min; the mark ${how}`, {
      slot,
    })
  }
  return reading.value
}

/** @param asked whether accounts were asked since `looks` were read: then standings and slots may have changed meanwhile */
export async function publishQuota(
  looks: readonly QuotaLook[],
  current: string | null,
  standing: MergedQuotaCache | null,
  asked: boolean,
  run: Run,
): Promise<void> {
  const registry = asked ? await readRegistry(run.paths) : null
  const measured: MeasuredAccount[] = []
  for (const look of looks) {
    const account = registry?.accounts.find(known => known.slot === look.account.slot) ?? look.account
    const { claimed, owner } = look
    const slot = asked ? slotNow(look, run) : look.slot
    measured.push({ account: { ...account, email: emailOf(account, claimed, owner) }, slot, owner })
  }
  const cache = buildMergedCache(measured, registry?.current ?? current, run.clock(), run.settings.quota)
  await saveQuotaCaches(run.paths, standing, cache, buildHotSwapCache(cache, measured))
}

/** As it is after the account's turn. One that cannot be read costs its own account's figures only. */
function slotNow(look: QuotaLook, run: Run): Slot {
  if (look.failed !== null) return look.slot
  try {
    return readSlot(run.paths, look.account.slot, look.account.configDir).slot
  } catch {
    return look.slot
  }
}
