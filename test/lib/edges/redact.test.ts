import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hideSecret, redact, redactStream } from '../../../lib/edges/redact.ts'

const SECRET = 'p/ss"w+rd with ä and \\slash'
hideSecret(SECRET)

describe('a known secret', () => {
  it.each([
    ['plain', SECRET],
    ['base64', Buffer.from(SECRET).toString('base64')],
    ['base64 for URLs', Buffer.from(SECRET).toString('base64url')],
    ['URL-encoded', encodeURIComponent(SECRET)],
    ['JSON-escaped', JSON.stringify(SECRET)],
    ['hex', Buffer.from(SECRET).toString('hex')],
  ])('is blotted out %s', (_name, spelling) => {
    expect(redact(`before ${spelling} after`)).toMatch(/^before "?\[redacted\]=*"? after$/)
  })
  it('that is too short to be one leaves words alone', () => {
    hideSecret('the')
    expect(redact('the end')).toBe('the end')
  })
})

describe('what looks like a token', () => {
  it.each([
    ['sk-ant-oat01-abc_DEF-123', '[redacted]'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer [redacted]'],
    ['{"refresh_token":"opaque-value"}', '{"refresh_token":"[redacted]"}'],
    ['refreshToken=opaque-value', 'refreshToken=[redacted]'],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })
  it('is not found in ordinary text', () => {
    const text = 'the bearer of bad news: 3 tokens refreshed, slot-1 at 40 %'
    expect(redact(text)).toBe(text)
  })
})

it('finds a secret that is cut in two by the chunks of a stream, wherever the cut is', () => {
  const text = `line one\nuse sk-ant-ort01-ABCDEFGHIJKL now\nand ${'sk-ant-oat01-' + 'Z'.repeat(40)}\nlast`
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 6 }), cuts => {
      const stream = redactStream()
      const bounds = [0, ...[...new Set(cuts)].sort((a, b) => a - b), text.length]
      let out = ''
      for (let n = 1; n < bounds.length; n++) out += stream.push(text.slice(bounds[n - 1], bounds[n]))
      out += stream.end()
      expect(out).toBe('line one\nuse [redacted] now\nand [redacted]\nlast')
    }),
  )
})
