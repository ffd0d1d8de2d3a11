// Claude Code's login in the macOS login Keychain, by way of /usr/bin/security: Claude Code made the item with it, so it
// is read without a question to the user. Facts: outside-world.md §1.
import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { loginCommand, tildePath } from '../domain/account.ts'
import { type CredentialBlob, parseKeepingNumbers, readBlob } from '../domain/credential.ts'
import type { CredentialStore, StoreReading } from '../domain/credential-store.ts'
import { realpathSync } from '../edges/fs.ts'
import { hideSecret } from '../edges/redact.ts'

export interface KeychainOptions {
  /** The raw string of CLAUDE_CONFIG_DIR, not its real path: the item is named after it. */
  configDir: string
  /** True where Claude Code runs with CLAUDE_CONFIG_DIR unset: another item than with the variable set to `~/.claude`. */
  isDefault: boolean
  /** For messages only. */
  home: string
  /** The account of the item: Claude Code takes $USER. */
  user: string
  stderrPath: string
  /** The whole environment of `security`; it finds the login Keychain by HOME. */
  env: Record<string, string>
  securityPath?: string
  /** How long one call of `security` may take; 10 s when not given. */
  deadlineMs?: number
  /** Ends a read. A write goes on to its own deadline, for its tokens are there once and nowhere else. */
  signal?: AbortSignal
}

/** An answer that is this late waits for a dialog on the screen, which nobody may be there to see. */
const DEADLINE_MS = 10_000
/** Far more than any blob in hex. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024
/** `security -i` has 4,096 bytes for a line and runs what fits (Apple's security.c); the rest is margin. */
const MAX_LINE_BYTES = 4032
/** New tokens may be longer than the old ones by this much, and a write still fits. */
const SLACK_BYTES = 512

const EXIT_LOCKED = 36
const EXIT_ABSENT = 44

/** The service of the item in which Claude Code keeps this config directory's login. */
export function keychainService(configDir: string, isDefault: boolean): string {
  const base = 'Claude Code-credentials'
  if (isDefault) return base
  // Taken here, because the import costs every start 3 ms.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return `${base}-${createHash('sha256').update(configDir.normalize('NFC')).digest('hex').slice(0, 8)}`
}

export function credentialsKeychain(options: KeychainOptions): CredentialStore {
  const service = keychainService(options.configDir, options.isDefault)
  const name = nameOf(options)
  const store: CredentialStore = {
    name,
    place: () => `keychain ${service} ${options.user}`,
    directory: () => realDirectory(options.configDir),
    opensByRealDirectory: false,
    // By its name, not by what that leads to.
    pinned: () => store,
    read: async () => (await readItem(options)).reading,
    async prepareWrite(blob) {
      const bytes = Buffer.byteLength(writeLine(options.user, service, JSON.stringify(blob))) + 2 * SLACK_BYTES
      if (bytes > MAX_LINE_BYTES) {
        throw new Error(`${name} has no room for new tokens: ${tooLong(bytes)}. No token was spent. ${SHORTEN}`)
      }
      return {
        rehearse: () => writeItem(options, service, blob),
        commit: next => writeItem(options, service, next),
        async discard() {
          // prepareWrite only counted.
        },
      }
    },
    async cleanUp() {
      // The Keychain changes an item whole; a killed `security` leaves no file of ours anywhere.
    },
  }
  return store
}

function realDirectory(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null // Gone; the item in the Keychain outlives it.
  }
}

/** True when an item exists, without reading its secret (no -w), so that no dialog can come up. */
export async function keychainHoldsItem(options: KeychainOptions): Promise<boolean | 'unknown'> {
  if (options.user === '') return 'unknown'
  const { exitCode } = await ask(options, findItem(options))
  if (exitCode === 0) return true
  return exitCode === EXIT_ABSENT ? false : 'unknown'
}

const SHORTEN =
  'In Claude Code, clear the MCP logins that are no longer needed (/mcp), or set `refresh: off` and leave this login to Claude Code'

function nameOf(options: KeychainOptions): string {
  const service = keychainService(options.configDir, options.isDefault)
  return `Keychain item "${service}" (${tildePath(options.configDir, options.home)})`
}

function tooLong(bytes: number): string {
  const [is, most] = [bytes, MAX_LINE_BYTES].map(count => count.toLocaleString('en-US'))
  return `its line for \`security -i\` would be ${is} bytes long, and what is over ${most} is cut off`
}

function findItem(options: KeychainOptions): string[] {
  return ['find-generic-password', '-a', options.user, '-s', keychainService(options.configDir, options.isDefault)]
}

/**
 * The one line that `security -i` reads. Hex, so that nothing in the blob can end the word or the line.
 * @throws Error when a name would do that
 */
function writeLine(user: string, service: string, text: string): string {
  for (const word of [user, service]) {
    if (word === '' || /["\\\x00-\x1f\x7f]/.test(word)) {
      throw new Error(
        `the Keychain cannot be written for ${JSON.stringify(word)}: a name may not be empty or hold a quote, a backslash or a line break; run Vigil as the user who logged in to Claude Code`,
      )
    }
  }
  return `add-generic-password -U -a "${user}" -s "${service}" -X ${Buffer.from(text).toString('hex')}\n`
}

async function readItem(options: KeychainOptions): Promise<{ reading: StoreReading; text: string | null }> {
  const name = nameOf(options)
  const nothing = (reading: StoreReading) => ({ reading, text: null })
  const corrupt = (detail: string) =>
    nothing({ state: 'corrupt', detail: `${name}: ${detail}`, remedy: logInAgain(options) })
  if (options.user === '') {
    // Asked for nobody, `security` finds nothing, and that would look like a log-out.
    return nothing({ state: 'unknown', detail: `${name} cannot be looked up without a user name`, remedy: 'set USER' })
  }
  const answer = await ask(options, [...findItem(options), '-w'])
  if (answer.exitCode === EXIT_ABSENT) return nothing({ state: 'absent' })
  if (answer.trouble !== null) {
    return nothing({ state: 'unknown', detail: `${name} cannot be read: ${answer.trouble}`, remedy: answer.remedy })
  }
  const text = decode(answer.stdout)
  if (text === null) return corrupt('the content is not UTF-8')
  if (text.trim() === '') return corrupt('the item is empty')
  const blob = readBlob(text)
  if (blob.state === 'corrupt') return corrupt(blob.detail)
  if (blob.state === 'present') {
    hideSecret(blob.credential.accessToken)
    hideSecret(blob.credential.refreshToken)
  }
  return { reading: blob, text }
}

/**
 * What `-w` printed: the text itself, or its bytes in hex when one of them is no printable ASCII character.
 * null for bytes that are no UTF-8: a rewrite would lose them.
 */
function decode(output: string): string | null {
  const text = output.replace(/\n$/, '')
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(text) || isJson(text)) return text
  const bytes = Buffer.from(text, 'hex')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false // Not JSON, which is the question.
  }
}

/** @throws Error unless the item, read back, means what was to be written */
async function writeItem(options: KeychainOptions, service: string, blob: CredentialBlob): Promise<void> {
  const name = nameOf(options)
  const text = JSON.stringify(blob)
  const line = writeLine(options.user, service, text)
  // Never sent: `security` not only cuts it, but prints the rest, a piece of the login, on stderr (claudepot-app#45).
  const bytes = Buffer.byteLength(line)
  if (bytes > MAX_LINE_BYTES) {
    throw new Error(`${name} was not written, the old one is still there: ${tooLong(bytes)}. ${SHORTEN}`)
  }
  const unstoppable: KeychainOptions = { ...options, signal: undefined }
  const { trouble, remedy } = await ask(unstoppable, ['-i'], line)
  // Only what is in the Keychain counts: `security -i` can end with 0 after a failed write (zalando/go-keyring#153).
  const { reading, text: found } = await readItem(unstoppable)
  if (found !== null && isDeepStrictEqual(parseKeepingNumbers(found), parseKeepingNumbers(text))) return
  const because = trouble === null ? '' : ` (${trouble})`
  const then = `${trouble === null ? '' : `${remedy}. `}Let Vigil try again; if it stays so, ${logInAgain(options)}`
  throw new Error(`${name} was not written${because}: ${whatIsThere(reading)}. ${then}`)
}

function whatIsThere(reading: StoreReading): string {
  if (reading.state === 'absent') return 'no item is there'
  if (reading.state === 'corrupt') return 'a cut or broken item is there'
  if (reading.state === 'unknown') return `what is there now cannot be said, for ${reading.detail}`
  return 'read back, the old or another one is there'
}

function logInAgain(options: KeychainOptions): string {
  return `log in again with: ${loginCommand(options, options.home)}`
}

interface Answer {
  exitCode: number | null
  stdout: string
  /** Why there is no good answer; null when there is one. */
  trouble: string | null
  remedy: string
}

async function ask(options: KeychainOptions, words: string[], input?: string): Promise<Answer> {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS
  const lookYourself = `see why with: security ${findItem(options).map(shellWord).join(' ')}`
  const failed = (exitCode: number | null, trouble: string, remedy = lookYourself) => ({
    exitCode,
    stdout: '',
    trouble,
    remedy,
  })
  try {
    const { runProgram } = await import('../edges/shell.ts')
    const result = await runProgram([options.securityPath ?? '/usr/bin/security', ...words], {
      stderrPath: options.stderrPath,
      deadlineMs,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      env: options.env,
      ...(input === undefined ? {} : { input }),
      ...(options.signal ? { signal: options.signal } : {}),
    })
    const { exitCode, stdout, ended } = result
    if (ended === 'aborted') return failed(null, 'the run was ended before `security` answered', 'run it again')
    if (ended === 'tooMuchOutput') return failed(null, '`security` printed more than any login holds')
    if (ended === 'atDeadline') {
      const remedy = 'look for a Keychain dialog on the screen of this Mac, and choose "Always Allow"'
      return failed(null, `\`security\` gave no answer within ${deadlineMs / 1000} s`, remedy)
    }
    if (exitCode === EXIT_LOCKED) {
      const remedy =
        'unlock the login Keychain (security unlock-keychain), and run Vigil from a launchd LaunchAgent in the GUI session; cron has no access to it'
      return failed(exitCode, 'the login Keychain is locked, or this session may not use it (exit code 36)', remedy)
    }
    if (exitCode !== 0)
      return failed(exitCode, `\`security\` ended with ${exitCode ?? 'a signal'}${said(result.stderrTail)}`)
    return { exitCode, stdout, trouble: null, remedy: '' }
  } catch (error) {
    const message = (error as Error).message.replaceAll(`${options.home}/`, '~/')
    return failed(null, message, 'see that it is there and may be used; every Mac has /usr/bin/security')
  }
}

/** The last line on stderr, without runs of hex: `security` repeats a command that it did not understand. */
function said(stderrTail: string): string {
  const last = stderrTail.trim().split('\n').at(-1) ?? ''
  return last === '' ? '' : `: ${last.replace(/[0-9a-f]{8,}/gi, '[hex]').slice(0, 200)}`
}

function shellWord(word: string): string {
  return /^[\w.-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
