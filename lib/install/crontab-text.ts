// Our block in a person's crontab, and in the profile of their shell: put in, replaced and taken out again, with every other
// byte as it was. Pure. No variable is set in a crontab's, for one would hold for all the lines below it too.

const BEGIN = '# >>> vigil >>>'
const END = '# <<< vigil <<<'
/** What has to be undone with the block. */
const NO_CRONTAB = ' (there was no crontab before)'
export const NO_FILE = ' (there was no file before)'
const NO_NEWLINE = ' (the line above had no end)'

const BLOCK = /^# >>> vigil >>>([^\n]*)\n(?:(?!# >>> vigil >>>)[^\n]*\n)*?# <<< vigil <<<[^\n]*(?:\n|$)/gm
const MARKER = /^# (?:>>> vigil >>>|<<< vigil <<<)/m

/**
 * The crontab with these lines of ours, in the place of those that were there.
 * @param text null = there is none
 * @param noneBefore what puts down that there was none
 * @returns null where a marker stands alone, so that nobody knows which lines are ours
 */
export function withBlock(text: string | null, lines: readonly string[], noneBefore = NO_CRONTAB): string | null {
  const before = text ?? ''
  if (hasLoneMarker(before)) return null
  const block = (note: string) => [BEGIN + note, ...lines, END, ''].join('\n')
  const [first] = before.matchAll(BLOCK)
  if (first) {
    const note = first[1]!.replace('\r', '')
    const rest = before.slice(first.index + first[0].length).replaceAll(BLOCK, '')
    return before.slice(0, first.index) + block(note) + rest
  }
  if (text === null) return block(noneBefore)
  return text === '' || text.endsWith('\n') ? text + block('') : `${text}\n${block(NO_NEWLINE)}`
}

/** The crontab without us: `text` null = there was none before; null for the whole = a marker stands alone. */
export function withoutBlock(text: string): { text: string | null } | null {
  if (hasLoneMarker(text)) return null
  let rest = ''
  let end = 0
  let wasNone = false
  for (const match of text.matchAll(BLOCK)) {
    const note = match[1]!.replace('\r', '')
    rest += text.slice(end, match.index)
    end = match.index + match[0].length
    if (note === NO_CRONTAB || note === NO_FILE) wasNone = true
    // A line that has come below since needs the newline.
    if (note === NO_NEWLINE && end === text.length) rest = rest.replace(/\n$/, '')
  }
  rest += text.slice(end)
  return { text: wasNone && rest === '' ? null : rest }
}

/** Our lines, for a look at where they lead; '' = there are none. */
export function blockIn(text: string): string {
  return [...text.matchAll(BLOCK)].map(([block]) => block).join('')
}

function hasLoneMarker(text: string): boolean {
  return MARKER.test(text.replaceAll(BLOCK, ''))
}
