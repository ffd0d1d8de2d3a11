// What ccusage measured, account by account.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { AccountBilling, BillingCache, SourceReport } from '../domain/billing.ts'
import { stillGood } from '../domain/billing-merge.ts'
import { shiftDate } from '../domain/spend.ts'
import { ensurePrivateDir, realpathSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { ccusageLeash } from './known-billing.ts'
import { measureSpend, type SpendResult } from './measure-spend.ts'

interface LocalFigures {
  accounts: Array<{ slot: string; billing: AccountBilling | null }>
  report: SourceReport
  failed: number
}

/** One after the other within one deadline; an account that brings nothing keeps its good figures of the same day. */
export async function measureAccounts(
  accounts: readonly Account[],
  run: Run,
  known: BillingCache | null,
  day: string,
  zone: string,
  force: boolean,
): Promise<LocalFigures> {
  ensurePrivateDir(run.paths.ccusage)
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
      leash: ccusageLeash(run.paths),
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

function realProjects(account: Account): string {
  const path = join(account.configDir, 'projects')
  try {
    return realpathSync(path)
  } catch {
    return path // Not there yet: no transcripts.
  }
}
