// One measurement of what was spent: every account's transcripts by ccusage, what the API said of paid use, and, where
// those leave a gap, what a person typed in. Runs inside the job's lock, so ccusage is never started twice side by side.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { AccountBilling, BillingCache, Paid, SourceReport } from '../domain/billing.ts'
import { mergeBilling, stillGood } from '../domain/billing-merge.ts'
import { belongsTo } from '../domain/quota.ts'
import { shiftDate } from '../domain/spend.ts'
import { realpathSync } from '../edges/fs.ts'
import { endLeftover } from '../edges/leash.ts'
import { ensurePrivateDir } from '../edges/publish.ts'
import type { Run } from '../job.ts'
import { saveBilling } from '../store/billing.ts'
import { readIdentity } from '../store/identity.ts'
import { readSlot } from '../store/slots.ts'
import { readSubscription } from '../store/subscription.ts'
import { CRON_PERIOD_MS, START_JITTER_MS } from '../timings.ts'
import { measureMs } from './known-billing.ts'
import { loadAccounts } from './load-accounts.ts'
import { measureSpend, type SpendResult } from './measure-spend.ts'

/** Measures, merges with what still stands of the old figures, and publishes. */
export async function measureBilling(run: Run, known: BillingCache | null, day: string, force: boolean): Promise<void> {
  await run.begun
  const { accounts, current } = await loadAccounts(run)
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone
  const local = await measureAccounts(accounts, run, known, day, zone, force)
  const paid = await paidUse(accounts, run)
  const byHand = local.report.outcome === 'ok' ? null : await typedIn(run, day)
  const failed = local.failed > 0
  const at = run.clock()
  const cache = mergeBilling({
    now: at,
    day,
    zone,
    current,
    accounts: local.accounts,
    byHand: byHand?.billing ?? null,
    paid: paid.bySlot,
    budgetUsd: run.settings.billing.budgetUsd,
    sources: [paid.report, local.report, ...(byHand ? [byHand.report] : [])],
    attempt: { at, outcome: failed ? 'failed' : 'ok', reason: local.report.reason },
    failures: failed ? (known?.failures ?? 0) + 1 : 0,
    periodMs: CRON_PERIOD_MS['fetch-billing'],
    jitterMs: START_JITTER_MS,
    measureMs: measureMs(run),
  })
  await saveBilling(run.paths, cache)
  run.count(failed ? 'failed' : 'fetched')
}

interface LocalFigures {
  accounts: Array<{ slot: string; billing: AccountBilling | null }>
  report: SourceReport
  failed: number
}

/** One after the other within one deadline; an account that brings nothing keeps its good figures of the same day. */
async function measureAccounts(
  accounts: readonly Account[],
  run: Run,
  known: BillingCache | null,
  day: string,
  zone: string,
  force: boolean,
): Promise<LocalFigures> {
  ensurePrivateDir(run.paths.ccusage)
  const leash = join(run.paths.ccusage, 'running.json')
  const leftover = await endLeftover(leash)
  if (leftover !== null) run.log('warn', `ended ccusage (pid ${leftover}), which a killed run had left behind`)
  const endsAt = performance.now() + run.settings.billing.ccusageTimeoutMs
  const seen = new Map<string, string>()
  const figures: LocalFigures = {
    accounts: [],
    report: { source: 'ccusage', outcome: 'none', measuredAt: null, reason: 'no account' },
    failed: 0,
  }
  for (const account of accounts) {
    const { slot } = account
    const projectsDir = realProjects(account)
    const twin = seen.get(projectsDir)
    if (twin !== undefined) {
      run.report(slot, {
        outcome: 'shared',
        reason: `its transcripts are those of ${twin}, which are counted once`,
        failure: null,
      })
      continue
    }
    seen.set(projectsDir, slot)
    const measuredAt = run.clock()
    const result = await measureSpend({
      key: slot,
      projectsDir,
      workDir: join(run.paths.ccusage, slot),
      now: measuredAt,
      zone,
      deadlineMs: Math.max(1, endsAt - performance.now()),
      signal: run.signal,
      log: run.log,
      searchPath: run.environment.childEnv['PATH'] ?? '',
      leash,
      ...(force ? { force: 'full' as const } : {}),
    })
    const billing = accountBilling(result, day, measuredAt)
    if (billing === null) figures.failed += 1
    const kept = billing ?? stillGood(known?.byAccount[slot], day, run.now)
    figures.accounts.push({ slot, billing: kept })
    reportAccount(slot, result, kept !== null, run)
  }
  figures.report = reportOf(figures)
  return figures
}

function accountBilling(result: SpendResult, day: string, measuredAt: number): AccountBilling | null {
  const own = { source: 'ccusage' as const, measuredAt, day }
  if (result.kind === 'noLogs') return { ...own, costTodayUsd: 0, costWeekUsd: 0, block: null, unpricedModels: [] }
  if (result.kind !== 'figures') return null
  const { spend } = result
  // Midnight came in between: "today" of these figures is another day, and the next run measures anew.
  return {
    ...own,
    day: spend.today,
    costTodayUsd: spend.todayUsd,
    costWeekUsd: weekUsd(spend.days, spend.today),
    block: spend.block,
    unpricedModels: spend.unpricedModels,
  }
}

/** Monday to today; null as soon as one of these days is unknown. */
function weekUsd(days: Record<string, number | null>, today: string): number | null {
  const sinceMonday = (new Date(`${today}T00:00:00Z`).getUTCDay() + 6) % 7
  let total = 0
  for (let back = 0; back <= sinceMonday; back += 1) {
    const usd = days[shiftDate(today, -back)]
    if (usd === null || usd === undefined) return null
    total += usd
  }
  return total
}

function reportAccount(slot: string, result: SpendResult, kept: boolean, run: Run): void {
  if (result.kind === 'figures') {
    const { mode, reason, files, spend, audit } = result
    run.count(`${mode}_runs`)
    if (spend.unpricedModels.length > 0)
      run.log('warn', `${slot}: used but priced 0 by ccusage: ${spend.unpricedModels.join(', ')}`)
    if (audit && !audit.equal) {
      run.count('audit_differences')
      run.report(slot, {
        outcome: 'differs',
        reason:
          `a narrow run of ccusage gave other figures than a full one; narrow runs are off for today: ${JSON.stringify(audit)}`.slice(
            0,
            2000,
          ),
        failure: 'bug',
      })
      return
    }
    run.report(slot, {
      outcome: 'ok',
      reason: `${mode} run over ${files.read} of ${files.of} transcripts: ${reason}`,
      failure: null,
    })
    return
  }
  if (result.kind === 'noLogs') {
    run.report(slot, { outcome: 'no_logs', reason: result.reason, failure: null })
    return
  }
  if (result.kind === 'timedOut') run.count('timed_out')
  const person = ['missingNative', 'notExecutable', 'notFound', 'noZoneData'].includes(result.kind)
  const beside = kept ? '; its earlier figures of today stand, with their own time' : ''
  run.report(slot, {
    outcome: result.kind,
    reason: `${result.reason}${beside}`,
    failure: person ? 'settings' : 'temporary',
  })
}

function reportOf({ accounts, failed }: LocalFigures): SourceReport {
  const times = accounts.flatMap(({ billing }) => (billing ? [billing.measuredAt] : []))
  const measuredAt = times.length > 0 ? Math.min(...times) : null
  if (accounts.length === 0) return { source: 'ccusage', outcome: 'none', measuredAt, reason: 'no account' }
  if (failed === 0) return { source: 'ccusage', outcome: 'ok', measuredAt, reason: `${accounts.length} measured` }
  const outcome = failed < accounts.length ? 'partial' : 'failed'
  return { source: 'ccusage', outcome, measuredAt, reason: `${failed} of ${accounts.length} could not be measured` }
}

/** Real money, from what fetch-quota last measured; only in dollars, since budgets are. */
async function paidUse(
  accounts: readonly Account[],
  run: Run,
): Promise<{ bySlot: Record<string, Paid>; report: SourceReport }> {
  const bySlot: Record<string, Paid> = {}
  for (const { slot, configDir, isDefault } of accounts) {
    const { observation } = readSlot(run.paths, slot, configDir).slot
    const extra = observation?.extraUsage
    const identity = await readIdentity(configDir, isDefault, run.paths.home)
    // Somebody else's money, from before another login took this directory over.
    if (!observation || !belongsTo(observation, identity)) continue
    if (!extra || (extra.currency !== null && extra.currency !== 'USD')) continue
    bySlot[slot] = {
      enabled: extra.enabled,
      usedUsd: extra.used,
      limitUsd: extra.limit,
      measuredAt: observation.measuredAt,
    }
  }
  const times = Object.values(bySlot).map(paid => paid.measuredAt)
  const measuredAt = times.length > 0 ? Math.min(...times) : null
  const reason =
    times.length > 0 ? `paid use of ${times.length} accounts, as fetch-quota measured it` : 'no paid use is known'
  return { bySlot, report: { source: 'oauth', outcome: times.length > 0 ? 'ok' : 'none', measuredAt, reason } }
}

async function typedIn(run: Run, day: string): Promise<{ billing: AccountBilling | null; report: SourceReport }> {
  const reading = await readSubscription(run.paths, run.now)
  const none = (outcome: 'none' | 'failed', reason: string) => ({
    billing: null,
    report: { source: 'subscription' as const, outcome, measuredAt: null, reason },
  })
  if (reading.state === 'absent') return none('none', 'subscription.yaml is not there')
  if (reading.state === 'tooOld')
    return none('none', `subscription.yaml is ${Math.round(reading.ageMs / 3_600_000)} h old; it holds for 4 h`)
  if (reading.state === 'wrong') {
    run.log('warn', `subscription.yaml is wrong: ${reading.problems.join('; ')}`)
    return none('failed', `subscription.yaml is wrong: ${reading.problems.join('; ')}`)
  }
  const { costTodayUsd, costWeekUsd, measuredAt } = reading
  const billing: AccountBilling = {
    costTodayUsd,
    costWeekUsd,
    block: null,
    source: 'subscription',
    measuredAt,
    day,
    unpricedModels: [],
  }
  return { billing, report: { source: 'subscription', outcome: 'ok', measuredAt, reason: 'typed in by hand' } }
}

function realProjects(account: Account): string {
  const path = join(account.configDir, 'projects')
  try {
    return realpathSync(path)
  } catch {
    return path // Not there yet: no transcripts.
  }
}
