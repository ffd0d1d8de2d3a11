import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hookCommands, withHook, withoutHook } from '../../../lib/install/claude-hooks.ts'

const COMMAND = "'/opt/my vigil/bin/vigil' hook stop-failure"
const ENTRY = { hooks: [{ type: 'command', command: COMMAND }] }
const put = (text: string | null) => {
  const change = withHook(text, COMMAND)
  if (change.do !== 'change' || change.text === null) throw new Error(JSON.stringify(change))
  return { text: change.text, undo: change.undo }
}
const takeOut = (text: string, undo: ReturnType<typeof put>['undo']) => withoutHook(text, undo)

describe('the StopFailure hook', () => {
  it('is put into a file of its own where there are no settings, and the file goes with it', () => {
    const { text, undo } = put(null)
    expect(JSON.parse(text)).toEqual({ hooks: { StopFailure: [ENTRY] } })
    expect(text.endsWith('}\n')).toBe(true)
    expect(takeOut(text, undo)).toMatchObject({ do: 'change', text: null })
    const blank = put(' \n')
    expect(takeOut(blank.text, blank.undo)).toMatchObject({ text: ' \n' })
  })

  it.each([
    ['no hooks', '{\n\t"model": "opus"\n}\n'],
    ['nothing in them', '{}\n'],
    ['nothing but a blank in them', '{ }'],
    ['empty hooks', '{\n    "hooks": { },\n    "z": 1\n}\n'],
    ['other hooks', '{\n  "hooks": {\n    "Stop": [ {"hooks":[]} ]\n  },\n  "env": { "A": "}\\"{[" }\n}\n'],
    ['an empty list', '{\n  "hooks": {\n    "StopFailure": [\n\n    ]\n  }\n}\n'],
    [
      'somebody else’s entry',
      '{"hooks":{"StopFailure":[{"matcher":"x","hooks":[{"type":"command","command":"mine"}]}]}}',
    ],
    [
      'entries that are none',
      '{"hooks": {"StopFailure": [1, null, {"hooks": 2}, {"hooks": [3, {"command": 4}]}], "B": []}}',
    ],
    ['Windows lines', '{\r\n  "a": 1,\r\n  "hooks": {\r\n    "Stop": []\r\n  }\r\n}\r\n'],
    ['odd spaces', '  {  "a" : 1 ,\n\n "hooks" :  {  "Stop" : [ ] } }  \n'],
    ['a name twice', '{"hooks":{"Stop":[]},"hooks":{"B":[]}}'],
  ])('keeps settings with %s as they are, byte for byte, once it is taken out', (_what, text) => {
    const made = put(text)
    const before = JSON.parse(text)
    expect(JSON.parse(made.text)).toEqual({
      ...before,
      hooks: { ...before.hooks, StopFailure: [...(before.hooks?.StopFailure ?? []), ENTRY] },
    })
    expect(withHook(made.text, COMMAND)).toEqual({ do: 'keep' })
    expect(takeOut(made.text, made.undo)).toMatchObject({ do: 'change', text })
    expect(hookCommands(made.text)).toEqual([COMMAND])
    expect(hookCommands(text)).toEqual([])
  })

  it('stands as the lines around it do', () => {
    expect(put('{\n  "hooks": {\n    "Stop": []\n  }\n}\n').text).toBe(`{
  "hooks": {
    "Stop": [],
    "StopFailure": [
      {
        "hooks": [
          {
            "type": "command",
            "command": "${COMMAND}"
          }
        ]
      }
    ]
  }
}
`)
  })

  it('is put in and taken out of whatever JSON, byte for byte', () => {
    const events = fc.dictionary(fc.oneof(fc.string(), fc.constant('StopFailure')), fc.array(fc.jsonValue()))
    const settings = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.option(events), fc.option(fc.jsonValue()))
    fc.assert(
      fc.property(settings, fc.constantFrom(0, 1, 2, '\t'), ([all, hooks, last], indent) => {
        const value = { ...all, ...(hooks && { hooks }), ...(last !== null && { last }) }
        const text = JSON.stringify(value, null, indent)
        const change = withHook(text, COMMAND)
        // What a dictionary may hold by chance under this name is refused, which is tested below.
        fc.pre(change.do !== 'refuse')
        const made = put(text)
        expect(JSON.parse(made.text).hooks.StopFailure.at(-1)).toEqual(ENTRY)
        expect(takeOut(made.text, made.undo)).toMatchObject({ text })
      }),
      { numRuns: 500, seed: 11 },
    )
  })

  it('of a checkout that was elsewhere, or put in by hand, is brought here, and stands there once', () => {
    for (const old of [
      'vigil hook stop-failure',
      '~/old/bin/vigil hook stop-failure',
      "'/o l/d/bin/vigil' hook stop-failure",
    ]) {
      const text = JSON.stringify({ hooks: { StopFailure: [{ hooks: [{ command: 'mine' }, { command: old }] }] } })
      const { text: changed, undo } = put(text)
      expect(changed).toBe(text.replace(JSON.stringify(old), JSON.stringify(COMMAND)))
      expect(undo).toBeNull()
      const twice = put(text.replace('"mine"', JSON.stringify(old)))
      expect(JSON.parse(twice.text)).toEqual({ hooks: { StopFailure: [{ hooks: [{ command: COMMAND }] }] } })
    }
  })

  it('that stands there twice loses the one that leads elsewhere, which would fail in each session', () => {
    const old = { hooks: [{ type: 'command', command: '/gone/bin/vigil hook stop-failure' }] }
    for (const list of [
      [ENTRY, old],
      [old, ENTRY],
    ]) {
      const change = withHook(JSON.stringify({ hooks: { StopFailure: list } }), COMMAND)
      expect(change).toMatchObject({ do: 'change', text: JSON.stringify({ hooks: { StopFailure: [ENTRY] } }) })
    }
  })

  it('takes out only what is ours, and leaves nothing empty that it made', () => {
    const { text, undo } = put('{\n  "hooks": {}\n}')
    const more = text.replace('"StopFailure": [', '"StopFailure": [\n      { "hooks": [{ "command": "mine" }] },')
    expect(JSON.parse(String((takeOut(more, undo) as { text: string }).text))).toEqual({
      hooks: { StopFailure: [{ hooks: [{ command: 'mine' }] }] },
    })
    const merged = text.replace(/\n +\{\n +"type"/, '{ "command": "mine" },$&')
    expect(takeOut(merged, undo)).toMatchObject({
      do: 'change',
      text: expect.stringContaining('{ "command": "mine" }'),
    })
    // When nobody remembers any more.
    expect(withoutHook(put('{"a":1}').text, null)).toMatchObject({ text: '{"a":1}' })
    expect(withoutHook('{"hooks":{"StopFailure":[]}}', null)).toEqual({ do: 'keep' })
  })

  it.each([
    ['[]', 'it is no JSON object; mend it first'],
    ['{ // mine\n}', 'it is no JSON object; mend it first'],
    ['{"hooks":[]}', 'its "hooks" is no object, so Claude Code cannot read it; mend it first'],
    ['{"hooks":null}', 'its "hooks" is no object, so Claude Code cannot read it; mend it first'],
    [
      '{"hooks":{"StopFailure":{}}}',
      'its "hooks" has a "StopFailure" that is no list, so Claude Code cannot read it; mend it first',
    ],
    [
      '{"disableAllHooks":true}',
      'it says "disableAllHooks": true, so Claude Code would never call the hook; take that out first',
    ],
  ])('is not put into %s', (text, reason) => {
    expect(withHook(text, COMMAND)).toEqual({ do: 'refuse', reason })
    expect(withoutHook(text, null)).toEqual({ do: 'keep' })
    expect(hookCommands(text)).toEqual([])
  })

  it('is taken out also where all hooks are off by now, and a file broken since is told of', () => {
    const { text, undo } = put('{\n  "a": 1\n}')
    const off = text.replace('"a": 1', '"disableAllHooks": true')
    expect(takeOut(off, undo)).toMatchObject({ text: '{\n  "disableAllHooks": true\n}' })
    expect(takeOut(`${text},`, undo)).toEqual({ do: 'refuse', reason: 'it is no JSON object; mend it first' })
  })
})
