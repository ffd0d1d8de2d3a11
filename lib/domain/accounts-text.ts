// The text of claude-sessions.yaml as Vigil writes it: the first one whole, later ones by changing one account's standing.
// That is done by splicing (accounts-splice.ts), since a YAML writer would reflow a person's comments, blank lines, quotes and
// line ends. Whatever way was taken, the result is parsed and compared: nothing but the three keys may mean anything else.
import { isDeepStrictEqual } from 'node:util'
import { Document, isAlias, isMap, isScalar, type Node, parseDocument, type YAMLMap } from 'yaml'
import { type Account, tildePath } from './account.ts'
import { expandHome, REGISTRY_YAML } from './accounts-file.ts'
import { isAsWanted, isSame, KEYS, pairOf, spliced, type Wanted } from './accounts-splice.ts'

const HEADER = `# The Claude logins that Vigil looks after. This file is yours: whatever you write stays, with comments and order.
# Vigil itself changes only status, inactive_reason and inactive_since.
#
# config_dir   the directory of that login; ~/.claude is the one that is used while CLAUDE_CONFIG_DIR is unset
# status       active, or inactive. What Vigil made inactive, it makes active again as soon as you have logged in.
#              To have a login left alone, write "status: inactive" and "inactive_reason: paused": only you undo that.
#
# To add a login: CLAUDE_CONFIG_DIR=~/.claude-work claude /login, then a section here with that config_dir.
`

/**
 * The text of a first registry.
 * @param home paths below it are shown as ~/…
 */
export function registryText(
  accounts: ReadonlyArray<Pick<Account, 'slot' | 'configDir' | 'email'>>,
  current: string | null,
  home: string,
): string {
  const sections = accounts.map(({ slot, configDir, email }) => {
    const short = tildePath(configDir, home)
    // Only where it reads back as the very same string.
    const config_dir = expandHome(short, home) === configDir ? short : configDir
    return [slot, { ...(email === null ? {} : { email }), config_dir, status: 'active' }] as const
  })
  const data = { ...(current === null ? {} : { current }), accounts: new Map(sections) }
  return HEADER + new Document(data).toString({ lineWidth: 0 })
}

/** `active` takes reason and since away. `since` is ISO 8601. */
export type StandingChange = { status: 'active' } | { status: 'inactive'; reason: string; since: string }

/**
 * The text with only this slot's status, inactive_reason and inactive_since changed.
 * @param text one that parseRegistry accepts, with this slot in it
 * @throws Error where no way was found that changes nothing else
 */
export function withStanding(text: string, slot: string, change: StandingChange): string {
  const inactive = change.status === 'inactive' ? change : null
  const wanted: Wanted = {
    status: change.status,
    inactive_reason: inactive?.reason ?? null,
    inactive_since: inactive?.since ?? null,
  }
  for (const way of [spliced, rewritten]) {
    const result = way(text, slot, wanted)
    if (result !== null && meansExactly(text, result, slot, wanted)) return result
  }
  throw new Error(
    `claude-sessions.yaml was left as it is: the status of ${slot} cannot be changed there without changing something else. ` +
      `Write its status, inactive_reason and inactive_since as plain lines of its own, without aliases`,
  )
}

/** By the YAML library, which keeps meaning and comments but not the layout: for what cannot be spliced. */
function rewritten(text: string, slot: string, wanted: Wanted): string | null {
  try {
    const document = parseDocument(text, REGISTRY_YAML)
    const accounts = document.get('accounts', true)
    // `accounts: *a`: the other place that uses it has to keep what it says.
    if (isAlias(accounts)) document.set('accounts', document.createNode(accounts.toJS(document, { mapAsMap: true })))
    const map = document.getIn(['accounts', slot], true)
    if (!isMap(map)) return null
    for (const key of KEYS) {
      if (wanted[key] === null) removeKey(map, key)
      else if (!isAsWanted(pairOf(map, key), key, wanted[key])) map.set(key, wanted[key])
    }
    const indent = /^( {1,8})[^ #\r\n]/m.exec(text)?.[1]?.length ?? 2
    const result = document.toString({ lineWidth: 0, indent })
    const ended = text.includes('\r\n') ? result.replace(/\r?\n/g, '\r\n') : result
    return text.endsWith('\n') ? ended : ended.replace(/\r?\n$/, '')
  } catch {
    return null // It cannot write what it read, an alias whose anchor went for example. The caller says so.
  }
}

/** Without the comments around it: those pass to what follows. */
function removeKey(map: YAMLMap, key: string): void {
  const pair = pairOf(map, key)
  if (!pair) return
  const index = map.items.indexOf(pair)
  map.items.splice(index, 1)
  const value = pair.value as Node | null
  const said = [pair.key.commentBefore, pair.key.comment, value?.commentBefore, value?.comment]
  const next = map.items[index]?.key
  if (isScalar(next)) next.commentBefore = joined([...said, next.commentBefore])
  else map.comment = joined([map.comment, ...said])
}

function joined(comments: Array<string | null | undefined>): string | null {
  return comments.filter(comment => comment).join('\n') || null
}

function meansExactly(before: string, after: string, slot: string, wanted: Wanted): boolean {
  try {
    const old = splitMeaning(before, slot)
    const now = splitMeaning(after, slot)
    if (!old || !now || !isDeepStrictEqual(old.rest, now.rest)) return false
    return KEYS.every(key => isSame(now.standing.get(key), key, wanted[key]))
  } catch {
    return false // An alias lost its anchor: it means nothing any more.
  }
}

/** What the text means, this slot's standing apart from all the rest. */
function splitMeaning(text: string, slot: string) {
  const document = parseDocument(text, REGISTRY_YAML)
  if (document.errors.length > 0) return null
  const rest = new Map(document.toJS({ mapAsMap: true }) as Map<string, unknown>)
  const accounts = new Map(rest.get('accounts') as Map<string, Map<string, unknown>>)
  const standing = accounts.get(slot)
  if (!(standing instanceof Map)) return null
  rest.set('accounts', accounts)
  // A copy: with aliases, other places may hold this very map.
  accounts.set(slot, new Map([...standing].filter(([key]) => !(KEYS as readonly string[]).includes(key))))
  return { rest, standing }
}
