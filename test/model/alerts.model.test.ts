// Random worlds, and an oracle that knows the truth. The long run is test/system/model.test.ts.
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { AlertsFile } from '../../lib/domain/alert.ts'
import { markSent, planDelivery } from '../../lib/watchdog/deliver.ts'
import { step } from '../../lib/watchdog/step.ts'
import { playMany } from './play-many.ts'
import type { Machine } from './world.ts'

const real: Machine = { step, planDelivery, markSent }

it('loses, doubles and invents no message in thousands of runs of the watchdog', () => {
  const { runs, failure } = playMany(real, { runs: 20_000, seed: 20_260_209 })
  expect(failure).toBeNull()
  expect(runs).toBeGreaterThanOrEqual(20_000)
})

it('changes nothing that it is given, says the same of the same, and leaves files that can be read again', () => {
  const strict: Machine = {
    step(file, facts, now, rules) {
      const stepped = twice(() => real.step(frozen(file), frozen(facts), now, frozen(rules)))
      const written = JSON.parse(JSON.stringify(stepped.file))
      expect(v.parse(AlertsFile, written)).toEqual(stepped.file)
      return { ...stepped, file: written }
    },
    planDelivery: (file, now, rules) => twice(() => real.planDelivery(frozen(file), now, frozen(rules))),
    markSent: (file, message, result, now) =>
      twice(() => real.markSent(frozen(file), frozen(message), frozen(result), now)),
  }
  expect(playMany(strict, { runs: 1_000, seed: 7, shrink: false }).failure).toBeNull()
})

function twice<Answer>(ask: () => Answer): Answer {
  const first = ask()
  expect(ask()).toEqual(first)
  return first
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
