// A refresh that was cut off belongs to a login, wherever the registry has gone meanwhile. What it brought still has to
// reach that login's store, or the login is lost. Nothing else is done to a login that nobody registered.
import type { Account } from '../domain/account.ts'
import { resultOfError } from '../domain/run-record.ts'
import type { Run } from '../job.ts'
import { listPointers, loginKey, removePointer } from '../store/login-states.ts'
import { openCredentialStore } from './open-credential-store.ts'

export async function finishOrphans(accounts: readonly Account[], run: Run): Promise<void> {
  const pointers = listPointers(run.paths.refreshing)
  const context = { paths: run.paths, childEnv: run.environment.childEnv, job: run.job }
  const known = new Set<string>()
  for (const account of accounts) known.add(loginKey(await openCredentialStore(account, context)))
  const { refreshUnderLocks } = await import('./refresh-transaction.ts')
  for (const { key, account: pointed } of pointers) {
    if (known.has(key)) continue
    if (pointed === null) {
      removePointer(run.paths.refreshing, key)
      run.log(
        'warn',
        `refreshing/${key}.json cannot be read and is removed; its login is looked after when its turn comes`,
      )
      continue
    }
    // A name that no account has: whatever the registry says of the old one now is about another login.
    const account: Account = {
      ...pointed,
      slot: `orphan-${key}`,
      email: null,
      status: 'active',
      inactiveReason: null,
      inactiveSince: null,
    }
    const result = await refreshUnderLocks(account, run, { onlyUnfinished: true }).catch(resultOfError)
    const { outcome, reason, failure } = result
    run.report(`${pointed.slot} (no longer registered)`, { outcome, reason, failure })
  }
}
