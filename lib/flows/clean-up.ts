// The janitor's round: list, plan, then exactly the plan. What stops it midway is done by the next one.
import { basename, dirname } from 'node:path'
import { type CleanupStep, planCleanup } from '../domain/cleanup.ts'
import type { Run } from '../job.ts'
import type { Paths } from '../paths.ts'
import { countOldHistory, removeOldHistory } from '../store/history.ts'
import { applyStep, listLeftovers } from '../store/leftovers.ts'

export interface CleanupPlan {
  steps: CleanupStep[]
  /** Entries of history.sqlite that are older than is kept. */
  oldEntries: number
  /** What could not be looked at, each with its reason. */
  unseen: string[]
}

/** Reads only. @param now ms */
export function planRound(paths: Paths, now: number): CleanupPlan {
  const { found, unseen } = listLeftovers(paths)
  const oldEntries = countOldHistory(paths.history, now)
  const ofHistory = oldEntries === null ? ['history.sqlite cannot be read'] : []
  return { steps: planCleanup(found, now), oldEntries: oldEntries ?? 0, unseen: [...unseen, ...ofHistory] }
}

/** @throws Error when something of it could not be done; all the rest was */
export async function carryOut(plan: CleanupPlan, run: Run): Promise<void> {
  const failed: NodeJS.ErrnoException[] = []
  const attempt = (work: () => void) => {
    try {
      work()
    } catch (error) {
      failed.push(error as NodeJS.ErrnoException)
    }
  }
  const done = new Map<string, number>()
  for (const [index, step] of plan.steps.entries()) {
    // So that a signal or the deadline is heard in between.
    if (index % 100 === 0) await new Promise(resolve => setImmediate(resolve))
    if (run.signal.aborted) break
    attempt(() => {
      if (!applyStep(step)) return
      done.set(step.reason, (done.get(step.reason) ?? 0) + 1)
      run.count(step.do === 'rotate' ? 'rotated' : 'removed')
      if (step.do === 'remove') run.count('freed_bytes', step.file.bytes)
    })
  }
  if (plan.oldEntries > 0 && !run.signal.aborted)
    attempt(() => run.count('history_entries', removeOldHistory(run.paths.history, run.now)))
  for (const [reason, count] of done) run.log('info', `${count} ${count === 1 ? 'file' : 'files'}: ${reason}`)
  for (const what of plan.unseen) run.log('warn', what)
  if (done.size === 0 && failed.length === 0) run.log('info', 'nothing to clean up')
  const [first] = failed
  if (first === undefined) return
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''
  const { code, message, path } = first
  const what =
    path === undefined ? message : `${basename(dirname(path))}/${basename(path)} could not be removed (${code})`
  throw Object.assign(new Error(`${what}${more}`), { code })
}
