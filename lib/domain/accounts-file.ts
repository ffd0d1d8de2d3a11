// What claude-sessions.yaml says. It is a person's file: every problem is reported at once, with its line and the remedy,
// and keys that Vigil does not know are that person's business.
import { isAbsolute, normalize } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { SettingsError } from '../settings-defaults.ts'
import * as v from '../valibot.ts'
import { type Account, SLOT_PATTERN } from './account.ts'

const FILE = 'claude-sessions.yaml'

/** String keys, or a slot `01` would become `1`; merge keys, or `<<` would be read as an unknown key and its status missed. */
export const REGISTRY_YAML = { prettyErrors: false, stringKeys: true, merge: true } as const

export interface Registry {
  /** The slot that new sessions use; null where the file names none. */
  current: string | null
  /** In the order of the file, which is also the order in which a person sees them. */
  accounts: Account[]
}

const TIME = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** The keys of one account that Vigil reads, in the file's own names. Others are neither read nor refused. */
function accountInFile(home: string) {
  return v.object({
    email: v.nullish(
      v.pipe(
        v.string('is no text; write an address, or remove the line'),
        v.regex(/^[^\r\n\0]+$/, 'has to be one line of text; write an address, or remove the line'),
      ),
    ),
    config_dir: v.pipe(
      v.string(issue =>
        issue.input === undefined || issue.input === null
          ? 'is missing; write the directory of this login, such as ~/.claude-work'
          : 'is no directory; write a path such as ~/.claude-work',
      ),
      v.regex(/^[^\r\n\0]+$/, 'has to be one line of text; write a path such as ~/.claude-work'),
      v.transform(path => expandHome(path, home)),
      v.check(isAbsolute, 'has to begin with / or ~/; write the whole path, such as ~/.claude-work'),
    ),
    status: v.nullish(v.picklist(['active', 'inactive'], 'has to be active or inactive')),
    inactive_reason: v.nullish(v.string('is no text; write a word such as paused')),
    inactive_since: v.nullish(
      v.pipe(
        v.custom<string | Date>(isTime, 'is no time; write one such as 2026-02-08T12:36:00Z, or remove the line'),
        v.transform(time => (typeof time === 'string' ? time.replace(' ', 'T') : time.toISOString())),
      ),
    ),
  })
}

interface Problem {
  /** Offset in the text: the problems are told in the order of the file. */
  at: number
  message: string
}

/**
 * @param directoryOf two paths for which it gives the same answer are one directory
 * @throws SettingsError with every problem and its line
 */
export function parseRegistry(text: string, home: string, directoryOf = (path: string) => path): Registry {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...REGISTRY_YAML, lineCounter: lines })
  const refuse = (problems: Problem[]): never => {
    const told = problems.toSorted((a, b) => a.at - b.at)
    throw new SettingsError(
      FILE,
      told.map(({ at, message }) => `line ${lines.linePos(at).line}: ${message}`),
    )
  }
  const problems: Problem[] = document.errors.map(error => ({
    at: error.pos[0],
    message:
      error.code === 'DUPLICATE_KEY'
        ? `${/^[^:\r\n]*/.exec(text.slice(error.pos[0]))![0].trim()} stands here a second time; remove or rename one of the two`
        : error.message,
  }))
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document)) return
      problems.push({
        at: alias.range?.[0] ?? 0,
        message: `*${alias.source} is not defined above (as &${alias.source})`,
      })
    },
  })
  // A doubled key leaves the rest readable, so its other problems can be told with it; a syntax error does not.
  if (problems.length > document.errors.filter(error => error.code === 'DUPLICATE_KEY').length) refuse(problems)
  let data: unknown
  try {
    data = document.toJS({ mapAsMap: true })
  } catch (error) {
    // Aliases without end, or a merge key whose value is no section.
    return refuse([...problems, { at: 0, message: (error as Error).message }])
  }
  const found = readData(data, home, directoryOf, path => offsetOf(document, path))
  problems.push(...found.problems)
  return problems.length > 0 ? refuse(problems) : found.registry
}

function readData(
  data: unknown,
  home: string,
  directoryOf: (path: string) => string,
  offset: (path: string[]) => number,
) {
  const registry: Registry = { current: null, accounts: [] }
  const problems: Problem[] = []
  const complain = (path: string[], message: string) =>
    problems.push({ at: offset(path), message: `${path.map(shownKey).join('.')} ${message}`.trimStart() })
  const done = { registry, problems }
  if (data === null || data === undefined) {
    complain([], NOTHING_SAID)
    return done
  }
  if (!(data instanceof Map)) {
    complain([], 'the file has to be a section with "accounts:" in it')
    return done
  }
  const accounts = readAccounts(data, complain)
  const schema = accountInFile(home)
  for (const [slot, fields] of accounts) {
    const path = ['accounts', slot]
    if (!SLOT_PATTERN.test(slot)) {
      complain(
        path,
        /^(?:constructor|prototype)$/.test(slot)
          ? 'is a name that JavaScript keeps for itself; choose another one, such as slot-1'
          : 'is no name for a slot; use at most 64 letters, digits, ".", "_" and "-", beginning with a letter or digit',
      )
    }
    if (!(fields instanceof Map)) {
      complain(path, 'has to be a section of its own; write "config_dir: ~/.claude-work" below it')
      continue
    }
    const result = v.safeParse(schema, {
      email: fields.get('email'),
      config_dir: fields.get('config_dir'),
      status: fields.get('status'),
      inactive_reason: fields.get('inactive_reason'),
      inactive_since: fields.get('inactive_since'),
    })
    if (result.success) registry.accounts.push(toAccount(slot, result.output, home))
    for (const issue of result.issues ?? []) {
      complain([...path, String(issue.path?.[0]?.key)], issue.message + shownInput(issue.input))
    }
  }
  for (const { slot, rival, what } of doubles(registry.accounts, directoryOf)) {
    complain(['accounts', slot, ...(what === 'config_dir' ? [what] : [])], DOUBLED[what](rival))
  }
  const current = data.get('current')
  if (current !== undefined && current !== null) {
    // A slot that is called 2 reads as a number here.
    const name = typeof current === 'number' ? String(current) : current
    if (accounts.has(name)) registry.current = name
    else complain(['current'], `has to be one of the slots below accounts${shownInput(current)}`)
  }
  return done
}

/** The sections below `accounts:`; none where it stands empty, for a person may have removed the last one. */
function readAccounts(data: Map<string, unknown>, complain: (path: string[], message: string) => void) {
  const accounts = data.get('accounts')
  if (accounts instanceof Map) return accounts as Map<string, unknown>
  if (!data.has('accounts')) {
    complain([], '"accounts:" is missing; write it, with one section for each login below it')
  } else if (accounts !== null) {
    complain(['accounts'], 'has to be a section; write "slot-1:" below it, and "config_dir: ~/.claude" below that')
  }
  return new Map<string, unknown>()
}

/** What a power cut in an editor's save leaves behind, so it must not look like a person's "no accounts". */
const NOTHING_SAID =
  'the file is empty; write "accounts:" with one section for each login below it ("accounts: {}" for none), or remove the file, so that Vigil finds the logins by itself'

const DOUBLED = {
  config_dir: (rival: string) => `is that of ${rival} too; every account needs a directory of its own`,
  slot: (rival: string) => `differs from ${rival} only in upper and lower case; rename one of the two`,
}

/** Two slots with one login would spend each other's tokens; two that name one file on a Mac would overwrite each other. */
function doubles(accounts: Account[], directoryOf: (path: string) => string) {
  const seen = new Map<string, string>()
  return accounts.flatMap(({ slot, configDir }) =>
    ([['config_dir', directoryOf(configDir)] as const, ['slot', slot.toLowerCase()] as const] as const).flatMap(
      ([what, value]) => {
        const key = `${what} ${value}`
        const rival = seen.get(key)
        if (rival === undefined) seen.set(key, slot)
        return rival === undefined ? [] : [{ slot, rival, what }]
      },
    ),
  )
}

function toAccount(slot: string, fields: v.InferOutput<ReturnType<typeof accountInFile>>, home: string): Account {
  return {
    slot,
    configDir: fields.config_dir,
    isDefault: fields.config_dir === expandHome('~/.claude', home),
    email: fields.email ?? null,
    status: fields.status ?? 'active',
    inactiveReason: fields.inactive_reason ?? null,
    inactiveSince: fields.inactive_since ?? null,
  }
}

/**
 * `~` and `~/x` only, no trailing slash, no detours by `.`, `..` or `//`, so that one directory has one name. Links are not
 * followed: Claude Code names its Keychain item after the string.
 */
export function expandHome(path: string, home: string): string {
  const expanded = path === '~' || path.startsWith('~/') ? home + path.slice(1) : path
  return isAbsolute(expanded) ? normalize(expanded).replace(/(.)\/$/, '$1') : expanded
}

function isTime(input: unknown): boolean {
  if (input instanceof Date) return !Number.isNaN(input.getTime())
  return typeof input === 'string' && TIME.test(input) && !Number.isNaN(Date.parse(input))
}

/** Where the innermost key of this path stands; what is missing is shown at the section that lacks it. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: string[]): number {
  let node: unknown = document.contents
  let at = document.contents?.range?.[0] ?? 0
  for (const name of path) {
    // The last of two: that is the one whose value counts.
    const pair = isMap(node) ? node.items.findLast(item => isScalar(item.key) && item.key.value === name) : undefined
    if (!pair) break
    at = (isScalar(pair.key) && pair.key.range?.[0]) || at
    node = pair.value
  }
  return at
}

function shownKey(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name)
}

function shownInput(input: unknown): string {
  return typeof input === 'object' || input === undefined ? '' : ` (it is ${JSON.stringify(input)})`
}
