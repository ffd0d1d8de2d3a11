// Changes three keys of one account by cutting into the text at the places that the YAML parser gives: every other byte stays.
// null means: not to be done this way. Whether the result means what it should is checked in accounts-text.ts.
import { isAlias, isMap, isScalar, type Node, type Pair, parseDocument, Scalar, type YAMLMap } from 'yaml'
import { REGISTRY_YAML } from './accounts-file.ts'

/** In the order in which they are written where they are new. */
export const KEYS = ['status', 'inactive_reason', 'inactive_since'] as const
/** null = the key is to go. */
export type Wanted = Record<(typeof KEYS)[number], string | null>

interface Edit {
  start: number
  end: number
  text: string
}

export function spliced(text: string, slot: string, wanted: Wanted): string | null {
  const closed = text.endsWith('\n')
  // Every line has an end while lines are inserted and taken out; what was not there is taken off again.
  const source = closed ? text : text + (text.includes('\r\n') ? '\r\n' : '\n')
  const map = parseDocument(source, REGISTRY_YAML).getIn(['accounts', slot], true)
  if (!isMap(map)) return null
  const edits = map.flow ? flowEdits(source, map, wanted) : blockEdits(source, map, wanted)
  if (edits === null) return null
  let result = ''
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    if (edit.start < at) return null // They overlap.
    result += source.slice(at, edit.start) + edit.text
    at = edit.end
  }
  result += source.slice(at)
  return closed ? result : result.replace(/\r?\n$/, '')
}

/** One line a key. */
function blockEdits(source: string, map: YAMLMap, wanted: Wanted): Edit[] | null {
  const neighbour = pairOf(map, 'status') ?? pairOf(map, 'config_dir')
  if (!neighbour) return null
  const indent = source.slice(lineStart(source, startOf(neighbour)), startOf(neighbour))
  if (!/^ +$/.test(indent)) return null
  let after = lineEnd(source, endOf(neighbour))
  const edits: Edit[] = []
  for (const key of KEYS) {
    const pair = pairOf(map, key)
    const value = wanted[key]
    if (isAsWanted(pair, key, value)) {
      if (pair) after = lineEnd(source, endOf(pair))
    } else if (!pair) {
      const eol = source[after] === '\r' ? '\r\n' : '\n'
      edits.push({ start: after, end: after, text: `${eol}${indent}${key}: ${render(value!)}` })
    } else {
      const edit = value === null ? lineRemoval(source, pair) : replacement(source, pair, value)
      if (edit === null) return null
      edits.push(edit)
      if (value !== null) after = lineEnd(source, endOf(pair))
    }
  }
  return edits
}

/** `{ config_dir: …, status: … }`, also as JSON. */
function flowEdits(source: string, map: YAMLMap, wanted: Wanted): Edit[] | null {
  const neighbour = pairOf(map, 'status') ?? pairOf(map, 'config_dir')
  if (!neighbour) return null
  const json = isScalar(neighbour.key) && neighbour.key.type === Scalar.QUOTE_DOUBLE
  const edits: Edit[] = []
  for (const key of KEYS) {
    const pair = pairOf(map, key)
    const value = wanted[key]
    if (isAsWanted(pair, key, value)) continue
    if (!pair) {
      const text = json ? `, ${JSON.stringify(key)}: ${JSON.stringify(value)}` : `, ${key}: ${render(value!)}`
      edits.push({ start: endOf(neighbour), end: endOf(neighbour), text })
    } else {
      const edit = value === null ? flowRemoval(source, map, pair, wanted) : replacement(source, pair, value)
      if (edit === null) return null
      edits.push(edit)
    }
  }
  return edits
}

/** From the last pair that stays to the end of this one; where none stays before it, up to the next. */
function flowRemoval(source: string, map: YAMLMap, pair: Pair, wanted: Wanted): Edit | null {
  const index = map.items.indexOf(pair)
  const stays = (other: Pair) => KEYS.every(key => other !== pairOf(map, key) || wanted[key] !== null)
  const next = map.items[index + 1]
  const before = map.items[index - 1]
  if (!map.items.slice(0, index).some(stays) && !next) return null
  const edit = map.items.slice(0, index).some(stays)
    ? { start: endOf(before!), end: endOf(pair), text: '' }
    : { start: startOf(pair), end: startOf(next!), text: '' }
  // A comment between the two would go with it.
  return source.slice(edit.start, startOf(pair)).includes('#') || source.slice(endOf(pair), edit.end).includes('#')
    ? null
    : edit
}

/** The whole line, with a comment at its end; lines between key and value that are nothing but a comment stay. */
function lineRemoval(source: string, pair: Pair): Edit | null {
  const start = lineStart(source, startOf(pair))
  const isAlone = source.slice(start, startOf(pair)).trim() === ''
  const end = source.indexOf('\n', lineEnd(source, endOf(pair))) + 1
  const between = source.slice(start, lineStart(source, valueStart(pair))).match(/^[ \t]*#[^\n]*\n/gm)
  return isAlone ? { start, end, text: (between ?? []).join('') } : null
}

/** In the same quotes; a comment behind it stays in its column where there is room. */
function replacement(source: string, pair: Pair, value: string): Edit | null {
  const node = pair.value as Node | null
  if (isEmpty(pair)) {
    const colon = /^[ \t]*:/.exec(source.slice(keyEnd(pair)))
    if (!colon || (node && (node.tag || (isScalar(node) && node.anchor)))) return null
    const start = keyEnd(pair) + colon[0].length
    return { start, end: start, text: ` ${render(value)}` }
  }
  if (!isAlias(node) && !isScalar(node)) return null
  const style = isScalar(node) ? node.type : undefined
  if (style === Scalar.BLOCK_FOLDED || style === Scalar.BLOCK_LITERAL) return null
  const [start, end] = node.range!
  const text = render(value, style)
  const gap = /^ +(?=#)/.exec(source.slice(end))?.[0].length ?? 0
  const longer = text.length - (end - start)
  if (gap === 0 || source.slice(start, end).includes('\n') || (longer < 0 && gap === 1)) return { start, end, text }
  return { start, end: end + gap, text: text + ' '.repeat(Math.max(1, gap - longer)) }
}

export function isAsWanted(pair: Pair | undefined, key: keyof Wanted, value: string | null): boolean {
  if (!pair) return value === null || (key === 'status' && value === 'active')
  return value !== null && isScalar(pair.value) && isSame(pair.value.value, key, value)
}

export function isSame(found: unknown, key: keyof Wanted, value: string | null): boolean {
  // YAML 1.1 has times of its own.
  if (found instanceof Date) return value !== null && found.getTime() === Date.parse(value)
  return (found ?? null) === value || (key === 'status' && value === 'active' && (found ?? null) === null)
}

/** Plain where no YAML version takes it for anything but text, else as JSON, which is YAML too. */
function render(value: string, style?: Scalar.Type): string {
  if (style === Scalar.QUOTE_SINGLE && /^[ -~]*$/.test(value)) return `'${value.replaceAll("'", "''")}'`
  const isPlain = /^[A-Za-z][\w-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)
  return style !== Scalar.QUOTE_DOUBLE && (isPlain || isInstant) ? value : JSON.stringify(value)
}

export function pairOf(map: YAMLMap, key: string): Pair<Scalar> | undefined {
  return map.items.find(item => isScalar(item.key) && item.key.value === key) as Pair<Scalar> | undefined
}

function isEmpty(pair: Pair): boolean {
  return !pair.value || (isScalar(pair.value) && pair.value.range![0] === pair.value.range![1])
}

function startOf(pair: Pair): number {
  return (pair.key as Node).range![0]
}

function keyEnd(pair: Pair): number {
  return (pair.key as Node).range![1]
}

function valueStart(pair: Pair): number {
  return isEmpty(pair) ? keyEnd(pair) : (pair.value as Node).range![0]
}

function endOf(pair: Pair): number {
  return isEmpty(pair) ? keyEnd(pair) : (pair.value as Node).range![1]
}

function lineStart(source: string, offset: number): number {
  return source.lastIndexOf('\n', offset - 1) + 1
}

/** Before the line's end mark. A block scalar ends behind its own. */
function lineEnd(source: string, offset: number): number {
  const newline = source.indexOf('\n', source[offset - 1] === '\n' ? offset - 1 : offset)
  return source[newline - 1] === '\r' ? newline - 1 : newline
}
