// A stand-in for macOS's /usr/bin/security, as far as Vigil uses it. As a module it sets one up in a scratch folder; as a
// program (node, this file, that folder, then security's own arguments) it answers from the files there.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface KeychainScript {
  /** Exit code 36 for what needs the secret; the attributes of an item can be seen all the same. */
  locked?: boolean
  /** Every call ends with this exit code and these words on stderr. */
  fails?: { exitCode: number; stderr: string }
  /** A write ends with 0 and changes nothing. */
  losesWrites?: boolean
  /** Those calls never end by themselves. */
  hangs?: 'all' | 'writes'
}

export interface FakeSecurity {
  path: string
  /** From now on it behaves so, and in nothing else unusual. */
  script(script: KeychainScript): void
  put(user: string, service: string, data: string | Buffer): void
  /** The secret's bytes as text; null when there is no such item. */
  get(user: string, service: string): string | null
  calls(): { pid: number; words: string[]; env: Record<string, string>; stdin: string }[]
}

/** The real one has room for 4,095 bytes; Vigil holds to 4,032 (outside-world.md §1), so here the knife is there. */
const LINE_BYTES = 4032

/** @param folder an empty one, for the program and its state */
export function fakeSecurity(folder: string): FakeSecurity {
  const path = join(folder, 'security')
  const node = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
  const words = [node, fileURLToPath(import.meta.url), folder].map(word => `'${word}'`).join(' ')
  writeFileSync(path, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o700 })
  return {
    path,
    script: script => writeFileSync(join(folder, 'script.json'), JSON.stringify(script)),
    put: (user, service, data) => putItem(folder, user, service, Buffer.from(data)),
    get: (user, service) => itemsIn(folder).get(keyOf(user, service))?.toString('utf8') ?? null,
    calls() {
      const file = join(folder, 'calls.jsonl')
      return existsSync(file)
        ? readFileSync(file, 'utf8')
            .trim()
            .split('\n')
            .map(line => JSON.parse(line))
        : []
    },
  }
}

function keyOf(user: string, service: string): string {
  return `${user}\n${service}`
}

function itemsIn(folder: string): Map<string, Buffer> {
  const file = join(folder, 'items.json')
  const stored: Record<string, string> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  return new Map(Object.entries(stored).map(([key, hex]) => [key, Buffer.from(hex, 'hex')]))
}

function putItem(folder: string, user: string, service: string, data: Buffer): void {
  const items = itemsIn(folder).set(keyOf(user, service), data)
  const stored = Object.fromEntries([...items].map(([key, bytes]) => [key, bytes.toString('hex')]))
  writeFileSync(join(folder, 'items.json'), JSON.stringify(stored))
}

if (import.meta.main) main(process.argv[2]!, process.argv.slice(3))

function main(folder: string, words: string[]): void {
  const stdin = words[0] === '-i' ? readFileSync(0) : Buffer.alloc(0)
  const call = { pid: process.pid, words, env: process.env, stdin: stdin.toString('utf8') }
  appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify(call)}\n`)
  const file = join(folder, 'script.json')
  const script: KeychainScript = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  if (script.hangs === 'all' || (script.hangs === 'writes' && words[0] === '-i')) {
    setInterval(() => undefined, 60_000)
    return
  }
  if (words[0] !== '-i') process.exitCode = run(folder, script, words)
  // As in the real one, the exit code is the last command's.
  else for (const line of linesOf(stdin)) process.exitCode = run(folder, script, split(line))
}

/**
 * A line is cut without a word, and one without a line break is not run at all. (The real one then takes the rest for a
 * command of its own and prints it on stderr as unknown, which is why no such line may ever be sent.)
 */
function linesOf(stdin: Buffer): string[] {
  const lines = stdin.toString('latin1').split('\n').slice(0, -1)
  return lines.map(line => Buffer.from(line.slice(0, LINE_BYTES), 'latin1').toString('utf8'))
}

function split(line: string): string[] {
  const words = line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)
  return [...words].map(([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain!)
}

function run(folder: string, script: KeychainScript, [command, ...words]: string[]): number {
  const after = (flag: string) => words[words.indexOf(flag) + 1]!
  if (script.fails) return fail(script.fails.exitCode, script.fails.stderr)
  if (command === 'add-generic-password') {
    if (script.locked) return fail(36, 'security: SecKeychainItemModifyContent: User interaction is not allowed.')
    if (!script.losesWrites) putItem(folder, after('-a'), after('-s'), Buffer.from(after('-X'), 'hex'))
    return 0
  }
  if (command !== 'find-generic-password') return fail(1, `security: unknown command "${command}"`)
  const item = itemsIn(folder).get(keyOf(after('-a'), after('-s')))
  if (item === undefined) {
    return fail(44, 'security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.')
  }
  if (!words.includes('-w')) {
    process.stdout.write('keychain: "/Users/user/Library/Keychains/login.keychain-db"\nclass: "genp"\n')
    return 0
  }
  if (script.locked) return fail(36, 'security: SecKeychainItemCopyContent: User interaction is not allowed.')
  const printable = item.every(byte => byte >= 0x20 && byte < 0x7f)
  process.stdout.write(`${item.toString(printable ? 'latin1' : 'hex')}\n`)
  return 0
}

function fail(exitCode: number, stderr: string): number {
  process.stderr.write(`${stderr}\n`)
  return exitCode
}
