import { join } from 'node:path'
import type { Account, Identity } from '../domain/account.ts'
import type { StoreReading } from '../domain/credential-store.ts'
import { existsSync, readdirSync } from '../edges/fs.ts'
import { directoryOf, readIdentity } from '../store/accounts.ts'
import type { AccountsContext } from './load-accounts.ts'
import { openCredentialStore } from './open-credential-store.ts'

/** A directory that is left out: its token and the one of `original` are one login, and using both ends that login. */
export interface CopiedLogin {
  configDir: string
  original: string
  /** `sameLogin`: by its token or by who is logged in. `unnamed`: it holds a login, and nothing says whose. */
  why: 'sameLogin' | 'unnamed'
}

export interface FoundLogin {
  configDir: string
  isDefault: boolean
  identity: Identity | null
  reading: StoreReading
}

/**
 * `~/.claude`, then each `~/.claude-*`, that holds a login, also one that is over: it is an account all the same. Copies of
 * a login (`cp -r ~/.claude ~/.claude-backup`) are told apart from it: a copied token that is spent, sent once more, would
 * end the login that a person works with.
 */
export async function discoverLogins(
  context: Omit<AccountsContext, 'log'>,
): Promise<{ found: Array<Pick<Account, 'slot' | 'configDir' | 'email'>>; copies: CopiedLogin[] }> {
  const copies: CopiedLogin[] = []
  /** The directories of one login each. */
  const groups: FoundLogin[][] = []
  for (const login of await loginsIn(context)) {
    const group = groups.find(others => others.some(other => isSameLogin(other, login)))
    const first = groups[0]?.[0]
    if (group) group.push(login)
    // Claude Code names who is logged in within each directory that it was given, and for ~/.claude beside it: a copy of
    // that one names nobody.
    else if (first?.isDefault && login.identity === null && mayHoldRefreshToken(login))
      copies.push({ configDir: login.configDir, original: first.configDir, why: 'unnamed' })
    else groups.push([login])
  }
  const found = groups.map((group, index) => {
    const original = group.reduce((best, login) => (expiresAt(login) > expiresAt(best) ? login : best))
    for (const { configDir } of group.filter(login => login !== original))
      copies.push({ configDir, original: original.configDir, why: 'sameLogin' })
    return { slot: `slot-${index + 1}`, configDir: original.configDir, email: original.identity?.email ?? null }
  })
  return { found, copies }
}

async function loginsIn({ paths, environment, job }: Omit<AccountsContext, 'log'>): Promise<FoundLogin[]> {
  const names = namesIn(paths.home).filter(name => name.startsWith('.claude-'))
  const logins: FoundLogin[] = []
  const seen = new Set<string>()
  for (const name of ['.claude', ...names.sort()]) {
    const configDir = join(paths.home, name)
    // A link to a directory that was found already is the same login, and must not be refreshed as two.
    const directory = directoryOf(configDir)
    if (!existsSync(configDir) || seen.has(directory)) continue
    seen.add(directory)
    const login = await loginIn({ configDir, isDefault: name === '.claude' }, { paths, environment, job })
    if (login.reading.state !== 'absent' && login.reading.state !== 'noLogin') logins.push(login)
  }
  return logins
}

export async function loginIn(
  { configDir, isDefault }: Pick<Account, 'configDir' | 'isDefault'>,
  { paths, environment, job }: Omit<AccountsContext, 'log' | 'now'>,
): Promise<FoundLogin> {
  const store = await openCredentialStore({ configDir, isDefault }, { paths, childEnv: environment.childEnv, job })
  const reading = await store.read()
  return { configDir, isDefault, identity: await readIdentity(configDir, isDefault, paths.home), reading }
}

/** The one of these that `login` is a copy of; null = none. */
export function copiedFrom(login: FoundLogin, others: readonly FoundLogin[]): CopiedLogin | null {
  const { configDir } = login
  const same = others.find(other => isSameLogin(other, login))
  if (same !== undefined) return { configDir, original: same.configDir, why: 'sameLogin' }
  const unnamed = login.identity === null && mayHoldRefreshToken(login) && others.find(({ isDefault }) => isDefault)
  return unnamed ? { configDir, original: unnamed.configDir, why: 'unnamed' } : null
}

function isSameLogin(one: FoundLogin, other: FoundLogin): boolean {
  const token = refreshToken(one)
  if (token !== null && token === refreshToken(other)) return true
  return (
    one.identity !== null &&
    one.identity.accountUuid === other.identity?.accountUuid &&
    one.identity.organizationUuid === other.identity.organizationUuid
  )
}

function refreshToken({ reading }: FoundLogin): string | null {
  return (reading.state === 'present' && reading.credential.refreshToken) || null
}

function mayHoldRefreshToken(login: FoundLogin): boolean {
  return login.reading.state !== 'present' || refreshToken(login) !== null
}

/** Whoever uses the login moves this on, so of several the latest one is no old copy. */
function expiresAt({ reading }: FoundLogin): number {
  return reading.state === 'present' ? reading.credential.expiresAt : 0
}

function namesIn(home: string): string[] {
  try {
    return readdirSync(home)
  } catch {
    return [] // No home to read: no login to find.
  }
}
