import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { forecast, type Point } from '../../../lib/watchdog/forecast.ts'
import { asksForHistory } from '../../../lib/watchdog/forecast-facts.ts'
import type { PastFigure } from '../../../lib/watchdog/sight.ts'
import {
  alive,
  badKeys,
  factOf,
  HOUR_MS,
  loggedOut,
  MINUTE_MS,
  NOW,
  observationOf,
  quotaWindow,
  RESET,
  seen,
  sightOf,
  verdicts,
} from './sights.ts'

const KEY = 'QuotaRunsOut{slot-1,five_hour}'
const past = (agoMin: number, used: number, change: Partial<PastFigure> = {}): PastFigure => ({
  slot: 'slot-1',
  measuredAt: NOW - agoMin * MINUTE_MS,
  window: 'five_hour',
  scope: null,
  used,
  resetsAt: RESET,
  ...change,
})
/** Measured every 5 min, rising by so much each time, to `used` a moment ago. */
const rising = (used: number, step: number, count = 8) =>
  Array.from({ length: count }, (_, n) => past(5 * (count - n), used - step * (count - n)))
const at = (used: number, history: PastFigure[] | null, states = sightOf().states) =>
  sightOf({ accounts: [seen({ observation: observationOf([quotaWindow(used)], 0) })], history, states })

describe('QuotaRunsOut', () => {
  // Two hours are 24 steps ahead of the present figure.
  it.each([
    [60, 1, false],
    [76, 1, false],
    [77, 1, true],
    [40, 2.5, false],
    [41, 2.5, true],
    [50, 0, false],
    [29, 4, false],
  ])('at %f %% and %f %% more each 5 min, 24 times until it begins anew: %s', (used, step, expected) => {
    expect(badKeys(at(used, rising(used, step))).includes(KEY)).toBe(expected)
  })
  it('says when it will be spent, and is muted at the highest level', () => {
    expect(factOf(at(60, rising(60, 4)), KEY)).toMatchObject({
      severity: 'warning',
      alsoMutedBy: ['QuotaHigh{slot-1,five_hour,95,2026-11-24T12:50Z}'],
      text: {
        summary:
          'slot-1: the five-hour quota will be spent at about 2026-11-24 11:40 UTC, and begins anew only at 2026-11-24 12:50 UTC',
        affects: 'new sessions use this account',
      },
    })
  })
  it('a forecast that was wrong by more than it is over says nothing', () => {
    // Nothing for half an hour, then a burst: on the whole 1 % each 5 min, which would be 112 % when it begins anew.
    const burst = [40, 35, 30, 25, 20].map(min => past(min, 80)).concat([past(15, 80), past(10, 80), past(5, 86)])
    expect(badKeys(at(88, burst)).includes(KEY)).toBe(false)
    expect(badKeys(at(78, rising(78, 1))).includes(KEY)).toBe(true)
  })
  it('once told it stays until the forecast itself is under 100 %', () => {
    const states = [alive('QuotaRunsOut', { slot: 'slot-1', window: 'five_hour' })]
    expect(verdicts(at(77, rising(77, 1), states), 'QuotaRunsOut')[KEY]).toBe('bad')
    expect(verdicts(at(75, rising(75, 1), states), 'QuotaRunsOut')[KEY]).toBe('ok')
    expect(verdicts(at(100, rising(100, 1), states), 'QuotaRunsOut')[KEY]).toBe('bad')
    expect(verdicts(at(100, rising(100, 1)), 'QuotaRunsOut')[KEY]).toBeUndefined()
  })
  it.each<[string, PastFigure[]]>([
    ['two figures', rising(60, 4, 2)],
    ['figures of another window', rising(60, 4).map(figure => ({ ...figure, resetsAt: RESET - 5 * HOUR_MS }))],
    ['figures of another account', rising(60, 4).map(figure => ({ ...figure, slot: 'slot-9' }))],
    ['figures of long ago', rising(60, 4).map(figure => ({ ...figure, measuredAt: figure.measuredAt - 2 * HOUR_MS }))],
    [
      'figures within ten minutes',
      rising(60, 4).map((figure, n) => ({ ...figure, measuredAt: NOW - 60_000 * (8 - n) })),
    ],
    ['none', []],
  ])('cannot be told by %s', (_name, history) => {
    expect(badKeys(at(60, history))).toEqual([])
  })
  it.each([
    [
      'history cannot be read',
      at(60, null, [alive('QuotaRunsOut', { slot: 'slot-1', window: 'five_hour' })]),
      'unknown',
    ],
    [
      'its figures are old',
      sightOf({
        accounts: [seen({ observation: observationOf([quotaWindow(60)], HOUR_MS) })],
        states: [alive('QuotaRunsOut', { slot: 'slot-1', window: 'five_hour' })],
      }),
      'unknown',
    ],
    ['the window has begun anew', at(3, [], [alive('QuotaRunsOut', { slot: 'slot-1', window: 'five_hour' })]), 'ok'],
  ])('where %s it is %s', (_name, sight, expected) => {
    expect(verdicts(sight, 'QuotaRunsOut')[KEY]).toBe(expected)
  })
})

test('a steady rise is forecast as it is, whatever its rate (property)', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 3, noNaN: true }),
      fc.integer({ min: 4, max: 20 }),
      fc.integer({ min: 1, max: 40 }),
      (perStep, count, ahead) => {
        const points: Point[] = Array.from({ length: count }, (_, n) => ({
          measuredAt: n * 5 * MINUTE_MS,
          used: n * perStep,
        }))
        const last = points.at(-1)!
        const coming = forecast(points, last.measuredAt + ahead * 5 * MINUTE_MS)!
        expect(coming.atResetPercent).toBeCloseTo((count - 1 + ahead) * perStep, 6)
        expect(coming.errorPercent).toBeCloseTo(0, 6)
      },
    ),
  )
})

describe('PaidWhilePlanLeft', () => {
  const PAID = 'PaidWhilePlanLeft{slot-1}'
  const paying = (used: number, percent: number | null, change = {}) =>
    seen({
      observation: observationOf([quotaWindow(percent, change)], 0, {
        extraUsage: { enabled: true, used, limit: 50, currency: 'USD' },
      }),
    })
  const paid = (agoMin: number, amount: number) => past(agoMin, amount, { window: 'extra_usage', resetsAt: null })
  const sight = (account: ReturnType<typeof seen>, history: PastFigure[], states = sightOf().states) =>
    sightOf({ accounts: [account], history, states })
  it.each<[string, ReturnType<typeof sightOf>, boolean]>([
    ['it rises with room', sight(paying(12.5, 40), [paid(5, 12), past(5, 39)]), true],
    ['it rises with the least room', sight(paying(12.5, 99.9), [paid(5, 12), past(5, 99)]), true],
    ['it rises in a full window', sight(paying(12.5, 100), [paid(5, 12), past(5, 99)]), false],
    ['it stands still', sight(paying(12, 40), [paid(5, 12), past(5, 39)]), false],
    ['nobody knows the room', sight(paying(12.5, null), [paid(5, 12)]), false],
    [
      'it was paid before the window began anew',
      sight(paying(12.5, 1), [paid(5, 12), past(5, 100, { resetsAt: NOW })]),
      false,
    ],
    ['it rose an hour ago', sight(paying(12.5, 40), [paid(60, 12), past(60, 39)]), true],
    ['it rose longer ago', sight(paying(12.5, 40), [paid(61, 12), past(61, 39)]), false],
    ['it is the first that is known', sight(paying(12.5, 40), []), false],
    ['it went down, for a new month began', sight(paying(1, 40), [paid(5, 12), past(5, 39)]), false],
  ])('where %s: bad is %s in %#', (_name, present, expected) => {
    expect(badKeys(present).includes(PAID)).toBe(expected)
  })
  it('says how much', () => {
    expect(factOf(sight(paying(12.5, 40), [paid(5, 12), past(5, 39)]), PAID).text.details).toEqual([
      '12.50 USD so far of 50.00 USD',
    ])
  })
  it('ends where nothing is paid any more', () => {
    expect(
      verdicts(sightOf({ states: [alive('PaidWhilePlanLeft', { slot: 'slot-1' })] }), 'PaidWhilePlanLeft')[PAID],
    ).toBe('ok')
  })
})

describe('history is opened', () => {
  const account = (used: number | null) => seen({ observation: observationOf([quotaWindow(used)]) })
  it.each([
    ['under 30 %', account(29.9), false],
    ['from 30 % on', account(30), true],
    ['for an unknown figure', account(null), false],
    ['for old figures', seen({ observation: observationOf([quotaWindow(80)], HOUR_MS) }), false],
    [
      'for an account that is logged out',
      loggedOut('slot-1', { observation: observationOf([quotaWindow(80)]) }),
      false,
    ],
  ])('%s: %s', (_name, who, expected) => {
    expect(asksForHistory(who, NOW)).toBe(expected)
  })
})
