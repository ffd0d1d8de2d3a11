// Claude Code's settings.json with our status line in it, all else byte for byte as it was. Pure.

/** Text that is to be kept cannot be parsed and written anew: only the one member is cut out or put in. */
interface Member {
  key: string
  /** From the quote of the key to the end of the value. */
  start: number
  valueStart: number
  end: number
}

export type SettingsChange =
  | {
      do: 'change'
      text: string /** The value that stood there, as it was spelled; null = there was none. */
      before: string | null
    }
  | { do: 'keep' }
  | { do: 'refuse'; reason: string }

const KEY = 'statusLine'

/** @param text null = there is no such file */
export function withStatusLine(text: string | null, command: string): SettingsChange {
  const value = { type: 'command', command, padding: 0, refreshInterval: 60 }
  if (text === null || text.trim() === '')
    return { do: 'change', text: `${JSON.stringify({ [KEY]: value }, null, 2)}\n`, before: null }
  const members = membersOf(text)
  if (members === null) return { do: 'refuse', reason: 'it is no JSON object; mend it first' }
  const known = members.list.find(({ key }) => key === KEY)
  const indent = indentOf(text)
  const spelled = spell(value, indent)
  if (known !== undefined) {
    const before = text.slice(known.valueStart, known.end)
    if (commandOf(before) === command) return { do: 'keep' }
    return { do: 'change', text: text.slice(0, known.valueStart) + spelled + text.slice(known.end), before }
  }
  const last = members.list.at(-1)
  const line = indent === '' ? '' : `\n${indent}`
  const member = `${line}${JSON.stringify(KEY)}: ${spelled}`
  if (last !== undefined)
    return { do: 'change', text: `${text.slice(0, last.end)},${member}${text.slice(last.end)}`, before: null }
  const end = indent === '' ? '' : '\n'
  return {
    do: 'change',
    text: text.slice(0, members.open + 1) + member + end + text.slice(members.close),
    before: null,
  }
}

/**
 * @param before what stood there before ours
 * @returns the text without ours; null where the status line is not ours (any more)
 */
export function withoutStatusLine(text: string, command: string, before: string | null): string | null {
  const members = membersOf(text)
  const n = members?.list.findIndex(({ key }) => key === KEY) ?? -1
  const known = members?.list[n]
  if (members === null || known === undefined) return null
  if (commandOf(text.slice(known.valueStart, known.end)) !== command) return null
  if (before !== null) return text.slice(0, known.valueStart) + before + text.slice(known.end)
  const previous = members.list[n - 1]
  const next = members.list[n + 1]
  if (previous !== undefined) return text.slice(0, previous.end) + text.slice(known.end)
  if (next !== undefined) return text.slice(0, known.start) + text.slice(next.start)
  return text.slice(0, members.open + 1) + text.slice(members.close)
}

function commandOf(value: string): unknown {
  const parsed: unknown = JSON.parse(value)
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>)['command'] : null
}

function spell(value: object, indent: string): string {
  return indent === '' ? JSON.stringify(value) : JSON.stringify(value, null, indent).replaceAll('\n', `\n${indent}`)
}

/** Of the first member; none where all stands on one line. */
function indentOf(text: string): string {
  return /^\s*\{\s*?\n([ \t]+)"/.exec(text)?.[1] ?? (/^\s*\{\s*\}\s*$/.test(text) ? '  ' : '')
}

/** The members of the outermost object; null where the text is none. */
function membersOf(text: string): { open: number; close: number; list: Member[] } | null {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
  } catch {
    return null // Told to the person by the caller.
  }
  // From here on it is known to be JSON, so only strings and depth count.
  const list: Member[] = []
  const open = text.indexOf('{')
  let depth = 0
  let at = open
  let key: { text: string; start: number } | null = null
  let valueStart = -1
  let end = -1
  for (; at < text.length; at++) {
    const character = text[at]!
    if (/\s/.test(character)) continue
    if (depth === 1 && (character === ',' || character === '}') && key !== null) {
      list.push({ key: key.text, start: key.start, valueStart, end })
      key = null
    }
    if (character === '}' && depth === 1) break
    if (depth === 1 && character === ':' && valueStart === -1) {
      valueStart = -2
      continue
    }
    if (depth === 1 && valueStart === -2) valueStart = at
    if (character === '"') {
      const start = at
      at = endOfString(text, at)
      if (depth === 1 && key === null) {
        key = { text: JSON.parse(text.slice(start, at + 1)), start }
        valueStart = -1
        continue
      }
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    end = at + 1
  }
  return { open, close: at, list }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
