import { join } from 'node:path'
import { readdirSync, realpathSync } from '../edges/fs.ts'
import { readIdentity } from '../store/identity.ts'
import type { AccountsContext } from './load-accounts.ts'
import { openCredentialStore } from './open-credential-store.ts'

/** `~/.claude`, then each `~/.claude-*`, that holds a login, also one that is over: it is an account all the same. */
export async function discoverLogins(
  context: AccountsContext,
): Promise<Array<{ slot: string; configDir: string; email: string | null }>> {
  const { home } = context.paths
  const candidates = [
    '.claude',
    ...namesIn(home)
      .filter(name => name.startsWith('.claude-'))
      .sort(),
  ]
  const found = []
  const seen = new Set<string>()
  for (const name of candidates) {
    const configDir = join(home, name)
    // A link to a directory that was found already is the same login, and must not be refreshed as two.
    const real = realDirectory(configDir)
    if (real === null || seen.has(real)) continue
    seen.add(real)
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

function namesIn(home: string): string[] {
  try {
    return readdirSync(home)
  } catch {
    return [] // No home to read: no login to find.
  }
}

function realDirectory(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null // Not there, or a link that leads nowhere.
  }
}
