import type { Account } from '../domain/account.ts'
import type { CredentialStore } from '../domain/credential-store.ts'
import { logPath, type Paths } from '../paths.ts'
import { credentialsFile } from '../store/credentials-file.ts'

/** Where this account's Claude Code keeps its login: the Keychain on macOS, unless only the file holds one. */
export async function openCredentialStore(
  account: Pick<Account, 'configDir' | 'isDefault'>,
  context: { paths: Paths; childEnv: Record<string, string>; job: string; signal?: AbortSignal },
  platform: NodeJS.Platform = process.platform,
): Promise<CredentialStore> {
  const { home } = context.paths
  const file = credentialsFile(account.configDir, home)
  if (platform !== 'darwin') return file
  const { credentialsKeychain, keychainHoldsItem } = await import('../store/credentials-keychain.ts')
  const { userInfo } = await import('node:os')
  const options = {
    configDir: account.configDir,
    isDefault: account.isDefault,
    home,
    user: userInfo().username,
    stderrPath: `${logPath(context.paths, context.job)}.stderr`,
    env: context.childEnv,
    ...(context.signal ? { signal: context.signal } : {}),
  }
  // A locked Keychain is "unknown", never a reason to take the file for the truth.
  return (await keychainHoldsItem(options)) === false ? file : credentialsKeychain(options)
}
