import { describe, expect, it } from 'vitest'
import { DEFAULT_SETTINGS, type SettingsError } from '../../lib/settings-defaults.ts'
import { parseSettings } from '../../lib/settings-schema.ts'

const problemsOf = (text: string): string[] => {
  try {
    parseSettings(text)
    return []
  } catch (error) {
    return (error as SettingsError).problems
  }
}

describe('the failover section', () => {
  it('is off where nobody wrote one', () => {
    expect(parseSettings('').failover).toEqual(DEFAULT_SETTINGS.failover)
    expect(DEFAULT_SETTINGS.failover.enabled).toBe(false)
  })
  it('is taken as it stands, levels by window and by account', () => {
    const text = `failover:
  enabled: true
  strategy: priority
  priority: [work, slot-2]
  levels: { five_hour: 90, accounts: { work: { seven_day: 70, five_hour: null } } }
  cooldown: 10m
  tmux: true
`
    expect(parseSettings(text).failover).toEqual({
      enabled: true,
      strategy: 'priority',
      priority: ['work', 'slot-2'],
      levels: { five_hour: 90, seven_day: 95 },
      levelsOf: { work: { seven_day: 70, five_hour: null } },
      cooldownMs: 600_000,
      tmux: true,
    })
  })
  it.each([
    ['cooldown: 59s', /cooldown is 59s; it has to be from 1m/],
    ['cooldown: 2d', /cooldown is 2d/],
    ['cooldown: soon', /cooldown is no duration/],
    ['strategy: priority', /strategy is priority, but failover.priority names no slot/],
    ['strategy: random', /has to be most-room/],
    ['levels: { five_hour: 19 }', /at least 20/],
    ['levels: { five_hour: 101 }', /at most 100/],
    ['levels: { weekly: 90 }', /weekly is unknown here/],
    ['priority: [a, a]', /names a slot twice/],
    ['priority: ["../x"]', /is no name of a slot/],
  ])('with "%s" is refused, with its line', (line, words) => {
    const problems = problemsOf(`failover:\n  ${line}\n`)
    expect(problems).toEqual([expect.stringMatching(words)])
    expect(problems[0]).toMatch(/^line [12]/)
  })
  it('that is on refuses figures that would prove room for too long', () => {
    const quota = 'quota: { fresh_for: 31m, stale_after: 31m }\n'
    expect(problemsOf(quota)).toEqual([])
    expect(problemsOf(`${quota}failover: { enabled: true }\n`)).toEqual([expect.stringMatching(/30m is the most/)])
  })
})
