// Each mutant must be caught by the oracle: a test that cannot fail proves nothing.
import { describe, expect, it } from 'vitest'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { LISTED, mutate, OWN } from './mutants.ts'
import { playMany } from './play-many.ts'

const real = { step, planDelivery, markSent }
/** Far more than any needs. */
const BUDGET_RUNS = 40_000

describe('the oracle', () => {
  it.each(Object.entries({ ...LISTED, ...OWN }))('catches a watchdog that %s', (_, mutant) => {
    const { failure } = playMany(mutate(real, mutant), { runs: BUDGET_RUNS, seed: 20_260_209, shrink: false })
    expect(failure).not.toBeNull()
    // By a rule of its own, not because the mutant stumbled.
    expect(failure?.rule).not.toBe('threw')
  })
})
