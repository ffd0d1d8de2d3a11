// What Claude Code calls: that failover is told at once of a session that is turned away, and that nothing leads nowhere. Pure.
import type { Finding } from './finding.ts'

export interface SeenHook {
  slot: string
  /** Its settings, as messages name them. */
  shown: string
  /** Ours is there. */
  isThere: boolean
  /** `disableAllHooks`: Claude Code calls none. */
  allOff: boolean
  /** Where a hook of ours leads to a program that is not there, as messages name it; null = none does. */
  leadsNowhere: string | null
  /** The same of a status line of ours. */
  lineLeadsNowhere: string | null
}

const NAMED = 5

/** @param failoverOn off, nobody has to be told; but what fails in each session is worth knowing of all the same */
export function checkHooks(hooks: readonly SeenHook[], failoverOn: boolean): Finding[] {
  const gone = hooks.flatMap(({ shown, leadsNowhere, lineLeadsNowhere }) => [
    ...leadingNowhere('hooks', 'a StopFailure hook', leadsNowhere, shown),
    ...leadingNowhere('statusline', 'the status line', lineLeadsNowhere, shown),
  ])
  const off = hooks.filter(({ allOff }) => allOff)
  const without = hooks.filter(({ isThere, allOff }) => !isThere && !allOff)
  if (!failoverOn) return gone
  return [
    ...gone,
    ...off.map(
      ({ slot, shown }): Finding => ({
        check: 'hooks',
        severity: 'info',
        what: `${slot}: all its hooks are off, so failover hears of a session that is turned away only from figures and transcripts`,
        evidence: `"disableAllHooks": true in ${shown}`,
        remedy: 'take that out, then: vigil install --hooks',
      }),
    ),
    ...(without.length === 0 ? [] : [missing(without, hooks.length)]),
  ]
}

function leadingNowhere(part: 'hooks' | 'statusline', what: string, program: string | null, shown: string): Finding[] {
  if (program === null) return []
  return [
    {
      check: part,
      severity: 'warning',
      what: `${what} leads to a checkout that is gone`,
      evidence: `${program}, in ${shown}`,
      remedy: `vigil install --${part}   # or, to take it out: vigil uninstall --${part}`,
    },
  ]
}

function missing(without: readonly SeenHook[], all: number): Finding {
  const named = without.slice(0, NAMED).map(({ shown }) => shown)
  const more = without.length - named.length
  const who = without.length === all ? 'no account has the' : 'not every account has the'
  return {
    check: 'hooks',
    severity: 'info',
    what: `failover is on, and ${who} hook by which it knows at once of a session that is turned away`,
    evidence: `not in ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    remedy: 'vigil install --hooks',
  }
}
