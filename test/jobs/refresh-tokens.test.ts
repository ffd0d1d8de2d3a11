import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import type { FaultAction } from '../../sandbox/stand-in.ts'
import { fingerprint } from '../../sandbox/tokens.ts'
import { type ScratchOptions, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())

const start = async (options: ScratchOptions = {}) => {
  vigil = await scratchVigil(options)
  return vigil
}
const outcome = (slot = 'slot-1') => vigil.record('refresh-tokens').accounts[slot]
const standing = (n = 0) => vigil.standIn.state().logins[n]!
const storedIsCurrent = (n = 0) => {
  const stored = vigil.credentials(n).claudeAiOauth['refreshToken'] as string
  return fingerprint(stored) === standing(n).currentRefreshTokenFingerprint && !standing(n).revoked
}
/** What nobody may find after any run: journals, staging files, lock directories. */
const leftovers = () => {
  const pointers = existsSync(vigil.paths.refreshing) ? readdirSync(vigil.paths.refreshing) : []
  const ours = /\.(vigil-tmp|lock)$/
  const beside = readdirSync(vigil.dir(0)).filter(name => ours.test(name) || name.endsWith('.journal'))
  return [...pointers, ...beside, ...(existsSync(`${vigil.dir(0)}.lock`) ? ['.claude.lock'] : [])]
}
/** A journal and the pointer to it. */
const UNFINISHED = [
  expect.stringMatching(/^[0-9a-f]{16}\.json$/),
  expect.stringMatching(/^\.vigil-refresh-[0-9a-f]{16}\.journal$/),
]

describe('a login that is due', () => {
  it('is refreshed with one POST, its siblings kept, and nothing left behind', async () => {
    await start()
    const before = vigil.credentials(0)
    const run = await vigil.run('refresh-tokens')
    expect(run).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(storedIsCurrent()).toBe(true)
    const { claudeAiOauth: after, ...siblings } = vigil.credentials(0)
    const { claudeAiOauth: oauth, ...siblingsBefore } = before
    expect(siblings).toEqual(siblingsBefore)
    expect(after).toEqual({
      ...oauth,
      accessToken: after['accessToken'],
      refreshToken: after['refreshToken'],
      expiresAt: after['expiresAt'],
    })
    expect(after['expiresAt']).toBeGreaterThan(Date.now() + 7 * 3_600_000)
    expect(leftovers()).toEqual([])
    expect(outcome()).toMatchObject({ outcome: 'refreshed', failure: null })
  })
  it('is not sent twice by the run after it', async () => {
    await start()
    await vigil.run('refresh-tokens')
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state().tokenPosts).toBe(1)
    expect(outcome()).toMatchObject({ outcome: 'fresh' })
  })
  it('sends its stored scopes, and once none where those are refused', async () => {
    await start()
    vigil.standIn.fault({
      endpoint: 'token',
      action: { kind: 'answer', status: 400, body: { error: 'invalid_scope' } },
    })
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    const bodies = vigil.standIn.requests.map(sent => JSON.parse(sent.body))
    expect(bodies.map(body => body.scope)).toEqual([vigil.logins[0]!.scopes.join(' '), undefined])
    expect(storedIsCurrent()).toBe(true)
  })
  it('keeps its refresh token where the answer holds none', async () => {
    await start()
    const before = vigil.credentials(0).claudeAiOauth['refreshToken']
    vigil.standIn.fault({ endpoint: 'token', action: { kind: 'omit', fields: ['refresh_token'] } })
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.credentials(0).claudeAiOauth['refreshToken']).toBe(before)
    expect(storedIsCurrent()).toBe(true)
  })
  it('is written beside the real file where the store is a link', async () => {
    await start()
    const elsewhere = join(vigil.home, 'dotfiles')
    mkdirSync(elsewhere)
    renameSync(join(vigil.dir(0), '.credentials.json'), join(elsewhere, 'claude.json'))
    symlinkSync(join(elsewhere, 'claude.json'), join(vigil.dir(0), '.credentials.json'))
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(storedIsCurrent()).toBe(true)
    expect(readdirSync(elsewhere)).toEqual(['claude.json'])
  })
})

describe('answers that leave the login alone', () => {
  const answer = (status: number, body: object | string = {}, headers = {}): FaultAction => ({
    kind: 'answer',
    status,
    headers,
    body,
  })
  it.each([
    ['401', answer(401), 'transient', 75],
    ['403 of a firewall', answer(403, '<html>'), 'transient', 75],
    ['429', answer(429, { error: { type: 'rate_limit_error' } }, { 'retry-after': '900' }), 'transient', 75],
    ['500 that talks of invalid_grant', answer(500, { error: 'invalid_grant' }), 'transient', 75],
    [
      'a request error, which is our bug',
      answer(400, { type: 'error', error: { type: 'invalid_request_error' } }),
      'refused',
      1,
    ],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' } as FaultAction, 'refused', 1],
  ])('%s', async (_name, action, expected, code) => {
    await start()
    vigil.standIn.fault({ endpoint: 'token', action })
    const run = await vigil.run('refresh-tokens')
    expect(run.code).toBe(code)
    expect(run.stderr).toContain('vigil refresh-tokens: slot-1: ')
    expect(outcome()).toMatchObject({ outcome: expected })
    expect(vigil.registry()).toContain('status: active')
    expect(leftovers()).toEqual([])
    expect(storedIsCurrent()).toBe(true)
  })
  it('waits as long as Retry-After says, whoever starts the job', async () => {
    await start()
    vigil.standIn.fault({ endpoint: 'token', action: answer(503, {}, { 'retry-after': '900' }) })
    await vigil.run('refresh-tokens')
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.standIn.state().tokenPosts).toBe(1)
    expect(outcome()).toMatchObject({ outcome: 'waiting' })
  })
  it('a refused connection, where nothing was sent', async () => {
    await start()
    vigil.settings('')
    writeFileSync(vigil.paths.settings, 'endpoints: { token: "http://127.0.0.1:1/v1/oauth/token" }\n')
    expect((await vigil.run('refresh-tokens')).code).toBe(75)
    expect(outcome()).toMatchObject({ outcome: 'transient', failure: 'network' })
    expect(leftovers()).toEqual([])
  })
})

describe('an answer that never came', () => {
  it.each(['drop-before', 'truncate'] as const)(
    '%s: is in doubt, then tried once, and works or needs a login',
    async kind => {
      await start()
      vigil.standIn.fault({ endpoint: 'token', action: kind === 'truncate' ? { kind, bytes: 10 } : { kind } })
      expect((await vigil.run('refresh-tokens')).code).toBe(75)
      expect(outcome()).toMatchObject({ outcome: 'in_doubt' })
      expect(leftovers()).toEqual(UNFINISHED)
      expect(vigil.registry()).toContain('status: active')
      expect((await vigil.run('refresh-tokens')).code).toBe(0)
      if (kind === 'drop-before') expect(storedIsCurrent()).toBe(true)
      else expect(vigil.registry()).toMatch(/status: inactive\n {4}inactive_reason: refresh_interrupted\n/)
      expect(leftovers()).toEqual([])
    },
  )
  it('is not asked for again where another login was stored meanwhile', async () => {
    await start()
    vigil.standIn.fault({ endpoint: 'token', action: { kind: 'drop-after' } })
    await vigil.run('refresh-tokens')
    writeConfigDir(vigil.dir(0), join(vigil.home, '.claude.json'), vigil.standIn.login('user-1@example.com'))
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(leftovers()).toEqual([])
  })
  it.each([
    ['garbage', { kind: 'garbage' } as FaultAction],
    ['a 200 in a form that is new', { kind: 'answer', status: 200, body: { tokens: [] } } as FaultAction],
  ])('%s is said loudly and kept', async (_name, action) => {
    await start()
    vigil.standIn.fault({ endpoint: 'token', action })
    const run = await vigil.run('refresh-tokens')
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('in a form that Vigil does not know')
    expect(leftovers()).toEqual(UNFINISHED)
  })
})

describe('a login that is over', () => {
  it('sets the account inactive with reason and since, is no failure, and is not sent again', async () => {
    await start()
    vigil.standIn.revoke('user-1@example.com')
    expect(await vigil.run('refresh-tokens')).toMatchObject({ code: 0, stderr: '' })
    expect(vigil.registry()).toMatch(
      /status: inactive\n {4}inactive_reason: session_expired\n {4}inactive_since: \S*20\d\d-\d\d-\d\dT/,
    )
    expect(outcome()).toMatchObject({ outcome: 'ended', reason: expect.stringContaining('claude /login') })
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state().tokenPosts).toBe(1)
    expect(outcome()).toMatchObject({ outcome: 'inactive' })
  })
  it('comes back by itself after /login', async () => {
    await start()
    vigil.standIn.revoke('user-1@example.com')
    await vigil.run('refresh-tokens')
    writeConfigDir(vigil.dir(0), join(vigil.home, '.claude.json'), vigil.standIn.login('user-1@example.com'))
    await vigil.run('refresh-tokens')
    expect(outcome()).toMatchObject({ outcome: 'became_active' })
    expect(vigil.registry()).toContain('status: active')
    expect(vigil.registry()).not.toMatch(/^ +inactive_/m)
  })
  it('keeps the reason and the since it first had when Claude Code blanks its store later', async () => {
    await start()
    vigil.standIn.revoke('user-1@example.com')
    await vigil.run('refresh-tokens')
    const before = vigil.registry()
    vigil.writeCredentials(
      0,
      readFileSync(new URL('../fixtures/credentials/logged-out-husk.json', import.meta.url), 'utf8'),
    )
    await vigil.run('refresh-tokens')
    expect(vigil.registry()).toBe(before)
  })
})

describe('stores that hold no usable login', () => {
  it('a husk is a fact, and no empty token is ever sent', async () => {
    await start()
    vigil.writeCredentials(
      0,
      readFileSync(new URL('../fixtures/credentials/logged-out-husk.json', import.meta.url), 'utf8'),
    )
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.registry()).toContain('inactive_reason: logged_out')
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 0, emptyPosts: 0 })
  })
  it('one that others may read is refused with the chmod to run', async () => {
    await start()
    chmodSync(join(vigil.dir(0), '.credentials.json'), 0o644)
    const run = await vigil.run('refresh-tokens')
    expect(run.code).toBe(77)
    expect(run.stderr).toContain('chmod 600 ~/.claude/.credentials.json')
    expect(vigil.standIn.state().tokenPosts).toBe(0)
  })
  it('unreadable JSON is its own outcome, and the file stays as it is', async () => {
    await start()
    vigil.writeCredentials(0, '{"claudeAiOauth": {"accessToken": "sk-ant-oat01-CUT')
    const run = await vigil.run('refresh-tokens')
    expect(run.code).toBe(77)
    expect(outcome()).toMatchObject({ outcome: 'corrupt' })
    expect(readFileSync(join(vigil.dir(0), '.credentials.json'), 'utf8')).toContain('CUT')
  })
  it('a link that leads nowhere is refused', async () => {
    await start()
    rmSync(join(vigil.dir(0), '.credentials.json'))
    symlinkSync('/nowhere', join(vigil.dir(0), '.credentials.json'))
    expect((await vigil.run('refresh-tokens')).code).toBe(77)
    expect(outcome()).toMatchObject({ outcome: 'refused' })
  })
  it('a token without a refresh token is good to its end', async () => {
    await start()
    vigil.writeCredentials(0, {
      claudeAiOauth: { accessToken: 'sk-ant-oat01-setup', expiresAt: Date.now() + 1e6, scopes: ['user:inference'] },
    })
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(outcome()).toMatchObject({ outcome: 'no_refresh_token' })
  })
  it('a missing one is no login', async () => {
    await start()
    await vigil.run('refresh-tokens')
    rmSync(join(vigil.dir(0), '.credentials.json'))
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.registry()).toContain('inactive_reason: no_login')
  })
})

describe('a person who wants it otherwise', () => {
  it('paused an account: it is left alone until they undo it', async () => {
    await start()
    await vigil.run('refresh-tokens')
    const paused = vigil.registry().replace('status: active', 'status: inactive # mine\n    inactive_reason: paused')
    writeFileSync(vigil.paths.accounts, paused)
    vigil.writeCredentials(0, {
      ...vigil.credentials(0),
      claudeAiOauth: { ...vigil.credentials(0).claudeAiOauth, expiresAt: 1 },
    })
    await vigil.run('refresh-tokens')
    expect(outcome()).toMatchObject({ outcome: 'paused' })
    expect(vigil.standIn.state().tokenPosts).toBe(1)
    expect(vigil.registry()).toBe(paused)
  })
  it('turned refresh off: no token is rotated, and the run is good', async () => {
    await start({ settings: 'refresh: off', expiresInMin: -5 })
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(outcome()).toMatchObject({ outcome: 'off' })
    expect(vigil.standIn.state().tokenPosts).toBe(0)
  })
  it('wrote wrong settings: all problems, exit 78, nothing sent, and a record that says so', async () => {
    await start({ settings: 'refresh: perhaps\nquota: { every: 1 }' })
    const run = await vigil.run('refresh-tokens')
    expect(run.code).toBe(78)
    expect(run.stderr).toContain('2 problems')
    expect(vigil.record('refresh-tokens')).toMatchObject({ outcome: 'failed', failure: 'settings', exit_code: 78 })
    expect(vigil.standIn.state().tokenPosts).toBe(0)
  })
})

describe('several accounts', () => {
  it("take their turns: one's trouble stops no other's", async () => {
    await start({ count: 4 })
    await vigil.run('refresh-tokens')
    for (const n of [0, 1, 2, 3])
      vigil.writeCredentials(n, { claudeAiOauth: { ...vigil.credentials(n).claudeAiOauth, expiresAt: 1 } })
    vigil.writeCredentials(0, 'rubbish')
    vigil.standIn.revoke('user-2@example.com')
    vigil.standIn.fault({
      endpoint: 'token',
      email: 'user-3@example.com',
      action: { kind: 'answer', status: 500, body: '' },
    })
    expect((await vigil.run('refresh-tokens')).code).toBe(1)
    const { accounts } = vigil.record('refresh-tokens')
    expect(Object.fromEntries(Object.entries(accounts).map(([slot, { outcome: what }]) => [slot, what]))).toEqual({
      'slot-1': 'corrupt',
      'slot-2': 'ended',
      'slot-3': 'transient',
      'slot-4': 'refreshed',
    })
  })
  it('are all there in the end where one left the registry in the middle of its refresh', async () => {
    await start({ count: 2 })
    vigil.standIn.fault({ endpoint: 'token', email: 'user-2@example.com', action: { kind: 'drop-before' } })
    await vigil.run('refresh-tokens')
    writeFileSync(vigil.paths.accounts, vigil.registry().replace(/ {2}slot-2:[\s\S]*/, ''))
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(storedIsCurrent(1)).toBe(true)
    expect(vigil.record('refresh-tokens').accounts).toHaveProperty('slot-2 (no longer registered)')
  })
})
