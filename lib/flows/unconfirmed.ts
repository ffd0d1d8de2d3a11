// Of what is told, what nobody can say that it reached anyone.
import type { AlertsFile, Message } from '../domain/alert.ts'
import type { Run } from '../job.ts'
import { mutingKey, silenceOf } from '../watchdog/quiet.ts'
import type { WatchRules } from '../watchdog/step.ts'

/**
 * Whether a channel that confirms has taken all that is in a message. Then a notice that waits until somebody sits at the
 * desktop, which on a server is never, is no failure.
 */
export function isKnown(file: AlertsFile, { notices }: Message, { channels }: WatchRules): boolean {
  const confirming = channels.filter(({ confirms }) => confirms)
  return notices.every(({ key }) => {
    const state = file.states.find(one => one.key === key)
    return confirming.some(({ name }) => state === undefined || state.told[name] !== undefined)
  })
}

/** A critical alert that nobody confirmed may have reached nobody: each run says so. @returns how many there are */
export function reportUnconfirmed(file: AlertsFile, rules: WatchRules, run: Run): number {
  const confirming = rules.channels.filter(({ confirms }) => confirms)
  const alone = file.states.filter(
    state =>
      state.phase === 'firing' &&
      state.severity === 'critical' &&
      mutingKey(file, state, null) === null &&
      silenceOf(file, state.key, run.now) === null &&
      !confirming.some(({ name }) => state.told[name] !== undefined),
  )
  for (const { key } of alone) {
    const reason = `no channel that confirms has taken it; check with: vigil alerts test`
    run.report(key, { outcome: 'unconfirmed', reason, failure: 'permission' })
  }
  return alone.length
}
