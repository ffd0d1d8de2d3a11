// What the fault tests share: system calls seen and struck by strace, small disks, and what must hold after any fault.
// They judge by what a user or another program can see, so nothing of lib/ is imported here.
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type TestContext } from 'vitest'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import type { StandIn, StandInLogin } from '../../sandbox/stand-in.ts'
import { fingerprint } from '../../sandbox/tokens.ts'
import {
  type Finished,
  REPO,
  runProcess,
  type ScratchOptions,
  type ScratchVigil,
  scratchVigil,
} from '../support/scratch-vigil.ts'

/** Fails with the package to install, where a program is missing. */
export function needs(program: string, debianPackage: string): void {
  const places = ['/usr/bin', '/bin', '/usr/sbin', '/sbin']
  if (places.some(place => existsSync(join(place, program)))) return
  throw new Error(`This test needs ${program}; install it: apt-get install ${debianPackage}`)
}

export function needsRoot(why: string): void {
  if (process.getuid?.() !== 0) throw new Error(`This test needs root, ${why}; run it with: sudo npm run test:system`)
}

/** What a test calls when it is over, handed down because tests run side by side. */
export type Lifetime = Pick<TestContext, 'onTestFinished'>

/** A scratch Vigil that is disposed of with the test. */
export async function scratch(test: Lifetime, options: ScratchOptions = {}): Promise<ScratchVigil> {
  const vigil = await scratchVigil(options)
  test.onTestFinished(() => vigil.dispose())
  return vigil
}

export const jobCommand = (job: string) => [process.execPath, join(REPO, 'jobs', `${job}.ts`)]

export const email = (n: number) => `user-${n + 1}@example.com`

export function loginState(vigil: ScratchVigil, n = 0): ReturnType<StandIn['state']>['logins'][number] {
  return vigil.standIn.state().logins.find(login => login.email === email(n))!
}

/** What stands in a credentials file beside the login, and in the login beside what a refresh returns. */
const SIBLINGS = {
  mcpOAuth: { 'tracker|0f1e2d': { serverName: 'tracker', accessToken: 'mcp-access', expiresAt: 1_900_000_000_000 } },
  pluginSecrets: { 'notes@market': { key: 'plugin-secret', list: [1, null, 'ä\u2028\\"'] } },
  keyOfTomorrow: [{ deep: { er: true } }],
}
const UNKNOWN_FIELD = { unknownToVigil: { nested: ['kept', 1.5] } }

/**
 * The n-th login as after a /login a while ago: new tokens that end in `expiresInMs`, and siblings that a refresh must
 * not touch. The home is emptied first when told, so that the next run is the first one in it.
 */
export function loginAgain(
  vigil: ScratchVigil,
  n = 0,
  { expiresInMs = 5 * 60_000, emptyHome = false } = {},
): StandInLogin {
  if (emptyHome) removeAllBut(vigil.paths.settings, vigil.home)
  const login = { ...vigil.standIn.login(email(n)), expiresAt: Date.now() + expiresInMs }
  writeConfigDir(vigil.dir(n), n === 0 ? join(vigil.home, '.claude.json') : join(vigil.dir(n), '.claude.json'), login)
  addSiblings(vigil, n)
  return login
}

/**
 * Empties a directory but for one file, which is not touched: what a run does depends on whether its settings were
 * changed within the last seconds, and in a walk each run must do the same.
 */
export function removeAllBut(kept: string, dir: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    if (path === kept) continue
    if (kept.startsWith(`${path}/`)) removeAllBut(kept, path)
    else rmSync(path, { recursive: true })
  }
}

/** The stored access token ends in five minutes by the store's own word. */
export function becomeDue(vigil: ScratchVigil, n = 0, expiresInMs = 5 * 60_000): void {
  const blob = vigil.credentials(n)
  vigil.writeCredentials(n, { ...blob, claudeAiOauth: { ...blob.claudeAiOauth, expiresAt: Date.now() + expiresInMs } })
}

export function addSiblings(vigil: ScratchVigil, n = 0): void {
  const blob = vigil.credentials(n)
  vigil.writeCredentials(n, { ...blob, ...SIBLINGS, claudeAiOauth: { ...blob.claudeAiOauth, ...UNKNOWN_FIELD } })
}

/** The stored tokens are the ones that the stand-in gave last, it takes them, and whatever stood beside them stands. */
export async function expectLoginWorks(vigil: ScratchVigil, n = 0, { siblings = true } = {}): Promise<void> {
  const stored = vigil.credentials(n)
  const state = loginState(vigil, n)
  expect(state.revoked, 'the login is not revoked').toBe(false)
  expect(fingerprint(String(stored.claudeAiOauth['refreshToken']))).toBe(state.currentRefreshTokenFingerprint)
  expect(fingerprint(String(stored.claudeAiOauth['accessToken']))).toBe(state.currentAccessTokenFingerprint)
  expect(stored.claudeAiOauth['expiresAt']).toBeGreaterThan(Date.now())
  if (siblings) {
    expect(stored).toMatchObject(SIBLINGS)
    expect(stored.claudeAiOauth).toMatchObject({ ...UNKNOWN_FIELD, subscriptionType: 'max' })
  }
  const answer = await fetch(`${vigil.standIn.url}/api/oauth/profile`, {
    headers: { authorization: `Bearer ${stored.claudeAiOauth['accessToken']}` },
  })
  expect(answer.status, 'the stored access token is taken').toBe(200)
}

/** One account's part of claude-sessions.yaml, as text. */
export function registryEntry(vigil: ScratchVigil, slot: string): string {
  const lines = vigil.registry().split('\n')
  const start = lines.findIndex(line => line.trim() === `${slot}:`)
  if (start < 0) return ''
  const end = lines.findIndex((line, index) => index > start && /^ {0,2}\S/.test(line))
  return lines.slice(start, end < 0 ? undefined : end).join('\n')
}

/** Every file below, also those of temporary names; a directory that vanishes meanwhile is no trouble. */
export function filesBelow(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => join(entry.parentPath, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return existsSync(dir) ? filesBelow(dir) : []
    throw error
  }
}

export function textIfThere(path: string): string {
  return existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : ''
}

/** What is there; null where it is not, or not any more. */
export function ifThere<T>(look: () => T): T | null {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** No reader may ever meet half a file: each *.json below parses. */
export function expectNoTornFile(home: string): void {
  for (const path of filesBelow(home).filter(path => path.endsWith('.json'))) {
    expect(() => JSON.parse(readFileSync(path, 'utf8')), `${path} is whole`).not.toThrow()
  }
}

/** The journals that lie beside the n-th login. */
export function journals(vigil: ScratchVigil, n = 0): string[] {
  return readdirSync(vigil.dir(n)).filter(name => name.endsWith('.journal'))
}

/**
 * Of a refresh nothing is left but the store: no journal, and no temporary file beside either. Temporary files of
 * tokenless caches are the janitor's, an hour later (durability.md).
 */
export function expectNothingLeft(vigil: ScratchVigil, n = 0): void {
  const pointers = filesBelow(vigil.paths.refreshing).filter(path => !path.endsWith('.vigil-tmp'))
  const unfinished = [...journals(vigil, n), ...pointers]
  const besideStore = readdirSync(vigil.dir(n)).filter(name => /credentials.*tmp/.test(name))
  expect([...unfinished, ...besideStore], 'journals, and temporary files beside them and the store').toEqual([])
}

/** The three directories that Claude Code takes as locks around the n-th login, in its order. */
export function claudeLocks(vigil: ScratchVigil, n = 0): string[] {
  const dir = vigil.dir(n)
  const real = existsSync(dir) ? realpathSync(dir) : dir
  return [join(dir, '.oauth_refresh.lock'), `${real}.lock`, join(dir, '.storage-write.lock')]
}

/** Nobody has given a sign of life through this lock for so long. */
export function age(lock: string, ms: number): void {
  const then = new Date(Date.now() - ms)
  utimesSync(lock, then, then)
}

/** Plays the time that makes an abandoned lock go away, where a walk has no time to wait for it. */
export function removeClaudeLocks(vigil: ScratchVigil, n = 0): void {
  for (const lock of claudeLocks(vigil, n)) rmSync(lock, { recursive: true, force: true })
}

export async function inParallel<T>(items: T[], width: number, act: (item: T, lane: number) => Promise<void>) {
  const left = [...items]
  const lanes = Array.from({ length: width }, async (_, lane) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item, lane)
  })
  const ended = await Promise.allSettled(lanes)
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}

export async function until(what: string, isSo: () => boolean, deadlineMs = 60_000): Promise<void> {
  for (const end = Date.now() + deadlineMs; !isSo(); await sleep(20)) {
    if (Date.now() > end) throw new Error(`It took over ${deadlineMs / 1000} s until ${what}.`)
  }
}

/** A directory outside every scratch home, for logs and fillers. */
export function sideFolder(test: Lifetime): string {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-side-'))
  test.onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

// ---- system calls

/** One system call as it began. */
export interface SystemCall {
  tid: number
  name: string
  /** Files that it names or that its descriptors stand for, in order. */
  paths: string[]
  /** On a socket, or making one ready. */
  network: boolean
  /** strace's own line. */
  text: string
}

export interface Traced extends Finished {
  pid: number
  calls: SystemCall[]
}

export interface TraceOptions {
  /** strace's -e trace= */
  trace: string
  /** strace's -e inject= */
  inject?: string
  /** The n-th call of that name in a thread never begins: its process is killed there. */
  killAt?: { name: string; nth: number }
  /** Only calls on this path are seen, counted and struck. `{pid}` stands for the traced program's process id. */
  path?: string
  /** strings are shown up to this length; 32 unless told. */
  stringLimit?: number
  verbose?: boolean
  onPid?: (pid: number) => void
}

const NETWORK_CALLS = ['connect', 'getsockopt', 'setsockopt', 'shutdown', 'sendto', 'sendmsg', 'recvfrom', 'recvmsg']

/**
 * Runs a program under strace, which stays in the background (-D), so that the process here *is* the program: its id is
 * known before it starts, and its exit code and signal are its own.
 */
export async function traced(command: string[], env: Record<string, string>, options: TraceOptions): Promise<Traced> {
  needs('strace', 'strace')
  const folder = mkdtempSync(join(tmpdir(), 'vigil-strace-'))
  const log = join(folder, 'log')
  const words = [
    'exec strace -D -f -qq -y -o "$STRACE_LOG"',
    `-e trace=${options.trace}`,
    `-s ${options.stringLimit ?? 32}`,
  ]
  if (options.verbose) words.push('-v')
  if (options.path !== undefined)
    words.push(`-P "${options.path.replace(/["$`\\]/g, '\\$&').replaceAll('{pid}', '$$$$')}"`)
  // Four times faster, but strace injects no signal then: who is to be killed is held at that call, and killed from here.
  words.push('--seccomp-bpf')
  const { killAt } = options
  const inject = killAt === undefined ? options.inject : `${killAt.name}:delay_enter=600s:when=${killAt.nth}`
  if (inject !== undefined) words.push(`-e inject=${inject}`)
  // The program's environment is exactly `env`: strace and env, which needs no PATH of its own, put it in place.
  const script = `umask 022; STRACE_LOG=${log}; ${words.join(' ')} /usr/bin/env -i "$@"`
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  let pid = 0
  let watch: NodeJS.Timeout | undefined
  if (killAt !== undefined)
    watch = setInterval(() => {
      const held = existsSync(log) ? heldAt(readFileSync(log, 'utf8'), killAt) : null
      if (held === null) return
      clearInterval(watch)
      const tracer = Number(/^TracerPid:\t(\d+)$/m.exec(textIfThere(`/proc/${held}/status`))![1])
      process.kill(held, 'SIGKILL')
      // Else it keeps the dead for as long as it meant to hold the call.
      process.kill(tracer, 'SIGKILL')
    }, 2)
  try {
    const finished = await runProcess(
      ['/bin/sh', '-c', script, 'sh', ...assignments, ...command],
      { PATH: '/usr/bin:/bin' },
      started => {
        pid = started
        options.onPid?.(started)
      },
    )
    const calls = existsSync(log) ? parseCalls(readFileSync(log, 'utf8')) : []
    return { ...finished, pid, calls }
  } finally {
    clearInterval(watch)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The thread that makes its n-th call of that name, of which strace writes only the beginning; null = none does. */
function heldAt(log: string, { name, nth }: { name: string; nth: number }): number | null {
  const counted = new Map<number, number>()
  for (const [, tid] of log.matchAll(new RegExp(`^(\\d+) +${name}\\(`, 'gm')))
    counted.set(Number(tid), (counted.get(Number(tid)) ?? 0) + 1)
  return [...counted].find(([, count]) => count >= nth)?.[0] ?? null
}

/** Calls in the order in which they began: an "<unfinished ...>" line is a beginning, a "resumed" one is not. */
function parseCalls(log: string): SystemCall[] {
  const calls: SystemCall[] = []
  for (const line of log.split('\n')) {
    const [, tid, name, rest] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? []
    if (tid === undefined || name === undefined || rest === undefined) continue
    const before = rest.replaceAll(/AT_FDCWD<[^>]*>/g, 'AT_FDCWD')
    const paths = [...before.matchAll(/(?:"(\/[^"]*)"|\d+<(\/[^>]*)>)/g)].map(match => (match[1] ?? match[2])!)
    const network = /^\d+<(socket|TCP|TCPv6):/.test(before) || NETWORK_CALLS.includes(name)
    calls.push({ tid: Number(tid), name, paths, network, text: line })
  }
  return calls
}

// ---- small disks

export interface SmallDisk {
  path: string
  /** Leaves this many pages of 4 KiB free, none unless told. */
  fill(pagesLeft?: number): void
  empty(): void
}

/** A tmpfs of its own, unmounted with the test. */
export function smallDisk(test: Lifetime, kib: number): SmallDisk {
  needsRoot('to mount a small tmpfs')
  needs('mount', 'mount')
  const path = mkdtempSync(join(tmpdir(), 'vigil-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=0700`, 'vigil-test', path])
  test.onTestFinished(() => {
    unmount(path)
    rmSync(path, { recursive: true, force: true })
  })
  // Not a file's size but its pages are what fills a tmpfs, so they are written, down to the last one.
  const filler = join(path, 'filler')
  return {
    path,
    fill(pagesLeft = 0) {
      const { bfree, bsize } = statfsSync(path)
      if (bfree > pagesLeft) appendFileSync(filler, Buffer.alloc((bfree - pagesLeft) * bsize))
    },
    empty: () => rmSync(filler, { force: true }),
  }
}

/** The directory becomes read-only, for root too, until it is made writable again or the test is over. */
export function readOnly(test: Lifetime, dir: string): { writable(): void } {
  needsRoot('to make a directory read-only for root too')
  execFileSync('mount', ['--bind', dir, dir])
  let mounted = true
  const writable = () => {
    if (mounted) unmount(dir)
    mounted = false
  }
  test.onTestFinished(writable)
  execFileSync('mount', ['-o', 'remount,ro,bind', dir])
  return { writable }
}

function unmount(path: string): void {
  try {
    execFileSync('umount', [path], { stdio: 'pipe' })
  } catch {
    execFileSync('umount', ['-l', path]) // Something below is still open; it goes when that is closed.
  }
}
