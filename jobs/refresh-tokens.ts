// Keeps every login alive: refreshes what is about to expire, notices logins that ended and logins that came back.
// Reads claude-sessions.yaml and Claude Code's credential stores; writes both, logins/ and, for moments, a journal beside a
// login with its pointer in refreshing/.

import { inParallel } from '../lib/edges/in-parallel.ts'
import { refreshLogin } from '../lib/flows/refresh-login.ts'
import { runJob } from '../lib/job.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { listPointers } from '../lib/store/login-states.ts'
import { REFRESH_CONCURRENCY } from '../lib/timings.ts'

await runJob('refresh-tokens', async run => {
  const known = await readRegistry(run.paths)
  const { accounts } = known ?? (await (await import('../lib/flows/load-accounts.ts')).loadAccounts(run))
  if (accounts.length === 0) run.log('info', 'no Claude Code login was found; log in with: claude /login')
  if (listPointers(run.paths.refreshing).length > 0) {
    const { finishOrphans } = await import('../lib/flows/finish-orphans.ts')
    await finishOrphans(accounts, run)
  }
  const left = await inParallel(accounts, REFRESH_CONCURRENCY, run.signal, async account => {
    const { outcome, reason, failure } = await refreshLogin(account, run)
    run.report(account.slot, { outcome, reason, failure })
  })
  if (left > 0) run.log('warn', `${left} accounts were left to the next run`)
})
