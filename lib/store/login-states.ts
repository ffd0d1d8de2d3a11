import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import { freshLoginState, LoginState } from '../domain/login-state.ts'
import { ensurePrivateDir, publish } from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'

/**
 * What is remembered of an account's login. A corrupt or foreign file counts as nothing remembered: then at worst one
 * dead token is tried once more, where believing it could keep a good login from being renewed.
 */
export function readLoginState(loginsDir: string, account: Pick<Account, 'slot' | 'configDir'>): LoginState {
  const reading = readJson(join(loginsDir, `${account.slot}.json`), LoginState)
  const known = reading.state === 'present' && reading.value.configDir === account.configDir
  return known ? reading.value : freshLoginState(account)
}

export async function saveLoginState(loginsDir: string, state: LoginState): Promise<void> {
  ensurePrivateDir(loginsDir)
  await publish(join(loginsDir, `${state.slot}.json`), `${JSON.stringify(state)}\n`, { durable: true })
}
