import { describe, expect, it } from 'vitest'
import { withAccount, withCurrent } from '../../../lib/domain/accounts-edit.ts'

const HOME = '/home/me'
const TEXT = `# mine
current: slot-1   # the big one
accounts:
  slot-1:                    # stays
    email: me@example.com
    config_dir: ~/.claude

  work:
    config_dir: '~/.claude-work'
    status: inactive    # for now
    inactive_reason: on holiday

# the end
`
const spare = { slot: 'spare', configDir: '/home/me/.claude-spare', email: 'me+2@example.com' }

describe('another current slot', () => {
  it.each([
    ['in its place, with its comment', TEXT, TEXT.replace('current: slot-1', 'current: work')],
    [
      'before the accounts, where there was none',
      'accounts:\n  work: {config_dir: ~/.x}\n',
      'current: work\naccounts:\n  work: {config_dir: ~/.x}\n',
    ],
    [
      'where nothing stood behind it',
      'current:\naccounts:\n  work: {config_dir: ~/.x}\n',
      'current: work\naccounts:\n  work: {config_dir: ~/.x}\n',
    ],
    [
      'with the line ends of the file',
      'accounts:\r\n  work: {config_dir: ~/.x}\r\n',
      'current: work\r\naccounts:\r\n  work: {config_dir: ~/.x}\r\n',
    ],
    [
      'in JSON',
      '{"current": "a", "accounts": {"work": {"config_dir": "/x"}}}\n',
      '{ "current": work, "accounts": { "work": { "config_dir": "/x" } } }\n',
    ],
  ])('stands %s', (_name, before, after) => {
    expect(withCurrent(before, 'work')).toBe(after)
  })
  it('whose name reads as a number is put in quotes', () => {
    const text = 'current: "1"\naccounts:\n  "1": {config_dir: /a}\n  "2": {config_dir: /b}\n'
    expect(withCurrent(text, '2')).toBe(text.replace('current: "1"', 'current: "2"'))
  })
})

describe('one more account', () => {
  it('stands behind the others, and every other byte stays', () => {
    const section = '  spare:\n    email: "me+2@example.com"\n    config_dir: ~/.claude-spare\n    status: active\n'
    expect(withAccount(TEXT, spare, HOME)).toBe(TEXT.replace('\n\n# the end', `\n${section}\n# the end`))
  })
  it('takes the indent, the line ends and the missing last newline of the file', () => {
    const text = 'accounts:\r\n    a:\r\n          config_dir: /a # x'
    expect(withAccount(text, { slot: 'b', configDir: '/b', email: null }, HOME)).toBe(
      `${text}\r\n    b:\r\n          config_dir: /b\r\n          status: active`,
    )
  })
  it.each([['accounts:\n'], ['accounts: {}\n'], ['current: null\naccounts:   # none yet\n'], ['{"accounts": {}}']])(
    'is the first one of %j',
    text => {
      expect(withAccount(text, { slot: 'b', configDir: '/b', email: null }, HOME)).toMatch(
        /b:\s+\{?\s*config_dir: \/b,?\s+status: active/,
      )
    },
  )
  it('stands beside others that are written in one line', () => {
    const text = 'accounts: { a: { config_dir: /a } } # all\n'
    expect(withAccount(text, { slot: 'b', configDir: '/b', email: null }, HOME)).toBe(
      'accounts: { a: { config_dir: /a }, b: { config_dir: /b, status: active } } # all\n',
    )
  })
  it('names a directory outside of the home as it is', () => {
    const after = withAccount(
      'accounts:\n  a:\n    config_dir: /a\n',
      { slot: 'b', configDir: '/srv/my login: x', email: null },
      HOME,
    )
    expect(after).toContain('    config_dir: "/srv/my login: x"\n')
  })
})
