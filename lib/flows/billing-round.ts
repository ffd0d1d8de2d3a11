// One measurement of what was spent: every account's transcripts by ccusage, what the API said of paid use, and, where
// those leave a gap, what a person typed in. Runs inside the job's lock, so ccusage is never started twice side by side.
import type { BillingCache } from '../domain/billing.ts'
import { mergeBilling } from '../domain/billing-merge.ts'
import type { Run } from '../job.ts'
import { saveBilling } from '../store/billing.ts'
import { CRON_PERIOD_MS, START_JITTER_MS } from '../timings.ts'
import { measureMs } from './known-billing.ts'
import { loadAccounts } from './load-accounts.ts'
import { measureAccounts } from './measure-accounts.ts'
import { paidUse } from './paid-use.ts'
import { typedIn } from './typed-in-billing.ts'

/** Measures, merges with what still stands of the old figures, and publishes. */
export async function measureBilling(run: Run, known: BillingCache | null, day: string, force: boolean): Promise<void> {
  await run.begun
  const { accounts, current } = await loadAccounts(run)
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone
  const local = await measureAccounts(accounts, run, known, day, zone, force)
  const paid = await paidUse(accounts, run)
  const byHand = local.report.outcome === 'ok' ? null : await typedIn(run, day)
  const failed = local.failed > 0
  const at = run.clock()
  const cache = mergeBilling({
    now: at,
    day,
    zone,
    current,
    accounts: local.accounts,
    byHand: byHand?.billing ?? null,
    paid: paid.bySlot,
    budgetUsd: run.settings.billing.budgetUsd,
    sources: [paid.report, local.report, ...(byHand ? [byHand.report] : [])],
    attempt: { at, outcome: failed ? 'failed' : 'ok', reason: local.report.reason },
    failures: failed ? (known?.failures ?? 0) + 1 : 0,
    periodMs: CRON_PERIOD_MS['fetch-billing'],
    jitterMs: START_JITTER_MS,
    measureMs: measureMs(run),
  })
  await saveBilling(run.paths, cache)
  run.count(failed ? 'failed' : 'fetched')
}
