// The long run of the model test: half a million runs of the watchdog, or as many as VIGIL_MODEL_RUNS says.
import { expect, it } from 'vitest'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { playMany } from '../model/play-many.ts'

const RUNS = Number(process.env['VIGIL_MODEL_RUNS'] ?? 500_000)
const SEED = Number(process.env['VIGIL_MODEL_SEED'] ?? 1_114_136)

it(`loses, doubles and invents no message in ${RUNS} runs of the watchdog`, () => {
  const { runs, worlds, failure } = playMany({ step, planDelivery, markSent }, { runs: RUNS, seed: SEED })
  console.log(`model: seed ${SEED}, ${worlds} worlds, ${runs} runs of the watchdog`)
  expect(failure).toBeNull()
  expect(runs).toBeGreaterThanOrEqual(RUNS)
})
