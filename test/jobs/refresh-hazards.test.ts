// What an attacker's review found: ways in which a login could be lost without any crash of ours. Each is impossible now.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { inTheWay } from '../../lib/flows/refresh-login.ts'
import type { Run } from '../../lib/job.ts'
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
const outcomes = () =>
  Object.fromEntries(
    Object.entries(vigil.record('refresh-tokens').accounts).map(([slot, { outcome }]) => [slot, outcome]),
  )
const works = (n = 0, as = n) => {
  const login = vigil.standIn.state().logins[as]!
  return (
    !login.revoked &&
    fingerprint(vigil.credentials(n).claudeAiOauth['refreshToken'] as string) === login.currentRefreshTokenFingerprint
  )
}
const register = (...dirs: string[]) => {
  mkdirSync(join(vigil.home, '.claude', 'config'), { recursive: true })
  writeFileSync(
    vigil.paths.accounts,
    `accounts:\n${dirs.map((dir, n) => `  slot-${n + 1}: { config_dir: ${dir} }\n`).join('')}`,
  )
}
const expire = (n: number) => {
  const blob = vigil.credentials(n)
  vigil.writeCredentials(n, { ...blob, claudeAiOauth: { ...blob.claudeAiOauth, expiresAt: 1 } })
}

describe('one login in two places', () => {
  it('a copied directory that is found by itself is not taken for an account', async () => {
    await start()
    cpSync(vigil.dir(0), join(vigil.home, '.claude-backup'), { recursive: true })
    await vigil.run('refresh-tokens')
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state()).toMatchObject({ replays: 0 })
    expect(works()).toBe(true)
  })
  it('a copy that was registered by hand never sends the token that was used up', async () => {
    await start()
    const copy = join(vigil.home, '.claude-copy')
    cpSync(vigil.dir(0), copy, { recursive: true })
    register('~/.claude')
    await vigil.run('refresh-tokens')
    register('~/.claude', '~/.claude-copy')
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(vigil.registry()).toMatch(/slot-2:[\s\S]*copied_login/)
    expect(works()).toBe(true)
  })
  it('two copies that are due in the same moment send one request between them', async () => {
    await start()
    cpSync(vigil.dir(0), join(vigil.home, '.claude-copy'), { recursive: true })
    register('~/.claude', '~/.claude-copy')
    await vigil.run('refresh-tokens')
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(Object.values(outcomes()).sort()).toEqual(['fresh', 'inactive'])
  })
  it('a store that is a link into another directory is one login', async () => {
    await start()
    const other = join(vigil.home, '.claude-link')
    mkdirSync(other)
    symlinkSync(join(vigil.dir(0), '.credentials.json'), join(other, '.credentials.json'))
    register('~/.claude', '~/.claude-link')
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(works()).toBe(true)
  })
  it('an old backup that is put back is not sent again', async () => {
    await start()
    const backup = readFileSync(join(vigil.dir(0), '.credentials.json'), 'utf8')
    await vigil.run('refresh-tokens')
    vigil.writeCredentials(0, backup)
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(vigil.registry()).toContain('copied_login')
  })
})

describe('an answer that waits beside the login', () => {
  /** The store cannot be used from the moment that the request arrives: the tokens have to wait. */
  const waiting = async () => {
    await start({
      onRequest: request => {
        if (request.endpoint === 'token') chmodSync(join(vigil.dir(0), '.credentials.json'), 0o644)
      },
    })
    const run = await vigil.run('refresh-tokens')
    expect(run.stderr).toContain('new tokens wait in the journal')
    chmodSync(join(vigil.dir(0), '.credentials.json'), 0o600)
  }
  const recovered = () => {
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(works()).toBe(true)
  }
  it('is stored by the next run', async () => {
    await waiting()
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    recovered()
  })
  it('is stored by another Vigil, with another home of its own', async () => {
    await waiting()
    const other = join(vigil.home, 'other')
    mkdirSync(join(other, 'config'), { recursive: true })
    cpSync(vigil.paths.settings, join(other, 'config', 'vigil.yaml'))
    expect((await vigil.run('refresh-tokens', { VIGIL_HOME: other })).code).toBe(0)
    recovered()
  })
  it('is stored although the account has another name for its directory now', async () => {
    await waiting()
    symlinkSync(vigil.dir(0), join(vigil.home, 'by-link'))
    register('~/by-link')
    await vigil.run('fetch-quota')
    await vigil.run('refresh-tokens')
    recovered()
  })
  it('is stored although its directory was renamed meanwhile, and no token is sent again', async () => {
    const store = () => join(vigil.dir(1), '.credentials.json')
    await start({
      count: 2,
      onRequest: request => {
        if (request.endpoint === 'token' && existsSync(store())) chmodSync(store(), 0o644)
      },
    })
    await vigil.run('refresh-tokens')
    chmodSync(store(), 0o600)
    const renamed = `${vigil.dir(1)}-renamed`
    renameSync(vigil.dir(1), renamed)
    register('~/.claude', '~/.claude-0001-renamed')
    await vigil.run('refresh-tokens')
    expect(readdirSync(renamed).filter(name => name.startsWith('.vigil'))).toEqual([])
    renameSync(renamed, vigil.dir(1))
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
    expect(works(1)).toBe(true)
    expect(readdirSync(vigil.paths.refreshing)).toEqual([])
  })
  it('is not taken over by a copy of its directory', async () => {
    await waiting()
    const copy = join(vigil.home, '.claude-copy')
    cpSync(vigil.dir(0), copy, { recursive: true })
    register('~/.claude-copy')
    const before = readFileSync(join(copy, '.credentials.json'), 'utf8')
    chmodSync(join(vigil.dir(0), '.credentials.json'), 0o644)
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    expect(readFileSync(join(copy, '.credentials.json'), 'utf8')).toBe(before)
    chmodSync(join(vigil.dir(0), '.credentials.json'), 0o600)
    register('~/.claude')
    await vigil.run('refresh-tokens')
    recovered()
  })
  it('outlasts a directory that is away for a while', async () => {
    await start({ count: 2 })
    vigil.standIn.fault({ endpoint: 'token', email: 'user-2@example.com', action: { kind: 'delay', ms: 300 } })
    const run = vigil.run('refresh-tokens')
    while (vigil.standIn.state().logins[1]!.tokenPosts === 0) await new Promise(done => setTimeout(done, 10))
    chmodSync(join(vigil.dir(1), '.credentials.json'), 0o644)
    await run
    chmodSync(join(vigil.dir(1), '.credentials.json'), 0o600)
    renameSync(vigil.dir(1), `${vigil.dir(1)}.away`)
    await vigil.run('refresh-tokens')
    renameSync(`${vigil.dir(1)}.away`, vigil.dir(1))
    await vigil.run('refresh-tokens')
    expect(vigil.standIn.state().replays).toBe(0)
    expect(works(1)).toBe(true)
  })
})

describe('a link that a person sets to another login while the request is under way', () => {
  const link = () => join(vigil.home, 'live')
  const leadTo = (n: number) => {
    rmSync(link(), { force: true })
    symlinkSync(vigil.dir(n), link())
  }
  /** `~/live` leads to the second login until the request arrives, then to the third. */
  const flipped = async (...faults: FaultAction[]) => {
    await start({
      count: 3,
      onRequest: request => {
        if (request.endpoint === 'token' && request.email === 'user-2@example.com') leadTo(2)
      },
    })
    leadTo(1)
    register('~/live')
    for (const action of faults) vigil.standIn.fault({ endpoint: 'token', email: 'user-2@example.com', action })
    await vigil.run('refresh-tokens')
  }
  it('costs neither of them: the new tokens go where the old one was', async () => {
    await flipped()
    expect([works(1), works(2)]).toEqual([true, true])
    await vigil.run('refresh-tokens')
    leadTo(1)
    await vigil.run('refresh-tokens')
    expect([works(1), works(2)]).toEqual([true, true])
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
  })
  it('costs none either where the new tokens had to wait beside the old one', async () => {
    const store = () => join(vigil.dir(1), '.credentials.json')
    await start({
      count: 3,
      onRequest: request => {
        if (request.endpoint === 'token' && request.email === 'user-2@example.com') chmodSync(store(), 0o644)
      },
    })
    leadTo(1)
    register('~/live')
    expect((await vigil.run('refresh-tokens')).stderr).toContain('new tokens wait in the journal')
    chmodSync(store(), 0o600)
    leadTo(2)
    await vigil.run('refresh-tokens')
    expect([works(1), works(2)]).toEqual([true, true])
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
    // Nothing is left that a later run would have to finish.
    expect(readdirSync(vigil.paths.refreshing)).toEqual([])
  })
  it('and a lock in the way is named without what the home folder leads to', async () => {
    await start()
    const real = `${vigil.home}-real`
    renameSync(vigil.home, real)
    symlinkSync(real, vigil.home)
    try {
      const lockPath = join(real, '.claude.lock')
      expect(inTheWay({ held: false, lockPath, lastBeatAgoMs: null }, { paths: vigil.paths } as Run)).toContain(
        'holds ~/.claude.lock (last',
      )
    } finally {
      rmSync(vigil.home)
      renameSync(real, vigil.home)
    }
  })
  it.each([{ kind: 'drop-before' }, { kind: 'answer', status: 503, body: 'busy' }] as const)(
    'costs neither of them where no tokens came: %j',
    async action => {
      await flipped(action)
      await vigil.run('refresh-tokens')
      leadTo(1)
      await vigil.run('refresh-tokens')
      expect(vigil.standIn.state().replays).toBe(0)
      expect([works(1), works(2)]).toEqual([true, true])
    },
  )
})

describe('an answer that is odd', () => {
  const serve = async (answer: (response: ServerResponse, tokens: object) => void) => {
    await start()
    const server = createServer((request, response) => {
      request.resume().on('end', () =>
        answer(response, {
          access_token: 'sk-ant-oat01-NEWNEWNEW',
          refresh_token: 'sk-ant-ort01-NEWNEWNEW',
          expires_in: 28800,
        }),
      )
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    writeFileSync(
      vigil.paths.settings,
      `endpoints: { token: "http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/oauth/token" }\n`,
    )
    try {
      return await vigil.run('refresh-tokens')
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }
  const stored = () => vigil.credentials(0).claudeAiOauth
  it.each([
    ['a life that is text', { expires_in: '28800' }],
    ['no life', { expires_in: undefined }],
    ['a scope that is a list', { scope: ['a'] }],
    ['an account that is a number', { account: 5 }],
  ])('%s costs no login', async (_name, change) => {
    const run = await serve((response, tokens) => response.end(JSON.stringify({ ...tokens, ...change })))
    expect(run.code).toBe(0)
    expect(stored()['refreshToken']).toBe('sk-ant-ort01-NEWNEWNEW')
    expect(stored()['expiresAt']).toBeGreaterThan(Date.now() + 50 * 60_000)
  })
  it.each([
    [
      'a length that is one too many',
      (response: ServerResponse, tokens: object) => {
        const body = JSON.stringify(tokens)
        response.writeHead(200, { 'content-length': Buffer.byteLength(body) + 1 }).write(body, () => response.destroy())
      },
    ],
    [
      'packed although nobody asked',
      (response: ServerResponse, tokens: object) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(tokens))),
    ],
    [
      'headers of 40 KB',
      (response: ServerResponse, tokens: object) =>
        response.writeHead(200, { 'x-long': 'x'.repeat(40_000) }).end(JSON.stringify(tokens)),
    ],
    ['201', (response: ServerResponse, tokens: object) => response.writeHead(201).end(JSON.stringify(tokens))],
  ])('%s is an answer all the same', async (_name, answer) => {
    expect((await serve(answer)).code).toBe(0)
    expect(stored()['refreshToken']).toBe('sk-ant-ort01-NEWNEWNEW')
  })
})

describe('others at the same time', () => {
  it("one account's unusable token does not touch another's refresh", async () => {
    await start({ count: 2 })
    vigil.standIn.fault({ endpoint: 'token', action: { kind: 'delay', ms: 500 } })
    const bad = vigil.credentials(1)
    vigil.writeCredentials(1, {
      ...bad,
      claudeAiOauth: { ...bad.claudeAiOauth, accessToken: 'sk-ant-oat01-with\nbreak', expiresAt: Date.now() + 9e6 },
    })
    expire(0)
    await vigil.run('fetch-quota')
    expect(vigil.record('fetch-quota').accounts['slot-2']!.reason).toContain('a header holds what none may')
    expect(works()).toBe(true)
  })
  it('a log-out during the request stays a log-out', async () => {
    await start({
      onRequest: request => {
        if (request.endpoint === 'token')
          vigil.writeCredentials(
            0,
            readFileSync(new URL('../fixtures/credentials/logged-out-husk.json', import.meta.url), 'utf8'),
          )
      },
    })
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(outcomes()).toEqual({ 'slot-1': 'logged_out' })
    expect(vigil.credentials(0).claudeAiOauth['refreshToken']).toBe('')
  })
  it('a login during the request is left as it is', async () => {
    await start({
      onRequest: request => {
        if (request.endpoint === 'token')
          writeConfigDir(vigil.dir(0), join(vigil.home, '.claude.json'), vigil.standIn.login('user-1@example.com'))
      },
    })
    await vigil.run('refresh-tokens')
    expect(outcomes()).toEqual({ 'slot-1': 'adopted' })
    expect(works()).toBe(true)
  })
  it('a lock from a future that never comes is taken over', async () => {
    await start()
    const lock = join(vigil.dir(0), '.oauth_refresh.lock')
    mkdirSync(lock)
    const tomorrow = Date.now() / 1000 + 86_400
    utimesSync(lock, tomorrow, tomorrow)
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
    expect(outcomes()).toEqual({ 'slot-1': 'refreshed' })
  })
  it('a request is never begun after the run was told to stop', async () => {
    await start({ count: 8 })
    vigil.standIn.fault({ endpoint: 'token', times: 4, action: { kind: 'delay', ms: 1500 } as FaultAction })
    let pid = 0
    const run = vigil.run('refresh-tokens', {}, started => {
      pid = started
    })
    while (vigil.standIn.state().tokenPosts < 4) await new Promise(done => setTimeout(done, 10))
    process.kill(pid, 'SIGTERM')
    expect((await run).code).toBe(75)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 4, replays: 0 })
    for (const n of [0, 1, 2, 3, 4, 5, 6, 7]) expect(works(n)).toBe(true)
  })
})

it('a directory without a login stays as it is', async () => {
  await start()
  await vigil.run('refresh-tokens')
  rmSync(join(vigil.dir(0), '.credentials.json'))
  await vigil.run('refresh-tokens')
  expect(outcomes()).toEqual({ 'slot-1': 'no_login' })
})
