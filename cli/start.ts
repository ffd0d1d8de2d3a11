// `npm start`: one round of all jobs, then `vigil status`. Where no Claude login is found, the same round in a scratch
// home against the built-in stand-in, so that a newcomer sees what there is to see and nothing real is touched.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { discoverLogins } from '../lib/flows/discover-logins.ts'
import { type Environment, readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { CRON_PERIOD_MS, type JobName } from '../lib/timings.ts'
import { spawnJob, spawnVigil } from './spawn.ts'

/** In the order in which each finds what it needs. A first look moves nobody to another account. */
const ROUND = (Object.keys(CRON_PERIOD_MS) as JobName[]).filter(job => job !== 'failover')

const environment = readEnvironment()
if (await hasLogin(environment)) await realRound(environment)
else await demoRound(environment)

/** Writes nothing into the home: where no login is, nothing of a newcomer's is touched. */
async function hasLogin({ paths, childEnv }: Environment): Promise<boolean> {
  try {
    const registry = await readRegistry(paths, 'leave')
    if (registry !== null) return registry.accounts.length > 0
  } catch (error) {
    if (error instanceof SettingsError) return true // The round says what is wrong with it.
    throw error
  }
  // What `security` says on stderr needs a place, and logs/ is not there before the first job. Without one, no Keychain
  // could be asked, and a Mac without any login would seem to have one.
  const logs = mkdtempSync(join(tmpdir(), 'vigil-start-'))
  try {
    const look = { paths: { ...paths, logs }, job: 'start', now: Date.now(), environment: { childEnv } }
    return (await discoverLogins(look)).found.length > 0
  } finally {
    rmSync(logs, { recursive: true, force: true })
  }
}

async function realRound({ childEnv }: Environment): Promise<void> {
  const failed = await round(childEnv)
  await showStatus(childEnv)
  if (failed.length > 0) process.exitCode = 1
}

async function demoRound({ childEnv }: Environment): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'vigil-demo-'))
  const { startStandIn } = await import('../sandbox/stand-in.ts')
  const { layOutHome } = await import('../sandbox/sample-accounts.ts')
  const banner =
    'DEMO: no Claude Code login was found, so this is a round on three made-up accounts against a stand-in on this machine.\n'
  process.stdout.write(`${banner}\n`)
  const standIn = await startStandIn({ logins: layOutHome(home, Date.now()) })
  const { writeSampleTranscript } = await import('../sandbox/sample-transcripts.ts')
  writeSampleTranscript(join(home, '.claude'), Date.now())
  try {
    const vigilHome = join(home, '.claude')
    mkdirSync(join(vigilHome, 'config'), { recursive: true, mode: 0o700 })
    writeFileSync(
      join(vigilHome, 'config', 'vigil.yaml'),
      `endpoints: { api: "${standIn.url}", token: "${standIn.tokenUrl}" }\nchannels: { desktop: { enabled: false } }\nbilling: { budget_usd: { daily: 20, weekly: 100 } }\n`,
      { mode: 0o600 },
    )
    const env = {
      ...childEnv,
      HOME: home,
      VIGIL_HOME: vigilHome,
      TMPDIR: home,
      NODE_COMPILE_CACHE: join(home, 'compile-cache'),
    }
    const failed = await round(env)
    await showStatus(env)
    if (failed.length > 0) process.exitCode = 1
  } finally {
    await standIn.close()
    rmSync(home, { recursive: true, force: true })
  }
  process.stdout.write(
    `\n${banner}Nothing of yours was touched, and the scratch home is gone. Log in with: claude /login, then: npm start\n`,
  )
}

async function round(env: Record<string, string>): Promise<JobName[]> {
  const failed: JobName[] = []
  for (const job of ROUND) if ((await spawnJob(job, env)) !== 0) failed.push(job)
  return failed
}

async function showStatus(env: Record<string, string>): Promise<void> {
  await spawnVigil(['status'], env)
}
