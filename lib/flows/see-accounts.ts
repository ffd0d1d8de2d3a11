// All that is read of accounts for the watchdog. A minute later mostly nothing of it has changed, so this is loaded, and
// a hundred accounts are read, only when one of their files has.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import type { Registry } from '../domain/accounts-file.ts'
import { findFalseFreshFlags } from '../domain/quota-cache.ts'
import { FETCH_COMMAND } from '../domain/status-problems.ts'
import type { Paths } from '../paths.ts'
import type { Settings } from '../settings-defaults.ts'
import { readRegistry } from '../store/accounts.ts'
import { readMergedCache } from '../store/quota.ts'
import { type Stamps, stampsOf } from '../store/still-accounts.ts'
import { asksForHistory, LONGEST_LOOK_BACK_MS } from '../watchdog/forecast-facts.ts'
import type { FileTrouble, SeenAccount, Sight } from '../watchdog/sight.ts'
import { lookAtAccounts } from './look-at-accounts.ts'
import { tolerant } from './look-at-jobs.ts'

type OfAccounts = Pick<Sight, 'accounts' | 'current' | 'troubles' | 'falseFresh' | 'history'> & {
  registryError: Error | null
  /** Of every file that was read for it, from before it was read. */
  stamps: Stamps
}

export async function seeAccounts(paths: Paths, settings: Settings, now: number): Promise<OfAccounts> {
  const before = stampsOf([paths.accounts])
  let registry: Registry = { current: null, accounts: [] }
  let registryError: Error | null = null
  try {
    registry = (await readRegistry(paths)) ?? registry
  } catch (error) {
    registryError = error as Error
  }
  const rest = stampsOf([paths.mergedQuota, ...registry.accounts.flatMap(account => filesOf(account, paths))])
  const { facts: accounts, troubles } = await lookAtAccounts(registry.accounts, { paths, settings, now })
  const merged = tolerant(() => readMergedCache(paths))
  return {
    accounts,
    current: registry.current,
    registryError,
    troubles: merged.state === 'corrupt' ? [...troubles, noGood(merged.detail)] : troubles,
    falseFresh: merged.state === 'present' ? findFalseFreshFlags(merged.value, now, settings.quota) : [],
    history: await pastOf(accounts, paths, now),
    stamps: { files: [...before.files, ...rest.files], marks: [...before.marks, ...rest.marks] },
  }
}

/** What lookAtAccounts reads of one. */
function filesOf({ slot, configDir, isDefault }: Account, { slots, logins, home }: Paths): string[] {
  return [join(slots, `${slot}.json`), join(logins, `${slot}.json`), join(isDefault ? home : configDir, '.claude.json')]
}

function noGood(detail: string): FileTrouble {
  const file = 'merged-quota-cache.json'
  return { file, what: `${file} is no good: ${detail}`, remedy: FETCH_COMMAND }
}

async function pastOf(accounts: readonly SeenAccount[], paths: Paths, now: number): Promise<Sight['history']> {
  const slots = accounts.filter(seen => asksForHistory(seen, now)).map(({ account }) => account.slot)
  if (slots.length === 0) return []
  const { readFigures } = await import('../store/history.ts')
  return readFigures(paths.history, slots, now - LONGEST_LOOK_BACK_MS)
}
