// Puts the segments on the lines that there are: shortened, then dropped, the least important first, until they fit.
import type { Colour, Segment } from './segments.ts'

export interface Space {
  /** Of the terminal; null = not told, then nothing is dropped. */
  columns: number | null
  /** At most so many lines; never an empty one. */
  lines: number
  color: boolean
  ascii: boolean
}

const CODES: Record<Colour, string> = { green: '32', yellow: '33', red: '31', cyan: '36', dim: '2' }
const GAP = 1

/** @returns at least one line, and none that is empty, whatever there is to show */
export function fitLines(segments: readonly Segment[], space: Space): string[] {
  const groups = groupsOf(segments, space.lines)
  const lines = groups.map(group => lineOf(group, space)).filter(line => line !== '')
  return lines.length > 0 ? lines : [space.ascii ? '-' : '–']
}

/** In order, about as wide as each other. */
function groupsOf(segments: readonly Segment[], lines: number): Segment[][] {
  const groups: Segment[][] = []
  const total = segments.reduce((sum, { text }) => sum + widthOf(text) + GAP, 0)
  let before = 0
  for (const [n, segment] of segments.entries()) {
    // Every line gets one as long as there are as many.
    const left = segments.length - n
    const wanted = Math.min(lines - 1, Math.floor((before / total) * lines))
    const last = groups.length - 1
    if (last < 0 || (last < wanted && last < lines - 1) || left <= lines - 1 - last) groups.push([segment])
    else groups[last]!.push(segment)
    before += widthOf(segment.text) + GAP
  }
  return groups
}

function lineOf(group: readonly Segment[], { columns, color, ascii }: Space): string {
  const shown = group.map(segment => ({ ...segment, width: widthOf(segment.text) }))
  if (columns !== null) {
    const tooWide = () => shown.reduce((sum, { width }) => sum + width + GAP, -GAP) > columns
    for (const segment of [...shown].sort((a, b) => a.weight - b.weight)) {
      if (!tooWide()) break
      segment.text = segment.short
      segment.width = widthOf(segment.short)
    }
    while (shown.length > 1 && tooWide()) {
      const least = shown.reduce((worst, segment) => (segment.weight < worst.weight ? segment : worst))
      shown.splice(shown.indexOf(least), 1)
    }
    const [only] = shown
    if (only !== undefined && only.width > columns) only.text = cutTo(only.text, columns, ascii ? '.' : '…')
  }
  return shown.map(({ text, colour }) => paint(ascii ? plain(text) : text, color ? colour : null)).join(' ')
}

function paint(text: string, colour: Colour | null): string {
  return colour === null ? text : `\x1b[${CODES[colour]}m${text}\x1b[0m`
}

/** What others wrote may hold anything. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, character => (character === '…' ? '.' : '?'))
}

/** Columns. Rather one too many: a line that is too wide is broken by the terminal. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character.codePointAt(0)!)
  return width
}

function columnsOf(code: number): number {
  if (code < 0x300) return 1
  if (code < 0x370) return 0
  if (code < 0x1100) return 1
  // Hangul, CJK, full-width forms and emoji; private use (Nerd Fonts) is narrow.
  if (code <= 0x115f || (code >= 0x2e80 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff)) return 2
  if ((code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff01 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6))
    return 2
  if (code >= 0x1f000 && code <= 0x3fffd) return 2
  if (code >= 0x2300 && code <= 0x23ff) return 2
  return code >= 0x2600 && code <= 0x27bf && code !== 0x26a0 ? 2 : 1
}

function cutTo(text: string, columns: number, mark: string): string {
  let kept = ''
  let used = 0
  for (const character of text) {
    const width = columnsOf(character.codePointAt(0)!)
    if (used + width > columns - 1) break
    kept += character
    used += width
  }
  return kept + mark
}
