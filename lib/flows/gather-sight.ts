// Everything that the watchdog judges, read at one moment. It only reads, and each file for itself: one that cannot be
// read is a fact of its own and hides nothing else.

import { tildePath } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import type { AlertsFile } from '../domain/alert.ts'
import { billingFreshness } from '../domain/billing.ts'
import { findFalseFreshFlags } from '../domain/quota-cache.ts'
import { localDate } from '../domain/spend.ts'
import { editCommand, FETCH_COMMAND } from '../domain/status-problems.ts'
import { statfsSync } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'
import { DEFAULT_SETTINGS, type Settings, SettingsError } from '../settings-defaults.ts'
import { readRegistry } from '../store/accounts.ts'
import { readMergedCache } from '../store/quota-caches.ts'
import { CCUSAGE_KILL_GRACE_MS, CRON_PERIOD_MS, START_JITTER_MS } from '../timings.ts'
import { asksForHistory, LONGEST_LOOK_BACK_MS } from '../watchdog/forecast-facts.ts'
import type { FileProblem, FileTrouble, SeenAccount, SeenBilling, SeenJob, Sight } from '../watchdog/sight.ts'
import { lookAtAccounts } from './look-at-accounts.ts'
import { BILLING_COMMAND, lookAtBilling } from './look-at-billing.ts'
import { lookAtJobs, tolerant } from './look-at-jobs.ts'

/**
 * @param settings in force, or why vigil.yaml cannot be used
 * @param now ms; everything is judged for this one moment
 * @param file what alerts.json holds, before this run changes it
 */
export async function gatherSight(
  paths: Paths,
  settings: Settings | Error,
  now: number,
  file: Pick<AlertsFile, 'states' | 'awakeSince' | 'nextEpisode'>,
): Promise<Sight> {
  const inForce = settings instanceof Error ? DEFAULT_SETTINGS : settings
  const { registry, problem: registryProblem } = await readAccountsFile(paths)
  const jobs = lookAtJobs(paths, now)
  const { facts: accounts, troubles } = await lookAtAccounts(registry.accounts, { paths, settings: inForce, now })
  const { billing, trouble: ofBilling } = seeBilling(paths, inForce, now)
  const merged = tolerant(() => readMergedCache(paths))
  return {
    now,
    settings: inForce,
    settingsProblem: settings instanceof Error ? problemOf(settings, paths.settings, paths) : null,
    registryProblem,
    accounts,
    current: registry.current,
    jobs,
    billing,
    troubles: [
      ...jobs.flatMap(troubleOfJob),
      ...troubles,
      ...(ofBilling === null ? [] : [noGood('billing-shared.json', ofBilling, BILLING_COMMAND)]),
      ...(merged.state === 'corrupt' ? [noGood('merged-quota-cache.json', merged.detail, FETCH_COMMAND)] : []),
    ],
    falseFresh: merged.state === 'present' ? findFalseFreshFlags(merged.value, now, inForce.quota) : [],
    disk: roomOf(paths.health),
    awakeSince: file.awakeSince,
    firstSeenAt: firstSeen(jobs, file.nextEpisode, now),
    states: file.states.filter(({ phase }) => phase !== 'resolved'),
    history: await pastOf(accounts, paths, now),
  }
}

async function readAccountsFile(paths: Paths): Promise<{ registry: Registry; problem: FileProblem | null }> {
  const none: Registry = { current: null, accounts: [] }
  try {
    return { registry: (await readRegistry(paths)) ?? none, problem: null }
  } catch (error) {
    return { registry: none, problem: problemOf(error as Error, paths.accounts, paths) }
  }
}

function problemOf(error: Error, path: string, { home }: Paths): FileProblem {
  return {
    lines: error instanceof SettingsError ? error.problems : [error.message],
    remedy: editCommand(tildePath(path, home)),
  }
}

function seeBilling(
  paths: Paths,
  settings: Settings,
  now: number,
): { billing: SeenBilling | null; trouble: string | null } {
  const { billing: status, cache, trouble } = lookAtBilling(paths, settings, now, false)
  if (status === null || cache === null) return { billing: null, trouble }
  const measureMs = settings.billing.ccusageTimeoutMs + CCUSAGE_KILL_GRACE_MS
  const budget = billingFreshness(cache.ttlMs, CRON_PERIOD_MS['fetch-billing'], START_JITTER_MS, measureMs)
  return { billing: { status, cache, today: localDate(now, cache.zone), freshForMs: budget.freshForMs }, trouble }
}

function troubleOfJob({ job, trouble }: SeenJob): FileTrouble[] {
  return trouble === null ? [] : [noGood(`runs/${job.job}.json`, trouble, `vigil run ${job.job}`)]
}

function noGood(file: string, detail: string, remedy: string): FileTrouble {
  return { file, what: `${file} is no good: ${detail}`, remedy }
}

function roomOf(path: string): Sight['disk'] {
  try {
    const { bavail, blocks, bsize } = statfsSync(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return null // The fact says that it cannot be asked.
  }
}

/**
 * The earliest that any file of ours tells: alerts.json numbers its episodes from the second of its making, and each record
 * knows how long its job has gone the same way.
 */
function firstSeen(jobs: readonly SeenJob[], nextEpisode: number, now: number): number {
  const times = jobs.flatMap(({ record }) => [record?.streak?.since, record?.last_success_at, record?.started_at])
  return Math.min(now, nextEpisode * 1000, ...times.filter(at => typeof at === 'number' && at > 0).map(Number))
}

async function pastOf(accounts: readonly SeenAccount[], paths: Paths, now: number): Promise<Sight['history']> {
  const slots = accounts.filter(seen => asksForHistory(seen, now)).map(({ account }) => account.slot)
  if (slots.length === 0) return []
  const { readFigures } = await import('../store/history.ts')
  return readFigures(paths.history, slots, now - LONGEST_LOOK_BACK_MS)
}
