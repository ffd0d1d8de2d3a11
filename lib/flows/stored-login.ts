// What an account's credential store says of its login. Most runs have nothing to do and open none.
import type { Account } from '../domain/account.ts'
import type { Run } from '../job.ts'
import { openCredentialStore } from './open-credential-store.ts'

export interface StoredLogin {
  /** null: none that is good now. */
  accessToken: string | null
  /** The organization that the tokens are of; null where the store does not say. */
  organizationUuid: string | null
}

export async function storedLogin(account: Account, run: Run): Promise<StoredLogin> {
  const store = await openCredentialStore(account, {
    paths: run.paths,
    childEnv: run.environment.childEnv,
    job: run.job,
    signal: run.signal,
  })
  const reading = await store.read()
  if (reading.state !== 'present') return { accessToken: null, organizationUuid: null }
  const { accessToken, expiresAt } = reading.credential
  const { organizationUuid } = reading.blob
  return {
    accessToken: accessToken !== '' && run.clock() < expiresAt ? accessToken : null,
    organizationUuid: typeof organizationUuid === 'string' && organizationUuid !== '' ? organizationUuid : null,
  }
}
