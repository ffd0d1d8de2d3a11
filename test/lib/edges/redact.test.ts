import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hideSecret, redact, redactedJson, redactStream } from '../../../lib/edges/redact.ts'

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
    hideSecret('account')
    expect(redact('the account, the end')).toBe('the account, the end')
  })
  it('goes from the values of a record, however deep, and never from its keys', () => {
    hideSecret('counters')
    const record = {
      reason: `it is ${SECRET}`,
      counters: { fetched: 1 },
      list: [{ counters: 'counters, sk-ant-abcd' }],
    }
    expect(JSON.parse(redactedJson(record))).toEqual({
      reason: 'it is [redacted]',
      counters: { fetched: 1 },
      list: [{ counters: '[redacted], [redacted]' }],
    })
  })
  it('stays out of what the program itself chose from a list', () => {
    hideSecret('terminated')
    const record = { outcome: 'terminated', reason: 'terminated', inner: { outcome: 'terminated' } }
    expect(JSON.parse(redactedJson(record, ['outcome']))).toEqual({
      outcome: 'terminated',
      reason: '[redacted]',
      inner: { outcome: 'terminated' },
    })
  })
  it('is known by its key alone', () => {
    expect(redactedJson({ refresh_token: 'x', accessToken: 'y', tokens: 'z' })).toBe(
      '{"refresh_token":"[redacted]","accessToken":"[redacted]","tokens":"z"}',
    )
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
