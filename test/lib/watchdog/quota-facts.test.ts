import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { judgeLevels } from '../../../lib/watchdog/levels.ts'
import {
  type AccountChange,
  alive,
  badKeys,
  DAY_MS,
  factOf,
  HOUR_MS,
  jobSeen,
  loggedOut,
  MINUTE_MS,
  NOW,
  observationOf,
  quotaWindow,
  RESET,
  seen,
  sightOf,
  verdicts,
  withSettings,
} from './sights.ts'

const AT = '2026-11-24T12:50Z'
const key = (level: number) => `QuotaHigh{slot-1,five_hour,${level},${AT}}`
const high = (level: number, reset = AT) => ({ slot: 'slot-1', window: 'five_hour', level: String(level), reset })
const used = (percent: number | null, states = sightOf().states, agoMs = MINUTE_MS) =>
  sightOf({ accounts: [seen({ observation: observationOf([quotaWindow(percent)], agoMs) })], states })

describe('QuotaHigh', () => {
  it.each([
    [79.9, []],
    [80, [key(80)]],
    [80.1, [key(80)]],
    [94.9, [key(80)]],
    [95, [key(95)]],
    [95.1, [key(95)]],
    [101, [key(95)]],
    [0, []],
    [null, []],
  ])('%f %% of the window used: %j', (percent, keys) => {
    expect(badKeys(used(percent))).toEqual(keys)
  })
  it('is critical at the highest level, a warning below it, and a warning where there is one level only', () => {
    expect(factOf(used(80), key(80)).severity).toBe('warning')
    expect(factOf(used(95), key(95)).severity).toBe('critical')
    const settings = withSettings({ quota: { alertAt: [80] } })
    expect(factOf({ ...used(99), settings }, key(80)).severity).toBe('warning')
  })
  it('says the figure, when it begins anew, and whether new sessions use it', () => {
    expect(factOf(used(82.7), key(80)).text).toEqual({
      summary: 'slot-1: 82 % of the five-hour quota is used',
      details: ['it begins anew at 2026-11-24 12:50 UTC'],
      remedy: null,
      affects: 'new sessions use this account',
    })
  })
  it.each([
    [75, 'bad'],
    [74.9, 'ok'],
    [76, 'bad'],
  ])('once it fires it clears only under %f: %s', (percent, verdict) => {
    expect(verdicts(used(percent, [alive('QuotaHigh', high(80))]), 'QuotaHigh')).toEqual({ [key(80)]: verdict })
  })
  it.each(['pending', 'recovering', 'resolved'] as const)('is ok between level and level - 5 while it is %s', phase => {
    expect(verdicts(used(78, [alive('QuotaHigh', high(80), phase)]), 'QuotaHigh')).toEqual({ [key(80)]: 'ok' })
  })
  it('a rise tells each level once: the lower one that was told stays, muted by the higher', () => {
    const states = [alive('QuotaHigh', high(80))]
    expect(badKeys(used(96, states))).toEqual([key(80), key(95)])
    expect(factOf(used(96, states), key(80)).alsoMutedBy).toEqual([key(95)])
    expect(factOf(used(96, states), key(95)).alsoMutedBy).toBeUndefined()
    expect(badKeys(used(96, [alive('QuotaHigh', high(80), 'pending')]))).toEqual([key(95)])
  })
  it('a reset ends every level', () => {
    const states = [80, 95].map(level => alive('QuotaHigh', high(level, '2026-11-24T10:50Z')))
    const old = observationOf([quotaWindow(96, { resetsAt: NOW })], HOUR_MS)
    const sight = sightOf({ accounts: [seen({ observation: old })], states })
    expect(Object.values(verdicts(sight, 'QuotaHigh'))).toEqual(['ok', 'ok'])
  })
  it('a window that begins anew with a high figure is an episode of its own', () => {
    const states = [alive('QuotaHigh', high(80, '2026-11-24T08:50Z'))]
    expect(verdicts(used(85, states), 'QuotaHigh')).toEqual({
      [key(80)]: 'bad',
      'QuotaHigh{slot-1,five_hour,80,2026-11-24T08:50Z}': 'ok',
    })
  })
  it.each([
    [-HOUR_MS, true],
    [-500, true],
    [30_000, true],
    [HOUR_MS, true],
    [HOUR_MS + 1, false],
  ])('a reset that moves by %i ms keeps its key: %s', (moveMs, same) => {
    const window = quotaWindow(85, { resetsAt: RESET + moveMs })
    const states = [alive('QuotaHigh', high(80))]
    const sight = sightOf({ accounts: [seen({ observation: observationOf([window]) })], states })
    expect(verdicts(sight, 'QuotaHigh')[key(80)]).toBe(same ? 'bad' : 'ok')
    expect(Object.keys(verdicts(sight, 'QuotaHigh'))).toHaveLength(same ? 1 : 2)
  })
  it('an old figure above the level stays bad as a lower bound; one below it says nothing', () => {
    const states = [alive('QuotaHigh', high(80))]
    expect(factOf(used(82, states, 90 * MINUTE_MS), key(80))).toMatchObject({
      verdict: 'bad',
      text: { summary: 'slot-1: at least 82 % of the five-hour quota is used' },
    })
    expect(verdicts(used(60, states, HOUR_MS), 'QuotaHigh')).toEqual({ [key(80)]: 'ok' })
    expect(verdicts(used(60, states, HOUR_MS + 1), 'QuotaHigh')).toEqual({ [key(80)]: 'unknown' })
  })
  it.each<[string, AccountChange]>([
    ['no figure', { observation: observationOf([quotaWindow(null)]) }],
    ['no such window', { observation: observationOf([]) }],
    ['nothing measured', { observation: null, freshness: { state: 'absent', age_ms: null } }],
    ['a slot that cannot be read', { observation: null, blind: true }],
  ])('is unknown with %s', (_name, change) => {
    expect(
      verdicts(sightOf({ accounts: [seen(change)], states: [alive('QuotaHigh', high(80))] }), 'QuotaHigh'),
    ).toEqual({
      [key(80)]: 'unknown',
    })
  })
  it('ends where its level is configured no more', () => {
    const settings = withSettings({ quota: { alertAt: [90] } })
    expect(verdicts({ ...used(85, [alive('QuotaHigh', high(80))]), settings }, 'QuotaHigh')).toEqual({
      [key(80)]: 'ok',
    })
  })
  it('is unknown while nobody knows which levels are meant', () => {
    const settingsProblem = { lines: ['line 1: no'], remedy: 'vi x' }
    expect(verdicts({ ...used(85, [alive('QuotaHigh', high(80))]), settingsProblem }, 'QuotaHigh')).toEqual({
      [key(80)]: 'unknown',
    })
  })
  it('does not begin for an account that is logged out', () => {
    const observation = observationOf([quotaWindow(99)])
    expect(verdicts(sightOf({ accounts: [seen(), loggedOut('slot-2', { observation })] }), 'QuotaHigh')).toEqual({})
  })
  it('knows a window of one model, and one without a reset, by a key that a shell can take', () => {
    const windows = [quotaWindow(85, { name: 'weekly', scope: 'Opus, 4 {x}', resetsAt: null })]
    expect(badKeys(sightOf({ accounts: [seen({ observation: observationOf(windows) })] }))).toEqual([
      'QuotaHigh{slot-1,weekly-Opus-4-x-,80,no-reset}',
    ])
  })
})

test('levels: the highest that is reached is bad, and no other that nobody was told (property)', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 120, noNaN: true }),
      fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 4 })),
      (percent, unsorted, toldAt) => {
        const levels = unsorted.toSorted((a, b) => a - b)
        const told = toldAt.map(index => levels[index])
        const found = judgeLevels(percent, levels, false, level =>
          told.includes(level) ? alive('QuotaHigh', high(level)) : undefined,
        )
        const bad = found.filter(({ verdict }) => verdict === 'bad').map(({ level }) => level)
        const reached = levels.filter(level => percent >= level)
        expect(bad.filter(level => !told.includes(level))).toEqual(
          reached.at(-1) === bad.at(-1) && bad.length > 0 && !told.includes(bad.at(-1)!) ? [reached.at(-1)] : [],
        )
        for (const level of reached) expect(bad.at(-1)).toBeGreaterThanOrEqual(level)
        for (const level of bad) expect(percent).toBeGreaterThanOrEqual(level - 5)
      },
    ),
  )
})

describe('DataStale of an account', () => {
  const STALE = 'DataStale{quota,slot-1}'
  const aged = (agoMs: number, change: AccountChange = {}) => seen({ observation: observationOf([], agoMs), ...change })
  const future = seen({ freshness: { state: 'unreliable', age_ms: -HOUR_MS }, measured_at: NOW + HOUR_MS })
  const never = (change: AccountChange = {}) =>
    seen({ observation: null, freshness: { state: 'absent', age_ms: null }, measured_at: null, ...change })
  it.each([
    ['59 min 59.999 s old', aged(HOUR_MS - 1), []],
    ['an hour old', aged(HOUR_MS), []],
    ['1 ms older', aged(HOUR_MS + 1), [STALE]],
    ['never measured', never(), [STALE]],
    ['dated in the future', future, [STALE]],
  ])('figures %s', (_name, account, keys) => {
    expect(badKeys(sightOf({ accounts: [account] }))).toEqual(keys)
  })
  it('says since when, why, and what to do', () => {
    const last_attempt = { at: NOW - MINUTE_MS, outcome: 'failed', reason: 'the usage endpoint answered 500' }
    expect(factOf(sightOf({ accounts: [aged(2 * HOUR_MS, { last_attempt })] }), STALE)).toMatchObject({
      severity: 'warning',
      since: NOW - 2 * HOUR_MS,
      text: {
        summary: 'slot-1: it gets no new figures',
        details: ['last try: the usage endpoint answered 500'],
        remedy: 'vigil run fetch-quota',
      },
    })
  })
  // JobMissing is pending by then, and tells it in its place.
  const neverRan = [jobSeen('fetch-quota', null)]
  it.each([
    ['the machine woke 7 min ago', { awakeSince: NOW - 7 * MINUTE_MS }, aged(2 * HOUR_MS), 'bad'],
    ['the machine woke 1 ms later', { awakeSince: NOW - 7 * MINUTE_MS + 1 }, aged(2 * HOUR_MS), 'unknown'],
    ['it has none and Vigil is here for 7 min', { firstSeenAt: NOW - 7 * MINUTE_MS }, never(), 'bad'],
    ['it has none and Vigil is here since 1 ms later', { firstSeenAt: NOW - 7 * MINUTE_MS + 1 }, never(), 'unknown'],
    ['fetch-quota never ran in 12 min', { jobs: neverRan, firstSeenAt: NOW - 12 * MINUTE_MS }, never(), 'bad'],
    ['fetch-quota never ran, 1 ms less', { jobs: neverRan, firstSeenAt: NOW - 12 * MINUTE_MS + 1 }, never(), 'unknown'],
    ['it was logged in 7 min ago', {}, aged(2 * HOUR_MS, { state: { since: NOW - 7 * MINUTE_MS } }), 'bad'],
    ['it was logged in 1 ms later', {}, aged(2 * HOUR_MS, { state: { since: NOW - 7 * MINUTE_MS + 1 } }), 'unknown'],
    ['its slot cannot be read', {}, never({ blind: true }), 'unknown'],
  ] as const)('where %s it is %s', (_name, change, account, verdict) => {
    expect(verdicts(sightOf({ ...change, accounts: [account] }), 'DataStale')[STALE]).toBe(verdict)
  })
  it('an account that is logged out keeps what was told, and begins nothing', () => {
    const account = loggedOut('slot-1', { observation: observationOf([], 2 * DAY_MS) })
    expect(verdicts(sightOf({ accounts: [account] }), 'DataStale')[STALE]).toBeUndefined()
    const states = [alive('DataStale', { of: 'quota', slot: 'slot-1' })]
    expect(verdicts(sightOf({ accounts: [account], states }), 'DataStale')[STALE]).toBe('bad')
  })
  it('is no fact where nobody is asked for figures', () => {
    const settings = withSettings({ quota: { sources: ['statusline'] } })
    expect(badKeys(sightOf({ accounts: [aged(2 * HOUR_MS)], settings }))).toEqual([])
  })
  it('ends with new figures', () => {
    const states = [alive('DataStale', { of: 'quota', slot: 'slot-1' })]
    expect(verdicts(sightOf({ states }), 'DataStale')[STALE]).toBe('ok')
  })
})
