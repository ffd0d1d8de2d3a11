// What makes a refresh survive a kill: the intent before the POST, the answer after it, in a file that already has its
// disk space. It holds tokens for the moment between the endpoint and Claude Code's own store, so it is 0600 and goes as
// soon as they are stored. Intent and answer are separate regions, each written whole in place, each with its check sum.

import { basename, dirname, join } from 'node:path'
import type { CredentialStore } from '../domain/credential-store.ts'
import {
  closeSync,
  existsSync,
  openNew,
  readdirSync,
  readFileSync,
  removeDurably,
  renameSync,
  stagingName,
  sync,
  syncDirectory,
  unlinkSync,
  writeFully,
} from '../edges/fs.ts'
import { hideSecret } from '../edges/redact.ts'
import * as v from '../valibot.ts'
import { loginKey, sha256 } from './login-states.ts'

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

/**
 * Beside the login itself: then every Vigil finds it that works on that login, and it is there exactly when the login is.
 * null: the login's directory is gone.
 */
export function journalPath(store: Pick<CredentialStore, 'place' | 'directory'>): string | null {
  const directory = store.directory()
  return directory === null ? null : join(directory, `.vigil-refresh-${loginKey(store)}.journal`)
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

/**
 * A person may rename a directory while an answer waits in it. Then the journal is of the very token that is stored here, and
 * where it was begun there is nothing any more: it is brought to `path`. A copy's is left to the login that began it.
 * @returns the key of the login that it was; null = there is none
 */
export function adoptJournal(path: string, storedFingerprint: string): string | null {
  for (const name of readdirSync(dirname(path))) {
    const [, key] = /^\.vigil-refresh-([0-9a-f]{16})\.journal$/.exec(name) ?? []
    const place = join(dirname(path), name)
    if (key === undefined || place === path) continue
    const found = readJournal(place)
    if (!('intent' in found) || found.intent.fingerprint !== storedFingerprint) continue
    if (existsSync(found.intent.configDir)) continue
    renameSync(place, path)
    return key
  }
  return null
}

export async function clearJournal(path: string): Promise<void> {
  await removeDurably(path)
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
