// Text on a terminal: how wide it is, how to fit it, how to colour it. Widths are in columns, never in characters.

export type Colour = 'green' | 'yellow' | 'red' | 'cyan'
export type Style = Colour | 'bold' | 'dim'

const CODES: Record<Style, [on: number, off: number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export type Paint = (text: string, ...styles: Style[]) => string

/** @param color false: the text as it is, for NO_COLOR, files and pipes */
export function painter(color: boolean): Paint {
  return (text, ...styles) =>
    color && text !== ''
      ? styles.reduce((inner, style) => `\x1b[${CODES[style][0]}m${inner}\x1b[${CODES[style][1]}m`, text)
      : text
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** East Asian wide and full-width characters. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u

export function displayWidth(text: string): number {
  const plain = withoutStyles(text)
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length
  let width = 0
  for (const { segment } of segmenter.segment(plain)) width += graphemeWidth(segment)
  return width
}

function graphemeWidth(grapheme: string): number {
  // U+FE0F asks for the coloured, two columns wide form.
  if (WIDE.test(grapheme) || /^\p{Emoji_Presentation}/u.test(grapheme) || grapheme.includes('\ufe0f')) return 2
  return /^[\p{Mark}\p{Default_Ignorable_Code_Point}]/u.test(grapheme) ? 0 : 1
}

export function withoutStyles(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, '')
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}

/** Plain text only, before it is painted. @param mark what stands for what is cut off */
export function truncate(text: string, width: number, mark: string): string {
  if (displayWidth(text) <= width) return text
  const room = width - mark.length
  let kept = ''
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    used += graphemeWidth(segment)
    if (used > room) break
    kept += segment
  }
  return room < 0 ? mark.slice(0, width) : kept.trimEnd() + mark
}

/** Plain text in lines of at most `width`, broken between words; a word that is too long is broken inside. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/ +/).flatMap(whole => cutWord(whole, width))) {
    const longer = line === '' ? word : `${line} ${word}`
    if (displayWidth(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/**
 * A shell command in lines of at most `width` that can still be copied and run as they stand: each but the last ends in a
 * backslash. Between words where it fits, and then with an indent; inside a word otherwise, and then without one. No
 * backslash carries a comment on, so that one has lines of its own where it does not fit behind the command.
 */
export function wrapCommand(command: string, width: number, indent: string): string[] {
  const [, run = '', comment = ''] = /^(.*?) +# (.*)$/s.exec(command) ?? []
  // In quotes it is no comment.
  if (comment === '' || run.split("'").length % 2 === 0) return wrapRun(command, width, indent)
  const lines = wrapRun(run, width, indent)
  const whole = `${lines.at(-1)}   # ${comment}`
  if (displayWidth(whole) <= width) return [...lines.slice(0, -1), whole]
  return [...lines, ...wrapWords(comment, width - indent.length - 2).map(line => `${indent}# ${line}`)]
}

function wrapRun(command: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  const words = command.split(' ')
  words.forEach((word, index) => {
    const last = index === words.length - 1
    const gap = line === indent ? '' : ' '
    if (displayWidth(line + gap + word) <= width - (last ? 0 : 2)) {
      line += gap + word
      return
    }
    if (line !== indent) lines.push(`${line} \\`)
    const pieces = cutWord(indent + word, width - (last ? 1 : 2))
    lines.push(...pieces.slice(0, -1).map(piece => `${piece}\\`))
    line = pieces.at(-1)!
  })
  return [...lines, line]
}

function cutWord(word: string, width: number): string[] {
  if (displayWidth(word) <= width) return [word]
  const pieces: string[] = []
  let piece = ''
  for (const { segment } of segmenter.segment(word)) {
    if (piece !== '' && displayWidth(piece + segment) > width) {
      pieces.push(piece)
      piece = ''
    }
    piece += segment
  }
  return [...pieces, piece]
}

/** Pieces side by side where they fit, else on further lines; none is broken. */
export function flow(pieces: readonly string[], separator: string, width: number): string[] {
  const lines: string[] = []
  for (const piece of pieces) {
    const longer = lines.length === 0 ? piece : `${lines.at(-1)}${separator}${piece}`
    if (lines.length > 0 && displayWidth(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(piece)
  }
  return lines
}

/** What others wrote (an address, an error's words) on one line, without anything that a terminal would obey. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Surrogate}]+/gu, ' ').trim()
}

const ASCII: Record<string, string> = { '…': '...', '–': '-', '—': '-', '’': "'", '≥': '>=', '·': '-', '→': '->' }

/** For terminals that are not UTF-8. What has no ASCII form becomes a question mark. */
export function toAscii(text: string): string {
  return text.replace(/[^\x00-\x7e]/gu, character => ASCII[character] ?? '?')
}
