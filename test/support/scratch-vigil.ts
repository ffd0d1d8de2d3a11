// A home of its own with logins in it, a stand-in for Anthropic that knows them, and the real jobs as real processes.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Paths, pathsFor } from '../../lib/paths.ts'
import { makeLogins, writeConfigDir } from '../../sandbox/sample-accounts.ts'
import { type StandIn, type StandInLogin, type StandInOptions, startStandIn } from '../../sandbox/stand-in.ts'

export const REPO = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const COMPILE_CACHE = join(tmpdir(), 'vigil-test-compile-cache')

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface ScratchVigil {
  home: string
  paths: Paths
  standIn: StandIn
  logins: StandInLogin[]
  env: Record<string, string>
  /** The config directory of the n-th login; the 0th is `~/.claude`. */
  dir(n: number): string
  credentials(n: number): { claudeAiOauth: Record<string, unknown>; [key: string]: unknown }
  writeCredentials(n: number, blob: unknown, mode?: number): void
  settings(yaml: string): void
  run(job: string, env?: Record<string, string>, onPid?: (pid: number) => void): Promise<Finished>
  record(job: string): RunRecordJson
  json(path: string): unknown
  registry(): string
  log(job: string): string
  dispose(): Promise<void>
}
interface RunRecordJson {
  outcome: string
  exit_code: number | null
  reason: string
  failure: string | null
  accounts: Record<string, { outcome: string; reason: string; failure: string | null }>
  counters: Record<string, number>
  [key: string]: unknown
}

export interface ScratchOptions extends Omit<StandInOptions, 'logins'> {
  count?: number
  /** Minutes until the access tokens end; negative = expired. */
  expiresInMin?: number
  settings?: string
  /** Where the home stands, e.g. on a small tmpfs. */
  under?: string
  /** When the logins were made, ms; now, unless the date is a made-up one. */
  madeAt?: number
}

export async function scratchVigil(options: ScratchOptions = {}): Promise<ScratchVigil> {
  const { count = 1, expiresInMin = 5, settings = '', under = tmpdir(), madeAt, ...standInOptions } = options
  const home = mkdtempSync(join(under, 'vigil-home-'))
  const logins = makeLogins(count, madeAt ?? Date.now(), { expiresInMs: expiresInMin * 60_000 })
  const dir = (n: number) => join(home, n === 0 ? '.claude' : `.claude-${String(n).padStart(4, '0')}`)
  logins.forEach((login, n) => {
    writeConfigDir(dir(n), n === 0 ? join(home, '.claude.json') : join(dir(n), '.claude.json'), login)
  })
  const standIn = await startStandIn({ ...standInOptions, logins })
  const paths = pathsFor(home, join(home, '.claude'))
  const env = { HOME: home, PATH: '/usr/bin:/bin', NODE_COMPILE_CACHE: COMPILE_CACHE }
  const vigil: ScratchVigil = {
    home,
    paths,
    standIn,
    logins,
    env,
    dir,
    credentials: n => JSON.parse(readFileSync(join(dir(n), '.credentials.json'), 'utf8')),
    writeCredentials: (n, blob, mode = 0o600) => {
      rmSync(join(dir(n), '.credentials.json'), { force: true })
      writeFileSync(join(dir(n), '.credentials.json'), typeof blob === 'string' ? blob : JSON.stringify(blob), { mode })
    },
    settings: yaml => {
      mkdirSync(join(home, '.claude', 'config'), { recursive: true })
      writeFileSync(paths.settings, `endpoints: { api: "${standIn.url}", token: "${standIn.tokenUrl}" }\n${yaml}\n`)
    },
    run: (job, extra = {}, onPid) =>
      runProcess([process.execPath, join(REPO, 'jobs', `${job}.ts`)], { ...env, ...extra }, onPid),
    record: job => JSON.parse(readFileSync(join(paths.runs, `${job}.json`), 'utf8')),
    json: path => JSON.parse(readFileSync(path, 'utf8')),
    registry: () => readFileSync(paths.accounts, 'utf8'),
    log: job => {
      const path = job === 'refresh-tokens' ? join(paths.health, 'token-refresh.log') : join(paths.logs, `${job}.log`)
      return existsSync(path) ? readFileSync(path, 'utf8') : ''
    },
    async dispose() {
      await standIn.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
  vigil.settings(settings)
  return vigil
}

/** Runs a program to its end with exactly this environment. */
export function runProcess(
  command: string[],
  env: Record<string, string>,
  onPid?: (pid: number) => void,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    if (child.pid !== undefined) onPid?.(child.pid)
  })
}
