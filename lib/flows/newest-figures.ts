// The newest figures of each account: those of its slot, or what a status line was handed since. fetch-quota takes that into
// the slots each five minutes; an account in use may be at its wall by then. Reads only.
import { decideHarvest } from '../domain/harvest.ts'
import { carryMs, type QuotaObservation } from '../domain/quota.ts'
import type { Run } from '../job.ts'
import type { LookedAccount } from './look-at-accounts.ts'
import { harvestFiles } from './quota-round.ts'
import { isOf, readHarvests } from './take-harvest.ts'

/** One for each account, in their order. By the rules by which fetch-quota takes it in: only what is this login's, and no echo. */
export function newestFigures(accounts: readonly LookedAccount[], run: Run): Array<QuotaObservation | null> {
  const { now, paths, settings } = run
  let files: string[] = []
  try {
    files = harvestFiles(run)
  } catch (error) {
    run.log('warn', `what status lines were told cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  const harvests = readHarvests(files, run)
  return accounts.map(({ measured: { account, slot, owner }, observation }) => {
    const known = { ...slot, observation }
    for (const harvest of harvests.filter(one => isOf(account, one, paths.home))) {
      const decision = decideHarvest(known, owner, harvest, now, carryMs(observation, settings.quota))
      if (decision.do === 'take') return decision.observation
    }
    return observation
  })
}
