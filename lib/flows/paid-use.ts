// What was paid beyond the plan, as the API said it.
import type { Account } from '../domain/account.ts'
import type { Paid, SourceReport } from '../domain/billing.ts'
import { belongsTo } from '../domain/quota.ts'
import type { Run } from '../job.ts'
import { readIdentity } from '../store/accounts.ts'
import { readSlot } from '../store/quota.ts'

/** Real money, from what fetch-quota last measured; only in dollars, since budgets are. */
export async function paidUse(
  accounts: readonly Account[],
  run: Run,
): Promise<{ bySlot: Record<string, Paid>; report: SourceReport }> {
  const bySlot: Record<string, Paid> = {}
  for (const { slot, configDir, isDefault } of accounts) {
    const { observation } = readSlot(run.paths, slot, configDir).slot
    const extra = observation?.extraUsage
    const identity = await readIdentity(configDir, isDefault, run.paths.home)
    // Somebody else's money, from before another login took this directory over.
    if (!observation || !belongsTo(observation, identity)) continue
    if (!extra || (extra.currency !== null && extra.currency !== 'USD')) continue
    bySlot[slot] = {
      enabled: extra.enabled,
      usedUsd: extra.used,
      limitUsd: extra.limit,
      measuredAt: observation.measuredAt,
    }
  }
  const times = Object.values(bySlot).map(paid => paid.measuredAt)
  const measuredAt = times.length > 0 ? Math.min(...times) : null
  const reason =
    times.length > 0 ? `paid use of ${times.length} accounts, as fetch-quota measured it` : 'no paid use is known'
  return { bySlot, report: { source: 'oauth', outcome: times.length > 0 ? 'ok' : 'none', measuredAt, reason } }
}
