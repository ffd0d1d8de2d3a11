// A home as the jobs leave it, for the status line: registry, caches, records, all in step and all well.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { emptyAlerts } from '../../lib/domain/alert.ts'
import { type Paths, pathsFor } from '../../lib/paths.ts'
import { gitPath } from '../../lib/statusline/glance.ts'
import { VERSION } from '../../lib/timings.ts'
import { REPO } from './scratch-vigil.ts'

export const MIN = 60_000
export const HOUR = 60 * MIN
export const FOLDER = '/home/me/proj'
export const SESSION = 'd2ea0b1e-8809-426b-a618-792b7258b513'

export interface StatuslineHome {
  paths: Paths
  cache: ReturnType<typeof sampleCache>
  billing: ReturnType<typeof sampleBilling>
  write: (path: string, content: unknown) => void
}

/** @param now ms: all figures were measured a minute before */
export function statuslineHome(home: string, now: number, count = 3): StatuslineHome {
  const paths = pathsFor(home, join(home, '.claude'))
  const write = (path: string, content: unknown) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  }
  const cache = sampleCache(now, count)
  const billing = sampleBilling(now)
  write(paths.mergedQuota, cache)
  write(paths.billing, billing)
  writeRegistry({ paths, write }, sampleAccounts(home, count))
  write(paths.alerts, { ...emptyAlerts(now), lastRunAt: now - 20_000 })
  for (const job of ['watchdog', 'fetch-quota', 'fetch-billing'])
    write(join(paths.runs, `${job}.json`), { schema: 1, job, started_at: now - 20_000, outcome: 'ok' })
  write(gitPath(paths, FOLDER), { folder: FOLDER, measuredAt: now - 5000, branch: 'main', staged: 12, changed: 3 })
  mkdirSync(paths.logs, { recursive: true })
  return { paths, cache, billing, write }
}

interface SampleAccount {
  slot: string
  configDir: string
  isDefault: boolean
  email: string | null
  status: 'active' | 'inactive'
  inactiveReason: string | null
  inactiveSince: string | null
}

export function sampleAccounts(home: string, count: number): SampleAccount[] {
  return Array.from({ length: count }, (_, n) => ({
    slot: `slot-${n + 1}`,
    configDir: join(home, n === 0 ? '.claude' : `.claude-${n + 1}`),
    isDefault: n === 0,
    email: `me${n + 1}@example.com`,
    status: 'active' as const,
    inactiveReason: null,
    inactiveSince: null,
  }))
}

export function writeRegistry(
  { paths, write }: Pick<StatuslineHome, 'paths' | 'write'>,
  accounts: SampleAccount[],
  current = 'slot-1',
): void {
  const source = `current: ${current}\naccounts: # ${JSON.stringify(accounts)}\n`
  write(paths.accounts, source)
  const registry = { current, accounts }
  write(paths.parsedAccounts, { schema: 2, version: VERSION, home: paths.home, source, registry })
}

function sampleCache(now: number, count: number) {
  const iso = (ms: number) => new Date(ms).toISOString()
  const slot = (n: number) => ({
    email: `me${n + 1}@example.com`,
    status: 'active',
    five_hour_util: 40 as unknown,
    seven_day_util: 51 as unknown,
    five_hour_resets_at: iso(now + 2 * HOUR) as unknown,
    seven_day_resets_at: iso(now + 97 * HOUR) as unknown,
    weekly_budget_remaining_hours: 97,
    weekly_reset_day: 'Thu',
    windows: [{ name: 'weekly', scope: 'Opus', used_percent: 12, resets_at: iso(now + 97 * HOUR) }],
    extra_usage: { enabled: false, used_usd: null, limit_usd: null },
    last_fetched: (now - MIN) as unknown,
    source: 'oauth',
    is_fresh: true,
    last_attempt: { at: now - MIN, outcome: 'ok' },
  })
  const slots = Object.fromEntries(Array.from({ length: count }, (_, n) => [`slot-${n + 1}`, slot(n)]))
  return { schema: 1, ts: Math.floor(now / 1000), current: 'slot-1', slots }
}

function sampleBilling(now: number) {
  const date = new Date(now)
  const two = (part: number) => String(part).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return {
    schema: 1,
    lastFetched: now - MIN,
    source: 'ccusage',
    isFresh: true,
    ttlMs: 120_000,
    day,
    zone: 'UTC',
    costTodayUsd: 12.34,
    costWeekUsd: 40,
    budgets: {
      daily: { limitUsd: 50, usedUsd: 12.34, usedPercent: 24.7 },
      block: { limitUsd: null, usedUsd: null, usedPercent: null, projectedPercent: null },
      weekly: { limitUsd: null, usedUsd: 40, usedPercent: null },
    },
    block: {
      startsAt: new Date(now - 4 * HOUR).toISOString(),
      endsAt: new Date(now + 42 * MIN).toISOString(),
      costUsd: 4.2,
    },
    byAccount: {},
  }
}

/** As Claude Code 2.1.197 sent it, moved to `now`. */
export function recorded(now: number, name: 'after-first-answer' | 'session-start' = 'after-first-answer') {
  const told = JSON.parse(readFileSync(join(REPO, `test/fixtures/statusline/2.1.197-${name}.json`), 'utf8'))
  if (told.rate_limits) {
    told.rate_limits.five_hour.resets_at = Math.floor((now + 2 * HOUR) / 1000)
    told.rate_limits.seven_day.resets_at = Math.floor((now + 97 * HOUR) / 1000)
  }
  return told
}
