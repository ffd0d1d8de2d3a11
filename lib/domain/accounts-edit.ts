// What a person asks `vigil accounts` to put into claude-sessions.yaml: another current slot, one more account. By cutting
// into the text where that can be done, so that every other byte stays; whatever way was taken, the meaning is compared.
import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml'
import { type Account, tildePath } from './account.ts'
import { expandHome, REGISTRY_YAML } from './accounts-file.ts'
import { pairOf } from './accounts-splice.ts'

/** @throws Error where no way was found that changes nothing else */
export function withCurrent(text: string, slot: string): string {
  const wanted = meaningOf(text)
  wanted.set('current', slot)
  return firstThatMeans(wanted, [() => splicedCurrent(text, slot), () => rewritten(text, ['current'], slot)])
}

/**
 * One more account, behind the others.
 * @throws Error where no way was found that changes nothing else
 */
export function withAccount(
  text: string,
  { slot, configDir, email }: Pick<Account, 'slot' | 'configDir' | 'email'>,
  home: string,
): string {
  const short = tildePath(configDir, home)
  const fields = {
    ...(email === null ? {} : { email }),
    config_dir: expandHome(short, home) === configDir ? short : configDir,
    status: 'active',
  }
  const wanted = meaningOf(text)
  const accounts = new Map((wanted.get('accounts') as Map<string, unknown> | null) ?? [])
  wanted.set('accounts', accounts.set(slot, new Map(Object.entries(fields))))
  return firstThatMeans(wanted, [
    () => splicedAccount(text, slot, fields),
    () => rewritten(text, ['accounts', slot], fields),
  ])
}

function firstThatMeans(wanted: Map<string, unknown>, ways: Array<() => string | null>): string {
  for (const way of ways) {
    try {
      const result = way()
      if (result !== null && isDeepStrictEqual(meaningOf(result), wanted)) return result
    } catch {
      // It came out as no YAML: not by this way.
    }
  }
  throw new Error('claude-sessions.yaml was left as it is: it cannot be changed there without changing something else')
}

function meaningOf(text: string): Map<string, unknown> {
  const document = parseDocument(text, REGISTRY_YAML)
  if (document.errors[0]) throw document.errors[0]
  return new Map(document.toJS({ mapAsMap: true }) as Map<string, unknown>)
}

function splicedCurrent(text: string, slot: string): string | null {
  const map = topMap(text)
  if (map === null || map.flow) return null
  const pair = pairOf(map, 'current')
  if (pair !== undefined) {
    if (!isScalar(pair.value) || pair.value.anchor || pair.value.tag) return null
    const [start, end] = pair.value.range!
    return text.slice(0, start) + (start === end ? ` ${render(slot)}` : render(slot)) + text.slice(end)
  }
  const accounts = pairOf(map, 'accounts')
  const at = accounts?.key.range?.[0]
  if (at === undefined || text.slice(text.lastIndexOf('\n', at - 1) + 1, at) !== '') return null
  return `${text.slice(0, at)}current: ${render(slot)}${endOfLine(text)}${text.slice(at)}`
}

function splicedAccount(text: string, slot: string, fields: Record<string, string>): string | null {
  const accounts = topMap(text)?.get('accounts', true)
  if (!isMap(accounts) || accounts.flow) return null
  const last = accounts.items.at(-1)
  if (!last || !isScalar(last.key) || !isMap(last.value)) return null
  const inner = last.value as YAMLMap
  const lead = indentAt(text, last.key.range![0])
  const first = inner.items[0]?.key
  if (lead === null) return null
  const below = inner.flow || !isScalar(first) ? null : indentAt(text, first.range![0])
  const eol = endOfLine(text)
  // Behind the line on which the last value ends, a comment at its end included.
  const end = inner.range![1]
  const newline = text.indexOf('\n', text[end - 1] === '\n' ? end - 1 : end)
  const at = newline < 0 ? text.length : newline + 1
  const lines = Object.entries(fields).map(([key, value]) => `${below ?? `${lead}  `}${key}: ${render(value)}`)
  const section = [`${lead}${render(slot)}:`, ...lines].join(eol)
  return newline < 0 ? `${text}${eol}${section}` : `${text.slice(0, at)}${section}${eol}${text.slice(at)}`
}

/** By the YAML library, which keeps meaning and comments but not the layout: for what cannot be spliced. */
function rewritten(text: string, path: string[], value: unknown): string {
  const document = parseDocument(text, REGISTRY_YAML)
  const accounts = document.get('accounts', true)
  if (path[0] === 'accounts' && !(isMap(accounts) && accounts.items.length > 0)) {
    document.set('accounts', document.createNode({ [path[1]!]: value }))
  } else document.setIn(path, document.createNode(value))
  const result = document.toString({ lineWidth: 0 })
  return text.includes('\r\n') ? result.replace(/\r?\n/g, '\r\n') : result
}

function topMap(text: string): YAMLMap | null {
  const { contents } = parseDocument(text, REGISTRY_YAML)
  return isMap(contents) ? contents : null
}

/** null: something else stands before it on its line. */
function indentAt(text: string, offset: number): string | null {
  const indent = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  return /^ +$/.test(indent) ? indent : null
}

function endOfLine(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** Plain where every YAML takes it for text. */
function render(value: string): string {
  const isPlain = /^[A-Za-z~/][\w@./-]*$/.test(value) && !/^(?:true|false|null|yes|no|on|off|y|n|~)$/i.test(value)
  return isPlain ? value : JSON.stringify(value)
}
