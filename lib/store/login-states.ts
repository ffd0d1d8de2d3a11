// What is remembered of a login: what became of it, whose refresh is under way, and the fingerprints by which logins and
// tokens are told apart without being told. In one file, for every start of refresh-tokens loads all of it.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { CredentialStore } from '../domain/credential-store.ts'
import { freshLoginState, LoginState } from '../domain/login-state.ts'
import { ensurePrivateDir, existsSync, publish, readdirSync, readJson, unlinkSync } from '../edges/fs.ts'
import * as v from '../valibot.ts'

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

/** Tells one refresh token from another without being one. */
export function fingerprint(refreshToken: string): string {
  return sha256(refreshToken).slice(0, 32)
}

/** Names a login in files and locks by the place of its store, whatever names lead to it. 16 hex digits. */
export function loginKey(store: Pick<CredentialStore, 'place'>): string {
  return sha256(store.place()).slice(0, 16)
}

/** Whose refresh is under way, so that it is finished even if its account leaves the registry meanwhile. No token in it. */
const Pointer = v.object({
  slot: v.string(),
  configDir: v.string(),
  isDefault: v.boolean(),
  /** Of the refresh token that is being sent. */
  fingerprint: v.string(),
})
export type RefreshPointer = v.InferOutput<typeof Pointer>

export async function pointTo(pointersDir: string, key: string, pointer: RefreshPointer): Promise<void> {
  ensurePrivateDir(pointersDir)
  const { slot, configDir, isDefault, fingerprint } = pointer
  const content = JSON.stringify({ slot, configDir, isDefault, fingerprint })
  await publish(join(pointersDir, `${key}.json`), content, { durable: true })
}

/**
 * The slot of another login that began to send this very token and has not finished, as a killed run leaves it: whether
 * the token is spent is for that one to find out. null: none, or its directory is gone and nobody will.
 */
export function otherSender(pointersDir: string, key: string, print: string): string | null {
  const others = listPointers(pointersDir).filter(pointer => pointer.key !== key)
  const sender = others.find(({ account }) => account?.fingerprint === print && existsSync(account.configDir))
  return sender?.account?.slot ?? null
}

export function removePointer(pointersDir: string, key: string): void {
  try {
    unlinkSync(join(pointersDir, `${key}.json`))
  } catch {
    // It may never have been there.
  }
}

export function listPointers(pointersDir: string): Array<{ key: string; account: RefreshPointer | null }> {
  let names: string[]
  try {
    names = readdirSync(pointersDir)
  } catch {
    return [] // No directory yet: nothing was ever begun.
  }
  return names
    .filter(name => /^[0-9a-f]{16}\.json$/.test(name))
    .map(name => ({ key: name.slice(0, 16), account: readPointer(join(pointersDir, name)) }))
}

function readPointer(path: string): RefreshPointer | null {
  try {
    const reading = readJson(path, Pointer)
    return reading.state === 'present' ? reading.value : null
  } catch {
    return null // A directory in its place, or no permission: nothing can be followed from it.
  }
}

export function sha256(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}
