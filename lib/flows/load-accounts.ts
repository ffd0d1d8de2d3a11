// Which accounts there are: the registry, or, where there is none yet, the logins that the home folder holds.
import type { Paths } from '../paths.ts'
import { readRegistry, writeFirstRegistry } from '../store/accounts.ts'

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
  const { discoverLogins } = await import('./discover-logins.ts')
  const found = await discoverLogins(context)
  if (found.length === 0) return { current: null, accounts: [] }
  return writeFirstRegistry(context.paths, context.job, context.now, found)
}
