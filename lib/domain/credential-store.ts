import type { Credential, CredentialBlob } from './credential.ts'

/** What a look into Claude Code's store found. Each trouble is its own thing, for each has its own remedy. */
export type StoreReading =
  | { state: 'present'; credential: Credential; blob: CredentialBlob }
  /** Nothing is stored: never logged in, or the directory is gone. */
  | { state: 'absent' }
  /** Something is stored, but no Claude login is in it. */
  | { state: 'noLogin' }
  | { state: 'corrupt'; detail: string; remedy: string }
  /** We will not use it as it is: others may read it, or it is not ours, or no regular file. */
  | { state: 'refused'; detail: string; remedy: string }
  /** Nothing can be said (a locked Keychain, an I/O error): neither logged in nor logged out. */
  | { state: 'unknown'; detail: string; remedy: string }

/** One account's place in Claude Code's own store. */
export interface CredentialStore {
  /** For messages, without a full home path: `~/.claude/.credentials.json`. */
  name: string
  /**
   * Tells this store from every other one, whatever names and links lead to it: two accounts with one place are one login.
   */
  place(): string
  /** Where a file of ours may lie beside it: the real directory of the login. null = it is gone. */
  directory(): string | null
  /** Whether the real directory opens it too, as a link no longer may. false: the name of the directory is part of its own. */
  opensByRealDirectory: boolean
  /** The same one for as long as a token of it is under way: a link that leads elsewhere by then moves nothing. */
  pinned(): CredentialStore
  /** Never throws; hides what it read from every sink. */
  read(): Promise<StoreReading>
  /**
   * Takes whatever a later write of about this blob needs (disk space, a length that fits), before a token is spent.
   * @throws Error saying why it cannot be written, and what to do
   */
  prepareWrite(blob: CredentialBlob): Promise<PreparedWrite>
  /** Removes what a killed write left behind. Call it only while holding the account's lock. */
  cleanUp(): Promise<void>
}

export interface PreparedWrite {
  /**
   * Shows that the write will go through, by putting what is stored in its own place once more. Call it under Claude
   * Code's write lock. @throws Error where the real write would fail too (a bind mount, an immutable file)
   */
  rehearse(): Promise<void>
  /** Writes the blob whole or not at all and reads it back. @throws Error when the old one is still in place */
  commit(blob: CredentialBlob): Promise<void>
  /** Gives back what was taken. Harmless after commit. */
  discard(): Promise<void>
}
