// Whatever a person wrote around them: a change of standing touches the three keys of one account and no other byte.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JOB_REASONS } from '../../../lib/domain/account.ts'
import { parseRegistry } from '../../../lib/domain/accounts-file.ts'
import { spliced } from '../../../lib/domain/accounts-splice.ts'
import { type StandingChange, withStanding } from '../../../lib/domain/accounts-text.ts'

const HOME = '/home/me'

const trailing = fc.constantFrom('', '', ' # note', '      # status: active, aligned', '\t# tab', '   ')
const quoted = (value: string) => fc.constantFrom(value, `"${value}"`, `'${value}'`)
const filler = fc.array(
  fc.constantFrom('', '   ', '# status: inactive', '        # inactive_reason: deep comment', '#'),
  { maxLength: 2 },
)
const reason = fc.constantFrom(...JOB_REASONS, 'paused')
const since = fc.constantFrom('2026-02-08T12:36:00Z', '2026-02-08T12:36:00.123Z', '2026-02-08')

/** One key of an account with what stands above it: lines whose indentation is given relative to the account's keys. */
interface Entry {
  key: string
  lines: string[]
  above: string[]
}
const entry = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<Entry> =>
  fc
    .record({ value, end: trailing, above: filler, gap: fc.constantFrom(' ', '   ', '\t'), quote: fc.boolean() })
    .map(({ value, end, above, gap, quote }) => ({
      key,
      lines: [`${quote ? `"${key}"` : key}:${value === '' ? '' : gap}${value}${end}`],
      above,
    }))
const unknown = fc.constantFrom<Entry[]>(
  [],
  [{ key: 'a', lines: ['a:', '  status: nested', '  inactive_reason: nested'], above: [] }],
  [{ key: 'b', lines: ['b:', '- status: inactive', '- [c, {status: d}]  # e'], above: ['# f'] }],
  [
    {
      key: 'g', // Its last line ends the block: without it, a deeper comment below would become text once the key between is gone.
      lines: ['g: |', '  status: text', '', '  # text', '# end of g'],
      above: [],
    },
  ],
  [{ key: 'h', lines: ['h: { status: flow,   inactive_since: 1 }'], above: [''] }],
)
const maybe = (arbitrary: fc.Arbitrary<Entry>) => fc.option(arbitrary, { nil: null })

const account = fc
  .record({
    directory: entry('config_dir', fc.constant('DIR')),
    email: maybe(entry('email', fc.constantFrom('me@example.com', "'me@example.com'", ''))),
    status: maybe(entry('status', fc.oneof(quoted('active'), quoted('inactive'), fc.constantFrom('', '~')))),
    reason: maybe(entry('inactive_reason', reason.chain(quoted))),
    since: maybe(entry('inactive_since', since.chain(quoted))),
    unknown,
    order: fc.infiniteStream(fc.nat()),
  })
  .map(({ directory, email, status, reason, since, unknown, order }) =>
    [directory, email, status, reason, since, ...unknown]
      .filter(item => item !== null)
      .map(item => ({ item, rank: order.next().value as number }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item),
  )

const registry = fc
  .record({
    accounts: fc.array(account, { minLength: 1, maxLength: 4 }),
    outer: fc.constantFrom(1, 2, 4),
    inner: fc.constantFrom(1, 2, 4),
    eol: fc.constantFrom('\n', '\r\n'),
    top: fc.constantFrom(
      [],
      ['# mine', ''],
      ['---'],
      ['current: slot-1  # c', 'colour: { status: blue }'],
      ['\uFEFFx: 1'],
    ),
    bottom: fc.constantFrom([], ['', '# end'], ['status: top', 'slot-1:', '  status: top']),
    ended: fc.boolean(),
    target: fc.nat(),
  })
  .map(({ accounts, outer, inner, eol, top, bottom, ended, target }) => {
    const lines: Array<{ text: string; slot: string; key: string }> = []
    const put = (text: string, slot = '', key = '') => lines.push({ text, slot, key })
    for (const line of top) put(line)
    put('accounts:   # all')
    accounts.forEach((entries, index) => {
      const slot = `slot-${index + 1}`
      put(`${' '.repeat(outer)}${index % 2 ? `'${slot}'` : slot}: # ${slot}`)
      for (const { key, lines, above } of entries) {
        for (const text of above) put(text === '' ? '' : ' '.repeat(outer + inner) + text)
        for (const text of lines) put(' '.repeat(outer + inner) + text.replace('DIR', `~/.claude-${slot}`), slot, key)
      }
    })
    for (const line of bottom) put(line)
    const text = lines.map(line => line.text).join(eol) + (ended ? eol : '')
    return { lines, text, eol, ended, slot: `slot-${(target % accounts.length) + 1}`, indent: outer + inner }
  })

const change: fc.Arbitrary<StandingChange> = fc.oneof(
  fc.constant({ status: 'active' as const }),
  fc.record({ status: fc.constant('inactive' as const), reason, since }),
)

it('changes what it should, and every line that is not one of the three keys stays byte for byte', () => {
  const isStanding = (key: string) => ['status', 'inactive_reason', 'inactive_since'].includes(key)
  let edited = 0
  fc.assert(
    fc.property(registry, change, ({ lines, text, eol, ended, slot, indent }, change) => {
      const before = parseRegistry(text, HOME)
      const result = withStanding(text, slot, change)
      edited += result === text ? 0 : 1

      const inactive = change.status === 'inactive' ? change : null
      expect(parseRegistry(result, HOME)).toEqual({
        ...before,
        accounts: before.accounts.map(found =>
          found.slot === slot
            ? {
                ...found,
                status: change.status,
                inactiveReason: inactive?.reason ?? null,
                inactiveSince: inactive?.since ?? null,
              }
            : found,
        ),
      })

      if (eol === '\r\n') expect(result.replaceAll('\r\n', '')).not.toContain('\n')
      const all = (ended ? result.slice(0, -eol.length) : result).split(eol)
      const own = new RegExp(`^ {${indent}}"?(status|inactive_reason|inactive_since)"?:`)
      let section = ''
      const rest = all.filter(line => {
        section = /: # (slot-\d)$/.exec(line)?.[1] ?? (/^\S*:/.test(line) ? '' : section)
        return !(section === slot && own.test(line))
      })
      expect(rest).toEqual(lines.filter(line => line.slot !== slot || !isStanding(line.key)).map(line => line.text))
    }),
    { numRuns: 2000 },
  )
  // The generator means something only while most of its registries are changed.
  expect(edited).toBeGreaterThan(1000)
})

it('needs no second way for anything that is written in lines', () => {
  fc.assert(
    fc.property(registry, ({ text, slot }) => {
      const wanted = { status: 'inactive', inactive_reason: 'no_login', inactive_since: '2026-02-09T00:00:00Z' }
      expect(spliced(text, slot, wanted)).toBe(
        withStanding(text, slot, { status: 'inactive', reason: 'no_login', since: '2026-02-09T00:00:00Z' }),
      )
    }),
    { numRuns: 300 },
  )
})
