// Many at once, and Claude Code's own locks: nobody's token is spent twice, and nobody who holds a lock is disturbed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fingerprint } from '../../sandbox/tokens.ts'
import { type Finished, REPO, type ScratchVigil } from '../support/scratch-vigil.ts'
import * as tools from './tools.ts'

const QUIET = { code: 0, signal: null, stdout: '', stderr: '' } satisfies Finished
const EXPIRED = { expiresInMin: -10 }

function atOnce(count: number, run: (index: number) => Promise<Finished>): Promise<Finished[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)))
}

test.concurrent('eight refresh-tokens at once on one expired login: one request, eight exits 0, no replay', async lifetime => {
  const vigil = await tools.scratch(lifetime, EXPIRED)
  tools.addSiblings(vigil)
  const runs = await atOnce(8, () => vigil.run('refresh-tokens'))
  expect(runs).toEqual(Array(8).fill(QUIET))
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
  await tools.expectLoginWorks(vigil)
})

test.concurrent('eight refresh-tokens at once on twenty expired logins: twenty requests, no replay', async lifetime => {
  const vigil = await tools.scratch(lifetime, { ...EXPIRED, count: 20 })
  const runs = await atOnce(8, () => vigil.run('refresh-tokens'))
  expect(runs).toEqual(Array(8).fill(QUIET))
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 20, rotations: 20, replays: 0 })
  for (let n = 0; n < 20; n++) await tools.expectLoginWorks(vigil, n, { siblings: false })
})

test.concurrent("eight Vigils that know nothing of each other but Claude Code's locks: one request, no replay", async lifetime => {
  const vigil = await tools.scratch(lifetime, { ...EXPIRED, latencyMs: 300 })
  tools.addSiblings(vigil)
  const runs = await atOnce(8, async () => {
    const VIGIL_HOME = tools.sideFolder(lifetime)
    mkdirSync(join(VIGIL_HOME, 'config'))
    writeFileSync(join(VIGIL_HOME, 'config', 'vigil.yaml'), readFileSync(vigil.paths.settings))
    return vigil.run('refresh-tokens', { VIGIL_HOME })
  })
  expect(runs).toEqual(Array(8).fill(QUIET))
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
  await tools.expectLoginWorks(vigil)
})

test.concurrent('refresh-tokens and fetch-quota at once on an expired login: one request, no replay, true figures', async lifetime => {
  for (const [name, expiresInMin] of [
    ['the store says expired', -10],
    ['only Anthropic says expired, the store says soon', 20],
    ['only Anthropic says expired, the store says fresh', 300],
  ] as const) {
    const vigil = await tools.scratch(lifetime, { expiresInMin, latencyMs: 50 })
    vigil.standIn.expireAccessToken(tools.email(0))
    tools.addSiblings(vigil)
    const runs = await atOnce(4, index => vigil.run(index % 2 === 0 ? 'refresh-tokens' : 'fetch-quota'))
    expect(runs, name).toEqual(Array(4).fill(QUIET))
    // Where one of them left the account to the other, the next run has what it could not have.
    expect(await vigil.run('fetch-quota'), name).toEqual(QUIET)
    expect(vigil.standIn.state(), name).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
    await tools.expectLoginWorks(vigil)
    expect(vigil.json(vigil.paths.mergedQuota), name).toMatchObject({
      slots: { 'slot-1': { five_hour_util: 12, seven_day_util: 40, is_fresh: true } },
    })
  }
})

test.concurrent('a config directory that was copied holds the same token: it is sent once, and the copy asks for a /login of its own', async lifetime => {
  const vigil = await tools.scratch(lifetime, { ...EXPIRED, latencyMs: 100 })
  tools.addSiblings(vigil)
  cpSync(vigil.dir(0), vigil.dir(1), { recursive: true })
  cpSync(join(vigil.home, '.claude.json'), join(vigil.dir(1), '.claude.json'))
  const account = (slot: string, dir: string) => `  ${slot}:\n    config_dir: ${dir}\n    status: active\n`
  const accounts = account('slot-1', vigil.dir(0)) + account('slot-2', vigil.dir(1))
  writeFileSync(vigil.paths.accounts, `current: slot-1\naccounts:\n${accounts}`, { mode: 0o600 })
  await atOnce(8, index => vigil.run(index % 2 === 0 ? 'refresh-tokens' : 'fetch-quota'))
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
  expect([loginFingerprint(vigil, 0), loginFingerprint(vigil, 1)]).toContain(
    tools.loginState(vigil).currentRefreshTokenFingerprint,
  )
  expect(vigil.registry().match(/inactive_reason: \w+/g)).toEqual(['inactive_reason: copied_login'])
})

function loginFingerprint(vigil: ScratchVigil, n: number): string | null {
  return fingerprint(String(vigil.credentials(n).claudeAiOauth['refreshToken']))
}

/** Another program that makes a lock its own and keeps it alive, until it is killed: then it does no more about it. */
async function holder(lifetime: tools.Lifetime, lock: string, behindMs = 0): Promise<{ die(): Promise<void> }> {
  const script = `
    const fs = require('node:fs')
    const [lock, behindMs] = process.argv.slice(1)
    const beat = () => fs.utimesSync(lock, (Date.now() - behindMs) / 1000, (Date.now() - behindMs) / 1000)
    fs.mkdirSync(lock)
    beat()
    setInterval(beat, 2000)
    console.log('held')`
  const child = spawn(process.execPath, ['-e', script, lock, String(behindMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  })
  const die = () => end(child)
  lifetime.onTestFinished(die)
  await once(child.stdout, 'data')
  return { die }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test.concurrent.for([
  ['.oauth_refresh.lock', 0],
  ['.claude.lock', 1],
] as const)(
  'while another program holds %s and keeps beating, no request goes out and the record names it; once it dies the next run goes on',
  async ([name, which], lifetime) => {
    const vigil = await tools.scratch(lifetime, EXPIRED)
    tools.addSiblings(vigil)
    const lock = tools.claudeLocks(vigil)[which]!
    expect(lock.endsWith(`/${name}`)).toBe(true)
    const other = await holder(lifetime, lock)
    const blocked = await vigil.run('refresh-tokens')
    expect([0, 75]).toContain(blocked.code)
    expect(vigil.standIn.state().tokenPosts).toBe(0)
    expect(JSON.stringify(vigil.record('refresh-tokens').accounts['slot-1'])).toContain(name)
    expect(existsSync(lock), 'it is left alone').toBe(true)

    await other.die()
    tools.age(lock, 10 * 60_000) // when cron starts the next run
    expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    await tools.expectLoginWorks(vigil)
    expect(tools.claudeLocks(vigil).filter(existsSync)).toEqual([])
  },
)

test.concurrent('a lock that still beats is alive however old it is: one whose clock is an hour behind is left alone', async lifetime => {
  const vigil = await tools.scratch(lifetime, EXPIRED)
  const lock = tools.claudeLocks(vigil)[0]!
  await holder(lifetime, lock, 3600_000)
  const blocked = await vigil.run('refresh-tokens')
  expect([0, 75]).toContain(blocked.code)
  expect(vigil.standIn.state().tokenPosts).toBe(0)
  expect(existsSync(lock)).toBe(true)
})

test.concurrent.for([0, 1, 2])(
  'a lock that was abandoned a while ago is taken over within one run (lock %i of three)',
  async (which, lifetime) => {
    const vigil = await tools.scratch(lifetime, EXPIRED)
    tools.addSiblings(vigil)
    const lock = tools.claudeLocks(vigil)[which]!
    mkdirSync(lock)
    tools.age(lock, 20_000)
    expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
    await tools.expectLoginWorks(vigil)
    expect(tools.claudeLocks(vigil).filter(existsSync)).toEqual([])
  },
)

test.concurrent('many at once at an abandoned lock: one request, no replay', async lifetime => {
  const vigil = await tools.scratch(lifetime, EXPIRED)
  tools.addSiblings(vigil)
  for (const lock of tools.claudeLocks(vigil)) {
    mkdirSync(lock)
    tools.age(lock, 20_000)
  }
  const runs = await atOnce(8, index => vigil.run(index % 2 === 0 ? 'refresh-tokens' : 'fetch-quota'))
  for (const run of runs) expect([0, 75]).toContain(run.code)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
  await tools.expectLoginWorks(vigil)
})

test.concurrent('Claude Code refreshes while we wait for its lock: its tokens are adopted, no request of ours goes out', async lifetime => {
  const vigil = await tools.scratch(lifetime, EXPIRED)
  tools.addSiblings(vigil)
  const [first, second] = tools.claudeLocks(vigil) as [string, string]
  const other = await holder(lifetime, first)
  const run = vigil.run('refresh-tokens')
  await sleep(2_000)
  const blob = vigil.credentials(0)
  const answer = await fetch(vigil.standIn.tokenUrl, {
    method: 'POST',
    body: JSON.stringify({
      grant_type: 'refresh_token',
      refresh_token: blob.claudeAiOauth['refreshToken'],
      client_id: 'x',
    }),
  })
  const { access_token, refresh_token, expires_in } = (await answer.json()) as Record<string, unknown>
  const tokens = {
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: Date.now() + Number(expires_in) * 1000,
  }
  const staged = join(vigil.dir(0), '.credentials.json.tmp.1a2b')
  writeFileSync(staged, JSON.stringify({ ...blob, claudeAiOauth: { ...blob.claudeAiOauth, ...tokens } }), {
    mode: 0o600,
  })
  renameSync(staged, join(vigil.dir(0), '.credentials.json'))
  await other.die()
  rmSync(first, { recursive: true })
  const ended = await run
  expect([0, 75]).toContain(ended.code)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
  await tools.expectLoginWorks(vigil)
  expect([first, second].filter(existsSync)).toEqual([])
})

test.concurrent('a person logs in while our request is under way: the new login stands, our answer does not overwrite it', async lifetime => {
  const vigil = await tools.scratch(lifetime, {
    ...EXPIRED,
    onRequest: ({ endpoint }) => {
      if (endpoint === 'token') tools.loginAgain(vigil, 0, { expiresInMs: 8 * 3600_000 })
    },
  })
  expect((await vigil.run('refresh-tokens')).signal).toBeNull()
  await tools.expectLoginWorks(vigil)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  await tools.expectLoginWorks(vigil)
  tools.expectNothingLeft(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
  expect(tools.registryEntry(vigil, 'slot-1')).toContain('status: active')
})

/** What that run did to the three locks, to the store and on the network, in its order, as the kernel saw it. */
async function lockOrder(vigil: ScratchVigil): Promise<string[]> {
  const trace = 'mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,openat,connect'
  const run = await tools.traced(tools.jobCommand('refresh-tokens'), vigil.env, { trace })
  expect(run).toMatchObject(QUIET)
  const store = join(vigil.dir(0), '.credentials.json')
  // By whatever name: where the directory is a link, they are made at its end.
  const atItsEnd = ['.oauth_refresh.lock', '.storage-write.lock', '.credentials.json'].map(name =>
    join(realpathSync(vigil.dir(0)), name),
  )
  const watched = [...tools.claudeLocks(vigil), store, ...atItsEnd]
  const named = (path: string) => path.split('/').at(-1)
  return run.calls.flatMap(({ name, paths, text }) => {
    if (name === 'connect') return text.includes('AF_INET') ? ['connect'] : []
    const path = name.startsWith('rename') ? paths.at(-1) : paths[0]
    if (path === undefined || !watched.includes(path)) return []
    return [`${name.replace(/(at|at2)$/, '')} ${named(path)}`]
  })
}

test.concurrent("Claude Code's three locks are taken in its order and given back, the store is read again under them, the write has its own", async lifetime => {
  const vigil = await tools.scratch(lifetime)
  await vigil.run('refresh-tokens')
  tools.becomeDue(vigil)
  const seen = await lockOrder(vigil)
  expect(seen.filter(call => call !== 'open .credentials.json')).toEqual([
    'mkdir .oauth_refresh.lock',
    'mkdir .claude.lock',
    // The rehearsal: a store that cannot be written shows while nothing is spent.
    'mkdir .storage-write.lock',
    'rename .credentials.json',
    'rmdir .storage-write.lock',
    'connect',
    'mkdir .storage-write.lock',
    'rename .credentials.json',
    'rmdir .storage-write.lock',
    'rmdir .claude.lock',
    'rmdir .oauth_refresh.lock',
  ])
  const reads = seen.slice(seen.indexOf('mkdir .claude.lock'), seen.indexOf('connect'))
  expect(reads).toContain('open .credentials.json')
  const readsBeforeWriting = seen.slice(
    seen.lastIndexOf('mkdir .storage-write.lock'),
    seen.lastIndexOf('rename .credentials.json'),
  )
  expect(readsBeforeWriting).toContain('open .credentials.json')
})

test.concurrent('where the config directory is a symlink, the older lock stands beside the directory that it leads to', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  const real = join(vigil.home, 'dotfiles', 'claude-config')
  mkdirSync(join(vigil.home, 'dotfiles'))
  renameSync(vigil.dir(0), real)
  symlinkSync(real, vigil.dir(0))
  const seen = await lockOrder(vigil)
  expect(seen).toContain('mkdir .oauth_refresh.lock')
  expect(seen).toContain('mkdir claude-config.lock')
  expect(seen).toContain('rmdir claude-config.lock')
  expect(existsSync(join(vigil.home, '.claude.lock'))).toBe(false)
  await tools.expectLoginWorks(vigil, 0, { siblings: false })
})

/** A client as Claude Code has it, which tries for `forMs` and says when it got each lock. */
async function properLockfileClient(lifetime: tools.Lifetime, locks: string[], forMs: number): Promise<string[]> {
  const script = `
    const lockfile = require(process.argv[1])
    const locks = process.argv.slice(3)
    const end = Date.now() + Number(process.argv[2])
    ;(async () => {
      let tries = 0
      for (; Date.now() < end; await new Promise(go => setTimeout(go, 100))) {
        for (const lock of locks) {
          tries += 1
          const free = await lockfile.lock(lock, { lockfilePath: lock, realpath: false, stale: 10000 }).catch(() => null)
          if (free) { console.log('got ' + lock); await free() }
        }
      }
      console.log(tries + ' tries')
    })()`
  const words = ['-e', script, join(REPO, 'node_modules', 'proper-lockfile'), String(forMs), ...locks]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  lifetime.onTestFinished(() => end(child))
  let said = ''
  child.stdout.on('data', chunk => {
    said += chunk
  })
  await once(child, 'close')
  return said.trim().split('\n')
}

test.concurrent('while a slow request is under way our locks beat every two seconds, and a real proper-lockfile client does not get them', async lifetime => {
  const vigil = await tools.scratch(lifetime, EXPIRED)
  tools.addSiblings(vigil)
  vigil.standIn.fault({ endpoint: 'token', action: { kind: 'delay', ms: 13_000 } })
  let isOver = false
  const run = vigil.run('refresh-tokens').finally(() => {
    isOver = true
  })
  await tools.until('the request was there', () => vigil.standIn.state().tokenPosts === 1)
  const held = tools.claudeLocks(vigil).slice(0, 2)
  expect(held.filter(existsSync)).toEqual(held)
  const client = properLockfileClient(lifetime, held, 12_000)
  const oldest = held.map(() => 0)
  const beats = held.map(() => new Set<number>())
  for (const until = Date.now() + 12_000; Date.now() < until && !isOver; await sleep(50)) {
    held.forEach((lock, index) => {
      const { mtimeMs } = statSync(lock)
      beats[index]!.add(mtimeMs)
      oldest[index] = Math.max(oldest[index]!, Date.now() - mtimeMs)
    })
  }
  console.log(
    `Oldest heartbeat: ${oldest.map(Math.round).join(' and ')} ms; beats: ${beats.map(set => set.size).join(' and ')}`,
  )
  // Two seconds by the contract; the third is for a machine that has other things to do.
  for (const age of oldest) expect(age).toBeLessThan(3_000)
  for (const set of beats) expect(set.size).toBeGreaterThanOrEqual(5)
  const said = await client
  expect(said.slice(0, -1), 'locks that the client got').toEqual([])
  expect(said.at(-1)).toMatch(/^\d{2,} tries$/)
  expect(await run).toEqual(QUIET)
  await tools.expectLoginWorks(vigil)
  expect(await properLockfileClient(lifetime, held, 1)).toHaveLength(3) // both, now that they are free
})
