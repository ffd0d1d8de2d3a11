// A refresh that was cut off belongs to a login directory. If its account left the registry meanwhile, its new tokens
// still have to reach the store, or that login is lost.
import type { Account } from '../domain/account.ts'
import type { Run } from '../job.ts'
import { listJournals, loginKey, readJournal } from '../store/refresh-journal.ts'
import { refreshLogin } from './refresh-login.ts'

export async function finishOrphans(accounts: readonly Account[], run: Run): Promise<void> {
  const journals = listJournals(run.paths.journal)
  if (journals.length === 0) return
  const known = new Set(accounts.map(account => loginKey(account.configDir)))
  for (const path of journals) {
    const journal = readJournal(path)
    if (journal.state !== 'answered' && journal.state !== 'intent') continue
    const { slot, configDir, isDefault } = journal.intent
    if (known.has(loginKey(configDir))) continue
    const account: Account = {
      slot,
      configDir,
      isDefault,
      email: null,
      status: 'active',
      inactiveReason: null,
      inactiveSince: null,
    }
    const { outcome, reason, failure } = await refreshLogin(account, run)
    run.report(`${slot} (no longer registered)`, { outcome, reason, failure })
  }
}
