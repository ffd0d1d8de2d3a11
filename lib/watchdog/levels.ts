// Levels that a rising figure passes one after the other, each with a key of its own: a rise tells each level once, the
// lower ones stay without a word while a higher one is told, and all end together.
import type { AlertState, Severity } from '../domain/alert.ts'
import { isTold } from './make-fact.ts'

/** A figure that hovers at a level must not begin a new episode with every measurement. */
const CLEARS_BELOW_PERCENT = 5

export interface LevelVerdict {
  level: number
  verdict: 'bad' | 'ok' | 'unknown'
  severity: Severity
  /** The highest level that is reached, where this one is below it; null = this is it, or none is. */
  below: number | null
}

/**
 * @param usedPercent null = unknown
 * @param levels rising
 * @param isLowerBound the figure is old: it can be higher by now, not lower
 */
export function judgeLevels(
  usedPercent: number | null,
  levels: readonly number[],
  isLowerBound: boolean,
  stateAt: (level: number) => AlertState | undefined,
): LevelVerdict[] {
  const reached = levels.filter(
    level =>
      usedPercent !== null &&
      (usedPercent >= level || (usedPercent >= level - CLEARS_BELOW_PERCENT && stateAt(level)?.phase === 'firing')),
  )
  const highest = reached.at(-1) ?? null
  return levels.map(level => {
    const severity: Severity = level === levels.at(-1) && levels.length > 1 ? 'critical' : 'warning'
    if (level === highest) return { level, verdict: 'bad', severity, below: null }
    // Nobody needs to hear of 80 % at 96 %; who heard of it at 80 % hears of its end when all is over.
    if (reached.includes(level) && isTold(stateAt(level))) return { level, verdict: 'bad', severity, below: highest }
    const unseen = usedPercent === null || (isLowerBound && !reached.includes(level))
    return { level, verdict: unseen ? 'unknown' : 'ok', severity, below: null }
  })
}
