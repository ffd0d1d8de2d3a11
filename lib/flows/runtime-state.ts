// Writes runtime-state.yaml from what `vigil status` knows. Loaded only when something has changed.
import { stringify } from 'yaml'
import type { Status } from '../domain/status.ts'
import { publish } from '../edges/fs.ts'
import { redactedJson } from '../edges/redact.ts'
import type { Paths } from '../paths.ts'
import { loadSettings } from '../settings.ts'
import { DEFAULT_SETTINGS } from '../settings-defaults.ts'
import { type RuntimeSeal, sealLine } from '../watchdog/runtime-seal.ts'
import { gatherStatus } from './gather-status.ts'

/** @param accountsBefore the seal of accounts that stood there; kept where they were not read this time */
export async function writeRuntimeState(
  paths: Paths,
  now: number,
  seal: RuntimeSeal,
  accountsBefore: string | null,
): Promise<void> {
  const status = await gatherStatus(paths, now)
  const settings = await loadSettings(paths, now, 'leave').catch(() => DEFAULT_SETTINGS) // Its problems stand in the status.
  const content = { schema: 1, written_at: iso(now), ...lookAt(status), failover: settings.failover }
  const text = [
    sealLine(seal, accountsBefore),
    '# Everything at one look, by the watchdog, whenever something of it has changed. Always the latest: vigil status',
    // Through JSON, so that every text in it has gone through the redaction.
    stringify(JSON.parse(redactedJson(content)), { lineWidth: 0 }),
  ]
  await publish(paths.runtimeState, text.join('\n'))
}

/** No time in it moves while nothing else does: an old one would look like a job that stands still. */
function lookAt({ pool, current, accounts, billing, jobs, alerts, problems }: Status) {
  return {
    pool: { verdict: pool.verdict, ...(pool.remedy && { remedy: pool.remedy }) },
    current,
    accounts: Object.fromEntries(
      accounts.map(({ slot, email, config_dir, standing, reason, since, freshness, windows, remedy }) => [
        slot,
        {
          ...(email && { email }),
          config_dir,
          standing,
          ...(reason && { reason }),
          ...(since && { since: iso(since) }),
          figures: freshness.state,
          ...Object.fromEntries(
            windows.map(({ label, used_percent: used, resets_at: at }) => [
              label,
              used === null ? null : { used_percent: used, ...(at && { resets_at: iso(at) }) },
            ]),
          ),
          ...(remedy && { remedy }),
        },
      ]),
    ),
    billing: billing && {
      figures: billing.freshness.state,
      cost_today_usd: billing.cost_today_usd,
      budgets: billing.budgets,
    },
    jobs: Object.fromEntries(
      jobs.map(({ job, state, streak }) => [
        job,
        state === 'running' ? (streak?.kind === 'failed' ? 'failing' : 'ok') : state,
      ]),
    ),
    alerts: alerts.firing.map(({ key, severity, since }) => ({ key, severity, since: iso(since) })),
    silenced: alerts.silenced,
    problems: problems.map(({ what, remedy }) => ({ what, ...(remedy && { remedy }) })),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
