// Text for services that read markup: whatever stands in an alert is shown as it is, and only the command as code.
import type { Rendered } from './render.ts'
import { shorten } from './shorten.ts'

export interface Markup {
  /** Any text, so that the service shows these very characters. */
  escape: (text: string) => string
  /** The same for what stands between backticks. */
  escapeCode: (text: string) => string
}

const asItIs = (text: string) => text

export const SLACK: Markup = { escape: escapeEntities, escapeCode: escapeEntities }
export const DISCORD: Markup = { escape: text => text.replace(/[\\*_~`|>#[\]()@-]/g, '\\$&'), escapeCode: asItIs }

/** Of HTML, too. */
export function escapeEntities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** @param limit in UTF-16 units, markup included */
export function markedUp(rendered: Pick<Rendered, 'sections'>, limit: number, markup: Markup): string {
  // One that holds a backtick itself would end its own code.
  const commands = new Set(remedies(rendered).filter(command => !command.includes('`')))
  const shown = (line: string) =>
    line.startsWith('Run: ') && commands.has(line.slice(5))
      ? `Run: \`${markup.escapeCode(line.slice(5))}\``
      : markup.escape(line)
  const all = (text: string) => text.split('\n').map(shown).join('\n')
  return all(shorten(rendered, limit, text => all(text).length))
}

/** Where the commands stand in a text that has them as they are; in UTF-16 units. */
export function codeRanges(rendered: Pick<Rendered, 'sections'>, text: string): { offset: number; length: number }[] {
  const ranges: { offset: number; length: number }[] = []
  let from = 0
  for (const command of remedies(rendered)) {
    const at = text.indexOf(`Run: ${command}`, from)
    if (at < 0) continue
    from = at + 5 + command.length
    ranges.push({ offset: at + 5, length: command.length })
  }
  return ranges
}

function remedies({ sections }: Pick<Rendered, 'sections'>): string[] {
  const lines = sections.flatMap(section => section.lines)
  return lines.flatMap(({ kind, command }) => (kind === 'remedy' && command !== null ? [command] : []))
}
