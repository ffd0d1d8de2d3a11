// What a slot keeps of the clock.
import { describe, expect, it } from 'vitest'
import { clockError, emptySlot, Slot } from '../../../lib/domain/slot.ts'
import * as v from '../../../lib/valibot.ts'

const DATE = 'Sun, 08 Feb 2026 12:00:00 GMT'
const AT = Date.parse(DATE)

describe('how far this clock is ahead, by an answer', () => {
  it.each([
    ['sent and received within that second', 0, 500, 0],
    ['slow to come', -30_000, 0, 0],
    ['slow to arrive', 0, 30_000, 0],
    ['sent at the end of that second', 999, 1100, 0],
    ['sent after it', 1000, 1100, 1],
    ['received before it', -300, -1, -1],
    ['of an hour ago', 3_600_999, 3_601_500, 3_600_000],
    ['of the hour to come', -3_600_500, -3_600_000, -3_600_000],
  ])('%s: sent %i, received %i ms after its Date: %i ms', (_name, sent, received, aheadMs) => {
    expect(clockError(DATE, AT + sent, AT + received)).toEqual({ measuredAt: AT + received, aheadMs })
  })
  it.each([undefined, '', 'yesterday'])('of the Date %j is not known', date => {
    expect(clockError(date, AT, AT)).toBe(null)
  })
})

it('a slot of an older Vigil is read, and knows nothing of the clock', () => {
  const { clock, owner, ...older } = emptySlot('slot-1', '/a')
  expect(v.parse(Slot, older)).toEqual({ ...older, clock, owner })
})
