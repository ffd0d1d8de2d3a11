// Whether runtime-state.yaml says what is so. It is compared by two short seals, so that a run in which nothing changed
// neither gathers nor writes anything. Times are no part of them: they move with every run.
import type { AlertsFile } from '../domain/alert.ts'
import type { Sight } from './sight.ts'

export interface RuntimeSeal {
  /** Of what every run sees: jobs, alerts, billing, files. */
  always: string
  /** Of accounts; null = they were not read, for nothing of them has changed. */
  accounts: string | null
}

export function runtimeSeal(sight: Sight, file: Pick<AlertsFile, 'states' | 'silences'>): RuntimeSeal {
  const { billing, settingsProblem, registryProblem, troubles, settings } = sight
  const always = [
    // A job that is at work now is as well as it was; the watchdog itself always is.
    sight.jobs.map(({ job }) => [job.job, job.state === 'running' ? (job.streak?.kind ?? 'ok') : job.state]),
    // As they are shown: what is not certain yet, or over and not told yet, is no alert.
    file.states
      .filter(({ phase }) => phase === 'firing' || phase === 'recovering')
      .map(({ key, severity }) => [key, severity]),
    file.silences.map(({ match }) => match),
    billing && [billing.status.freshness.state, billing.status.cost_today_usd, billing.status.budgets],
    [settingsProblem?.lines, registryProblem?.lines, troubles.map(({ what }) => what), settings.quota],
  ]
  const accounts = sight.accounts.map(({ account }) => [
    [account.slot, account.email, account.config_dir, account.standing, account.reason, account.freshness.state],
    account.windows.map(({ label, used_percent: used, resets_at: at }) => [label, used, at && Math.round(at / 60_000)]),
  ])
  return { always: sealOf(always), accounts: sight.still ? null : sealOf([sight.current, accounts]) }
}

/** What a line of the file says; null = it is another line. */
export function readSeal(line: string): { always: string; accounts: string } | null {
  const [, always, accounts] = /^# seal ([0-9a-f]{16}) ([0-9a-f]{16})$/.exec(line) ?? []
  return always && accounts ? { always, accounts } : null
}

export function sealLine(seal: RuntimeSeal, before: string | null): string {
  return `# seal ${seal.always} ${seal.accounts ?? before ?? '0'.repeat(16)}`
}

/** Two FNV sums: at hand without loading any, and good enough for a file that is only looked at. */
function sealOf(value: unknown): string {
  const text = JSON.stringify(value)
  let [low, high] = [0x811c9dc5, 0x1000193]
  for (let n = 0; n < text.length; n++) {
    low = Math.imul(low ^ text.charCodeAt(n), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(n), 0x85ebca6b)
  }
  return [low, high].map(half => (half >>> 0).toString(16).padStart(8, '0')).join('')
}
