// The places of things in a JSON text that somebody else keeps: it cannot be parsed and written anew, for every byte that is
// not ours is to stay. Pure.

/** A member of an object, or an item of a list. */
export interface Part {
  /** null = an item of a list. */
  key: string | null
  /** From the quote of the key, or the value's beginning where there is none. */
  start: number
  valueStart: number
  end: number
}

interface Container {
  /** Of its brackets. */
  open: number
  close: number
  parts: Part[]
}

/** The outermost object; null where the text is none. */
export function rootOf(text: string): Container | null {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
  } catch {
    return null // Told to the person by the caller.
  }
  return containerAt(text, text.indexOf('{'))
}

/** @param open where its bracket stands in a text that is known to be JSON */
export function containerAt(text: string, open: number): Container {
  const parts: Part[] = []
  let at = open + 1
  for (;;) {
    at = behindSpace(text, at)
    if (text[at] === ',') at++
    else if (text[at] === '}' || text[at] === ']') return { open, close: at, parts }
    else {
      const start = at
      let key: string | null = null
      if (text[open] === '{') {
        const end = endOfString(text, at)
        key = JSON.parse(text.slice(at, end))
        at = behindSpace(text, behindSpace(text, end) + 1)
      }
      const end = endOfValue(text, at)
      parts.push({ key, start, valueStart: at, end })
      at = end
    }
  }
}

/** Of several of one name the last counts, as everywhere. */
export function memberOf({ parts }: Container, key: string): Part | undefined {
  return parts.findLast(part => part.key === key)
}

/** Of the first member of the outermost object; none where all stands on one line. */
export function indentOf(text: string): string {
  return /^\s*\{\s*?\n([ \t]+)"/.exec(text)?.[1] ?? (/^\s*\{\s*\}\s*$/.test(text) ? '  ' : '')
}

/** The line breaks and blanks before this place. */
export function gapBefore(text: string, at: number): string {
  return /\s*$/.exec(text.slice(0, at))![0]
}

/**
 * One part more, behind all others, and set apart as they are.
 * @param spell the part, for lines that begin with this indent; null = all on one line
 * @param indents of the line with the bracket, and one step
 */
export function withPart(
  text: string,
  { open, close, parts }: Container,
  spell: (indent: string | null) => string,
  [outer, step]: readonly [outer: string, step: string],
): string {
  const last = parts.at(-1)
  if (last !== undefined) {
    const gap = gapBefore(text, last.start)
    const part = spell(gap.includes('\n') ? gap.slice(gap.lastIndexOf('\n') + 1) : null)
    return `${text.slice(0, last.end)},${gap}${part}${text.slice(last.end)}`
  }
  const inner = step === '' ? spell(null) : `\n${outer}${step}${spell(outer + step)}\n${outer}`
  return text.slice(0, open + 1) + inner + text.slice(close)
}

/** @param blank what stands between the brackets where nothing else is left */
export function withoutPart(text: string, { open, close, parts }: Container, part: Part, blank: string): string {
  const n = parts.indexOf(part)
  const [previous, next] = [parts[n - 1], parts[n + 1]]
  if (previous !== undefined) return text.slice(0, previous.end) + text.slice(part.end)
  if (next !== undefined) return text.slice(0, part.start) + text.slice(next.start)
  return text.slice(0, open + 1) + blank + text.slice(close)
}

function endOfValue(text: string, start: number): number {
  if (text[start] === '"') return endOfString(text, start)
  if (text[start] === '{' || text[start] === '[') return containerAt(text, start).close + 1
  let at = start
  while (at < text.length && !/[\s,\]}]/.test(text[at]!)) at++
  return at
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function behindSpace(text: string, start: number): number {
  let at = start
  while (/\s/.test(text[at] ?? '')) at++
  return at
}
