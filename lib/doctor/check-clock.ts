// Whether this machine's clock can be trusted with the ends of tokens and the ages of figures. Pure.
import type { ClockError } from '../domain/slot.ts'
import { ago, span } from '../screen/times.ts'
import type { Finding } from './finding.ts'

const DAY_MS = 24 * 3_600_000
/** Claude Code renews a token this long before its end: with a larger error it is refused before anybody renews it. */
const WRONG_MS = 5 * 60_000
/** A clock that is kept by the network is right within a second; one that is off by more has nobody to set it. */
const OFF_MS = 60_000

/**
 * @param seen what the latest answer of the usage endpoint said; null = none did
 * @param platform as Node names it
 * @throws Error with the reason why it cannot be judged
 */
export function checkClock(seen: ClockError | null, now: number, platform: string): Finding[] {
  if (seen === null) throw new Error('no answer of the usage endpoint is kept that says its time')
  const ageMs = now - seen.measuredAt
  if (ageMs < 0) throw new Error('it was set back since it was last compared; the next fetch-quota compares it again')
  if (ageMs > DAY_MS) throw new Error(`it was last compared ${span(ageMs)} ago; fetch-quota compares it when it asks`)
  const errorMs = Math.abs(seen.aheadMs)
  if (errorMs <= OFF_MS) return []
  const isWrong = errorMs > WRONG_MS
  return [
    {
      check: 'clock',
      severity: isWrong ? 'error' : 'warning',
      what: `the clock of this machine is ${isWrong ? 'wrong: tokens are renewed at the wrong time, and ages are misjudged' : 'off'}`,
      evidence: `${span(errorMs)} ${seen.aheadMs > 0 ? 'ahead of' : 'behind'} the usage endpoint's, compared ${ago(seen.measuredAt, now)}`,
      remedy: platform === 'darwin' ? 'sudo sntp -sS time.apple.com' : 'sudo timedatectl set-ntp true',
    },
  ]
}
