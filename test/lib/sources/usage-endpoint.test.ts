import { describe, expect, it } from 'vitest'
import { readUsageAnswer } from '../../../lib/sources/usage-endpoint.ts'

/** The shape of outside-world §3, recorded in November 2026. */
const FULL = {
  five_hour: { utilization: 37.0, resets_at: '2026-11-24T04:59:59.000000+00:00' },
  seven_day: { utilization: 26.0, resets_at: '2026-11-28T14:59:59.771647+00:00' },
  seven_day_opus: null,
  seven_day_sonnet: { utilization: 1.0, resets_at: null },
  extra_usage: {
    is_enabled: false,
    monthly_limit: 5000,
    used_credits: 1234.0,
    utilization: 24.7,
    currency: 'USD',
    decimal_places: 2,
  },
  limits: [
    {
      kind: 'session',
      group: 'session',
      percent: 37,
      severity: 'normal',
      resets_at: '2026-11-24T04:59:59.000000+00:00',
      scope: null,
      is_active: true,
    },
    {
      kind: 'weekly_all',
      group: 'weekly',
      percent: 26,
      severity: 'normal',
      resets_at: '2026-11-28T14:59:59.771647+00:00',
      scope: null,
      is_active: false,
    },
    {
      kind: 'weekly_scoped',
      group: 'weekly',
      percent: 1,
      severity: 'normal',
      resets_at: '2026-11-28T14:59:59.771647+00:00',
      scope: { model: { id: null, display_name: 'Opus' }, surface: null },
      is_active: false,
    },
  ],
}
const read = (body: unknown, status = 200) =>
  readUsageAnswer(status, undefined, typeof body === 'string' ? body : JSON.stringify(body))
const windowsOf = (body: unknown) => {
  const answer = read(body)
  return answer.kind === 'figures' ? answer.windows : answer.kind
}

describe('reading figures', () => {
  it('takes limits first, then what only the flat keys know, in percent and ms', () => {
    expect(windowsOf(FULL)).toEqual([
      { name: 'five_hour', scope: null, usedPercent: 37, resetsAt: Date.parse('2026-11-24T04:59:59Z') },
      { name: 'seven_day', scope: null, usedPercent: 26, resetsAt: Date.parse('2026-11-28T14:59:59.771Z') },
      { name: 'weekly', scope: 'Opus', usedPercent: 1, resetsAt: Date.parse('2026-11-28T14:59:59.771Z') },
      { name: 'weekly', scope: 'Sonnet', usedPercent: 1, resetsAt: null },
    ])
  })
  it('prefers limits where the two disagree', () => {
    expect(windowsOf({ ...FULL, five_hour: { utilization: 99, resets_at: null } })).toContainEqual(
      expect.objectContaining({ name: 'five_hour', usedPercent: 37 }),
    )
  })
  it('lives without limits', () => {
    const { limits: _limits, ...flat } = FULL
    expect(windowsOf(flat)).toHaveLength(3)
  })
  it('takes money in minor units', () => {
    const answer = read(FULL)
    expect(answer.kind === 'figures' && answer.extraUsage).toEqual({
      enabled: false,
      used: 12.34,
      limit: 50,
      currency: 'USD',
    })
  })
  it('takes null for unknown, never for zero', () => {
    expect(windowsOf({ five_hour: { utilization: null, resets_at: null }, seven_day: null })).toEqual([
      { name: 'five_hour', scope: null, usedPercent: null, resetsAt: null },
    ])
  })
  it('takes an account that has not been used yet', () => {
    expect(windowsOf({ five_hour: null, seven_day: null })).toEqual([])
  })
  it('keeps windows whose names it does not know', () => {
    const later = {
      ...FULL,
      thirty_day: { utilization: 7, resets_at: null },
      limits: [...FULL.limits, { kind: 'monthly_all', percent: 8, resets_at: null, scope: null }],
    }
    expect(windowsOf(later)).toContainEqual({ name: 'thirty_day', scope: null, usedPercent: 7, resetsAt: null })
    expect(windowsOf(later)).toContainEqual({ name: 'monthly_all', scope: null, usedPercent: 8, resetsAt: null })
  })
  it.each(['"37"', 'true', '-1', '{}', '1e999'])('takes a percentage of %s for unknown', percent => {
    const session = `{"kind":"session","percent":${percent},"resets_at":"x"}`
    expect(windowsOf(`{"limits":[${session},{"kind":"weekly_all","percent":5}]}`)).toEqual([
      { name: 'five_hour', scope: null, usedPercent: null, resetsAt: null },
      { name: 'seven_day', scope: null, usedPercent: 5, resetsAt: null },
    ])
  })
  it.each([
    ['missing', {}],
    ['null', { percent: null }],
    ['text', { percent: '37' }],
  ])('lets an entry whose percentage is %s not stand before a flat key with a number', (_name, percent) => {
    const limits = [{ kind: 'session', usage_percent: 99, ...percent }]
    expect(windowsOf({ limits, five_hour: { utilization: 37, resets_at: '2026-11-24T05:00:00Z' } })).toEqual([
      { name: 'five_hour', scope: null, usedPercent: 37, resetsAt: Date.parse('2026-11-24T05:00:00Z') },
    ])
  })
  it('keeps the number of a list entry although its flat key has none', () => {
    expect(windowsOf({ limits: [{ kind: 'session', percent: 37 }], five_hour: { utilization: null } })).toEqual([
      { name: 'five_hour', scope: null, usedPercent: 37, resetsAt: null },
    ])
  })
  it.each([
    ['flat keys with a renamed field', { five_hour: { used_percentage: 37 }, seven_day: { used_percentage: 26 } }],
    ['one renamed beside an explicit null', { five_hour: { used_percentage: 37 }, seven_day: null }],
    ['percentages as text', { five_hour: { utilization: '37.0' }, seven_day: { utilization: '26' } }],
    ['a list with renamed fields', { limits: [{ type: 'session', used: 37 }] }],
    ['a list with a renamed percentage', { limits: [{ kind: 'session', usage_percent: 37 }] }],
    ['windows that are below zero', { five_hour: { utilization: -1 } }],
  ])('says that the endpoint changed at %s', (_name, body) => {
    expect(windowsOf(body)).toBe('changed')
  })
  it.each([
    ['zero is a number', { five_hour: { utilization: 0 }, seven_day: { used_percentage: 26 } }, 0],
    ['nulls are an account without use', { five_hour: { utilization: null }, seven_day: { utilization: null } }, null],
    ['nulls in the list too', { limits: [{ kind: 'session', percent: null }] }, null],
  ])('takes figures: %s', (_name, body, usedPercent) => {
    expect(windowsOf(body)).toContainEqual({ name: 'five_hour', scope: null, usedPercent, resetsAt: null })
  })
  it('takes an empty list for an account that has not been used yet', () => {
    expect(windowsOf({ limits: [] })).toEqual([])
  })
  it('takes a kind by the name of an object method for just a name', () => {
    expect(windowsOf({ limits: [{ kind: 'constructor', percent: 1 }] })).toEqual([
      { name: 'constructor', scope: null, usedPercent: 1, resetsAt: null },
    ])
  })
  it('skips an entry it cannot read and keeps the others', () => {
    expect(windowsOf({ limits: [null, 5, { percent: 1 }, FULL.limits[0]] })).toHaveLength(1)
  })
  it.each([
    ['an empty object', {}],
    ['a list', []],
    ['text', 'hello'],
    ['null', 'null'],
  ])('says that the endpoint changed at %s', (_name, body) => {
    expect(windowsOf(body)).toBe('changed')
  })
})

describe('answers without figures', () => {
  it.each([
    [401, { error: { type: 'authentication_error' } }, 'unauthorized'],
    [403, { error: { type: 'permission_error' } }, 'noProfileScope'],
    [403, '<html>', 'transient'],
    [429, { error: { type: 'rate_limit_error' } }, 'rateLimited'],
    [500, { error: { type: 'api_error', message: 'rate limit exceeded, rate_limit_error' } }, 'transient'],
    [529, { error: { type: 'overloaded_error' } }, 'transient'],
    [404, '', 'changed'],
    [302, '', 'changed'],
  ])('%i %j -> %s', (status, body, kind) => {
    expect(read(body, status).kind).toBe(kind)
  })
})
