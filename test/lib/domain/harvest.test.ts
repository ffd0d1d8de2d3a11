import { describe, expect, it } from 'vitest'
import { decideHarvest, type Harvest } from '../../../lib/domain/harvest.ts'
import { carryMs, countsFrom, type QuotaObservation } from '../../../lib/domain/quota.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const MIN = 60_000
const HOUR = 60 * MIN
const OWNER = { accountUuid: 'a', organizationUuid: 'o' }
const RULES = { everyMs: 5 * MIN, freshForMs: 10 * MIN, unreliableAfterMs: HOUR }

const window = (name: string, usedPercent: number | null, resetsAt: number | null, scope: string | null = null) => ({
  name,
  scope,
  usedPercent,
  resetsAt,
})
const seen = (change: Partial<QuotaObservation> = {}): QuotaObservation => ({
  measuredAt: NOW - 6 * MIN,
  source: 'oauth',
  ...OWNER,
  windows: [window('five_hour', 64, NOW + HOUR), window('seven_day', 51, NOW + 50 * HOUR)],
  extraUsage: null,
  ...change,
})
const harvest = (change: Partial<Harvest> = {}, five = { usedPercent: 66, resetsAt: NOW + HOUR }): Harvest => ({
  schema: 1,
  sessionId: 's',
  configDir: null,
  measuredAt: NOW - MIN,
  windows: { five_hour: five, seven_day: { usedPercent: 51, resetsAt: NOW + 50 * HOUR } },
  ...change,
})
const slot = (observation: QuotaObservation | null, change: Partial<Parameters<typeof decideHarvest>[0]> = {}) => ({
  observation,
  owner: null,
  lastAttempt: null,
  ...change,
})
const reason = (...args: Parameters<typeof decideHarvest>) => {
  const decision = decideHarvest(...args)
  return decision.do === 'take' ? 'take' : decision.reason
}

describe('what a status line was told', () => {
  it.each([
    ['is taken where it is newer and of the same login', seen(), harvest(), 'take'],
    ['is left where nobody knows its age', seen(), harvest({ measuredAt: null }), 'unknown age'],
    [
      'is left where it is dated beyond any clock',
      seen(),
      harvest({ measuredAt: NOW + 2 * MIN + 1 }),
      'from the future',
    ],
    ['is taken at the clock tolerance', seen(), harvest({ measuredAt: NOW + 2 * MIN }), 'take'],
    ['is left where nothing of the login is known', null, harvest(), 'another login'],
    ['is left beside figures of another login', seen({ accountUuid: 'b' }), harvest(), 'another login'],
    ['is left where it is as old', seen({ measuredAt: NOW - MIN }), harvest(), 'not newer'],
    ['is left where one window is missing', seen(), harvest({ windows: { five_hour: null, seven_day: null } }), 'half'],
    [
      'is left where less was used of the same window',
      seen(),
      harvest({}, { usedPercent: 62, resetsAt: NOW + HOUR }),
      'an echo',
    ],
    ['is taken within the rounding', seen(), harvest({}, { usedPercent: 63, resetsAt: NOW + HOUR }), 'take'],
    [
      'is left where its window is over and no other is known',
      seen({ windows: [] }),
      harvest({}, { usedPercent: 9, resetsAt: NOW }),
      'an echo',
    ],
    ['is left where its window is over', seen(), harvest({}, { usedPercent: 90, resetsAt: NOW }), 'an echo'],
    [
      'is left where the slot knows a later window',
      seen({ windows: [window('five_hour', 3, NOW + 5 * HOUR)] }),
      harvest(),
      'an echo',
    ],
    ['is taken of a later window', seen({ windows: [window('five_hour', 99, NOW - 4 * HOUR)] }), harvest(), 'take'],
  ])('%s', (_what, known, told, expected) => {
    expect(reason(slot(known), OWNER, told, NOW, HOUR)).toBe(expected)
  })
  it('is left where the present login is not known', () => {
    expect(reason(slot(seen()), null, harvest(), NOW, HOUR)).toBe('another login')
    expect(reason(slot(seen()), { accountUuid: null, organizationUuid: 'o' }, harvest(), NOW, HOUR)).toBe(
      'another login',
    )
  })
  it('is taken where asking this login has failed before it came, and not where it came earlier', () => {
    const asked = (at: number, owner = OWNER) =>
      slot(null, { owner: { ...owner, insteadOf: null }, lastAttempt: { at, outcome: 'failed', reason: '' } })
    expect(reason(asked(NOW - MIN - 1), OWNER, harvest(), NOW, HOUR)).toBe('take')
    expect(reason(asked(NOW - MIN), OWNER, harvest(), NOW, HOUR)).toBe('not newer')
    expect(reason(asked(NOW - MIN - 1, { ...OWNER, accountUuid: 'b' }), OWNER, harvest(), NOW, HOUR)).toBe(
      'another login',
    )
  })
  it('carries what it leaves out only as long as that may stand', () => {
    const opus = window('weekly', 12, NOW + 50 * HOUR, 'Opus')
    const known = seen({ windows: [...seen().windows, opus] })
    const young = decideHarvest(slot(known), OWNER, harvest(), NOW, 6 * MIN)
    expect(young).toMatchObject({ do: 'take', observation: { source: 'statusline', carriedFrom: NOW - 6 * MIN } })
    expect(young.do === 'take' && young.observation.windows).toContainEqual(opus)
    const old = decideHarvest(slot(known), OWNER, harvest(), NOW, 6 * MIN - 1)
    expect(old).toMatchObject({ do: 'take', observation: { carriedFrom: null, extraUsage: null } })
    expect(old.do === 'take' && old.observation.windows).toHaveLength(2)
  })
})

describe('asking', () => {
  it('is counted from a measurement of the endpoint', () => {
    expect(countsFrom(seen(), RULES)).toBe(NOW - 6 * MIN)
  })
  it('is put off by what a status line was told, at most until the rest is no longer known', () => {
    const told = seen({ source: 'statusline', measuredAt: NOW, carriedFrom: NOW - 20 * MIN })
    expect(countsFrom(told, RULES)).toBe(NOW)
    expect(countsFrom({ ...told, carriedFrom: NOW - 58 * MIN }, RULES)).toBe(NOW - 3 * MIN)
    expect(countsFrom({ ...told, carriedFrom: null }, RULES)).toBeNull()
  })
  it('is put off for less where the account has windows of one model or paid use', () => {
    const opus = seen({ windows: [...seen().windows, window('weekly', 12, null, 'Opus')] })
    const paid = seen({ extraUsage: { enabled: true, used: 1, limit: 2, currency: 'USD' } })
    expect([carryMs(opus, RULES), carryMs(paid, RULES), carryMs(seen(), RULES)]).toEqual([10 * MIN, 10 * MIN, HOUR])
    const told = { ...opus, source: 'statusline' as const, measuredAt: NOW, carriedFrom: NOW - 6 * MIN }
    expect(countsFrom(told, RULES)).toBe(NOW - MIN)
  })
})
