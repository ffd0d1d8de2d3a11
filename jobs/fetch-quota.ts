// Keeps quota figures true: asks the usage endpoint for each account within its hourly budget, and merges what is known.
// Reads claude-sessions.yaml and Claude Code's credential stores; writes slots/ and the two quota caches.

import { resultOfError } from '../lib/domain/run-record.ts'
import { inParallel } from '../lib/edges/in-parallel.ts'
import { loadAccounts } from '../lib/flows/load-accounts.ts'
import { lookAtQuota, observeQuota, type QuotaLook, twinsOf } from '../lib/flows/observe-quota.ts'
import { publishQuota, reportFalseFreshness } from '../lib/flows/publish-quota.ts'
import { runJob } from '../lib/job.ts'
import { QUOTA_CONCURRENCY } from '../lib/timings.ts'

await runJob('fetch-quota', async run => {
  const { accounts, current } = await loadAccounts(run)
  if (accounts.length === 0) run.log('info', 'no Claude Code login was found; log in with: claude /login')
  const standing = reportFalseFreshness(run)
  const looks: QuotaLook[] = []
  for (const account of accounts) looks.push(await lookAtQuota(account, run))
  const twins = twinsOf(looks)
  await inParallel(looks, QUOTA_CONCURRENCY, run.signal, async look => {
    const { slot } = look.account
    const twin = twins.get(slot)
    if (twin !== undefined)
      run.report(slot, {
        outcome: 'shared',
        reason: `the same login as ${twin}, which is asked for both`,
        failure: null,
      })
    else run.report(slot, await observeQuota(look, run).catch(resultOfError))
  })
  await publishQuota(looks, current, standing, run)
})
