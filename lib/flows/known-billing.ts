// What comes before a measurement, whether one is made or not. Apart from the measuring, which a run within the TTL never
// loads.
import { join } from 'node:path'
import type { BillingCache } from '../domain/billing.ts'
import { billingFreshness, judgeFreshness } from '../domain/freshness.ts'
import { existsSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import type { Paths } from '../paths.ts'
import { readBilling, saveBilling } from '../store/billing.ts'
import { CCUSAGE_KILL_GRACE_MS, CRON_PERIOD_MS, START_JITTER_MS } from '../timings.ts'

/** Who ccusage is while it is at work. */
export function ccusageLeash(paths: Paths): string {
  return join(paths.ccusage, 'running.json')
}

/** Ends ccusage of a run that was killed, at once: what nobody waits for, nobody ends at its deadline. */
export async function endLeftCcusage(run: Run): Promise<void> {
  const leash = ccusageLeash(run.paths)
  if (!existsSync(leash)) return
  const { endLeftover } = await import('../edges/leash.ts')
  const pid = await endLeftover(leash)
  if (pid !== null) run.log('warn', `ended ccusage (pid ${pid}), which a killed run had left behind`)
}

/** null: nothing is known, or what stands there cannot be read, which is said. */
export function knownBilling(run: Run): BillingCache | null {
  const reading = readBilling(run.paths)
  if (reading.state === 'corrupt') {
    run.count('corrupt_caches')
    run.log('warn', `billing-shared.json is corrupt and is measured anew: ${reading.detail}`)
  }
  return reading.state === 'present' ? reading.value : null
}

/** The local date, YYYY-MM-DD, in the zone of this machine. */
export function localDay(now: number): string {
  const date = new Date(now)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** How long a whole measurement can take, ms. */
export function measureMs(run: Run): number {
  return run.settings.billing.ccusageTimeoutMs + CCUSAGE_KILL_GRACE_MS
}

/** Takes a fresh flag back that has outlived its figures. The figures and their time stay as they are. */
export async function unflag(known: BillingCache | null, run: Run): Promise<void> {
  if (!known?.isFresh) return
  const budget = billingFreshness(known.ttlMs, CRON_PERIOD_MS['fetch-billing'], START_JITTER_MS, measureMs(run))
  if (judgeFreshness(known.lastFetched, run.now, budget).state === 'fresh') return
  await saveBilling(run.paths, { ...known, isFresh: false })
}
