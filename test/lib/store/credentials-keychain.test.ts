import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type CredentialBlob, parseKeepingNumbers } from '../../../lib/domain/credential.ts'
import { redact } from '../../../lib/edges/redact.ts'
import { runProgram } from '../../../lib/edges/shell.ts'
import {
  credentialsKeychain,
  type KeychainOptions,
  keychainHoldsItem,
  keychainService,
} from '../../../lib/store/credentials-keychain.ts'
import { type FakeSecurity, fakeSecurity, type KeychainScript } from '../../support/fake-security.ts'

const SERVICE = 'Claude Code-credentials'
const ACCESS = 'sk-ant-oat01-keychain-access'
const REFRESH = 'sk-ant-ort01-keychain-refresh'

function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/credentials/${name}.json`, import.meta.url), 'utf8')
}

/** A blob whose JSON is as many bytes long as wanted, in ASCII. */
function blobOf(bytes: number, more: object = {}): CredentialBlob {
  const blob = { claudeAiOauth: { accessToken: ACCESS, refreshToken: REFRESH, expiresAt: 1_795_211_828_852 }, ...more }
  const bare = JSON.stringify({ ...blob, padding: '' }).length
  return { ...blob, padding: 'p'.repeat(bytes - bare) }
}

function start(script: KeychainScript = {}, more: Partial<KeychainOptions> = {}) {
  const scratch = mkdtempSync(join(tmpdir(), 'vigil-keychain-'))
  onTestFinished(() => rmSync(scratch, { recursive: true }))
  const security = fakeSecurity(scratch)
  security.script(script)
  const options: KeychainOptions = {
    configDir: '/Users/ada/.claude',
    isDefault: true,
    home: '/Users/ada',
    user: 'ada',
    stderrPath: join(scratch, 'stderr.log'),
    env: { PATH: '/usr/bin:/bin', HOME: '/Users/ada' },
    securityPath: security.path,
    ...more,
  }
  return { security, options, store: credentialsKeychain(options) }
}

/** How often the stand-in was asked to write. */
function writes(security: FakeSecurity): number {
  return security.calls().filter(call => call.words[0] === '-i').length
}

async function messageOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'no error',
    error => (error as Error).message,
  )
}

test.each([
  ['the default account', '/Users/ada/.claude', true, 'Claude Code-credentials'],
  ['the variable set to the default directory', '/Users/ada/.claude', false, 'Claude Code-credentials-09747320'],
  ['another directory', '/Users/ada/.claude-work', false, 'Claude Code-credentials-6a5b8464'],
  ['a composed accent', '/Users/ren\u00e9/.claude-work', false, 'Claude Code-credentials-bdbfb8c7'],
  ['a decomposed accent', '/Users/rene\u0301/.claude-work', false, 'Claude Code-credentials-bdbfb8c7'],
])('the service for %s', (_what, configDir, isDefault, service) => {
  expect(keychainService(configDir, isDefault)).toBe(service)
})

test('the name says which account, without a full home path', () => {
  const { store } = start({}, { configDir: '/Users/ada/.claude-work', isDefault: false })
  expect(store.name).toBe('Keychain item "Claude Code-credentials-6a5b8464" (~/.claude-work)')
})

test('a login is read, and hidden from every sink', async () => {
  const { security, store } = start()
  const [accessToken, refreshToken] = ['read-access-token', 'read-refresh-token']
  const blob = { ...JSON.parse(fixture('with-siblings')), claudeAiOauth: { accessToken, refreshToken, expiresAt: 7 } }
  security.put('ada', SERVICE, JSON.stringify(blob))
  const credential = { accessToken, refreshToken, expiresAt: 7, refreshTokenExpiresAt: null }
  expect(await store.read()).toMatchObject({ state: 'present', credential, blob })
  expect(security.calls().map(call => call.words)).toEqual([
    ['find-generic-password', '-a', 'ada', '-s', SERVICE, '-w'],
  ])
  expect(redact(`${accessToken}, ${refreshToken}`)).toBe('[redacted], [redacted]')
})

test.each([
  ['line breaks', JSON.stringify(JSON.parse(fixture('with-siblings')), null, 2)],
  ['an accent', JSON.stringify({ ...JSON.parse(fixture('with-siblings')), name: 'José' })],
])('an item with %s is printed in hex and read all the same', async (_what, text) => {
  const { security, options, store } = start()
  security.put('ada', SERVICE, text)
  const words: [string, ...string[]] = [security.path, 'find-generic-password', '-a', 'ada', '-s', SERVICE, '-w']
  const printed = await runProgram(words, { ...options, deadlineMs: 10_000, maxOutputBytes: 10_000 })
  expect(printed.stdout).toMatch(/^7b[0-9a-f]+\n$/)
  expect(await store.read()).toMatchObject({ state: 'present', blob: JSON.parse(text) })
})

test('a husk is present and an item without a Claude login is noLogin', async () => {
  const { security, store } = start()
  security.put('ada', SERVICE, fixture('logged-out-husk'))
  expect(await store.read()).toMatchObject({ state: 'present', credential: { accessToken: '', expiresAt: 0 } })
  security.put('ada', SERVICE, '{"mcpOAuth":{}}')
  expect(await store.read()).toEqual({ state: 'noLogin' })
})

test.each([
  ['nothing', '', 'the item is empty'],
  ['no JSON', 'hello', 'the content is not JSON'],
  ['a cut blob', `{"claudeAiOauth":{"accessToken":"${ACCESS}`, 'the content is not JSON'],
  ['digits, which are JSON and no hex', '12345678', 'the content is not a JSON object'],
  ['an odd count of hex digits', '7b7d7', 'the content is not JSON'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'the content is not UTF-8'],
  ['a login without its fields', '{"claudeAiOauth":{}}', 'claudeAiOauth.accessToken is not'],
])('an item that holds %s is corrupt, and is not quoted', async (_what, data, detail) => {
  const { security, store } = start()
  security.put('ada', SERVICE, data)
  const reading = await store.read()
  expect(reading).toMatchObject({
    state: 'corrupt',
    detail: expect.stringContaining(`Keychain item "${SERVICE}" (~/.claude): ${detail}`),
    remedy: 'log in again with: claude /login',
  })
  expect(JSON.stringify(reading)).not.toContain(ACCESS)
})

test('an item that is not there, or is of another user, is absent', async () => {
  const { security, store } = start()
  security.put('bob', SERVICE, fixture('logged-in'))
  expect(await store.read()).toEqual({ state: 'absent' })
})

test('a user name is no shell text', async () => {
  const { security, store } = start({}, { user: `o'neil $(id) "x"` })
  security.put(`o'neil $(id) "x"`, SERVICE, fixture('logged-in'))
  expect(await store.read()).toMatchObject({ state: 'present' })
})

test('a locked Keychain is unknown, not logged out, and the remedy names launchd and cron', async () => {
  const { security, store } = start({ locked: true })
  security.put('ada', SERVICE, fixture('logged-in'))
  expect(await store.read()).toEqual({
    state: 'unknown',
    detail: `Keychain item "${SERVICE}" (~/.claude) cannot be read: the login Keychain is locked, or this session may not use it (exit code 36)`,
    remedy: expect.stringMatching(/unlock the login Keychain.*LaunchAgent in the GUI session.*cron has no access/),
  })
})

test('any other exit code is unknown, in the words of security, without its hex', async () => {
  const hex = Buffer.from(REFRESH).toString('hex')
  const { store } = start({ fails: { exitCode: 51, stderr: `security: first\nsecurity: not allowed: ${hex}` } })
  expect(await store.read()).toEqual({
    state: 'unknown',
    detail: expect.stringMatching(/`security` ended with 51: security: not allowed: \[hex\]$/),
    remedy: "see why with: security find-generic-password -a ada -s 'Claude Code-credentials'",
  })
})

test('a security that hangs is ended at the deadline, and the Keychain is unknown', async () => {
  const { security, store } = start({ hangs: 'all' }, { deadlineMs: 2500 })
  security.put('ada', SERVICE, fixture('logged-in'))
  expect(await store.read()).toMatchObject({
    state: 'unknown',
    detail: expect.stringContaining('gave no answer within 2.5 s'),
    remedy: expect.stringContaining('look for a Keychain dialog'),
  })
  const [call] = security.calls()
  expect(() => process.kill(call!.pid, 0)).toThrow('ESRCH')
})

test('a security that is not there is unknown', async () => {
  const { store } = start({}, { securityPath: '/nowhere/security' })
  const detail = expect.stringContaining('/nowhere/security cannot be started (ENOENT)')
  expect(await store.read()).toMatchObject({ state: 'unknown', detail })
})

test('a stderr file that cannot be opened is unknown, without a full home path', async () => {
  const { store } = start({}, { stderrPath: '/Users/ada/nowhere/stderr.log' })
  const detail = expect.stringMatching(/ENOENT.*'~\/nowhere\/stderr.log'/)
  expect(await store.read()).toMatchObject({ state: 'unknown', detail })
})

test('an answer without end is unknown', async () => {
  const { security, store } = start()
  security.put('ada', SERVICE, `"${'x'.repeat(5 * 1024 * 1024)}"`)
  expect(await store.read()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('printed more than') })
})

test('an aborted run reads nothing, and knows nothing', async () => {
  const { security, store } = start({}, { signal: AbortSignal.abort() })
  expect(await store.read()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('the run was ended') })
  expect(security.calls()).toEqual([])
})

test('without a user name nothing is asked, for the answer would look like a log-out', async () => {
  const { security, options, store } = start({}, { user: '' })
  expect(await store.read()).toMatchObject({ state: 'unknown', remedy: 'set USER' })
  expect(await keychainHoldsItem(options)).toBe('unknown')
  expect(security.calls()).toEqual([])
})

test('a new login is written over the old one, and all that we do not know comes through', async () => {
  const { security, store } = start()
  security.put('ada', SERVICE, fixture('with-siblings'))
  const text =
    '{"claudeAiOauth":{"accessToken":"new","refreshToken":"newer","expiresAt":2},"huge":12345678901234567890,"form":1.0,"name":"José \\" \\n"}'
  const write = await store.prepareWrite(blobOf(300))
  await write.commit(parseKeepingNumbers(text) as CredentialBlob)
  await write.discard()
  expect(security.get('ada', SERVICE)).toBe(text)
})

test('the write is one line on stdin, and no token is ever in arguments or environment', async () => {
  const { security, store } = start()
  const blob = blobOf(300)
  await (await store.prepareWrite(blob)).commit(blob)
  const [write, readBack] = security.calls()
  expect(write!.words).toEqual(['-i'])
  const hex = Buffer.from(JSON.stringify(blob)).toString('hex')
  expect(write!.stdin).toBe(`add-generic-password -U -a "ada" -s "Claude Code-credentials" -X ${hex}\n`)
  expect(readBack!.words).toEqual(['find-generic-password', '-a', 'ada', '-s', SERVICE, '-w'])
  for (const { words, env } of security.calls()) {
    const open = JSON.stringify([words, env])
    for (const secret of [ACCESS, REFRESH]) {
      for (const form of ['utf8', 'hex', 'base64'] as const) {
        expect(open).not.toContain(Buffer.from(secret).toString(form).slice(0, 24))
      }
    }
  }
})

test('a write of the same meaning in another form counts as done', async () => {
  const { security, store } = start({ losesWrites: true })
  security.put('ada', SERVICE, JSON.stringify({ padding: blobOf(300)['padding'], ...blobOf(300) }, null, 2))
  await (await store.prepareWrite(blobOf(300))).commit(blobOf(300))
})

// The line is 66 bytes and two for each of the blob; the name adam makes it 67. 512 bytes of slack are 1,024 in hex.
test.each([
  ['limit - 1', 'adam', 1470, 3007, true],
  ['limit', 'ada', 1471, 3008, true],
  ['limit + 1', 'adam', 1471, 3009, false],
])('a line with the slack of %s bytes', async (_what, user, blobBytes, lineBytes, fits) => {
  const { security, store } = start({}, { user })
  const blob = blobOf(blobBytes)
  const message = await messageOf(store.prepareWrite(blob))
  if (fits) await (await store.prepareWrite(blob)).commit(blob)
  expect(message).toBe(
    fits
      ? 'no error'
      : `Keychain item "${SERVICE}" (~/.claude) has no room for new tokens: its line for \`security -i\` would be 4,033 bytes long, and what is over 4,032 is cut off. No token was spent. In Claude Code, clear the MCP logins that are no longer needed (/mcp), or set \`refresh: off\` and leave this login to Claude Code`,
  )
  expect(security.calls().find(call => call.words[0] === '-i')?.stdin.length).toBe(fits ? lineBytes : undefined)
})

test('what counts is bytes, not characters', async () => {
  const { store } = start()
  const accents = { ...blobOf(300), name: 'é'.repeat(700) }
  expect(await messageOf(store.prepareWrite(accents))).toContain('has no room')
})

test.each([
  ['limit - 1', 'adam', 1982, 4031, true],
  ['limit', 'ada', 1983, 4032, true],
  ['limit + 1', 'adam', 1983, 4033, false],
])('tokens that grew more than the slack: a line of %s bytes', async (_what, user, blobBytes, lineBytes, fits) => {
  const { security, store } = start({}, { user })
  security.put(user, SERVICE, 'old')
  const message = await messageOf((await store.prepareWrite(blobOf(300))).commit(blobOf(blobBytes)))
  expect(security.calls().find(call => call.words[0] === '-i')?.stdin.length).toBe(fits ? lineBytes : undefined)
  expect(security.get(user, SERVICE)).toBe(fits ? JSON.stringify(blobOf(blobBytes)) : 'old')
  if (fits) expect(message).toBe('no error')
  else expect(message).toMatch(/was not written, the old one is still there: .*4,033 bytes long.*\/mcp/)
})

test('the stand-in cuts a longer line without a word, as the real one may', async () => {
  const { security, options, store } = start()
  const input = `add-generic-password -U -a "ada" -s "${SERVICE}" -X ${Buffer.from(JSON.stringify(blobOf(2100))).toString('hex')}\n`
  const result = await runProgram([security.path, '-i'], { ...options, input, deadlineMs: 9000, maxOutputBytes: 9000 })
  expect(result).toMatchObject({ exitCode: 0, stdout: '', stderrTail: '' })
  expect(JSON.stringify(blobOf(2100)).startsWith(security.get('ada', SERVICE)!)).toBe(true)
  expect(await store.read()).toMatchObject({ state: 'corrupt' })
})

test.each([['a "quote"'], ['back\\slash'], ['line\nbreak'], ['']])(
  'for the user name %j no write is prepared',
  async user => {
    const { security, store } = start({}, { user })
    expect(await messageOf(store.prepareWrite(blobOf(300)))).toMatch(
      /cannot be written for .*run Vigil as the user who/,
    )
    expect(writes(security)).toBe(0)
  },
)

test.each([
  ['the old item', fixture('logged-in'), 'read back, the old or another one is there'],
  ['a broken item', '{"claude', 'a cut or broken item is there'],
  ['no item', null, 'no item is there'],
])('a write that was lost is an error that says %s is there', async (_what, before, found) => {
  const { security, store } = start({ losesWrites: true })
  if (before !== null) security.put('ada', SERVICE, before)
  const message = await messageOf((await store.prepareWrite(blobOf(300))).commit(blobOf(300)))
  expect(message).toBe(
    `Keychain item "${SERVICE}" (~/.claude) was not written: ${found}. Let Vigil try again; if it stays so, log in again with: claude /login`,
  )
  expect(security.get('ada', SERVICE)).toBe(before)
})

test('a Keychain that was locked before the write is an error with the remedy for that', async () => {
  const { store } = start({ locked: true })
  const message = await messageOf((await store.prepareWrite(blobOf(300))).commit(blobOf(300)))
  expect(message).toMatch(
    /was not written \(the login Keychain is locked.*\): no item is there\. unlock the login Keychain/,
  )
})

test('where nothing can be read back, the error says just that, and never the hex that security repeats', async () => {
  const hex = Buffer.from(JSON.stringify(blobOf(300))).toString('hex')
  const { store } = start({ fails: { exitCode: 1, stderr: `security: unknown command "${hex}"` } })
  const message = await messageOf((await store.prepareWrite(blobOf(300))).commit(blobOf(300)))
  expect(message).toContain('(`security` ended with 1: security: unknown command "[hex]")')
  expect(message).toContain('what is there now cannot be said')
  expect(message).not.toMatch(/[0-9a-f]{8}/)
})

test('a write that hangs is ended at the deadline, and what is in the Keychain counts', async () => {
  const { security, store } = start({ hangs: 'writes' }, { deadlineMs: 2500 })
  security.put('ada', SERVICE, fixture('logged-in'))
  const write = await store.prepareWrite(blobOf(300))
  expect(await messageOf(write.commit(blobOf(300)))).toMatch(/gave no answer within 2.5 s.*the old or another one/)
  security.put('ada', SERVICE, JSON.stringify(blobOf(300)))
  expect(await messageOf(write.commit(blobOf(300)))).toBe('no error')
})

test('new tokens are written although the run is being ended', async () => {
  const abort = new AbortController()
  const { security, store } = start({}, { signal: abort.signal })
  const write = await store.prepareWrite(blobOf(300))
  abort.abort()
  await write.commit(blobOf(300))
  expect(security.get('ada', SERVICE)).toBe(JSON.stringify(blobOf(300)))
})

test('preparing, discarding and cleaning up touch nothing', async () => {
  const { security, store } = start()
  const write = await store.prepareWrite(blobOf(300))
  await write.discard()
  await store.cleanUp()
  expect(security.calls()).toEqual([])
})

test('whether an item exists is asked without its secret, so a locked Keychain does not matter', async () => {
  const { security, options } = start({ locked: true })
  expect(await keychainHoldsItem(options)).toBe(false)
  security.put('ada', SERVICE, fixture('logged-in'))
  expect(await keychainHoldsItem(options)).toBe(true)
  expect(security.calls().flatMap(call => call.words)).not.toContain('-w')
})

test.each<[string, KeychainScript, Partial<KeychainOptions>]>([
  ['fails', { fails: { exitCode: 51, stderr: 'no' } }, {}],
  ['hangs', { hangs: 'all' }, { deadlineMs: 1000 }],
  ['is not there', {}, { securityPath: '/nowhere/security' }],
])('where security %s, it is unknown whether an item exists', async (_what, script, more) => {
  expect(await keychainHoldsItem(start(script, more).options)).toBe('unknown')
})
