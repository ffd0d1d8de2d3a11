// Keeps quota figures true: asks the usage endpoint for each account within its hourly budget, and merges what is known.
// Reads claude-sessions.yaml and Claude Code's credential stores; writes slots/ and the two quota caches.

import { resultOfError } from '../lib/domain/run-record.ts'
import { inParallel } from '../lib/edges/in-parallel.ts'
import { loadAccounts } from '../lib/flows/load-accounts.ts'
import { lookAtQuota } from '../lib/flows/look-at-quota.ts'
import { observeQuota } from '../lib/flows/observe-quota.ts'
import { publishQuota, reportFalseFreshness } from '../lib/flows/publish-quota.ts'
import { runJob } from '../lib/job.ts'
import { QUOTA_CONCURRENCY } from '../lib/timings.ts'

await runJob('fetch-quota', async run => {
  const { accounts, current } = await loadAccounts(run)
  if (accounts.length === 0) run.log('info', 'no Claude Code login was found; log in with: claude /login')
  const standing = reportFalseFreshness(run)
  const round = await lookAtQuota(accounts, run)
  await inParallel(round.looks, QUOTA_CONCURRENCY, run.signal, async look => {
    run.report(look.account.slot, await observeQuota(look, round, run).catch(resultOfError))
  })
  await publishQuota(round.looks, current, standing, run)
})
