// Random histories: what must hold in each, and that each rule, taken away, is missed.
import { describe, expect, it } from 'vitest'
import { type Brain, playHistory, REAL } from './failover-world.ts'

const HISTORIES = 300

const mutants: Record<string, Brain> = {
  'no cooldown': { ...REAL, decide: (state, poll, rules) => REAL.decide(state, poll, { ...rules, cooldownMs: 0 }) },
  'no hysteresis, for there are no levels': {
    ...REAL,
    decide: (state, poll, rules) =>
      REAL.decide(state, poll, { ...rules, levels: { five_hour: null, seven_day: null } }),
  },
  'old figures count as fresh': {
    ...REAL,
    decide: (state, poll, rules) =>
      REAL.decide(state, poll, { ...rules, freshness: { ...rules.freshness, freshForMs: 24 * 3_600_000 } }),
  },
  'the account that was left is forgotten': {
    ...REAL,
    swap: (state, swap) => REAL.swap(state, { ...swap, until: null }),
  },
  'paused and inactive ones are active': {
    ...REAL,
    decide: (state, poll, rules) => {
      const accounts = poll.accounts.map(account => ({ ...account, standing: 'active' as const }))
      return REAL.decide(state, { ...poll, accounts }, rules)
    },
  },
  'windows that are over hold': {
    ...REAL,
    decide: (state, poll, rules) => {
      const accounts = poll.accounts.map(account => ({
        ...account,
        observation: account.observation && {
          ...account.observation,
          windows: account.observation.windows.map(window => ({ ...window, resetsAt: null })),
        },
      }))
      return REAL.decide(state, { ...poll, accounts }, rules)
    },
  },
  'it never acts': {
    ...REAL,
    decide: (state, poll, rules) => {
      const made = REAL.decide(state, poll, rules)
      const { decision } = made
      return decision.do === 'swap' ? { ...made, decision: { do: 'stay', code: 'room', reason: 'lazy' } } : made
    },
  },
}

describe(`in ${HISTORIES} random histories`, () => {
  it('there are no two swaps within the cooldown, none onto an unproven account, none back before the reset, and no blocked minute without a reason', () => {
    let swaps = 0
    for (let seed = 1; seed <= HISTORIES; seed += 1) {
      const played = playHistory(seed, REAL)
      expect({ seed, wrong: played.wrong.slice(0, 3) }).toEqual({ seed, wrong: [] })
      swaps += played.swaps
    }
    expect(swaps).toBeGreaterThan(HISTORIES)
  })
  it.each(Object.entries(mutants))('it is seen where %s', (_name, brain) => {
    const caught = Array.from({ length: 40 }, (_, seed) => playHistory(seed + 1, brain).wrong.length > 0)
    expect(caught).toContain(true)
  })
})
