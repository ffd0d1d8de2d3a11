// Which accounts there are: the registry, or, where there is none yet, the logins that the home folder holds.
import { loginCommand, shellPath, tildePath } from '../domain/account.ts'
import type { Paths } from '../paths.ts'
import { readRegistry } from '../store/accounts.ts'
import { writeFirstRegistry } from '../store/change-accounts.ts'
import type { CopiedLogin } from './discover-logins.ts'

type Registry = NonNullable<Awaited<ReturnType<typeof readRegistry>>>

export interface AccountsContext {
  paths: Paths
  job: string
  now: number
  environment: { childEnv: Record<string, string> }
  log?: (level: 'warn', message: string) => void
}

/**
 * The registry, found and written first where there is none and a login is there.
 * @throws SettingsError when the registry cannot be used
 */
export async function loadAccounts(context: AccountsContext): Promise<Registry> {
  const { paths, job, now } = context
  const registry = await readRegistry(paths)
  if (registry !== null) return registry
  const { discoverLogins } = await import('./discover-logins.ts')
  const { found, copies } = await discoverLogins(context)
  for (const copy of copies) context.log?.('warn', aboutCopy(copy, paths.home))
  if (found.length === 0) return { current: null, accounts: [] }
  return writeFirstRegistry(paths, job, now, found)
}

export function aboutCopy({ configDir, original, why }: CopiedLogin, home: string): string {
  const [copy, first] = [tildePath(configDir, home), tildePath(original, home)]
  const what =
    why === 'sameLogin'
      ? `holds the same login as ${first}`
      : `is most likely a copy of ${first}: nothing in it says whose login it is`
  const login = loginCommand({ configDir, isDefault: copy === '~/.claude' }, home)
  return `${copy} was left out, for it ${what}, and renewing both would end that login; log in there separately (${login}), then: vigil accounts add ${shellPath(copy)}; or remove the copy`
}
