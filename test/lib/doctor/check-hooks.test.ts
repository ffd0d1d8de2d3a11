import { describe, expect, it } from 'vitest'
import { checkHooks, type SeenHook } from '../../../lib/doctor/check-hooks.ts'
import { programOf } from '../../../lib/install/claude-hooks.ts'

const seen = (change: Partial<SeenHook> = {}): SeenHook => ({
  slot: 'work',
  shown: '~/.claude-work/settings.json',
  isThere: true,
  allOff: false,
  leadsNowhere: null,
  lineLeadsNowhere: null,
  ...change,
})
const without = seen({ isThere: false })
const said = (hooks: SeenHook[], failoverOn = true) =>
  checkHooks(hooks, failoverOn).map(({ severity, what, evidence, remedy }) => [severity, what, evidence, remedy])
const KNOWS = 'hook by which it knows at once of a session that is turned away'

describe('hooks', () => {
  it('that are in every account are well, and where failover is off nobody needs them', () => {
    expect(said([seen(), seen()])).toEqual([])
    expect(said([without, seen({ allOff: true })], false)).toEqual([])
    expect(said([])).toEqual([])
  })
  it('that are in none or only some are worth knowing of, with the command that puts them there', () => {
    const evidence = 'not in ~/.claude-work/settings.json'
    expect(said([without])).toEqual([
      ['info', `failover is on, and no account has the ${KNOWS}`, evidence, 'vigil install --hooks'],
    ])
    expect(said([seen(), without])).toEqual([
      ['info', `failover is on, and not every account has the ${KNOWS}`, evidence, 'vigil install --hooks'],
    ])
    expect(said(Array.from({ length: 6 }, () => without))[0]![2]).toMatch(/ and 1 more$/)
    expect(said(Array.from({ length: 5 }, () => without))[0]![2]).not.toMatch(/more/)
  })
  it('that Claude Code would not call are told apart from those that are not there', () => {
    expect(said([seen({ allOff: true, isThere: false }), seen()])).toEqual([
      [
        'info',
        'work: all its hooks are off, so failover hears of a session that is turned away only from figures and transcripts',
        '"disableAllHooks": true in ~/.claude-work/settings.json',
        'take that out, then: vigil install --hooks',
      ],
    ])
  })
  it.each([true, false])('that lead nowhere fail in each session: with failover %s', failoverOn => {
    expect(said([seen({ leadsNowhere: '~/old/bin/vigil' })], failoverOn)).toEqual([
      [
        'warning',
        'a StopFailure hook leads to a checkout that is gone',
        '~/old/bin/vigil, in ~/.claude-work/settings.json',
        'vigil install --hooks   # or, to take it out: vigil uninstall --hooks',
      ],
    ])
  })
})

it.each([
  ['/opt/vigil/bin/vigil hook stop-failure', '/opt/vigil/bin/vigil'],
  ["'/o p/it'\\''s/bin/vigil' hook stop-failure", "/o p/it's/bin/vigil"],
  ['"/o p/bin/vigil" hook stop-failure ', '/o p/bin/vigil'],
  ['~/vigil/bin/vigil hook stop-failure', '/home/me/vigil/bin/vigil'],
  ['"$HOME/vigil/bin/vigil" hook stop-failure', '/home/me/vigil/bin/vigil'],
  ['vigil hook stop-failure', null],
  ['vigil statusline', null],
])('the hook %j calls %j', (command, program) => {
  expect(programOf(command, '/home/me')).toBe(program)
})
