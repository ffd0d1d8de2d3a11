// What status lines were handed. Only fetch-quota takes it in, under each slot's lock, before it decides whom to ask.
import type { Account } from '../domain/account.ts'
import { decideHarvest, Harvest } from '../domain/harvest.ts'
import { carryMs, isSameLogin } from '../domain/quota.ts'
import { takenOver } from '../domain/slot.ts'
import { readJson } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { updateSlot } from '../store/change-slot.ts'
import type { QuotaLook } from './quota-round.ts'

/** @param files of sessions that were told something lately */
export async function takeHarvest(looks: readonly QuotaLook[], files: readonly string[], run: Run): Promise<void> {
  const harvests = readHarvests(files, run)
  for (const look of looks) {
    if (look.failed !== null) continue
    const { account } = look
    await meet(look, run)
    for (const harvest of harvests.filter(one => isOf(account, one, run.paths.home))) {
      const decide = (slot = look.slot) =>
        decideHarvest(slot, look.owner, harvest, run.now, carryMs(slot.observation, run.settings.quota))
      const decision = decide()
      if (decision.do === 'leave') {
        run.log('debug', `what session ${harvest.sessionId.slice(0, 8)} was told is left: ${decision.reason}`, {
          slot: account.slot,
        })
        continue
      }
      const who = { job: run.job, now: run.clock() }
      look.slot = await updateSlot(run.paths, who, account.slot, account.configDir, present => {
        const own = takenOver(present, look.owner)
        const still = decide(own)
        return still.do === 'take' ? { ...own, observation: still.observation } : own
      })
      run.count('harvested')
      break
    }
  }
}

/** The newest first. */
export function readHarvests(files: readonly string[], run: Run): Harvest[] {
  return files.flatMap(path => read(path, run)).sort((a, b) => (b.measuredAt ?? 0) - (a.measuredAt ?? 0))
}

/** Where nobody is ever asked, the first run puts down whose place it is: figures count from then on. */
async function meet(look: QuotaLook, run: Run): Promise<void> {
  const { account, owner, slot } = look
  if (run.settings.quota.sources.includes('oauth') || owner === null || isSameLogin(slot.owner, owner)) return
  if (owner.accountUuid === null) return
  const who = { job: run.job, now: run.clock() }
  const reason = 'a new login: what its sessions are told counts from now on'
  look.slot = await updateSlot(run.paths, who, account.slot, account.configDir, present => ({
    ...takenOver(present, owner),
    lastAttempt: { at: who.now, outcome: 'off', reason },
  }))
}

function read(path: string, run: Run): Harvest[] {
  try {
    const reading = readJson(path, Harvest)
    if (reading.state === 'present') return [reading.value]
    if (reading.state === 'corrupt') run.log('warn', `what a status line left is corrupt: ${reading.detail}`)
  } catch (error) {
    run.log('warn', `what a status line left cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  return []
}

/** By the variable as the session has it; setting it to `~/.claude` means the same files on Linux. */
export function isOf({ configDir, isDefault }: Account, harvest: Harvest, home: string): boolean {
  if (harvest.configDir === null) return isDefault
  const dir = harvest.configDir.replace(/\/+$/, '')
  return dir === configDir || (isDefault && dir === `${home}/.claude`)
}
