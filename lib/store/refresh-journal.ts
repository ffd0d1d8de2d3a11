// What makes a refresh survive a kill: the intent before the POST, the answer after it, in a file that already has its
// disk space. It holds tokens for the moment between the endpoint and Claude Code's own store, so it is 0600 and goes as
// soon as they are stored. Intent and answer are separate regions, each written whole in place, each with its check sum.

import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import type { CredentialStore } from '../domain/credential-store.ts'
import { closeSync, existsSync, readdirSync, readFileSync, renameSync, unlinkSync } from '../edges/fs.ts'
import {
  ensurePrivateDir,
  openNew,
  publish,
  removeDurably,
  stagingName,
  sync,
  syncDirectory,
  writeFully,
} from '../edges/publish.ts'
import { readJson } from '../edges/read-json.ts'
import { hideSecret } from '../edges/redact.ts'

const INTENT_BYTES = 4096
const ANSWER_BYTES = 60 * 1024
const SPACE = 0x20

const Intent = v.object({
  schema: v.literal(1),
  slot: v.string(),
  configDir: v.string(),
  isDefault: v.boolean(),
  /** Of the refresh token that is about to be sent. */
  fingerprint: v.string(),
  at: v.number(),
  /** True for the one try after a refresh whose outcome nobody knows. */
  recovery: v.boolean(),
})
export type RefreshIntent = v.InferOutput<typeof Intent>

const Answer = v.object({
  status: v.number(),
  retryAfter: v.nullable(v.string()),
  body: v.string(),
  receivedAt: v.number(),
})
type JournaledAnswer = v.InferOutput<typeof Answer>

export type JournalReading =
  | { state: 'absent' }
  /** The token may or may not have been sent; no answer came to the disk. */
  | { state: 'intent'; intent: RefreshIntent }
  | { state: 'answered'; intent: RefreshIntent; answer: JournaledAnswer }
  | { state: 'corrupt' }

export interface RefreshJournal {
  /** @throws Error when it cannot be made durable; the answer is still in the caller's hands */
  putAnswer(answer: JournaledAnswer): Promise<void>
  /** Takes the answer back and says again what is about to be sent (the second try of `invalid_scope`). */
  putIntent(intent: RefreshIntent): Promise<void>
  close(): void
}

/** Names a login in files and locks by the place of its store, whatever names lead to it. 16 hex digits. */
export function loginKey(store: Pick<CredentialStore, 'place'>): string {
  return sha256(store.place()).slice(0, 16)
}

/**
 * Beside the login itself: then every Vigil finds it that works on that login, and it is there exactly when the login is.
 * null: the login's directory is gone.
 */
export function journalPath(store: Pick<CredentialStore, 'place' | 'directory'>): string | null {
  const directory = store.directory()
  return directory === null ? null : join(directory, `.vigil-refresh-${loginKey(store)}.journal`)
}

/** Tells one refresh token from another without being one. */
export function fingerprint(refreshToken: string): string {
  return sha256(refreshToken).slice(0, 32)
}

/**
 * Takes the space for the answer and puts the intent in, both durable before it returns; a full disk shows here. Replaces
 * a journal that stood at `path`.
 * @throws Error when the space is not to be had; what stood there still stands
 */
export async function beginJournal(path: string, intent: RefreshIntent): Promise<RefreshJournal> {
  // Of a run that was killed just here. The login's lock is held, so they are nobody's any more.
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(`.${basename(path)}.`) && name.endsWith('.vigil-tmp')) discard(join(dirname(path), name))
  }
  const staging = stagingName(path)
  const descriptor = openNew(staging, 0o600)
  try {
    writeFully(descriptor, Buffer.alloc(INTENT_BYTES + ANSWER_BYTES, SPACE), 0)
    writeFully(descriptor, sealed(intent, INTENT_BYTES), 0)
    await sync(descriptor)
    renameSync(staging, path)
    await syncDirectory(dirname(path), path)
  } catch (error) {
    closeSync(descriptor)
    discard(staging)
    throw error
  }
  return {
    async putAnswer(answer) {
      const held = { ...answer, body: Buffer.from(answer.body).toString('base64') }
      writeFully(descriptor, sealed(held, ANSWER_BYTES), INTENT_BYTES)
      await sync(descriptor)
    },
    async putIntent(next) {
      writeFully(descriptor, Buffer.alloc(ANSWER_BYTES, SPACE), INTENT_BYTES)
      writeFully(descriptor, sealed(next, INTENT_BYTES), 0)
      await sync(descriptor)
    },
    close: () => closeSync(descriptor),
  }
}

/** @throws Error for I/O trouble other than absence */
export function readJournal(path: string): JournalReading {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { state: 'absent' }
    if (code === 'EISDIR') return { state: 'corrupt' }
    throw error
  }
  const intent = v.safeParse(Intent, unsealed(bytes.subarray(0, INTENT_BYTES)))
  if (!intent.success) return { state: 'corrupt' }
  const answer = v.safeParse(Answer, unsealed(bytes.subarray(INTENT_BYTES)))
  if (!answer.success) return { state: 'intent', intent: intent.output }
  const body = Buffer.from(answer.output.body, 'base64').toString('utf8')
  for (const token of body.match(/sk-ant-[A-Za-z0-9_-]+/g) ?? []) hideSecret(token)
  return { state: 'answered', intent: intent.output, answer: { ...answer.output, body } }
}

export async function clearJournal(path: string): Promise<void> {
  await removeDurably(path)
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
  discard(join(pointersDir, `${key}.json`))
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

/** JSON with its check sum, filled up with spaces: a write that was cut by a power failure reads as nothing. */
function sealed(value: unknown, bytes: number): Buffer {
  const payload = JSON.stringify(value)
  const content = Buffer.from(JSON.stringify({ sum: sha256(payload), payload }))
  if (content.length > bytes) throw new Error(`a journal entry of ${content.length} bytes does not fit in ${bytes}`)
  return Buffer.concat([content, Buffer.alloc(bytes - content.length, SPACE)])
}

function unsealed(region: Buffer): unknown {
  try {
    const { sum, payload } = JSON.parse(region.toString('utf8')) as { sum: string; payload: string }
    return sum === sha256(payload) ? JSON.parse(payload) : null
  } catch {
    return null // Blank or torn: as if it had never been written, which is what the reader has to assume.
  }
}

function discard(staging: string): void {
  try {
    unlinkSync(staging)
  } catch {
    // Renamed already, or never there.
  }
}

function sha256(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}
