// As many worlds as are asked for, counted in runs of the watchdog.
import fc from 'fast-check'
import { type WorldPlan, worldPlan } from './plan.ts'
import { play } from './play.ts'
import { isViolation } from './violation.ts'
import type { Machine } from './world.ts'

export interface Played {
  runs: number
  worlds: number
  /** The rule that was broken, and the smallest world found that breaks it; null = none. */
  failure: { rule: string; story: string[] } | null
}

/** @param shrink false = the first failing world will do */
export function playMany(
  machine: Machine,
  { runs: wanted, seed, shrink = true }: { runs: number; seed: number; shrink?: boolean },
): Played {
  let runs = 0
  let worlds = 0
  for (let batch = 0; runs < wanted; batch += 1) {
    const property = fc.property(worldPlan, plan => {
      runs += play(machine, plan)
      worlds += 1
    })
    const checked = fc.check(property, { seed: seed * 1000 + batch, numRuns: 40, endOnFailure: !shrink })
    if (checked.failed) {
      const error = checked.errorInstance
      const rule = isViolation(error) ? error.rule : 'threw'
      const message = error instanceof Error && !isViolation(error) ? String(error.stack) : String(error)
      return { runs, worlds, failure: { rule, story: [message, ...storyOf(checked.counterexample![0])] } }
    }
  }
  return { runs, worlds, failure: null }
}

/** One line for what there is, and one for each thing that happens. */
function storyOf({ happenings, ...setting }: WorldPlan): string[] {
  return [setting, ...happenings].map(line => JSON.stringify(line))
}
