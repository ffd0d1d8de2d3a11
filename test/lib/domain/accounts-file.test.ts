import { describe, expect, it } from 'vitest'
import { parseRegistry } from '../../../lib/domain/accounts-file.ts'
import { SettingsError } from '../../../lib/settings-defaults.ts'

const HOME = '/home/me'
const problemsOf = (text: string): string[] => {
  try {
    parseRegistry(text, HOME)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}
const withDir = (dir: string) => `accounts:\n  slot-1:\n    config_dir: ${dir}\n`

describe('a registry that can be used', () => {
  it('gives the accounts in the order of the file, with what is not said as null', () => {
    const text = `# mine
current: 2
colour: blue            # unknown, and none of our business
accounts:
  work:                 # comments stay where they are
    email: me@example.com
    config_dir: ~/.claude-work
    status: inactive
    inactive_reason: session_expired
    inactive_since: 2026-02-08T12:36:00Z
    notes: { owner: [me] }
  2:
    config_dir: ~/.claude
  toString:
    config_dir: /srv/claude
`
    expect(parseRegistry(text, HOME)).toEqual({
      current: '2',
      accounts: [
        {
          slot: 'work',
          configDir: '/home/me/.claude-work',
          isDefault: false,
          email: 'me@example.com',
          status: 'inactive',
          inactiveReason: 'session_expired',
          inactiveSince: '2026-02-08T12:36:00Z',
        },
        {
          slot: '2',
          configDir: '/home/me/.claude',
          isDefault: true,
          email: null,
          status: 'active',
          inactiveReason: null,
          inactiveSince: null,
        },
        {
          slot: 'toString',
          configDir: '/srv/claude',
          isDefault: false,
          email: null,
          status: 'active',
          inactiveReason: null,
          inactiveSince: null,
        },
      ],
    })
  })

  it.each([
    ['accounts without an entry', 'accounts:\n'],
    ['accounts that is an empty section', 'accounts: {}\n'],
  ])('has no accounts: %s', (_name, text) => {
    expect(parseRegistry(text, HOME)).toEqual({ current: null, accounts: [] })
  })

  it.each([
    ['~/.claude', '/home/me/.claude', true],
    ['~/.claude/', '/home/me/.claude', true],
    ['/home/me/.claude', '/home/me/.claude', true],
    ['/home/me/.claude//', '/home/me/.claude', true],
    ['~/.claude-work', '/home/me/.claude-work', false],
    ['"~"', '/home/me', false],
    ['/', '/', false],
    // One directory has one name, or two accounts could be one login.
    ['~/./.claude-work', '/home/me/.claude-work', false],
    ['~/x/../.claude', '/home/me/.claude', true],
    ['/home/me//.claude/.', '/home/me/.claude', true],
    ['~//.claude', '/home/me/.claude', true],
    ['/../srv', '/srv', false],
    ['"/srv/with space and #"', '/srv/with space and #', false],
  ])('takes config_dir %s as %s', (dir, configDir, isDefault) => {
    expect(parseRegistry(withDir(dir), HOME).accounts[0]).toMatchObject({ configDir, isDefault })
  })

  it('knows a home folder with a slash at its end', () => {
    expect(parseRegistry(withDir('~/.claude'), '/home/me/').accounts[0]).toMatchObject({
      configDir: '/home/me/.claude',
      isDefault: true,
    })
  })

  it.each([
    ['as text', 'inactive_since: "2026-02-08T12:36:00Z"', '2026-02-08T12:36:00Z'],
    ['plain', 'inactive_since: 2026-02-08T12:36:00+01:00', '2026-02-08T12:36:00+01:00'],
    ['as a YAML timestamp', 'inactive_since: !!timestamp 2026-02-08T12:36:00Z', '2026-02-08T12:36:00.000Z'],
    ['with a space', 'inactive_since: 2026-02-08 12:36:00Z', '2026-02-08T12:36:00Z'],
    ['as a day', 'inactive_since: 2026-02-08', '2026-02-08'],
    ['left empty', 'inactive_since:', null],
    ['not at all', 'other: 1', null],
  ])('keeps inactive_since that is written %s', (_name, line, inactiveSince) => {
    const text = `accounts:\n  slot-1:\n    config_dir: ~/.claude\n    ${line}\n`
    expect(parseRegistry(text, HOME).accounts[0]!.inactiveSince).toBe(inactiveSince)
  })

  it('reads aliases, merge keys, CRLF and a byte order mark', () => {
    const text =
      '\uFEFFcommon: &common\r\n  status: inactive\r\naccounts:\r\n  slot-1:\r\n    <<: *common\r\n    config_dir: ~/.claude\r\n'
    expect(parseRegistry(text, HOME).accounts[0]).toMatchObject({ status: 'inactive', configDir: '/home/me/.claude' })
  })
})

describe('a registry that cannot be used', () => {
  it('tells every problem at once, in the order of the file, each with its line', () => {
    const text = `current: slot-9
accounts:
  slot-1:
    email: 7
    config_dir: .claude
  slot-2:
    # no directory
    status: paused
    inactive_since: yesterday
  my slot:
    config_dir: "/a\\0b"
  slot-4: ~/.claude
  slot-5:
    config_dir: [a]
    inactive_reason: 429
  slot-1:
    config_dir: "/a\\nb"
`
    expect(problemsOf(text)).toEqual([
      'line 1: current has to be one of the slots below accounts (it is "slot-9")',
      'line 6: accounts.slot-2.config_dir is missing; write the directory of this login, such as ~/.claude-work',
      'line 8: accounts.slot-2.status has to be active or inactive (it is "paused")',
      'line 9: accounts.slot-2.inactive_since is no time; write one such as 2026-02-08T12:36:00Z, or remove the line (it is "yesterday")',
      'line 10: accounts."my slot" is no name for a slot; use at most 64 letters, digits, ".", "_" and "-", beginning with a letter or digit',
      'line 11: accounts."my slot".config_dir has to be one line of text; write a path such as ~/.claude-work (it is "/a\\u0000b")',
      'line 12: accounts.slot-4 has to be a section of its own; write "config_dir: ~/.claude-work" below it',
      'line 14: accounts.slot-5.config_dir is no directory; write a path such as ~/.claude-work',
      'line 15: accounts.slot-5.inactive_reason is no text; write a word such as paused (it is 429)',
      'line 16: slot-1 stands here a second time; remove or rename one of the two',
      'line 17: accounts.slot-1.config_dir has to be one line of text; write a path such as ~/.claude-work (it is "/a\\nb")',
    ])
  })

  it.each([
    ['accounts as a list', 'accounts:\n  - config_dir: ~/.claude\n', 'line 1: accounts has to be a section; write'],
    ['accounts as a word', 'accounts: none\n', 'line 1: accounts has to be a section; write'],
    ['no accounts', '# mine\naccount:\n  slot-1: 1\n', 'line 2: "accounts:" is missing; write it, with one section'],
    ['a list', '- a\n', 'line 1: the file has to be a section with "accounts:" in it'],
    ['a word', 'hello\n', 'line 1: the file has to be a section with "accounts:" in it'],
    ['a slot without anything', 'accounts:\n  slot-1:\n', 'line 2: accounts.slot-1 has to be a section of its own'],
    ['an empty file', '', 'line 1: the file is empty; write "accounts:" with one section for each login below it'],
    ['nothing but comments', '# later\n', 'or remove the file, so that Vigil finds the logins by itself'],
    ['a start mark', '---\n', 'line 1: the file is empty; write "accounts:"'],
    ['a relative path', withDir('claude'), 'line 3: accounts.slot-1.config_dir has to begin with / or ~/'],
    ["another user's home", withDir('~you/.claude'), 'line 3: accounts.slot-1.config_dir has to begin with / or ~/'],
    ['a bare ~, which is nothing in YAML', withDir('~'), 'line 3: accounts.slot-1.config_dir is missing; write'],
    ['an empty path', withDir('""'), 'line 3: accounts.slot-1.config_dir has to be one line of text'],
    ['a current of two', 'current: [a]\naccounts: {}\n', 'line 1: current has to be one of the slots below accounts'],
    ['an unclosed quote', withDir('"~/.claude'), 'line 4: Missing closing "quote'],
    ['a tab', 'accounts:\n\tslot-1:\n', 'line 2: Tabs are not allowed as indentation'],
    ['two documents', 'accounts: {}\n---\naccounts: {}\n', 'line 2: Source contains multiple documents'],
    ['an alias of nothing', 'x: 1\naccounts: *all\n', 'line 2: *all is not defined above (as &all)'],
    ['a merge of nothing', 'accounts:\n  a:\n    <<: 3\n', 'line 1: Merge sources must be maps or map aliases'],
    [
      'a day that is none',
      `${withDir('~/a')}    inactive_since: 2026-13-41\n`,
      'line 4: accounts.slot-1.inactive_since is no time',
    ],
    [
      'one directory for two accounts',
      'accounts:\n  a:\n    config_dir: ~/.claude\n  b:\n    config_dir: /home/me/.claude/\n',
      'line 5: accounts.b.config_dir is that of a too; every account needs a directory of its own',
    ],
    [
      'one directory in two spellings',
      'accounts:\n  a:\n    config_dir: ~/.claude\n  b:\n    config_dir: ~/./x/../.claude\n',
      'line 5: accounts.b.config_dir is that of a too; every account needs a directory of its own',
    ],
    [
      'two slots that are one file on a Mac',
      'accounts:\n  work: { config_dir: ~/a }\n  Work: { config_dir: ~/b }\n',
      'line 3: accounts.Work differs from work only in upper and lower case; rename one of the two',
    ],
    ['a slot that names a path', 'accounts:\n  ../x: { config_dir: ~/a }\n', 'line 2: accounts."../x" is no name for'],
    [
      'a slot constructor',
      'accounts:\n  constructor: { config_dir: ~/a }\n',
      'line 2: accounts.constructor is a name that JavaScript keeps for itself; choose another one, such as slot-1',
    ],
    ['a slot prototype', 'accounts:\n  prototype: { config_dir: ~/a }\n', 'line 2: accounts.prototype is a name that'],
    ['a slot __proto__', 'accounts:\n  __proto__: { config_dir: ~/a }\n', 'line 2: accounts.__proto__ is no name for'],
  ])('is refused with its one problem: %s', (_name, text, problem) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  it('refuses aliases that multiply without end', () => {
    const levels = Array.from({ length: 12 }, (_none, n) => `l${n}: &l${n} [${Array(10).fill(n ? `*l${n - 1}` : 'x')}]`)
    expect(problemsOf(`${levels.join('\n')}\naccounts: {}\n`)[0]).toContain('Excessive alias count')
  })
})
