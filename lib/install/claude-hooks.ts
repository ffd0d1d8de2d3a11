// Claude Code's settings.json with our StopFailure hook in it, all else byte for byte as it was. Pure.
import * as v from '../valibot.ts'
import { NO_OBJECT } from './claude-settings.ts'
import { containerAt, gapBefore, indentOf, memberOf, type Part, rootOf, withoutPart, withPart } from './json-text.ts'

const EVENT = 'StopFailure'

/** How to undo it: what had to be made, from the outside in, and what stood in its place. */
export const HookUndo = v.object({
  made: v.picklist(['all', 'hooks', 'event', 'entry']),
  /** Of `all` the whole text, null = no file; else what stood between the brackets, null = others of the kind. */
  was: v.nullable(v.string()),
})
export type HookUndo = v.InferOutput<typeof HookUndo>

export type HookChange =
  | {
      do: 'change'
      /** null = the file goes. */
      text: string | null
      /** null = one of ours was there before, or nothing is to be undone any more. */
      undo: HookUndo | null
    }
  | { do: 'keep' }
  | { do: 'refuse'; reason: string }

/** @param text null = there is no such file */
export function withHook(text: string | null, command: string): HookChange {
  const entry = { hooks: [{ type: 'command', command }] }
  if (text === null || text.trim() === '') {
    const made = `${JSON.stringify({ hooks: { [EVENT]: [entry] } }, null, 2)}\n`
    return { do: 'change', text: made, undo: { made: 'all', was: text } }
  }
  const refusal = refuse(text)
  if (refusal !== null) return { do: 'refuse', reason: refusal }
  const [first, ...others] = ownHooks(text)
  if (first !== undefined) {
    if (others.length === 0 && first.command === command) return { do: 'keep' }
    // One is enough, and one of a checkout that is gone only fails.
    const alone = others.reduceRight((rest, own) => cut(rest, own, null), text)
    const renamed = alone.slice(0, first.value.valueStart) + JSON.stringify(command) + alone.slice(first.value.end)
    return { do: 'change', text: renamed, undo: null }
  }
  const step = indentOf(text)
  const root = rootOf(text)!
  const add = (made: 'hooks' | 'event' | 'entry', at: Part | null, spell: Spell): HookChange => {
    const container = at === null ? root : containerAt(text, at.valueStart)
    const outer = at === null ? '' : lineIndent(text, at)
    const was = container.parts.length === 0 ? text.slice(container.open + 1, container.close) : null
    const changed = withPart(text, container, indent => spell(indent, step), [outer, step])
    return { do: 'change', text: changed, undo: { made, was } }
  }
  const hooks = memberOf(root, 'hooks')
  if (hooks === undefined) return add('hooks', null, spelled('hooks', { [EVENT]: [entry] }))
  const event = memberOf(containerAt(text, hooks.valueStart), EVENT)
  if (event === undefined) return add('event', hooks, spelled(EVENT, [entry]))
  return add('entry', event, spelled(null, entry))
}

/** @param undo null = nobody knows any more what was there; then nothing that is empty stays */
export function withoutHook(text: string, undo: HookUndo | null): HookChange {
  const refusal = refuse(text, false)
  if (refusal !== null) return text.includes('hook stop-failure') ? { do: 'refuse', reason: refusal } : { do: 'keep' }
  const own = ownHooks(text)
  if (own.length === 0) return { do: 'keep' }
  const rest = own.reduceRight((left, one) => cut(left, one, undo), text)
  const isEmpty = rootOf(rest)!.parts.length === 0
  return { do: 'change', text: undo?.made === 'all' && isEmpty ? undo.was : rest, undo: null }
}

/** The commands of ours, wherever they lead. */
export function hookCommands(text: string): string[] {
  return refuse(text, false) === null ? ownHooks(text).map(({ command }) => command) : []
}

/** The path that it names, as a shell would read it; null = a name for the PATH, or more than one word. */
export function programOf(command: string, home: string): string | null {
  const [, word] = /^(.*?)['"]?\s+(?:hook\s+stop-failure|statusline)\s*$/.exec(command) ?? []
  if (word === undefined) return null
  const path = word.startsWith("'")
    ? word.slice(1).replaceAll("'\\''", "'")
    : word.replace(/^"/, '').replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/)/, home)
  return path.startsWith('/') ? path : null
}

/** Whether Claude Code calls any hook that stands there. */
export function hooksAreOff(text: string): boolean {
  return rootOf(text) !== null && JSON.parse(text).disableAllHooks === true
}

function refuse(text: string, toPutIn = true): string | null {
  if (rootOf(text) === null) return NO_OBJECT
  const { hooks, disableAllHooks } = JSON.parse(text)
  if (toPutIn && disableAllHooks === true)
    return 'it says "disableAllHooks": true, so Claude Code would never call the hook; take that out first'
  if (hooks === undefined) return null
  if (typeof hooks !== 'object' || hooks === null || Array.isArray(hooks))
    return 'its "hooks" is no object, so Claude Code cannot read it; mend it first'
  if (hooks[EVENT] !== undefined && !Array.isArray(hooks[EVENT]))
    return `its "hooks" has a "${EVENT}" that is no list, so Claude Code cannot read it; mend it first`
  return null
}

interface OwnHook {
  command: string
  /** Where that is spelled. */
  value: Part
  /** Its group of the list, and its place among the group's hooks. */
  group: number
  item: number
}

function ownHooks(text: string): OwnHook[] {
  const event = eventOf(text)
  if (event === null) return []
  return event.parts.flatMap((part, group) => {
    if (text[part.valueStart] !== '{') return []
    const list = memberOf(containerAt(text, part.valueStart), 'hooks')
    if (list === undefined || text[list.valueStart] !== '[') return []
    return containerAt(text, list.valueStart).parts.flatMap((hook, item) => {
      const value = text[hook.valueStart] === '{' ? memberOf(containerAt(text, hook.valueStart), 'command') : undefined
      const command: unknown = value === undefined ? null : JSON.parse(text.slice(value.valueStart, value.end))
      return typeof command === 'string' && isOwn(command) ? [{ command, value: value!, group, item }] : []
    })
  })
}

/** Of any checkout, and as a person may have put it in by hand: then a hook may not find it. */
function isOwn(command: string): boolean {
  return /^(?:['"]?vigil|.*\/bin\/vigil)['"]? hook stop-failure\s*$/.test(command)
}

function eventOf(text: string) {
  const hooks = memberOf(rootOf(text)!, 'hooks')
  const event = hooks && memberOf(containerAt(text, hooks.valueStart), EVENT)
  return event === undefined ? null : containerAt(text, event.valueStart)
}

/** Takes one out, and what is empty without it as far as we made it. */
function cut(text: string, { group, item }: OwnHook, undo: HookUndo | null): string {
  const { made, was } = undo ?? { made: 'hooks', was: null }
  const event = eventOf(text)!
  const part = event.parts[group]!
  const list = memberOf(containerAt(text, part.valueStart), 'hooks')!
  const inGroup = containerAt(text, list.valueStart)
  if (inGroup.parts.length > 1) return withoutPart(text, inGroup, inGroup.parts[item]!, '')
  if (event.parts.length > 1 || made === 'entry') return withoutPart(text, event, part, was ?? '')
  const root = rootOf(text)!
  const hooks = memberOf(root, 'hooks')!
  const inHooks = containerAt(text, hooks.valueStart)
  if (inHooks.parts.length > 1 || made === 'event')
    return withoutPart(text, inHooks, memberOf(inHooks, EVENT)!, made === 'event' ? (was ?? '') : '')
  return withoutPart(text, root, hooks, made === 'hooks' ? (was ?? '') : '')
}

type Spell = (indent: string | null, step: string) => string

function spelled(key: string | null, value: unknown): Spell {
  const name = key === null ? '' : `${JSON.stringify(key)}: `
  return (indent, step) =>
    name +
    (indent === null ? JSON.stringify(value) : JSON.stringify(value, null, step || 2).replaceAll('\n', `\n${indent}`))
}

function lineIndent(text: string, part: Part): string {
  const gap = gapBefore(text, part.start)
  return gap.slice(gap.lastIndexOf('\n') + 1)
}
