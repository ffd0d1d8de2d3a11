import { describe, expect, it } from 'vitest'
import {
  leftSlots,
  nameSessions,
  SESSION_RUNS_MS,
  type SessionHealth,
  sessionsOn,
} from '../../../lib/domain/session.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const MINUTE = 60_000
const health = (id: string, change: Partial<SessionHealth> = {}): SessionHealth => ({
  schema: 1,
  session_id: `${id}0000000-0000-4000-8000-000000000000`,
  seen_at: NOW,
  slot: 'a',
  folder: 'webshop',
  ...change,
})
const ids = (...sessions: SessionHealth[]) => sessionsOn(['a'], sessions, NOW).map(({ session }) => session[0])

describe('a session', () => {
  it.each([
    [0, true],
    [SESSION_RUNS_MS - 1, true],
    [SESSION_RUNS_MS, false],
    [SESSION_RUNS_MS + 1, false],
    [-MINUTE, true],
    [-SESSION_RUNS_MS, false],
  ])('that was seen %d ms ago runs: %s', (ageMs, runs) => {
    expect(ids(health('1', { seen_at: NOW - ageMs })).length === 1).toBe(runs)
  })
  it('of another account, or of one that nobody knows, is no business of this one', () => {
    expect(ids(health('1', { slot: 'b' }), health('2', { slot: null }))).toEqual([])
  })
  it('that has moved to another account since is where it was seen last', () => {
    const before = health('1', { seen_at: NOW - MINUTE })
    const after = health('1', { slot: 'b', session_id: before.session_id.toUpperCase() })
    expect(ids(before, after)).toEqual([])
    expect(ids(after, before)).toEqual([])
    expect(ids({ ...before, slot: 'b' }, { ...after, slot: 'a' })).toEqual(['1'])
  })
  it('that was seen last stands first, with no more of its id than a person needs', () => {
    expect(ids(health('1', { seen_at: NOW - 2 }), health('2', { seen_at: NOW - 1 }))).toEqual(['2', '1'])
    expect(sessionsOn(['a'], [health('1')], NOW)).toEqual([
      { session: '10000000', slot: 'a', folder: 'webshop', seenAt: NOW },
    ])
  })
})

describe('an account is left', () => {
  const left = (until: number) => ({ left: { a: { at: 0, until, window: null } }, spent: {} })
  const spent = (resetsAt: number | null) => ({ left: {}, spent: { a: { at: 0, resetsAt, source: 'hook' as const } } })
  it.each([
    ['until its reset', left(NOW + 1), ['a']],
    ['and back at it', left(NOW), []],
    ['while a session said that it is used up', spent(NOW + 1), ['a']],
    ['but not behind the reset that was said', spent(NOW), []],
    ['also where no reset was said', spent(null), ['a']],
    ['once, if both is so', { ...left(NOW + 1), ...{ spent: spent(null).spent } }, ['a']],
  ])('%s', (_what, state, slots) => {
    expect(leftSlots(state, 'b', NOW)).toEqual(slots)
    expect(leftSlots(state, 'a', NOW)).toEqual([])
  })
})

describe('sessions are named', () => {
  const named = (count: number) =>
    nameSessions(
      sessionsOn(
        ['a'],
        Array.from({ length: count }, (_, n) => health(String(n), { seen_at: NOW - n })),
        NOW,
      ),
    )
  it('with folder and id, five of them, and how many more there are', () => {
    expect(named(0)).toBe('')
    expect(named(2)).toBe('webshop (00000000), webshop (10000000)')
    expect(named(5).split(', ')).toHaveLength(5)
    expect(named(5)).not.toContain('more')
    expect(named(6)).toMatch(/webshop \(40000000\) and 1 more$/)
    expect(named(8)).toMatch(/webshop \(40000000\) and 3 more$/)
  })
  it('by the id alone where no folder is known, and by the beginning of a long one', () => {
    const [one] = sessionsOn(['a'], [health('1')], NOW)
    expect(nameSessions([{ ...one!, folder: null }])).toBe('10000000')
    expect(nameSessions([{ ...one!, folder: 'x'.repeat(41) }])).toBe(`${'x'.repeat(39)}… (10000000)`)
  })
})
