import { describe, expect, it, test } from 'vitest'
import type { Usage, UsageBlock, UsageDay } from '../../../lib/domain/ccusage.ts'
import {
  beginsAtCut,
  type Compared,
  comparable,
  contains,
  localDate,
  narrowCut,
  shiftDate,
  spendOf,
  startOfLocalDay,
} from '../../../lib/domain/spend.ts'

const at = (text: string) => Date.parse(text)
const iso = (ms: number) => new Date(ms).toISOString()

describe('localDate', () => {
  it.each([
    ['2026-11-20T22:59:59.999Z', 'Europe/Berlin', '2026-11-20'],
    ['2026-11-20T23:00:00.000Z', 'Europe/Berlin', '2026-11-21'],
    ['2026-11-20T10:00:00.000Z', 'Pacific/Kiritimati', '2026-11-21'],
    ['2026-11-20T09:59:59.999Z', 'Pacific/Kiritimati', '2026-11-20'],
    ['2026-11-20T10:59:59.999Z', 'Pacific/Pago_Pago', '2026-11-19'],
    ['2026-01-01T00:00:00.000Z', 'UTC', '2026-01-01'],
  ])('at %s in %s is %s', (moment, zone, date) => {
    expect(localDate(at(moment), zone)).toBe(date)
  })
  it('refuses a zone that there is not', () => {
    expect(() => localDate(0, 'Nowhere/Land')).toThrow(RangeError)
  })
})

describe('startOfLocalDay', () => {
  it.each([
    ['an ordinary day', '2026-11-20T12:00:00Z', 'Europe/Berlin', '2026-11-19T23:00:00.000Z'],
    ['its first moment', '2026-11-19T23:00:00Z', 'Europe/Berlin', '2026-11-19T23:00:00.000Z'],
    ['the moment before', '2026-11-19T22:59:59.999Z', 'Europe/Berlin', '2026-11-18T23:00:00.000Z'],
    ['the day of 23 h', '2026-03-29T20:00:00Z', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['the last moment of the day of 23 h', '2026-03-29T21:59:59.999Z', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['the day after it', '2026-03-29T22:00:00Z', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
    ['the last moment of the day of 25 h', '2026-10-25T22:59:59.999Z', 'Europe/Berlin', '2026-10-24T22:00:00.000Z'],
    ['a day that begins at 01:00', '2018-11-04T12:00:00Z', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'],
    ['the moment before it', '2018-11-04T02:59:59.999Z', 'America/Sao_Paulo', '2018-11-03T03:00:00.000Z'],
    ['a day whose 23:00 comes twice', '2018-02-18T02:30:00Z', 'America/Sao_Paulo', '2018-02-17T02:00:00.000Z'],
    ['a day that begins twice, 00:01 to 23:01', '2006-10-29T12:00:00Z', 'America/St_Johns', '2006-10-29T02:30:00.000Z'],
    ['UTC+14', '2026-11-20T12:00:00Z', 'Pacific/Kiritimati', '2026-11-20T10:00:00.000Z'],
    ['UTC-11', '2026-11-20T12:00:00Z', 'Pacific/Pago_Pago', '2026-11-20T11:00:00.000Z'],
    ['quarters of an hour', '2026-11-20T12:00:00Z', 'Asia/Kathmandu', '2026-11-19T18:15:00.000Z'],
    ['the day after one that was left out', '2011-12-31T01:00:00Z', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
  ])('of %s', (_what, moment, zone, start) => {
    expect(iso(startOfLocalDay(at(moment), zone))).toBe(start)
  })
})

it.each([
  ['2026-03-01', -1, '2026-02-28'],
  ['2024-02-28', 1, '2024-02-29'],
  ['2026-01-03', -7, '2025-12-27'],
])('%s and %i days is %s', (date, days, expected) => {
  expect(shiftDate(date, days)).toBe(expected)
})

function block(startsAt: string, more: Partial<UsageBlock> = {}): UsageBlock {
  return {
    startsAt: at(startsAt),
    endsAt: at(startsAt) + 5 * 3_600_000,
    isGap: false,
    isActive: false,
    entries: 1,
    tokens: 100,
    costUsd: 1,
    models: [],
    burnRateUsdPerHour: null,
    projectedCostUsd: null,
    ...more,
  }
}
const gap = (startsAt: string, endsAt: string) =>
  block(startsAt, { endsAt: at(endsAt), isGap: true, entries: 0, tokens: 0, costUsd: 0 })

describe('narrowCut', () => {
  const midnight = at('2026-11-20T00:00:00Z')
  const cutOf = (...blocks: UsageBlock[]) => {
    const cut = narrowCut(blocks, midnight)
    return cut && [iso(cut.at), iso(cut.blockStartsAt)]
  }
  it('is none in a history without blocks', () => {
    expect(cutOf()).toBeNull()
  })
  it('is none where the only block by midnight is the first: nothing lies before it', () => {
    expect(cutOf(block('2026-11-19T10:00:00Z'))).toBeNull()
    expect(cutOf(block('2026-11-19T20:00:00Z'), block('2026-11-20T01:00:00Z'))).toBeNull()
  })
  it('is the last block that begins by midnight, in a chain without gaps', () => {
    const chain = ['2026-11-19T12:00:00Z', '2026-11-19T17:00:00Z', '2026-11-19T22:00:00Z', '2026-11-20T03:00:00Z']
    expect(cutOf(...chain.map(start => block(start)))).toEqual(['2026-11-19T22:00:00.001Z', '2026-11-19T22:00:00.000Z'])
  })
  it('leaves an entry exactly 5 h after the start to the block before', () => {
    const cut = cutOf(block('2026-11-19T15:00:00Z'), block('2026-11-19T20:00:00Z'))
    expect(cut).toEqual(['2026-11-19T20:00:00.001Z', '2026-11-19T20:00:00.000Z'])
  })
  it('is the start of the hour where the block before had ended earlier', () => {
    const cut = cutOf(block('2026-11-19T15:00:00Z'), block('2026-11-19T21:00:00Z'))
    expect(cut).toEqual(['2026-11-19T21:00:00.000Z', '2026-11-19T21:00:00.000Z'])
  })
  it('is after the 5 h of silence where these end within the hour: an entry before would have no gap', () => {
    const cut = cutOf(
      block('2026-11-19T12:00:00Z'),
      gap('2026-11-19T21:20:00Z', '2026-11-19T21:40:00Z'),
      // In ccusage's order a gap can come after the block that it parts off.
      block('2026-11-19T21:00:00Z'),
    )
    expect(cut).toEqual(['2026-11-19T21:20:00.001Z', '2026-11-19T21:00:00.000Z'])
  })
  it.each([
    ['one ms before midnight', '2026-11-18T23:59:59.999Z', '2026-11-18T23:00:00.000Z'],
    ['at midnight', '2026-11-20T00:00:00.000Z', '2026-11-20T00:00:00.000Z'],
  ])('takes a block that begins %s by the time of its cut', (_when, _at, _start) => {
    const blocks = [block('2026-11-18T10:00:00Z'), block('2026-11-18T23:00:00Z'), block('2026-11-20T00:00:00Z')]
    expect(narrowCut(blocks, at(_at))?.blockStartsAt).toBe(at(_start))
  })
  it('does not take a block whose first entry may be of yesterday for one of today', () => {
    // It begins at 00:00, but until 00:20 an entry would still belong to the block before.
    const blocks = [
      block('2026-11-19T10:00:00Z'),
      block('2026-11-19T15:00:00Z'),
      gap('2026-11-20T00:20:00Z', '2026-11-20T00:30:00Z'),
      block('2026-11-20T00:00:00Z'),
    ]
    expect(cutOf(...blocks)?.[1]).toBe('2026-11-19T15:00:00.000Z')
  })
  it('lets blocks in the future be', () => {
    const blocks = [block('2026-11-18T10:00:00Z'), block('2026-11-19T10:00:00Z'), block('2026-12-01T10:00:00Z')]
    expect(cutOf(...blocks)?.[1]).toBe('2026-11-19T10:00:00.000Z')
  })
})

describe('beginsAtCut', () => {
  const cut = { at: at('2026-11-19T22:00:00.001Z'), blockStartsAt: at('2026-11-19T22:00:00Z') }
  it.each([
    ['the block of the cut first', ['2026-11-19T22:00:00Z', '2026-11-20T03:00:00Z'], true],
    ['an earlier one', ['2026-11-19T21:00:00Z', '2026-11-20T03:00:00Z'], false],
    ['a later one', ['2026-11-20T03:00:00Z'], false],
    ['none', [], false],
  ])('with %s', (_what, starts, expected) => {
    expect(
      beginsAtCut(
        starts.map(start => block(start)),
        cut,
      ),
    ).toBe(expected)
  })
})

const day = (date: string, costUsd: number | null, more: Partial<UsageDay> = {}): UsageDay => ({
  date,
  costUsd,
  tokens: 100,
  unpricedModels: [],
  ...more,
})

describe('spendOf', () => {
  const now = at('2026-11-20T12:00:00Z')
  const of = (usage: Partial<Usage>, known: UsageDay[] = [], zone = 'UTC') =>
    spendOf({ blocks: [], days: [], ...usage }, known, now, zone)
  it('knows a day without use as 0 and one without a cost as unknown', () => {
    expect(of({ days: [day('2026-11-19', null)] })).toEqual({
      today: '2026-11-20',
      todayUsd: 0,
      days: {
        '2026-11-13': 0,
        '2026-11-14': 0,
        '2026-11-15': 0,
        '2026-11-16': 0,
        '2026-11-17': 0,
        '2026-11-18': 0,
        '2026-11-19': null,
        '2026-11-20': 0,
      },
      block: null,
      unpricedModels: [],
    })
    expect(of({ days: [day('2026-11-20', null)] }).todayUsd).toBeNull()
  })
  it('takes known days before the part of them that a narrow run still sees', () => {
    const spend = of({ days: [day('2026-11-19', 0.5), day('2026-11-20', 2)] }, [day('2026-11-19', 7)])
    expect([spend.days['2026-11-19'], spend.todayUsd]).toEqual([7, 2])
  })
  it('counts by the day of the zone', () => {
    expect(of({ days: [day('2026-11-21', 3)] }, [], 'Pacific/Kiritimati').todayUsd).toBe(3)
  })
  it('names models without a price, of the days that it tells', () => {
    const unpriced = (date: string, model: string) => day(date, 1, { unpricedModels: [model] })
    const days = [unpriced('2026-11-12', 'older'), unpriced('2026-11-13', 'b'), unpriced('2026-11-20', 'a')]
    expect(of({ days }).unpricedModels).toEqual(['a', 'b'])
  })
  it('tells the active block, with null where ccusage says nothing', () => {
    const blocks = [
      block('2026-11-20T05:00:00Z', { isActive: false }),
      block('2026-11-20T10:00:00Z', { isActive: true, costUsd: null, models: ['claude-opus-4-8'] }),
    ]
    expect(of({ blocks }).block).toEqual({
      startsAt: '2026-11-20T10:00:00.000Z',
      endsAt: '2026-11-20T15:00:00.000Z',
      costUsd: null,
      remainingMinutes: 180,
      burnRateUsdPerHour: null,
      projectedCostUsd: null,
      tokens: 100,
      models: ['claude-opus-4-8'],
    })
  })
  it('never tells less than no time left', () => {
    const blocks = [block('2026-11-20T06:59:00Z', { isActive: true })]
    expect(of({ blocks }).block?.remainingMinutes).toBe(0)
  })
})

describe('an audit', () => {
  const cut = { at: at('2026-11-20T00:00:00Z'), blockStartsAt: at('2026-11-20T00:00:00Z') }
  test('compares what the cut promises: blocks since, and days since', () => {
    const usage: Usage = {
      blocks: [
        block('2026-11-19T19:00:00Z'),
        block('2026-11-20T00:00:00Z'),
        gap('2026-11-20T05:00:00Z', '2026-11-20T06:00:00Z'),
      ],
      days: [day('2026-11-19', 4), day('2026-11-20', 5)],
    }
    expect(comparable(usage, cut, '2026-11-20')).toEqual({
      blocks: [{ startsAt: '2026-11-20T00:00:00.000Z', entries: 1, tokens: 100, costUsd: 1 }],
      days: [{ date: '2026-11-20', tokens: 100, costUsd: 5 }],
    })
  })
  const figures = (costUsd: number | null, tokens = 100, entries = 1): Compared => ({
    blocks: [{ startsAt: '2026-11-20T00:00:00.000Z', entries, tokens, costUsd }],
    days: [{ date: '2026-11-20', tokens, costUsd }],
  })
  const empty: Compared = { blocks: [], days: [] }
  test.each<[string, Compared, Compared, boolean, boolean]>([
    ['the same', figures(1), figures(1), false, true],
    ['under half a cent more', figures(1.0049), figures(1), false, true],
    ['half a cent more', figures(1.0051), figures(1), false, false],
    ['half a cent less', figures(0.9949), figures(1), false, false],
    ['a token more', figures(1, 101), figures(1), false, false],
    ['an entry more', figures(1, 100, 2), figures(1), false, false],
    ['a cost against none', figures(0), figures(null), false, false],
    ['a block less', empty, figures(1), false, false],
    ['a block more', figures(1), empty, false, true],
    ['more, where it may have grown', figures(2, 200, 3), figures(1), true, true],
    ['less, where it may have grown', figures(0.9), figures(1), true, false],
    ['fewer tokens, where it may have grown', figures(1, 99), figures(1), true, false],
  ])('%s', (_what, later, earlier, grew, expected) => {
    expect(contains(later, earlier, grew)).toBe(expected)
  })
})
