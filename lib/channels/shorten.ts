// A text for a service that takes only so much. What a person can do without goes first; the command that mends it last.
import { cut, heading, type Line, type Rendered, type Section, textOf } from './render.ts'

/** In the order in which they are given up. */
const NEEDLESS: Line['kind'][][] = [['more'], ['detail'], ['affects', 'late'], ['who']]

/**
 * The text of a message within a limit.
 * @param size how the service counts, which may be more than one a character
 */
export function shorten(rendered: Pick<Rendered, 'sections'>, limit: number, size: (text: string) => number): string {
  let sections: Section[] = rendered.sections
  const fits = () => size(join(sections)) <= limit
  for (const kinds of NEEDLESS) {
    if (fits()) return join(sections)
    sections = sections.map(section => ({
      ...section,
      lines: section.lines.filter(({ kind }) => !kinds.includes(kind)),
    }))
  }
  if (fits()) return join(sections)
  if (sections.length > 1) return firstOnes(sections, limit, size)
  return shortened(sections[0]!, limit, size)
}

function join(sections: Section[]): string {
  if (sections.length === 1) return textOf(sections[0]!)
  return withHeadings(sections)
}

function firstOnes(sections: Section[], limit: number, size: (text: string) => number): string {
  for (let count = sections.length - 1; count > 0; count--) {
    const text = `${withHeadings(sections.slice(0, count))}\n\n… and ${sections.length - count} more: vigil alerts`
    if (size(text) <= limit) return text
  }
  const [first] = sections
  const rest = `\n\n… and ${sections.length - 1} more: vigil alerts`
  return `${shortened(first!, limit - size(rest), size)}${rest}`
}

/** With a heading each, although only one may be left of them. */
function withHeadings(sections: Section[]): string {
  return sections.map(section => `${heading(section)}\n${textOf(section)}`).join('\n\n')
}

/** The finding gives way to the command. */
function shortened(section: Section, limit: number, size: (text: string) => number): string {
  const [what, ...rest] = section.lines
  const whole = rest.length === 0 ? '' : `\n${textOf({ lines: rest })}`
  const room = limit - size(whole)
  return room > 0 ? cutTo(what!.text, room, size) + whole : cutTo(textOf(section), limit, size)
}

/** As much of a text as is not more than the limit, by whole characters. */
export function cutTo(text: string, limit: number, size: (text: string) => number): string {
  let [low, high] = [0, [...text].length]
  if (size(text) <= limit) return text
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (size(cut(text, middle)) <= limit) low = middle
    else high = middle - 1
  }
  return cut(text, low)
}
