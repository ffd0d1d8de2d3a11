import { describe, expect, it } from 'vitest'
import { alertKey } from '../../../lib/domain/alert.ts'
import { type FailoverState, NO_FAILOVER } from '../../../lib/domain/failover-state.ts'
import { failoverFacts } from '../../../lib/watchdog/failover-facts.ts'
import type { Sight } from '../../../lib/watchdog/sight.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const MINUTE = 60_000

function found(state: Partial<FailoverState> | null, alive: string[] = [], enabled = true) {
  const states = alive.map(key => {
    const [, name, list = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(key)!
    const [from, to] = list.split(',')
    return { key, name, labels: to === undefined ? {} : { from, to } }
  })
  const sight = { now: NOW, states, failover: { enabled, state: state && { ...NO_FAILOVER, ...state } } }
  return failoverFacts(sight as unknown as Sight).map(fact => ({ ...fact, told: `${alertKey(fact)} ${fact.verdict}` }))
}
const told = (...words: Parameters<typeof found>) => found(...words).map(fact => fact.told)
const swap = (ageMs: number) => ({ lastSwap: { at: NOW - ageMs, from: 'a', to: 'b', reason: 'a is used up' } })
const standing = (did: 'blocked' | 'exhausted', recoversAt: number | null = null) => ({
  standing: { do: did, code: 'spent', reason: 'a is used up; b is stale', since: NOW - MINUTE, recoversAt },
})
const CALM = ['SwapBlocked ok', 'PoolExhausted ok']

describe('failover', () => {
  it('that is off has nothing to tell, and ends what was told', () => {
    expect(told({}, [], false)).toEqual([])
    expect(told(standing('blocked'), ['SwapBlocked', 'SwapMade{a,b}'], false)).toEqual([
      'SwapMade{a,b} ok',
      'SwapBlocked ok',
    ])
  })
  it('whose file is no good cannot be seen', () => {
    expect(told(null, ['PoolExhausted'])).toEqual(['PoolExhausted unknown'])
  })
  it.each([
    [0, ['SwapMade{a,b} bad', ...CALM]],
    [10 * MINUTE - 1, ['SwapMade{a,b} bad', ...CALM]],
    [10 * MINUTE, CALM],
  ])('tells of a swap for ten minutes: after %d ms', (ageMs, facts) => {
    expect(told(swap(ageMs))).toEqual(facts)
  })
  it('ends the swap before', () => {
    expect(told(swap(0), ['SwapMade{b,a}'])).toEqual(['SwapMade{a,b} bad', 'SwapMade{b,a} ok', ...CALM])
  })
  it('tells what stands in the way', () => {
    expect(told(standing('blocked'))).toEqual(['SwapBlocked bad', 'PoolExhausted ok'])
  })
  it('tells of a login that was not proven, until it is tried again', () => {
    const cooling = { ...standing('blocked').standing, do: 'stay' as const, code: 'cooldown' }
    const deciding = { ...cooling, do: 'swap' as const, code: 'spent' }
    const [lastTryAt, refused] = [NOW - MINUTE, { b: NOW + 1 }]
    expect(told({ lastTryAt, refused, standing: cooling })[0]).toBe('SwapBlocked bad')
    expect(told({ lastTryAt, refused, standing: deciding })[0]).toBe('SwapBlocked bad')
    expect(told({ lastTryAt, refused: { b: NOW }, standing: cooling })[0]).toBe('SwapBlocked ok')
    expect(told({ ...swap(MINUTE), lastTryAt, refused, standing: cooling })).toContain('SwapBlocked ok')
  })
  it('tells since when as long as it lasts, whatever stands in the way by now', () => {
    const blocked = { ...NO_FAILOVER, ...standing('blocked') }
    const states = [{ key: 'SwapBlocked', name: 'SwapBlocked', labels: {}, since: NOW - 9 * MINUTE }]
    const since = (alive: object[]) =>
      failoverFacts({ now: NOW, states: alive, failover: { enabled: true, state: blocked } } as unknown as Sight)[0]!
        .since
    expect([since(states), since([])]).toEqual([NOW - 9 * MINUTE, NOW - MINUTE])
  })
  it('tells that nothing is left, with the first recovery', () => {
    const [, exhausted] = found(standing('exhausted', NOW + 90 * MINUTE))
    expect(exhausted).toMatchObject({ told: 'PoolExhausted bad', severity: 'critical' })
    expect(exhausted!.text.summary).toBe('no account is left: the first one recovers at 2026-11-24 13:30 UTC')
  })
})
