// Which accounts there are: the registry, or, where there is none yet, the logins that the home folder holds.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Paths } from '../paths.ts'
import { readRegistry, writeFirstRegistry } from '../store/accounts.ts'
import { readIdentity } from '../store/identity.ts'
import { openCredentialStore } from './open-credential-store.ts'

type Registry = NonNullable<Awaited<ReturnType<typeof readRegistry>>>

export interface AccountsContext {
  paths: Paths
  job: string
  now: number
  environment: { childEnv: Record<string, string> }
}

/**
 * The registry, found and written first where there is none and a login is there.
 * @throws SettingsError when the registry cannot be used
 */
export async function loadAccounts(context: AccountsContext): Promise<Registry> {
  const registry = await readRegistry(context.paths)
  if (registry !== null) return registry
  const found = await discoverLogins(context)
  if (found.length === 0) return { current: null, accounts: [] }
  return writeFirstRegistry(context.paths, context.job, context.now, found)
}

/** `~/.claude`, then each `~/.claude-*`, that holds a login, also one that is over: it is an account all the same. */
export async function discoverLogins(
  context: AccountsContext,
): Promise<Array<{ slot: string; configDir: string; email: string | null }>> {
  const { home } = context.paths
  const names = await readdir(home).catch(() => []) // No home to read: no login to find.
  const candidates = ['.claude', ...names.filter(name => name.startsWith('.claude-')).sort()]
  const found = []
  for (const name of candidates) {
    const configDir = join(home, name)
    const isDefault = name === '.claude'
    const store = await openCredentialStore(
      { configDir, isDefault },
      { paths: context.paths, childEnv: context.environment.childEnv, job: context.job },
    )
    const { state } = await store.read()
    if (state === 'absent' || state === 'noLogin') continue
    const identity = await readIdentity(configDir, isDefault, home)
    found.push({ slot: `slot-${found.length + 1}`, configDir, email: identity?.email ?? null })
  }
  return found
}
