import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutStatusLine, withStatusLine } from '../../../lib/install/claude-settings.ts'

const COMMAND = '/opt/vigil/bin/vigil statusline'
const put = (text: string | null) => {
  const change = withStatusLine(text, COMMAND)
  if (change.do !== 'change') throw new Error(change.do)
  return change
}

describe("Claude Code's settings", () => {
  it('are made where there are none', () => {
    expect(put(null).text).toBe(
      `{\n  "statusLine": {\n    "type": "command",\n    "command": "${COMMAND}",\n    "padding": 0,\n    "refreshInterval": 60\n  }\n}\n`,
    )
  })
  it.each([
    ['an indent of their own', '{\n\t"model": "opus",\n\t"env": { "A": "}\\"{" }\n}\n'],
    ['one line', '{"a":[1,{"statusLine":2}],"b":"statusLine"}'],
    ['nothing in them', '{}\n'],
    ['another status line', '{\n  "statusLine": {"type":"command",  "command":"mine"},\n  "z": 1\n}'],
    ['odd spaces', '  {  "a" : 1 ,\n\n "b":null  }  \n'],
  ])('with %s keep all else, and are as before when ours is taken out', (_what, text) => {
    const change = put(text)
    expect(JSON.parse(change.text)).toEqual({
      ...JSON.parse(text),
      statusLine: expect.objectContaining({ command: COMMAND }),
    })
    expect(withoutStatusLine(change.text, COMMAND, change.before)).toBe(text)
    expect(withStatusLine(change.text, COMMAND)).toEqual({ do: 'keep' })
  })
  it('are as before, byte for byte, whatever they hold', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        const change = put(text)
        expect(withoutStatusLine(change.text, COMMAND, change.before)).toBe(text)
        expect(JSON.parse(change.text)).toEqual({ ...JSON.parse(text), statusLine: expect.anything() })
      }),
      { numRuns: 2000, seed: 7 },
    )
  })
  it('that are no JSON are left alone', () => {
    for (const text of ['{', '[]', '{ // words\n}', '"x"']) expect(withStatusLine(text, COMMAND).do).toBe('refuse')
  })
  it('keep a status line that is not ours', () => {
    expect(withoutStatusLine('{"statusLine":{"command":"mine"}}', COMMAND, null)).toBeNull()
    expect(withoutStatusLine('{"a":1}', COMMAND, null)).toBeNull()
  })
})
