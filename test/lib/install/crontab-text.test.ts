import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockIn, withBlock, withoutBlock } from '../../../lib/install/crontab-text.ts'

const LINES = ["* * * * * /bin/sh -c 'one'", "*/5 * * * * /bin/sh -c 'two'"]
const BLOCK = `# >>> vigil >>>\n${LINES.join('\n')}\n# <<< vigil <<<\n`

describe('in and out again is byte for byte what was there', () => {
  it.each([
    ['no crontab', null],
    ['an empty one', ''],
    ['comments and MAILTO', '# mine\nMAILTO=me@example.com\n\n0 4 * * * backup\n'],
    ['no newline at the end', 'SHELL=/bin/fish\n0 4 * * * backup'],
    ['CRLF', '# mine\r\n0 4 * * * backup\r\n'],
    ['CRLF and no newline at the end', '# mine\r\n0 4 * * * backup'],
    ['only a newline', '\n'],
    ['bytes that are no UTF-8', 'MAILTO=j\u00fcrgen\n* * * * * echo \u00ff\u0080\n'],
    ['somebody else’s markers', '# >>> conda >>>\n# <<< conda <<<\n'],
  ])('%s', (_name, text) => {
    const once = withBlock(text, LINES)!
    expect(once).toContain(LINES.join('\n'))
    expect(once.startsWith(text ?? '')).toBe(true)
    expect(withBlock(once, LINES)).toBe(once)
    expect(withoutBlock(once)).toEqual({ text })
    expect(withoutBlock(withBlock(once, ['* * * * * other'])!)).toEqual({ text })
  })

  it('whatever a crontab holds', () => {
    const line = fc.string({ unit: fc.constantFrom('a', '#', ' ', '%', '\r', '\\', '>', '*', '\u00ff') })
    const text = fc.array(line, { maxLength: 6 }).map(lines => lines.join('\n'))
    fc.assert(
      fc.property(fc.option(text), before => {
        const once = withBlock(before, LINES)!
        expect(withBlock(once, LINES)).toBe(once)
        expect(withoutBlock(once)).toEqual({ text: before })
      }),
      { seed: 6 },
    )
  })
})

it('lines that came below the block since stay, and keep their newline', () => {
  const once = withBlock('0 4 * * * backup', LINES)!
  expect(withoutBlock(`${once}0 5 * * * later\n`)).toEqual({ text: '0 4 * * * backup\n0 5 * * * later\n' })
  expect(withoutBlock(`${withBlock(null, LINES)}0 5 * * * later\n`)).toEqual({ text: '0 5 * * * later\n' })
})

it('the block stays where it stands, with other lines in it', () => {
  const text = `# above\n${BLOCK}# below\n`
  expect(withBlock(text, ['* * * * * new'])).toBe('# above\n# >>> vigil >>>\n* * * * * new\n# <<< vigil <<<\n# below\n')
  expect(blockIn(text)).toBe(BLOCK)
  expect(blockIn('# above\n')).toBe('')
})

it('a second block is one too many', () => {
  expect(withBlock(`${BLOCK}# between\n${BLOCK}`, LINES)).toBe(`${BLOCK}# between\n`)
  expect(withoutBlock(`${BLOCK}# between\n${BLOCK}`)).toEqual({ text: '# between\n' })
})

it('an editor that turned everything into CRLF does not hide it', () => {
  const crlf = withBlock('# mine\n', LINES)!.replaceAll('\n', '\r\n')
  expect(withBlock(crlf, LINES)).toBe(`# mine\r\n${BLOCK}`)
  expect(withoutBlock(crlf)).toEqual({ text: '# mine\r\n' })
})

it.each([
  ['a beginning without an end', '# >>> vigil >>>\n0 4 * * * backup\n'],
  ['an end without a beginning', '0 4 * * * backup\n# <<< vigil <<<\n'],
  ['a block in a half one', `# >>> vigil >>>\n${BLOCK}`],
])('%s is touched by nobody, for it may hold lines of a person', (_name, text) => {
  expect(withBlock(text, LINES)).toBeNull()
  expect(withoutBlock(text)).toBeNull()
})
