// Whether a directory may become one more account: it has to hold a login of its own. A copied login shares one single-use
// token with the one that it was copied from, and the first renewal of either would end both.
import { type Account, loginCommand, tildePath } from '../domain/account.ts'
import { needsRefresh } from '../domain/credential.ts'
import { statSync } from '../edges/fs.ts'
import { directoryOf } from '../store/accounts.ts'
import { fingerprint } from '../store/login-states.ts'
import { isSpent } from '../store/spent-tokens.ts'
import { copiedFrom, type FoundLogin, loginIn } from './discover-logins.ts'
import { type AccountsContext, aboutCopy } from './load-accounts.ts'

export type NewLogin =
  | { ok: true; email: string | null }
  /** `why` names the remedy. `kind` decides the exit code. */
  | { ok: false; kind: 'login' | 'permission' | 'later' | 'known'; why: string }

export async function judgeNewLogin(
  account: Pick<Account, 'configDir' | 'isDefault'>,
  known: readonly Account[],
  context: Omit<AccountsContext, 'log'>,
): Promise<NewLogin> {
  const { home, logins } = context.paths
  const shown = tildePath(account.configDir, home)
  const login = loginCommand(account, home)
  const no = (kind: (NewLogin & { ok: false })['kind'], why: string): NewLogin => ({ ok: false, kind, why })
  const stat = statSync(account.configDir, { throwIfNoEntry: false })
  if (stat === undefined) return no('login', `${shown} is not there; to make a login in it, run: ${login}`)
  if (!stat.isDirectory()) return no('login', `${shown} is no directory; name the one that holds the login`)
  const rival = known.find(({ configDir }) => directoryOf(configDir) === directoryOf(account.configDir))
  if (rival !== undefined) return no('known', `${shown} is the directory of ${rival.slot} already`)
  const found = await loginIn(account, context)
  const { reading } = found
  if (reading.state === 'absent' || reading.state === 'noLogin')
    return no('login', `${shown} holds no Claude login; to make one, run: ${login}`)
  if (reading.state === 'refused') return no('permission', `${reading.detail}; run: ${reading.remedy}`)
  if (reading.state === 'unknown') return no('later', `${reading.detail}; ${reading.remedy}`)
  if (reading.state === 'corrupt') return no('login', `${reading.detail}; run: ${login}`)
  if (needsRefresh(reading.credential, context.now, 0) === 'loggedOut')
    return no('login', `the login in ${shown} is over; log in again: ${login}`)
  const others: FoundLogin[] = []
  for (const other of known) others.push(await loginIn(other, context))
  const copy = copiedFrom(found, others)
  if (copy !== null) return no('login', aboutCopy(copy, home))
  const { refreshToken } = reading.credential
  if (refreshToken && isSpent(logins, fingerprint(refreshToken)))
    return no('login', `the login in ${shown} was used up elsewhere, as that of a copied directory is; run: ${login}`)
  return { ok: true, email: found.identity?.email ?? null }
}
