// Keeps quota figures true: asks the usage endpoint for each account within its hourly budget, and merges what is known.
// Reads claude-sessions.yaml and Claude Code's credential stores; writes slots/ and the two quota caches.

import { lookAtQuota, publishQuota, reportFalseFreshness, settledWithoutAsking } from '../lib/flows/quota-round.ts'
import { runJob } from '../lib/job.ts'
import { readRegistry } from '../lib/store/accounts.ts'

await runJob('fetch-quota', async run => {
  const known = await readRegistry(run.paths)
  const { accounts, current } = known ?? (await (await import('../lib/flows/load-accounts.ts')).loadAccounts(run))
  if (accounts.length === 0) run.log('info', 'no Claude Code login was found; log in with: claude /login')
  const standing = reportFalseFreshness(run)
  const round = await lookAtQuota(accounts, run)
  const due = round.looks.filter(look => {
    const settled = settledWithoutAsking(look, round, run)
    if (settled !== null) run.report(look.account.slot, settled)
    return settled === null
  })
  if (due.length > 0) {
    const { observeAll } = await import('../lib/flows/observe-quota.ts')
    await observeAll(due, round, run)
  }
  await publishQuota(round.looks, current, standing, due.length > 0, run)
})
