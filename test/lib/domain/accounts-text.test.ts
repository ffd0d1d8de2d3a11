import { describe, expect, it } from 'vitest'
import { parseRegistry } from '../../../lib/domain/accounts-file.ts'
import { registryText, type StandingChange, withStanding } from '../../../lib/domain/accounts-text.ts'

const HOME = '/home/me'
const ACTIVE: StandingChange = { status: 'active' }
const EXPIRED: StandingChange = { status: 'inactive', reason: 'session_expired', since: '2026-02-08T12:36:00.000Z' }

const REGISTRY = `# yaml-language-server: none
current: slot-1
colour:   blue   # unknown

accounts:
    slot-1:                        # comments stay where they are
        email:      me@example.com
        config_dir: ~/.claude      # the default
        status:     active         # aligned


    # the other one
    'slot-2':
        config_dir: "~/.claude-work"
        status: 'inactive'         # see below
        # it ended on a Sunday
        inactive_reason: session_expired
        # when
        inactive_since: 2026-02-08T12:36:00Z  # UTC
        notes: [a,   b]
    slot-3:
        config_dir: ~/.claude-3
        # the end of slot-3
# the end
`

describe('a change of standing', () => {
  it('to inactive changes the status and adds two lines with the same indentation', () => {
    expect(withStanding(REGISTRY, 'slot-1', EXPIRED)).toBe(
      REGISTRY.replace(
        '        status:     active         # aligned\n',
        `        status:     inactive       # aligned
        inactive_reason: session_expired
        inactive_since: 2026-02-08T12:36:00.000Z
`,
      ),
    )
  })

  it('to active takes the two lines out, and leaves the comments beside them', () => {
    expect(withStanding(REGISTRY, 'slot-2', ACTIVE)).toBe(
      REGISTRY.replace("'inactive'         #", "'active'           #")
        .replace('        inactive_reason: session_expired\n', '')
        .replace('        inactive_since: 2026-02-08T12:36:00Z  # UTC\n', ''),
    )
  })

  it('to another reason changes values only, in their own quotes', () => {
    const change = { status: 'inactive', reason: 'no_login', since: '2026-02-08T12:36:00Z' } as const
    expect(withStanding(REGISTRY, 'slot-2', change)).toBe(REGISTRY.replace('session_expired', 'no_login'))
  })

  it('adds a status where there is none, behind the directory', () => {
    expect(withStanding(REGISTRY, 'slot-3', EXPIRED)).toBe(
      REGISTRY.replace(
        '        config_dir: ~/.claude-3\n',
        `        config_dir: ~/.claude-3
        status: inactive
        inactive_reason: session_expired
        inactive_since: 2026-02-08T12:36:00.000Z
`,
      ),
    )
  })

  it('is no change where the text says so already', () => {
    expect(withStanding(REGISTRY, 'slot-1', ACTIVE)).toBe(REGISTRY)
    expect(withStanding(REGISTRY, 'slot-3', ACTIVE)).toBe(REGISTRY)
    const stands = { status: 'inactive', reason: 'session_expired', since: '2026-02-08T12:36:00Z' } as const
    expect(withStanding(REGISTRY, 'slot-2', stands)).toBe(REGISTRY)
  })

  it('there and back again gives the same bytes', () => {
    for (const slot of ['slot-1', 'slot-3']) {
      const back = withStanding(withStanding(REGISTRY, slot, EXPIRED), slot, ACTIVE)
      expect(back).toBe(
        slot === 'slot-1' ? REGISTRY : REGISTRY.replace('claude-3\n', 'claude-3\n        status: active\n'),
      )
    }
  })

  it('keeps CRLF, a byte order mark and a missing end of the last line', () => {
    const text = '\uFEFFaccounts:\r\n  a:\r\n    config_dir: ~/.claude\r\n    status: active'
    const inactive = `${text.replace('status: active', 'status: inactive')}\r\n    inactive_reason: session_expired\r\n    inactive_since: 2026-02-08T12:36:00.000Z`
    expect(withStanding(text, 'a', EXPIRED)).toBe(inactive)
    expect(withStanding(inactive, 'a', ACTIVE)).toBe(text)
  })

  it.each([
    ['an empty status', '    status:\n', '    status: inactive\n'],
    ['an empty status with a comment', '    status:   # ?\n', '    status: inactive   # ?\n'],
    ['a status that is null', '    status: ~\n', '    status: inactive\n'],
    ['double quotes', '    "status" :\t"active"\n', '    "status" :\t"inactive"\n'],
    ['a comment at one space', '    status: active # x\n', '    status: inactive # x\n'],
    ['a comment with little room', '    status: active  # x\n', '    status: inactive # x\n'],
    ['a status on a line of its own', '    status:\n      active\n', '    status:\n      inactive\n'],
    ['a tag', '    status: !!str active\n', '    status: !!str inactive\n'],
    ['an alias', '    was: &s active\n    status: *s\n', '    was: &s active\n    status: inactive\n'],
    ['an anchor that nobody uses', '    status: &s active\n', '    status: &s inactive\n'],
    ['an empty reason', '    status: active\n    inactive_reason:\n', '    status: inactive\n'],
  ])('finds its way through %s', (_name, before, after) => {
    const head = 'accounts:\n  a:\n    config_dir: ~/.claude\n'
    const tail = '    x: 1\n'
    const added = '    inactive_reason: session_expired\n    inactive_since: 2026-02-08T12:36:00.000Z\n'
    expect(withStanding(head + before + tail, 'a', EXPIRED)).toBe(head + after + added + tail)
  })

  it('adds only the line that is missing, behind the one that is there', () => {
    const head = 'accounts:\n  a:\n    config_dir: ~/.claude\n    status: inactive\n    inactive_reason: no_login\n'
    expect(withStanding(`${head}    x: 1\n`, 'a', EXPIRED)).toBe(
      `${head.replace('no_login', 'session_expired')}    inactive_since: 2026-02-08T12:36:00.000Z\n    x: 1\n`,
    )
  })

  it.each([
    ['folded over lines', '    inactive_reason:\n      # why\n      session_expired\n', '      # why\n'],
    ['a block', '    inactive_reason: |-\n      # is\n      text\n\n', '\n'],
    ['of several lines', '    inactive_reason: "a\n      b"  # x\n', ''],
    ['empty', '    inactive_reason:   # x\n', ''],
    ['at the top', '', ''],
  ])('takes out a reason that is %s', (_name, reason, stays) => {
    const text = `accounts:\n  a:\n    status: inactive\n${reason}    config_dir: ~/.claude\n`
    expect(withStanding(text, 'a', ACTIVE)).toBe(
      `accounts:\n  a:\n    status: active\n${stays}    config_dir: ~/.claude\n`,
    )
  })

  it.each([
    ['{ config_dir: ~/a, status: active }', '{ config_dir: ~/a, status: inactive, R, S }'],
    ['{config_dir: ~/a}', '{config_dir: ~/a, status: inactive, R, S}'],
    ['{status: active,config_dir: ~/a}', '{status: inactive, R, S,config_dir: ~/a}'],
    ['{ status: inactive, inactive_reason: no_login, config_dir: ~/a }', '{ status: inactive, S, R, config_dir: ~/a }'],
  ])('inside of braces stays inside of them: %s', (before, expected) => {
    const after = expected
      .replace('R', 'inactive_reason: session_expired')
      .replace('S', 'inactive_since: 2026-02-08T12:36:00.000Z')
    const text = (map: string) => `accounts:\n  a:   ${map}   # x\n  b: { config_dir:  ~/b }\n`
    expect(withStanding(text(before), 'a', EXPIRED)).toBe(text(after))
  })

  it.each([
    [
      '{ config_dir: ~/a, status: inactive, inactive_reason: r, inactive_since: 2026-02-08 }',
      '{ config_dir: ~/a, status: active }',
    ],
    [
      '{inactive_reason: r, inactive_since: 2026-02-08, status: inactive, config_dir: ~/a}',
      '{status: active, config_dir: ~/a}',
    ],
    [
      '{inactive_reason: r, config_dir: ~/a, inactive_since: 2026-02-08,status: inactive}',
      '{config_dir: ~/a,status: active}',
    ],
  ])('inside of braces takes the two keys out: %s', (before, after) => {
    const text = (map: string) => `accounts: {a: ${map}}\n`
    expect(withStanding(text(before), 'a', ACTIVE)).toBe(text(after))
  })

  it('keeps a file that is JSON', () => {
    const text = (standing: string) =>
      `{\n  "accounts": {\n    "a": {\n      "config_dir": "~/a",\n      "status": ${standing}\n    }\n  }\n}\n`
    const inactive = withStanding(text('"active"'), 'a', EXPIRED)
    expect(inactive).toBe(
      text('"inactive", "inactive_reason": "session_expired", "inactive_since": "2026-02-08T12:36:00.000Z"'),
    )
    expect(JSON.parse(withStanding(inactive, 'a', ACTIVE))).toEqual(JSON.parse(text('"active"')))
  })

  it.each([
    ['yes'],
    ['null'],
    ['429'],
    ['two words'],
    ['a: b'],
    ['# x'],
    ["it's"],
    ['"q"'],
    ['a\nb'],
    ['\u0085\u2028é😀'],
    [''],
  ])('writes the reason %j so that it reads back', reason => {
    const change = { status: 'inactive', reason, since: '2026-02-08T12:36:00Z' } as const
    for (const old of ['plain', '"double"', "'single'"]) {
      const block = `accounts:\n  a:\n    config_dir: ~/a\n    status: inactive\n    inactive_reason: ${old}\n`
      const flow = `%YAML 1.1\n---\naccounts:\n  a: { config_dir: ~/a, inactive_reason: ${old} }\n`
      for (const text of [block, flow]) {
        expect(parseRegistry(withStanding(text, 'a', change), HOME).accounts[0]!.inactiveReason).toBe(reason)
      }
    }
  })
})

describe('where splicing cannot do it', () => {
  it.each([
    [
      'a comment within braces is kept by writing the file anew',
      'accounts:\r\n    a: {\r\n        config_dir: ~/a, # here\r\n        status: inactive, # gone\r\n        inactive_reason: r # why\r\n    }',
      ACTIVE,
      'accounts:\r\n    a:\r\n        {\r\n            config_dir: ~/a, # here\r\n            status: active # gone\r\n        } # why',
    ],
    [
      'a comment that would become text if the line above it went',
      'accounts:\n  a:\n    note: |\n      text\n    inactive_reason: r\n          # deep\n    config_dir: ~/a\n',
      ACTIVE,
      'accounts:\n  a:\n    note: |\n      text\n    # deep\n    config_dir: ~/a\n',
    ],
    [
      'a section that is used twice is written out where it is an account',
      'all: &all\n  a:\n    config_dir: ~/a # x\naccounts: *all\n',
      { ...EXPIRED, since: '2026-02-08T12:36:00Z' },
      'all: &all\n  a:\n    config_dir: ~/a # x\naccounts:\n  a:\n    config_dir: ~/a\n    status: inactive\n    inactive_reason: session_expired\n    inactive_since: 2026-02-08T12:36:00Z\n',
    ],
    [
      'a directory that comes from a merge',
      'x: &x\n  config_dir: ~/a\naccounts:\n  a:\n    <<: *x # there\n',
      { ...EXPIRED, since: '2026-02-08T12:36:00Z' },
      'x: &x\n  config_dir: ~/a\naccounts:\n  a:\n    <<: *x # there\n    status: inactive\n    inactive_reason: session_expired\n    inactive_since: 2026-02-08T12:36:00Z\n',
    ],
  ] as Array<[string, string, StandingChange, string]>)('%s', (_name, before, change, after) => {
    expect(withStanding(before, 'a', change)).toBe(after)
  })

  it.each([
    [
      'the status of another account comes from this one',
      'accounts:\n  a: &a\n    config_dir: ~/a\n    status: active\n  b:\n    <<: *a\n    config_dir: ~/b\n',
      EXPIRED,
    ],
    [
      'the reason comes from elsewhere',
      'x: &x\n  inactive_reason: r\naccounts:\n  a:\n    <<: *x\n    config_dir: ~/a\n    status: inactive\n',
      ACTIVE,
    ],
    [
      'the reason is used elsewhere',
      'accounts:\n  a:\n    config_dir: ~/a\n    status: inactive\n    inactive_reason: &r x\n    again: *r\n',
      ACTIVE,
    ],
    ['there is no such account', 'accounts: {}\n', EXPIRED],
    ['it is no YAML', 'accounts: {\n', EXPIRED],
  ] as Array<[string, string, StandingChange]>)(
    'and nothing else can either, it says so: %s',
    (_name, text, change) => {
      expect(() => withStanding(text, 'a', change)).toThrow(
        'claude-sessions.yaml was left as it is: the status of a cannot be changed there without changing something else',
      )
    },
  )
})

describe('a first registry', () => {
  it('explains itself and reads back as what was found', () => {
    const text = registryText(
      [
        { slot: 'slot-1', configDir: '/home/me/.claude', email: 'me@example.com' },
        { slot: 'slot-2', configDir: '/srv/claude', email: null },
      ],
      'slot-1',
      HOME,
    )
    expect(text).toMatch(/^(# .*\n|#\n)+current: slot-1\n/)
    expect(text).toContain(`
current: slot-1
accounts:
  slot-1:
    email: me@example.com
    config_dir: ~/.claude
    status: active
  slot-2:
    config_dir: /srv/claude
    status: active
`)
    expect(parseRegistry(text, HOME)).toMatchObject({
      current: 'slot-1',
      accounts: [{ isDefault: true }, { email: null }],
    })
  })

  it.each([
    ['/home/me'],
    ['/home/me/x'],
    ['/home/me/.claude-a: b # c'],
    ["/home/me/.claude-it's"],
    ['/home/me/~'],
    ['/~'],
    [`/srv/${'long '.repeat(60)}end`],
  ])('names the directory %s so that the same string comes back', configDir => {
    const text = registryText([{ slot: '10', configDir, email: 'null' }], '10', HOME)
    expect(parseRegistry(text, HOME).accounts[0]).toMatchObject({ slot: '10', configDir, email: 'null' })
  })

  it('without an account has none', () => {
    expect(parseRegistry(registryText([], null, HOME), HOME)).toEqual({ current: null, accounts: [] })
  })
})
