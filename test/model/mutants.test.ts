// Each mutant must be caught by the oracle: a test that cannot fail proves nothing.
import { describe, expect, it } from 'vitest'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { LISTED, mutate, OWN } from './mutants.ts'
import { playMany } from './play-many.ts'

const real = { step, planDelivery, markSent }
/** Far more than any needs. */
const BUDGET_RUNS = 40_000

/** The rule that stops it first: a mutant that stumbles over something else proves nothing. */
const CAUGHT_BY: Record<string, string> = {
  'marks delivered though it failed': 'lost',
  'drops what is undelivered on resolve': 'dropped',
  'ignores inhibition': 'inhibited',
  'takes unknown for ok': 'phase',
  'uses an episode number again': 'episode',
  'promises a repeat beside one that waits': 'coalescing',
  'sends each notice by itself': 'coalescing',
  'repeats too early': 'repeat-early',
  'never repeats': 'not-repeated',
  'resolves what was never told': 'resolved-untold',
  'forgets the resolved message': 'last-word',
  'forgets the combined message': 'dropped',
  'forgets that it became worse': 'not-escalated',
  'forgets the word after flapping': 'last-word',
  'sends what a channel did not ask for': 'severity',
  'never tries again': 'retry-late',
  'tries again at once': 'retry-early',
  'changes the id with each try': 'lost',
  'counts no tries': 'tries',
  'has no quiet hours': 'quiet-hours',
  'forgets whom it told': 'twice',
  'ignores silences and acks': 'silenced',
  'confirms everything at once': 'phase',
  'does not see the clock go back': 'clock',
  'does not wait after a source ended': 'unmuted-early',
  'tells what it was, not what it is': 'old-facts',
  'never flaps': 'flapping',
  'keeps quiet of a broken channel': 'broken',
  'says nothing of what it cannot see': 'no-data',
  'counts a sleep as time out of sight': 'no-data',
  'is content without a confirmation': 'no-confirmed',
  'forgets the other channels when one takes it': 'dropped',
  'sends before it is time': 'too-early',
}

describe('the oracle', () => {
  it.each(Object.entries({ ...LISTED, ...OWN }))('catches a watchdog that %s', (name, mutant) => {
    const { failure } = playMany(mutate(real, mutant), { runs: BUDGET_RUNS, seed: 20_260_209, shrink: false })
    expect(failure?.rule).toBe(CAUGHT_BY[name])
  })
})
