// Random worlds, and an oracle that knows the truth. The long run is test/system/model.test.ts.
import { expect, it } from 'vitest'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { playMany } from './play-many.ts'

it('loses, doubles and invents no message in thousands of runs of the watchdog', () => {
  const { runs, failure } = playMany({ step, planDelivery, markSent }, { runs: 20_000, seed: 20_260_209 })
  expect(failure).toBeNull()
  expect(runs).toBeGreaterThanOrEqual(20_000)
})
