// Claude Code's settings.json with our status line in it, all else byte for byte as it was. Pure.

import { indentOf, memberOf, rootOf, withoutPart, withPart } from './json-text.ts'

export type SettingsChange =
  | {
      do: 'change'
      text: string /** The value that stood there, as it was spelled; null = there was none. */
      before: string | null
    }
  | { do: 'keep' }
  | { do: 'refuse'; reason: string }

const KEY = 'statusLine'
export const NO_OBJECT = 'it is no JSON object; mend it first'

/** @param text null = there is no such file */
export function withStatusLine(text: string | null, command: string): SettingsChange {
  const value = { type: 'command', command, padding: 0, refreshInterval: 60 }
  if (text === null || text.trim() === '')
    return { do: 'change', text: `${JSON.stringify({ [KEY]: value }, null, 2)}\n`, before: null }
  const root = rootOf(text)
  if (root === null) return { do: 'refuse', reason: NO_OBJECT }
  const known = memberOf(root, KEY)
  const indent = indentOf(text)
  if (known !== undefined) {
    const before = text.slice(known.valueStart, known.end)
    if (commandOf(before) === command) return { do: 'keep' }
    return {
      do: 'change',
      text: text.slice(0, known.valueStart) + spell(value, indent) + text.slice(known.end),
      before,
    }
  }
  const member = (own: string | null) => `${JSON.stringify(KEY)}: ${spell(value, own ?? '')}`
  return { do: 'change', text: withPart(text, root, member, ['', indent]), before: null }
}

/**
 * @param before what stood there before ours
 * @returns the text without ours; null where the status line is not ours (any more)
 */
export function withoutStatusLine(text: string, command: string, before: string | null): string | null {
  const root = rootOf(text)
  const known = root === null ? undefined : memberOf(root, KEY)
  if (root === null || known === undefined) return null
  if (commandOf(text.slice(known.valueStart, known.end)) !== command) return null
  if (before !== null) return text.slice(0, known.valueStart) + before + text.slice(known.end)
  return withoutPart(text, root, known, '')
}

/** What stands there is ours, of any checkout: its command; null = it is not, or there is none. */
export function ownStatusLine(text: string): string | null {
  const root = rootOf(text)
  const known = root === null ? undefined : memberOf(root, KEY)
  const command = known === undefined ? null : commandOf(text.slice(known.valueStart, known.end))
  return typeof command === 'string' && /(?:^|\/bin\/)vigil['"]? statusline$/.test(command) ? command : null
}

function commandOf(value: string): unknown {
  const parsed: unknown = JSON.parse(value)
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>)['command'] : null
}

function spell(value: object, indent: string): string {
  return indent === '' ? JSON.stringify(value) : JSON.stringify(value, null, indent).replaceAll('\n', `\n${indent}`)
}
