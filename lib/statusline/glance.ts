// Everything that the line may show, from the cache files and stdin, judged for one moment. Reads only. In one file, though a
// long one, and line.ts likewise: each module more costs the line 0.4 of its 9 ms.
// It reads by hand, believing nothing, each field by type and range where it is used. House rule 8 (check with a schema at
// the border) is broken here on purpose: a schema refuses the whole for one bad field, and costs more than the whole line.
import {
  billingFreshness,
  type Figure,
  type Freshness,
  type FreshnessBudget,
  figureOf,
  judgeFreshness,
  newerOf,
  type Seen,
} from '../domain/freshness.ts'
import type { Paths } from '../paths.ts'
import {
  CCUSAGE_KILL_GRACE_MS,
  CRON_PERIOD_MS,
  DEFAULT_CCUSAGE_TIMEOUT_MS,
  DEFAULT_QUOTA_AGES,
  HOUR_MS,
  MINUTE_MS,
  START_JITTER_MS,
  VERSION,
  WATCHDOG_MISSING_MS,
} from '../timings.ts'
import { DEFAULT_STATUSLINE, type SegmentName, type StatuslineSettings, VARIANTS } from './line.ts'

// As edges/fs.ts takes it, without the rest of that file: the line writes nothing.
const { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, statSync } =
  process.getBuiltinModule('node:fs')

type Mark = Freshness['state']

export interface Glance {
  now: number
  model: string | null
  /** null = not told yet. */
  context: { freeTokens: number; usedPercent: number } | null
  fiveHour: Figure
  weekly: Figure
  billing: Billing | null
  git: Git | null
  /** null = nobody knows which account this is. */
  account: SeenAccount | null
  /** Accounts that can be used now, of all that are not paused; null = not known. */
  pool: { usable: number; all: number } | null
  /** null = cannot be read. */
  alerts: { firing: number; worst: 'info' | 'warning' | 'critical'; mark: Mark } | null
  /** How long it is silent, ms; null = it is not; Infinity = it never ran. */
  watchdogSilentMs: number | null
}

interface SeenAccount {
  slot: string
  standing: 'active' | 'needsLogin' | 'paused'
  /** The slot that new sessions use, where it is another. */
  current: string | null
}

export interface Billing {
  mark: Exclude<Mark, 'absent'>
  costTodayUsd: number | null
  budgetUsd: number | null
  budgetPercent: number | null
  /** ms; null = no block is under way. */
  blockEndsAt: number | null
}

interface Git {
  mark: Exclude<Mark, 'absent'>
  branch: string
  staged: number
  changed: number
}

/** What else was seen, for what is done after the line is printed. */
export interface Gathered {
  glance: Glance
  settings: StatuslineSettings
  sources: string[]
  harvest: Harvest | null
  gitDue: boolean
  billingMark: Mark
  troubles: string[]
}

export interface Question {
  paths: Paths
  /** CLAUDE_CONFIG_DIR; null = unset, which is `~/.claude`. */
  configDir: string | null
  /** What Claude Code wrote on stdin; anything. */
  input: unknown
  now: number
}

const GIT_BUDGET: FreshnessBudget = {
  freshForMs: 2 * MINUTE_MS,
  staleAfterMs: 2 * MINUTE_MS,
  unreliableAfterMs: HOUR_MS,
}
const GIT_EVERY_MS = 30_000
const ALERTS_BUDGET: FreshnessBudget = {
  freshForMs: WATCHDOG_MISSING_MS,
  staleAfterMs: WATCHDOG_MISSING_MS,
  unreliableAfterMs: HOUR_MS,
}
const WEEK_MS = 7 * 24 * HOUR_MS

export function gatherGlance({ paths, configDir, input, now }: Question): Gathered {
  const troubles: string[] = []
  const trouble = (what: string) => troubles.push(what)
  const read = (path: string) => readLoosely(path, trouble)
  const told = fieldsOf(input)
  const kept = keptSettings(paths, read)
  const registry = registryOf(paths, read)
  const mine = registry === null ? null : accountOf(registry, paths, configDir)
  const cache = fieldsOf(read(paths.mergedQuota))
  const slot = mine === null ? null : entryOf(cache['slots'], mine.slot)
  const budget = kept.quota
  if (
    slot !== null &&
    slot['is_fresh'] === true &&
    judgeFreshness(momentOf(slot['last_fetched']), now, budget).state !== 'fresh'
  )
    trouble(`corrupt data: ${mine!.slot} is marked fresh beside old figures`)
  const harvest = harvestOf(told, { paths, configDir, now, read })
  const figure = (name: 'five_hour' | 'seven_day', lengthMs: number) =>
    figureOf(newerOf(harvest?.windows[name] ?? null, cachedWindow(slot, name), now), now, budget, lengthMs)
  const billing = billingOf(fieldsOf(read(paths.billing)), mine?.slot ?? null, kept, now)
  const git = gitOf(told, paths, read, now)
  return {
    glance: {
      now,
      model: wordOf(fieldsOf(told['model'])['display_name']) ?? wordOf(fieldsOf(told['model'])['id']),
      context: contextOf(fieldsOf(told['context_window'])),
      fiveHour: figure('five_hour', 5 * HOUR_MS),
      weekly: figure('seven_day', WEEK_MS),
      billing,
      git: git.seen,
      account: mine,
      pool: registry === null ? null : poolOf(registry, cache, now),
      alerts: alertsOf(read(paths.alerts), now),
      watchdogSilentMs: silenceOf(fieldsOf(read(`${paths.runs}/watchdog.json`)), now),
    },
    settings: kept.statusline,
    sources: kept.sources,
    harvest,
    gitDue: git.due,
    billingMark: billing?.mark ?? 'absent',
    troubles,
  }
}

interface Kept {
  quota: FreshnessBudget
  measureMs: number
  statusline: StatuslineSettings
  sources: string[]
}

/** What vigil.yaml meant to the job that parsed it last, while that very file is there; else the defaults. */
function keptSettings(paths: Paths, read: (path: string) => unknown): Kept {
  const copy = fieldsOf(read(paths.parsedSettings))
  const seal = copy['version'] === VERSION ? sealOf(paths) : null
  const settings = seal !== null && copy['seal'] === seal ? fieldsOf(copy['settings']) : {}
  const quota = fieldsOf(settings['quota'])
  const ms = (value: unknown, otherwise: number) => numberIn(value, 1, WEEK_MS) ?? otherwise
  return {
    quota: {
      freshForMs: ms(quota['freshForMs'], DEFAULT_QUOTA_AGES.freshForMs),
      staleAfterMs: ms(quota['staleAfterMs'], DEFAULT_QUOTA_AGES.staleAfterMs),
      unreliableAfterMs: ms(quota['unreliableAfterMs'], DEFAULT_QUOTA_AGES.unreliableAfterMs),
    },
    measureMs:
      ms(fieldsOf(settings['billing'])['ccusageTimeoutMs'], DEFAULT_CCUSAGE_TIMEOUT_MS) + CCUSAGE_KILL_GRACE_MS,
    statusline: shownAs(fieldsOf(settings['statusline'])),
    sources: Array.isArray(quota['sources']) ? (quota['sources'] as string[]) : ['statusline', 'oauth'],
  }
}

function shownAs(kept: Loose): StatuslineSettings {
  const { segments, variant, colors, lines, levels, contextLevels } = DEFAULT_STATUSLINE
  const names = listOf(kept['segments']).filter(name => segments.includes(name as SegmentName)) as SegmentName[]
  const percents = (value: unknown) => listOf(value).filter(percent => numberIn(percent, 0, 1000) !== null) as number[]
  return {
    segments: names.length > 0 ? names : segments,
    variant: VARIANTS.find(known => known === kept['variant']) ?? variant,
    colors: typeof kept['colors'] === 'boolean' ? kept['colors'] : colors,
    lines: [1, 2, 3].find(count => count === kept['lines']) ?? lines,
    levels: Array.isArray(kept['levels']) ? percents(kept['levels']) : levels,
    contextLevels: Array.isArray(kept['contextLevels']) ? percents(kept['contextLevels']) : contextLevels,
  }
}

/** As lib/settings.ts makes it. */
function sealOf(paths: Paths): string | null {
  try {
    const stat = statSync(paths.settings, { bigint: true, throwIfNoEntry: false })
    if (stat === undefined) return null
    const { ino, size, mtimeNs, ctimeNs } = stat
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return null // Not to be seen: the defaults.
  }
}

/** null: there is none, or it was changed since it was parsed: then nobody here knows which account is whose. */
function registryOf(paths: Paths, read: (path: string) => unknown): Loose | null {
  const copy = fieldsOf(read(paths.parsedAccounts))
  if (copy['schema'] !== 2 || copy['version'] !== VERSION || copy['home'] !== paths.home) return null
  try {
    if (readFileSync(paths.accounts, 'utf8') !== copy['source']) return null
  } catch {
    return null // Gone, or not to be read.
  }
  return fieldsOf(copy['registry'])
}

/** What a job sets; any other reason is a person's. A copy of JOB_REASONS, whose home imports the schemas; a test compares. */
export const LOGIN_REASONS = [
  'session_expired',
  'refresh_interrupted',
  'copied_login',
  'logged_out',
  'no_login',
  'token_expired',
]

function standingOf(account: Loose): SeenAccount['standing'] {
  if (account['status'] === 'active') return 'active'
  return LOGIN_REASONS.includes(account['inactiveReason'] as string) ? 'needsLogin' : 'paused'
}

function accountOf(registry: Loose, { home }: Paths, configDir: string | null): SeenAccount | null {
  const wanted = configDir?.replace(/\/+$/, '') ?? `${home}/.claude`
  const isMine = ({ isDefault, configDir: dir }: Loose) => (configDir === null && isDefault === true) || dir === wanted
  const found = fieldsOf(listOf(registry['accounts']).find(account => isMine(fieldsOf(account))))
  const slot = wordOf(found['slot'])
  if (slot === null) return null
  const current = wordOf(registry['current'])
  return { slot, standing: standingOf(found), current: current === slot ? null : current }
}

function cachedWindow(slot: Loose | null, name: 'five_hour' | 'seven_day'): Seen | null {
  if (slot === null) return null
  const usedPercent = numberIn(slot[`${name}_util`], 0, 1000)
  if (usedPercent === null) return null
  return { usedPercent, resetsAt: momentOf(slot[`${name}_resets_at`]), measuredAt: momentOf(slot['last_fetched']) }
}

function poolOf(registry: Loose, cache: Loose, now: number): Glance['pool'] {
  const all = listOf(registry['accounts'])
    .map(fieldsOf)
    .filter(account => standingOf(account) !== 'paused')
  const isFull = (slot: Loose | null, name: 'five_hour' | 'seven_day') => {
    // Of most there is no more to know than this.
    if (numberIn(slot?.[`${name}_util`], 100, 1000) === null) return false
    const resetsAt = momentOf(slot?.[`${name}_resets_at`])
    return resetsAt === null || resetsAt > now
  }
  const usable = all.filter(account => {
    const slot = entryOf(cache['slots'], String(account['slot']))
    return standingOf(account) === 'active' && !isFull(slot, 'five_hour') && !isFull(slot, 'seven_day')
  })
  return all.length === 0 ? null : { usable: usable.length, all: all.length }
}

function contextOf(window: Loose): Glance['context'] {
  const size = numberIn(window['context_window_size'], 1, 1e9)
  if (size === null) return null
  const usage = fieldsOf(window['current_usage'])
  const parts = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'].map(name =>
    numberIn(usage[name], 0, 1e9),
  )
  const usedPercent = numberIn(window['used_percentage'], 0, 100)
  const used = parts.every(part => part !== null)
    ? (parts as number[]).reduce((sum, part) => sum + part)
    : usedPercent === null
      ? null
      : (size * usedPercent) / 100
  if (used === null) return null
  const freeTokens = Math.max(0, size - used)
  return { freeTokens, usedPercent: 100 - (freeTokens / size) * 100 }
}

function billingOf(cache: Loose, slot: string | null, { measureMs }: Kept, now: number): Billing | null {
  const ttlMs = numberIn(cache['ttlMs'], 1, HOUR_MS) ?? MINUTE_MS
  const budget = billingFreshness(ttlMs, CRON_PERIOD_MS['fetch-billing'], START_JITTER_MS, measureMs)
  const { state } = judgeFreshness(momentOf(cache['lastFetched']), now, budget)
  if (state === 'absent') return null
  const isToday = cache['day'] === localDay(now)
  const { daily, block } = fieldsOf(cache['budgets'])
  const own = slot === null ? null : entryOf(cache['byAccount'], slot)
  const endsAt = momentOf(fieldsOf(own?.['block'] ?? cache['block'])['endsAt'])
  const blockEndsAt = endsAt !== null && endsAt > now && endsAt <= now + 5 * HOUR_MS ? endsAt : null
  const usd = (value: unknown) => numberIn(value, 0, 1e9)
  const ofDay = isToday ? fieldsOf(daily) : {}
  const ofBlock = blockEndsAt === null ? {} : fieldsOf(block)
  const seen: Billing = {
    mark: state,
    costTodayUsd: isToday ? usd(cache['costTodayUsd']) : null,
    budgetUsd: usd(ofDay['limitUsd']),
    budgetPercent: numberIn(ofBlock['usedPercent'], 0, 1e6) ?? numberIn(ofDay['usedPercent'], 0, 1e6),
    blockEndsAt,
  }
  return seen.costTodayUsd === null && seen.budgetPercent === null && blockEndsAt === null ? null : seen
}

function localDay(now: number): string {
  const date = new Date(now)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

function gitOf(
  told: Loose,
  paths: Paths,
  read: (path: string) => unknown,
  now: number,
): { seen: Git | null; due: boolean } {
  const folder = folderOf(told)
  if (folder === null) return { seen: null, due: false }
  const state = fieldsOf(read(gitPath(paths, folder)))
  const measuredAt = state['folder'] === folder ? momentOf(state['measuredAt']) : null
  const { state: mark } = judgeFreshness(measuredAt, now, GIT_BUDGET)
  const due = measuredAt === null || Math.abs(now - measuredAt) > GIT_EVERY_MS
  const branch = wordOf(state['branch'])
  if (mark === 'absent' || branch === null) return { seen: null, due }
  const count = (value: unknown) => numberIn(value, 0, 1e7) ?? 0
  return { seen: { mark, branch, staged: count(state['staged']), changed: count(state['changed']) }, due }
}

/** Where the session works; null where stdin names no absolute folder. */
export function folderOf(told: Loose): string | null {
  const folder = fieldsOf(told['workspace'])['current_dir'] ?? told['cwd']
  return typeof folder === 'string' && folder.startsWith('/') && folder.length < 4000 && !folder.includes('\0')
    ? folder
    : null
}

/** By a hash that is at hand without loading any; the file names its folder, so two of one hash are told apart. */
export function gitPath(paths: Paths, folder: string): string {
  let [low, high] = [0x811c9dc5, 0x1000193]
  for (let n = 0; n < folder.length; n++) {
    low = Math.imul(low ^ folder.charCodeAt(n), 0x01000193)
    high = Math.imul(high ^ folder.charCodeAt(n), 0x85ebca6b)
  }
  return `${paths.git}/${(low >>> 0).toString(16).padStart(8, '0')}${(high >>> 0).toString(16).padStart(8, '0')}.json`
}

function alertsOf(file: unknown, now: number): Glance['alerts'] {
  if (file === null) return null
  const { state: mark } = judgeFreshness(momentOf(fieldsOf(file)['lastRunAt']), now, ALERTS_BUDGET)
  const firing = listOf(fieldsOf(file)['states'])
    .map(fieldsOf)
    .filter(({ phase }) => phase === 'firing' || phase === 'recovering')
  const has = (severity: string) => firing.some(state => state['severity'] === severity)
  return { firing: firing.length, worst: has('critical') ? 'critical' : has('warning') ? 'warning' : 'info', mark }
}

/** A run record's own word for its start. */
function silenceOf(record: Loose, now: number): number | null {
  const startedAt = momentOf(record['started_at'])
  if (startedAt === null) return Number.POSITIVE_INFINITY
  const ageMs = Math.abs(now - startedAt)
  return ageMs > WATCHDOG_MISSING_MS ? ageMs : null
}

export type Loose = Record<string, unknown>

/** Longer files would take longer than a person waits for a line; the quota of 1,000 accounts is 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024

/** @returns undefined where there is no such file; null where what is there cannot be used, which `trouble` is told */
export function readLoosely(path: string, trouble: (what: string) => void): unknown {
  const name = path.slice(path.lastIndexOf('/') + 1)
  let descriptor: number
  try {
    // An error costs ten times what looking does.
    if (!existsSync(path)) return undefined
    // A FIFO in its place would keep the line for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    trouble(`${name} cannot be read: ${code}`)
    return null
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile() || stat.size > MAX_BYTES) {
      trouble(`${name} is no file of ours`)
      return null
    }
    return JSON.parse(readFileSync(descriptor, 'utf8'))
  } catch (error) {
    trouble(`${name} is ${error instanceof SyntaxError ? 'no JSON' : 'not to be read'}`)
    return null
  } finally {
    closeSync(descriptor)
  }
}

/** An object's own fields; none where it is anything else. */
export function fieldsOf(value: unknown): Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {}
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** One entry by a name that came from elsewhere: never what every object inherits. */
function entryOf(value: unknown, name: string): Loose | null {
  const all = fieldsOf(value)
  return Object.hasOwn(all, name) ? fieldsOf(all[name]) : null
}

/** null where it is no number or outside: refused, never clamped. */
export function numberIn(value: unknown, least: number, most: number): number | null {
  return typeof value === 'number' && value >= least && value <= most ? value : null
}

/** What others wrote, on one line, without anything that a terminal would obey; null where nothing is left. */
export function wordOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const word = value
    .slice(0, 200)
    .replace(
      // biome-ignore lint/suspicious/noMisleadingCharacterClass: the combining ones are meant each for itself
      /[\x00-\x20\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff\ud800-\udfff\u{e0000}-\u{10ffff}]+/gu,
      ' ',
    )
    .trim()
  return word === '' ? null : word
}

const EARLIEST_MS = Date.UTC(2020, 0)
const LATEST_MS = Date.UTC(2100, 0)

/** A moment in ms; null where no calendar of ours has it. */
export function momentOf(value: unknown): number | null {
  const at = typeof value === 'string' && value.length <= 40 ? Date.parse(value) : value
  return numberIn(at, EARLIEST_MS, LATEST_MS)
}

/**
 * Claude Code hands each session's status line the figures of its latest answer: the freshest there are, and free. It does
 * not say when that answer came, and an idle session is handed the same ones for ever; so each session's figures are
 * remembered with the moment at which they were new.
 */
interface Harvest {
  sessionId: string
  configDir: string | null
  windows: { five_hour: Seen | null; seven_day: Seen | null }
  measuredAt: number | null
  /** Tells one answer from the next. */
  answer: string
  /** Whether it has to be put down. */
  isNew: boolean
}

/** Of Claude Code: a session names files, so nothing else may. */
const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function sessionOf(told: Loose): string | null {
  const id = told['session_id']
  return typeof id === 'string' && SESSION.test(id) ? id : null
}

function harvestOf(
  told: Loose,
  {
    paths,
    configDir,
    now,
    read,
  }: { paths: Paths; configDir: string | null; now: number; read: (path: string) => unknown },
): Harvest | null {
  const limits = fieldsOf(told['rate_limits'])
  const [fiveHour, sevenDay] = [windowOf(limits['five_hour']), windowOf(limits['seven_day'])]
  if (fiveHour === null && sevenDay === null) return null
  const cost = fieldsOf(told['cost'])
  // A new answer may bring the same percentage; it always takes time.
  const answer = JSON.stringify([fiveHour, sevenDay, cost['total_api_duration_ms'] ?? null])
  const sessionId = sessionOf(told)
  const memory = sessionId === null ? undefined : read(harvestPath(paths, sessionId))
  const known = fieldsOf(memory)
  const isSame = known['answer'] === answer
  const measuredAt = isSame
    ? momentOf(known['measuredAt'])
    : typeof known['answer'] === 'string'
      ? now
      : firstSeenAt(told, now)
  const seen = (window: ReturnType<typeof windowOf>): Seen | null => window && { ...window, measuredAt }
  return {
    sessionId: sessionId ?? '',
    configDir,
    windows: { five_hour: seen(fiveHour), seven_day: seen(sevenDay) },
    measuredAt,
    answer,
    isNew: sessionId !== null && !(isSame && known['configDir'] === configDir),
  }
}

/**
 * Of a session that was never met, the figures may be of hours ago: they are no younger than its transcript was written.
 * null = nobody knows.
 */
function firstSeenAt(told: Loose, now: number): number | null {
  const path = told['transcript_path']
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) return null
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat === undefined ? null : Math.min(now, Math.floor(stat.mtimeMs))
  } catch {
    return null // Not to be seen.
  }
}

function windowOf(value: unknown): { usedPercent: number; resetsAt: number | null } | null {
  const window = fieldsOf(value)
  const usedPercent = numberIn(window['used_percentage'], 0, 1000)
  if (usedPercent === null) return null
  const seconds = window['resets_at']
  return { usedPercent, resetsAt: typeof seconds === 'number' ? momentOf(seconds * 1000) : null }
}

export function harvestPath(paths: Paths, sessionId: string): string {
  return `${paths.harvest}/${sessionId.toLowerCase()}.json`
}

const HEALTH_EVERY_MS = 30_000

export function healthPath(paths: Paths, sessionId: string): string {
  return `${paths.health}/${sessionId.toLowerCase()}.json`
}

export function isHealthDue(paths: Paths, sessionId: string, now: number): boolean {
  const stat = statSync(healthPath(paths, sessionId), { throwIfNoEntry: false })
  return stat === undefined || Math.abs(now - stat.mtimeMs) >= HEALTH_EVERY_MS
}
