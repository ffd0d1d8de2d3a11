// What is wrong with vigil.yaml, in words and with its line, and never with a secret in them: problems go into the log and
// the run record, and the redaction there cannot know a password that was never read.
import type * as v from 'valibot'
import type { LineCounter, Node, parseDocument } from 'yaml'
import { SettingsError } from './settings-defaults.ts'

type YamlDocument = ReturnType<typeof parseDocument>
type Path = readonly (string | number)[]

/** The sections in which no secret may stand. Any other, misspelt or indented wrongly, may be one of the rest. */
const OPEN_SECTIONS = /^(?:endpoints|refresh|refresh_ahead|user_agent|quota|billing|alerts|failover)$/
const SECRET_SECTIONS: unknown[] = ['channels', 'dead_man']
const SECRET_KEY = /^(?:password|url|token|secret|key)$/i

/**
 * The file as plain values.
 * @throws SettingsError with all that YAML itself cannot read
 */
export function readData(text: string, document: YamlDocument, lines: LineCounter): object {
  if (document.errors.length > 0) {
    const told = document.errors.map(({ pos, code, message }) => {
      // Some messages quote what they stumbled upon.
      const shown = isOpenAt(text, pos[0]) ? message : `YAML cannot read this (${code}); mind quotes and indentation`
      return `line ${lines.linePos(pos[0]).line}: ${shown}`
    })
    throw new SettingsError('vigil.yaml', told)
  }
  let data: unknown
  try {
    data = document.toJS() ?? {}
  } catch {
    // The message would quote the name, which is a secret that begins with *.
    throw new SettingsError('vigil.yaml', [
      'an alias (*name) in it leads nowhere; a text that begins with * needs quotes',
    ])
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new SettingsError('vigil.yaml', ['the file has to be a section with keys of its own, such as: refresh: off'])
  }
  return data
}

function isOpenAt(text: string, offset: number): boolean {
  const lineEnd = text.indexOf('\n', offset)
  const begun = text.slice(0, lineEnd < 0 ? text.length : lineEnd).split('\n')
  const section = begun.findLast(line => /^[^\s#]/.test(line)) ?? ''
  return OPEN_SECTIONS.test(/^[^:]*/.exec(section)![0].trim())
}

/** Where a path stands, as the beginning of a sentence; for what is missing, where the section stands that lacks it. */
export function lineFinder(document: YamlDocument, lines: LineCounter): (path: Path) => string {
  return path => {
    for (let depth = path.length; depth > 0; depth--) {
      const at = keyOrValueAt(document, path.slice(0, depth))
      if (at !== null) return `line ${lines.linePos(at).line}: `
    }
    return ''
  }
}

/** In the order of the file, as a person goes through it. */
export function byLine(one: string, other: string): number {
  const line = (text: string) => Number(/^line (\d+)/.exec(text)?.[1] ?? 0)
  return line(one) - line(other)
}

export function describeIssue(issue: v.BaseIssue<unknown>, lineOf: (path: Path) => string): string {
  const path = (issue.path ?? []).map(item => item.key as string | number)
  const secret = SECRET_SECTIONS.includes(path[0])
  const name = path.map(key => (secret ? plainKey(key) : key)).join('.') || 'the file'
  const where = lineOf(path)
  if (issue.type === 'strict_object') {
    if (issue.expected === 'never')
      return `${where}${name} is unknown here; check its spelling and indentation, or remove it`
    if (issue.received === 'undefined') return `${where}${name} is missing`
    return `${where}${name} has to be a section with keys of its own`
  }
  if (secret || path.some(key => SECRET_KEY.test(String(key)))) {
    // valibot's own words end with what it received.
    return `${where}${name} ${issue.message.replace(/ but received .*$/s, '')}`
  }
  const shown = typeof issue.input === 'object' ? '' : ` (it is ${JSON.stringify(issue.input)})`
  return `${where}${name} ${issue.message}${shown}`
}

/** A key without a space behind its colon is key and value in one. */
function plainKey(key: string | number): string | number {
  return typeof key === 'number' || /^[\w-]{1,32}$/.test(key) ? key : '…'
}

function keyOrValueAt(document: YamlDocument, path: Path): number | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const pair = (parent as { items?: Array<{ key?: Node & { value?: unknown } }> } | null)?.items?.find(
    item => item.key?.value === path[path.length - 1],
  )
  const node = pair?.key ?? (document.getIn(path, true) as Node | undefined)
  return node?.range?.[0] ?? null
}
