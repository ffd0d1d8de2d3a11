import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  displayWidth,
  flow,
  oneLine,
  padEnd,
  padStart,
  painter,
  toAscii,
  truncate,
  withoutStyles,
  wrapCommand,
  wrapWords,
} from '../../../lib/screen/ansi.ts'

test.each([
  ['', 0],
  ['abc', 3],
  ['über', 4],
  ['u\u0308ber', 4],
  ['日本語', 6],
  ['한국', 4],
  ['ＡＢ', 4],
  ['🔺', 2],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['⚠', 1],
  ['⚠\ufe0f', 2],
  ['≥–…·━╾▸●✓', 9],
  ['a\u200bb', 2],
  ['\x1b[31mred\x1b[39m', 3],
])('%j is %i columns wide', (text, width) => {
  expect(displayWidth(text)).toBe(width)
})

test('padding counts columns, not characters', () => {
  expect(padEnd('日本', 6)).toBe('日本  ')
  expect(padStart('🔺', 4)).toBe('  🔺')
  expect(padEnd('too long', 3)).toBe('too long')
})

test.each([
  ['short', 5, 'short'],
  ['longer', 5, 'long…'],
  ['日本語', 6, '日本語'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['a b c', 3, 'a…'],
  ['abc', 1, '…'],
  ['abc', 0, ''],
])('%j cut to %i columns is %j', (text, width, expected) => {
  expect(truncate(text, width, '…')).toBe(expected)
})

test('the mark of what was cut off counts in full', () => {
  expect(truncate('abcdef', 5, '...')).toBe('ab...')
  expect(truncate('abcdef', 2, '...')).toBe('..')
})

test('styles are closed from the inside out, and left away without colours', () => {
  expect(painter(true)('x', 'bold', 'red')).toBe('\x1b[31m\x1b[1mx\x1b[22m\x1b[39m')
  expect(painter(true)('', 'bold')).toBe('')
  expect(painter(false)('x', 'bold', 'red')).toBe('x')
  expect(withoutStyles('\x1b[31m\x1b[1mx\x1b[22m\x1b[39m')).toBe('x')
})

test('words are wrapped between them, and inside only where one is too long', () => {
  expect(wrapWords('the quick brown fox', 9)).toEqual(['the quick', 'brown fox'])
  expect(wrapWords('incomprehensible', 6)).toEqual(['incomp', 'rehens', 'ible'])
  expect(wrapWords('', 6)).toEqual([''])
  expect(wrapWords('日本語日本', 4)).toEqual(['日本', '語日', '本'])
})

test('pieces flow side by side as long as they fit', () => {
  expect(flow(['aa', 'bb', 'cc'], ' · ', 7)).toEqual(['aa · bb', 'cc'])
  expect(flow(['aa', 'bb'], ' · ', 6)).toEqual(['aa', 'bb'])
  expect(flow([], ' · ', 6)).toEqual([])
})

test('a command is broken between its words, with a backslash and an indent', () => {
  expect(wrapCommand('claude /login   # or: vigil accounts pause work', 60, '  ')).toEqual([
    '  claude /login   # or: vigil accounts pause work',
  ])
  expect(wrapCommand('claude /login   # or: vigil accounts pause work', 30, '  ')).toEqual([
    '  claude /login',
    '  # or: vigil accounts pause',
    '  # work',
  ])
  expect(wrapCommand("vi 'a # b'", 60, '  ')).toEqual(["  vi 'a # b'"])
  expect(wrapCommand("vi 'a # b c'", 11, '  ')).toEqual(["  vi 'a # \\", "  b c'"])
  expect(wrapCommand('DIR=~/.claude-work claude /login', 22, '  ')).toEqual([
    '  DIR=~/.claude-work \\',
    '  claude /login',
  ])
})

test('a command that is broken anywhere means the same to a shell (property)', () => {
  const word = fc.stringMatching(/^[a-z~/.=-]{1,30}$/)
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 12, max: 60 }),
      fc.constantFrom('', '  ', '       '),
      (words, width, indent) => {
        const lines = wrapCommand(words.join(' '), width, indent)
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
        const script = `printf '%s\\n' ${lines.join('\n')}\n`.replaceAll('~', 'X')
        const said = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
        expect(said).toBe(words.map(text => `${text.replaceAll('~', 'X')}\n`).join(''))
      },
    ),
    { numRuns: 100 },
  )
})

test('what others wrote becomes one line without control characters', () => {
  expect(oneLine('  a\r\nb\tc\x1b[31m\u009b1m\u202ed\u2028e  ')).toBe('a b c [31m 1m d e')
})

test('without UTF-8 the usual signs have a form, others are question marks', () => {
  expect(toAscii('≥98 % – “x” … 日')).toBe('>=98 % - ?x? ... ?')
  expect(toAscii('🔺')).toBe('?')
})
