// Everything that the watchdog judges, read at one moment, each file for itself: one that cannot be read is a fact of its
// own and hides nothing else. Writes only what spares the next look the reading of accounts that have not changed.

import { join } from 'node:path'
import { tildePath } from '../domain/account.ts'
import type { AlertsFile } from '../domain/alert.ts'
import { billingFreshness } from '../domain/freshness.ts'
import { editCommand } from '../domain/status-problems.ts'
import { statfsSync, statSync } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'
import { DEFAULT_SETTINGS, type Settings, SettingsError } from '../settings-defaults.ts'
import { areStill, keepStill, type Stamps } from '../store/still-accounts.ts'
import { CCUSAGE_KILL_GRACE_MS, CRON_PERIOD_MS, START_JITTER_MS, WATCHDOG_MISSING_MS } from '../timings.ts'
import { goneTime } from '../watchdog/clock.ts'
import type { FileProblem, FileTrouble, SeenBilling, SeenJob, Sight } from '../watchdog/sight.ts'
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
  file: Pick<AlertsFile, 'states' | 'awakeSince' | 'nextEpisode' | 'lastRunAt'>,
): Promise<Sight> {
  const inForce = settings instanceof Error ? DEFAULT_SETTINGS : settings
  const settingsProblem = settings instanceof Error ? problemOf(settings, paths.settings, paths) : null
  const states = file.states.filter(({ phase }) => phase !== 'resolved')
  const rules = JSON.stringify(inForce.quota)
  const still = states.length === 0 && settingsProblem === null && areStill(paths, rules, now)
  const { registryError, stamps, troubles, ...ofAccounts } = still ? NOT_READ : await seen(paths, inForce, now)
  const jobs = lookAtJobs(paths, now, inForce.failover.enabled)
  const { billing, trouble: ofBilling } = seeBilling(paths, inForce, now)
  const sight: Sight = {
    now,
    settings: inForce,
    settingsProblem,
    failover: inForce.failover.enabled ? await seeFailover(paths, now) : null,
    registryProblem: registryError && problemOf(registryError, paths.accounts, paths),
    still,
    ...ofAccounts,
    jobs,
    billing,
    troubles: [
      ...jobs.flatMap(troubleOfJob),
      ...troubles,
      ...(ofBilling === null ? [] : [noGood('billing-shared.json', ofBilling, BILLING_COMMAND)]),
    ],
    disk: roomOf(paths.health),
    awakeSince: file.awakeSince,
    gone: seeGone(paths, file, now),
    firstSeenAt: firstSeen(jobs, file.nextEpisode, now),
    states,
  }
  if (stamps !== null) await keepIfStill(paths, sight, stamps, rules)
  return sight
}

const NOT_READ = {
  accounts: [],
  current: null,
  registryError: null,
  troubles: [],
  falseFresh: [],
  history: [],
  stamps: null,
}

async function seen(paths: Paths, settings: Settings, now: number) {
  const { seeAccounts } = await import('./see-accounts.ts')
  return seeAccounts(paths, settings, now)
}

/** Loaded only where it is on: a look mostly has nothing of it to read. */
async function seeFailover(paths: Paths, now: number): Promise<Sight['failover']> {
  const { NO_FAILOVER } = await import('../domain/failover-state.ts')
  const { readFailover } = await import('../store/failover.ts')
  const reading = tolerant(() => readFailover(paths))
  const state = reading.state === 'present' ? reading.value : reading.state === 'absent' ? NO_FAILOVER : null
  const { newsOf } = await import('../watchdog/failover-facts.ts')
  const swap = newsOf(state, now)
  if (swap === null) return { enabled: true, state }
  const { whoStays } = await import('./look-at-sessions.ts')
  return { enabled: true, state, staying: whoStays(paths, swap.from, now) }
}

async function keepIfStill(paths: Paths, sight: Sight, stamps: Stamps, rules: string): Promise<void> {
  const { stillUntil } = await import('../watchdog/still.ts')
  const until = stillUntil(sight)
  if (until !== null) await keepStill(paths, stamps, rules, sight.now, until)
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
  const { billing: status, cache, today, trouble } = lookAtBilling(paths, settings, now, false)
  if (status === null || cache === null || today === null) return { billing: null, trouble }
  const measureMs = settings.billing.ccusageTimeoutMs + CCUSAGE_KILL_GRACE_MS
  const budget = billingFreshness(cache.ttlMs, CRON_PERIOD_MS['fetch-billing'], START_JITTER_MS, measureMs)
  return { billing: { status, cache, today, freshForMs: budget.freshForMs }, trouble }
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

/** After a gap only: otherwise the watchdog itself was there. */
function seeGone(paths: Paths, file: Pick<AlertsFile, 'lastRunAt'>, now: number): Sight['gone'] {
  if (file.lastRunAt === null || now - file.lastRunAt <= WATCHDOG_MISSING_MS) return null
  const at = (mark: string) => statSync(join(paths.health, mark), { throwIfNoEntry: false })?.mtimeMs ?? null
  const seenAt = at('gone.seen')
  return seenAt === null ? null : goneTime(file, { sinceAt: at('gone.since'), seenAt }, now)
}

/**
 * The earliest that any file of ours tells: alerts.json numbers its episodes from the second of its making, and each record
 * knows how long its job has gone the same way.
 */
function firstSeen(jobs: readonly SeenJob[], nextEpisode: number, now: number): number {
  const times = jobs.flatMap(({ record }) => [record?.streak?.since, record?.last_success_at, record?.started_at])
  return Math.min(now, nextEpisode * 1000, ...times.filter(at => typeof at === 'number' && at > 0).map(Number))
}
