// Everything that `vigil status` shows, in one value. It only reads: no lock, no file, no request, and no look into a
// credential store. What cannot be read becomes a problem of its own and hides nothing else.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loginCommand, tildePath } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import { judgePool, type PoolAccount } from '../domain/pool.ts'
import { findFalseFreshFlags } from '../domain/quota-cache.ts'
import type { Problem, Status } from '../domain/status.ts'
import {
  type AccountFacts,
  accountProblems,
  cacheProblem,
  editCommand,
  FETCH_COMMAND,
  falseFreshProblems,
  fileProblem,
  jobProblems,
  sortProblems,
} from '../domain/status-problems.ts'
import type { Paths } from '../paths.ts'
import { loadSettings, type Settings } from '../settings.ts'
import { DEFAULT_SETTINGS, SettingsError } from '../settings-defaults.ts'
import { readIdentity, readRegistry } from '../store/accounts.ts'
import { readMergedCache } from '../store/quota.ts'
import { lookAtAccounts } from './look-at-accounts.ts'
import { lookAtAlerts } from './look-at-alerts.ts'
import { lookAtBilling } from './look-at-billing.ts'
import { cannotRead, lookAtJobs } from './look-at-jobs.ts'

/** @param now ms; everything is judged for this one moment */
export async function gatherStatus(paths: Paths, now: number): Promise<Status> {
  const problems: Problem[] = []
  const { settings, registry } = await readPersonsFiles(paths, now, problems)
  const jobs = lookAtJobs(paths, now, settings.failover.enabled)
  for (const { job, trouble } of jobs) {
    if (trouble !== null)
      problems.push(cacheProblem(`runs/${job.job}.json is no good: ${trouble}`, `vigil run ${job.job}`))
  }
  problems.push(
    ...jobProblems(
      jobs,
      problems.some(({ about }) => about === 'settings' || about === 'registry'),
    ),
  )
  problems.push(...readCacheProblems(paths, settings, now))
  const billingState = jobs.find(({ job }) => job.job === 'fetch-billing')?.job.state
  const { billing, problems: ofBilling } = lookAtBilling(paths, settings, now, billingState === 'ok')
  problems.push(...ofBilling)

  const known = registry === 'none' || registry === 'broken' ? { current: null, accounts: [] } : registry
  const { facts, pool: measured, problems: found } = await lookAtAccounts(known.accounts, { paths, settings, now })
  problems.push(...found)
  const unpaused = facts.filter(({ account }) => account.standing !== 'paused')
  const context = {
    now,
    allInactive: unpaused.every(({ account }) => account.standing === 'inactive'),
    fetchJob: jobs.find(({ job }) => job.job === 'fetch-quota')?.job,
  }
  const accounts = facts.map(fact => {
    const mine = accountProblems(fact, context)
    problems.push(...mine)
    return { ...fact.account, remedy: mine.find(({ remedy }) => remedy !== null)?.remedy ?? null }
  })
  return {
    schema: 1,
    checked_at: now,
    pool: await judge({ paths, registry, settings, facts, measured }),
    current: known.current,
    accounts,
    left_behind: settings.failover.enabled ? await leftBehind(paths, known.current, now) : [],
    billing,
    jobs: jobs.map(({ job }) => job),
    alerts: lookAtAlerts(paths, now),
    problems: sortProblems(problems),
  }
}

/** Loaded only where failover is on. */
async function leftBehind(paths: Paths, current: string | null, now: number): Promise<Status['left_behind']> {
  const { lookAtSessions } = await import('./look-at-sessions.ts')
  return lookAtSessions(paths, current, now).map(({ seenAt, ...session }) => ({ ...session, seen_at: seenAt }))
}

/** The settings and the accounts file, read without a trace; each that is wrong is a problem with all its lines. */
async function readPersonsFiles(
  paths: Paths,
  now: number,
  problems: Problem[],
): Promise<{ settings: Settings; registry: Registry | 'none' | 'broken' }> {
  const wrong = (about: 'settings' | 'registry', path: string, error: unknown) => {
    const lines = error instanceof SettingsError ? error.problems : [(error as Error).message]
    const [, file] = /([^/]+)$/.exec(path)!
    problems.push(fileProblem(about, file!, lines, editCommand(tildePath(path, paths.home))))
  }
  const settings = await loadSettings(paths, now, 'leave').catch(error => {
    wrong('settings', paths.settings, error)
    return DEFAULT_SETTINGS
  })
  const registry = await readRegistry(paths, 'leave').catch(error => {
    wrong('registry', paths.accounts, error)
    return 'broken' as const
  })
  return { settings, registry: registry ?? 'none' }
}

function readCacheProblems(paths: Paths, settings: Settings, now: number): Problem[] {
  try {
    const reading = readMergedCache(paths)
    if (reading.state === 'absent') return []
    if (reading.state === 'corrupt') return [cacheProblem(`merged-quota-cache.json is corrupt: ${reading.detail}`)]
    return falseFreshProblems(findFalseFreshFlags(reading.value, now, settings.quota))
  } catch (error) {
    return [cacheProblem(`merged-quota-cache.json is no good: ${cannotRead(error)}`)]
  }
}

interface PoolFacts {
  paths: Paths
  registry: Registry | 'none' | 'broken'
  settings: Settings
  facts: AccountFacts[]
  measured: PoolAccount[]
}

/** The verdict, and what to do first about a bad one. */
async function judge({ paths, registry, settings, facts, measured }: PoolFacts): Promise<Status['pool']> {
  const edit = editCommand(tildePath(paths.accounts, paths.home))
  if (registry === 'broken') {
    const reason = 'claude-sessions.yaml cannot be used, so nobody knows which accounts there are'
    return { verdict: 'blind', reason, recovers_at: null, remedy: edit }
  }
  if (registry === 'none') {
    const login = await anyLogin(paths)
    const reason = login ? 'a Claude Code login is there, and no job has seen it yet' : 'no Claude Code login was found'
    const remedy = login ? 'vigil run refresh-tokens' : loginCommand({ configDir: '', isDefault: true }, paths.home)
    return { verdict: 'empty', reason, recovers_at: null, remedy }
  }
  const { verdict, reason, recoversAt } = judgePool(measured, settings.quota.alertAt.at(-1) ?? null)
  const inactive = facts.filter(({ account }) => account.standing === 'inactive')
  const first = inactive.find(({ account }) => account.slot === registry.current) ?? inactive[0]
  const remedies: Partial<Record<typeof verdict, string | null>> = {
    'logged-out': first?.login ?? null,
    blind: FETCH_COMMAND,
    empty: edit,
  }
  return { verdict, reason, recovers_at: recoversAt, remedy: remedies[verdict] ?? null }
}

/** By what Claude Code notes at login, for a look into the Keychain could bring up a dialog. */
async function anyLogin({ home }: Paths): Promise<boolean> {
  const names = await readdir(home).catch(() => []) // No home to read: no login to find.
  for (const name of ['.claude', ...names.filter(name => name.startsWith('.claude-'))]) {
    if ((await readIdentity(join(home, name), name === '.claude', home)) !== null) return true
  }
  return false
}
