// The line: pure text from what was seen. A figure that is not fresh never stands without its mark. The segments first, then
// how they are fitted into the room that there is.
import type { Figure, Freshness } from '../domain/freshness.ts'
import type { Billing, Glance } from './glance.ts'

type Mark = Freshness['state']

export const SEGMENT_NAMES = [
  'model',
  'context',
  'weekly',
  'five_hour',
  'block',
  'git',
  'account',
  'alerts',
  'watchdog',
] as const
export type SegmentName = (typeof SEGMENT_NAMES)[number]

export const VARIANTS = ['emoji', 'ascii', 'nerd'] as const
export type Variant = (typeof VARIANTS)[number]

export interface StatuslineSettings {
  segments: SegmentName[]
  variant: Variant
  colors: boolean
  lines: number
  levels: number[]
  contextLevels: number[]
}

export const DEFAULT_STATUSLINE: StatuslineSettings = {
  segments: [...SEGMENT_NAMES],
  variant: 'emoji',
  colors: true,
  lines: 1,
  levels: [80, 95],
  // Claude Code compacts by itself at about nine tenths.
  contextLevels: [60, 80],
}

type Colour = 'green' | 'yellow' | 'red' | 'cyan' | 'dim'

export interface Segment {
  name: SegmentName
  text: string
  /** What stands for it where room is short; no longer than `text`. */
  short: string
  colour: Colour | null
  /** The lowest goes first where room is short. */
  weight: number
}

interface Signs {
  context: string
  weekly: string
  five_hour: string
  block: string
  git: string
  account: string
  alerts: string
  watchdog: string
  stale: string
  unreliable: string
  login: string
  absent: string
  atLeast: string
  to: string
  full: string
  rest: string
}

const EMOJI: Signs = {
  context: '🧠:',
  weekly: '📅:',
  five_hour: '🕔:',
  block: '⌛:',
  git: '🌿:',
  account: '👤:',
  alerts: '🔔:',
  watchdog: '🐕:',
  stale: '⚠',
  unreliable: '⚠⚠',
  login: '🔺',
  absent: '–',
  atLeast: '≥',
  to: '→',
  full: '█',
  rest: '░',
}

const SIGNS: Record<Variant, Signs> = {
  emoji: EMOJI,
  ascii: {
    context: 'ctx:',
    weekly: 'wk:',
    five_hour: '5h:',
    block: 'blk:',
    git: 'git:',
    account: 'acct:',
    alerts: 'alerts:',
    watchdog: 'watchdog:',
    stale: '!',
    unreliable: '!!',
    login: 'LOGIN:',
    absent: '-',
    atLeast: '>=',
    to: '>',
    full: '#',
    rest: '.',
  },
  nerd: {
    ...EMOJI,
    context: '\u{f09d1} ',
    weekly: '\u{f00ed} ',
    five_hour: '\u{f0954} ',
    block: '\u{f051f} ',
    git: '\ue0a0 ',
    account: '\uf007 ',
    alerts: '\uf0f3 ',
    watchdog: '\u{f0a43} ',
    stale: '\uf071',
    unreliable: '\uf071\uf071',
    login: '\uf071 /login ',
  },
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** In the order of the settings; a segment that has nothing to tell is left out. */
export function segmentsOf(glance: Glance, settings: StatuslineSettings): Segment[] {
  const signs = SIGNS[settings.variant] ?? EMOJI
  const make: Record<SegmentName, () => (Omit<Segment, 'name' | 'short'> & { short?: string }) | null> = {
    model: () => ({ text: modelText(glance.model, signs), colour: 'cyan', weight: 60 }),
    context: () => contextSegment(glance.context, signs, settings),
    weekly: () => windowSegment(signs.weekly, glance.weekly, glance.now, signs, settings, 80, weeklyTime),
    five_hour: () => windowSegment(signs.five_hour, glance.fiveHour, glance.now, signs, settings, 75, shortTime),
    block: () => blockSegment(glance.billing, glance.now, signs, settings),
    git: () => gitSegment(glance.git, signs),
    account: () => accountSegment(glance, signs, settings),
    alerts: () => alertsSegment(glance.alerts, signs),
    watchdog: () => watchdogSegment(glance.watchdogSilentMs, signs),
  }
  return settings.segments.flatMap(name => {
    const made = Object.hasOwn(make, name) ? make[name]() : null
    return made === null ? [] : [{ short: made.text, ...made, name }]
  })
}

function modelText(model: string | null, { absent }: Signs): string {
  return model === null ? absent : cut(model.replace(' context)', ')'), 24)
}

function contextSegment(context: Glance['context'], signs: Signs, { contextLevels }: StatuslineSettings) {
  if (context === null) return { text: `${signs.context}${signs.absent}`, colour: 'dim' as const, weight: 70 }
  const { freeTokens, usedPercent } = context
  const left = `${signs.context}${tokens(freeTokens)}-free`
  const full = Math.round(usedPercent / 12.5)
  const bar = `[${signs.full.repeat(full)}${signs.rest.repeat(8 - full)}]`
  return { text: left + bar, short: left, colour: levelColour(usedPercent, contextLevels), weight: 70 }
}

function windowSegment(
  sign: string,
  figure: Figure,
  now: number,
  signs: Signs,
  { levels }: StatuslineSettings,
  weight: number,
  time: (resetsAt: number, now: number) => { left: string; at: string },
) {
  if (figure.mark === 'absent') return { text: `${sign}${signs.absent}`, colour: 'dim' as const, weight }
  const percent = percentText(figure.usedPercent, figure.mark, signs)
  const { left, at } = figure.resetsAt === null ? { left: '', at: '' } : time(figure.resetsAt, now)
  const short = `${sign}${percent}`
  const text = left === '' ? short : `${sign}${left}(${percent})${at}`
  return { text, short, colour: levelColour(figure.usedPercent, levels), weight }
}

/** Rounded down: nothing is shown as used up that is not. */
function percentText(percent: number, mark: Mark, signs: Signs): string {
  const bound = mark === 'unreliable' ? signs.atLeast : ''
  return `${bound}${Math.floor(percent)}%${markText(mark, signs)}`
}

function markText(mark: Mark, { stale, unreliable }: Signs): string {
  return mark === 'fresh' ? '' : mark === 'stale' ? stale : unreliable
}

function weeklyTime(resetsAt: number, now: number): { left: string; at: string } {
  return { left: `${Math.floor((resetsAt - now) / HOUR_MS)}h`, at: `@${WEEKDAYS[new Date(resetsAt).getDay()]}` }
}

function shortTime(resetsAt: number, now: number): { left: string; at: string } {
  return { left: minutes(resetsAt - now), at: '' }
}

function blockSegment(billing: Billing | null, now: number, signs: Signs, { levels }: StatuslineSettings) {
  const weight = 55
  if (billing === null) return { text: `${signs.block}${signs.absent}`, colour: 'dim' as const, weight }
  const { mark, costTodayUsd, budgetUsd, budgetPercent, blockEndsAt } = billing
  const left = blockEndsAt === null ? signs.absent : minutes(blockEndsAt - now)
  const percent = budgetPercent === null ? '' : `(${percentText(budgetPercent, mark, signs)})`
  const limit = budgetUsd === null ? '' : `/${dollars(budgetUsd)}`
  const bound = mark === 'unreliable' ? signs.atLeast : ''
  const cost = costTodayUsd === null ? '' : ` ${bound}$${dollars(costTodayUsd)}${limit}${markText(mark, signs)}`
  // With neither, the block's end is all that the mark could stand beside.
  const bare = percent === '' && cost === '' ? markText(mark, signs) : ''
  const text = `${signs.block}${left}${bare}${percent}${cost}`
  const short = percent === '' ? text : `${signs.block}${left}${percent}`
  return { text, short, colour: budgetPercent === null ? null : levelColour(budgetPercent, levels), weight }
}

function gitSegment(git: Glance['git'], signs: Signs) {
  if (git === null) return null
  const { branch, staged, changed, mark } = git
  const counts = (staged > 0 ? `+${staged}` : '') + (changed > 0 ? `*${changed}` : '')
  const end = counts + markText(mark, signs)
  return {
    text: `${signs.git}${cut(branch, 32)}${end}`,
    short: `${signs.git}${cut(branch, 12)}${end}`,
    colour: counts === '' ? null : ('yellow' as const),
    weight: 40,
  }
}

function accountSegment({ account, pool, weekly, fiveHour }: Glance, signs: Signs, { levels }: StatuslineSettings) {
  if (account === null) return null
  const { slot, standing, current } = account
  const login = standing === 'needsLogin'
  const paused = standing === 'paused' ? '(paused)' : ''
  const to = current === null ? '' : `${signs.to}${cut(current, 16)}`
  // New sessions have left the account of this one, and it has hardly anything to go on with.
  const isLeft = current !== null && [weekly, fiveHour].some(figure => isAtTop(figure, levels))
  const name = `${login ? signs.login : signs.account}${cut(slot, 16)}${paused}${to}`
  return {
    text: pool === null ? name : `${name} ${pool.usable}/${pool.all}`,
    short: name,
    colour:
      login || isLeft
        ? ('red' as const)
        : current !== null || (pool !== null && pool.usable < pool.all)
          ? ('yellow' as const)
          : null,
    weight: login ? 97 : isLeft ? 96 : current === null ? 50 : 65,
  }
}

function isAtTop(figure: Figure, levels: readonly number[]): boolean {
  return figure.mark !== 'absent' && figure.usedPercent >= (levels.at(-1) ?? 100)
}

const SEVERITY_COLOURS = { critical: 'red', warning: 'yellow', info: 'cyan' } as const

function alertsSegment(alerts: Glance['alerts'], signs: Signs) {
  if (alerts === null) return { text: `${signs.alerts}${signs.absent}`, colour: 'yellow' as const, weight: 90 }
  if (alerts.firing === 0) return null
  const text = `${signs.alerts}${alerts.firing}${markText(alerts.mark, signs)}`
  return { text, colour: SEVERITY_COLOURS[alerts.worst], weight: 100 }
}

function watchdogSegment(silentMs: number | null, signs: Signs) {
  if (silentMs === null) return null
  if (silentMs === Number.POSITIVE_INFINITY)
    return { text: `${signs.watchdog}${signs.absent}`, colour: 'dim' as const, weight: 45 }
  return { text: `${signs.watchdog}silent ${minutes(silentMs)}`, colour: 'red' as const, weight: 95 }
}

/** The last level is red, any before it yellow. */
function levelColour(percent: number, levels: readonly number[]): Colour {
  const reached = levels.filter(level => percent >= level).length
  return reached === 0 ? 'green' : reached === levels.length ? 'red' : 'yellow'
}

/** Rounded down, as all that is left. */
function tokens(count: number): string {
  return count >= 1e6 ? `${Math.floor(count / 1e5) / 10}M` : `${Math.floor(count / 1000)}k`
}

function minutes(ms: number): string {
  const all = Math.floor(ms / MINUTE_MS)
  return all < 60 ? `${all}m` : all < 48 * 60 ? `${Math.floor(all / 60)}h${all % 60}m` : `${Math.floor(all / 1440)}d`
}

function dollars(usd: number): string {
  return Number.isInteger(usd) || usd >= 100 ? String(Math.floor(usd)) : usd.toFixed(2)
}

function cut(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}

export interface Space {
  /** Of the terminal; null = not told, then nothing is dropped. */
  columns: number | null
  /** At most so many lines; never an empty one. */
  lines: number
  color: boolean
  ascii: boolean
}

const CODES: Record<Colour, string> = { green: '32', yellow: '33', red: '31', cyan: '36', dim: '2' }
const GAP = 1

/** @returns at least one line, and none that is empty, whatever there is to show */
export function fitLines(segments: readonly Segment[], space: Space): string[] {
  const groups = groupsOf(segments, space.lines)
  const lines = groups.map(group => lineOf(group, space)).filter(line => line !== '')
  return lines.length > 0 ? lines : [space.ascii ? '-' : '–']
}

/** In order, about as wide as each other. */
function groupsOf(segments: readonly Segment[], lines: number): Segment[][] {
  const groups: Segment[][] = []
  const total = segments.reduce((sum, { text }) => sum + widthOf(text) + GAP, 0)
  let before = 0
  for (const [n, segment] of segments.entries()) {
    // Every line gets one as long as there are as many.
    const left = segments.length - n
    const wanted = Math.min(lines - 1, Math.floor((before / total) * lines))
    const last = groups.length - 1
    if (last < 0 || (last < wanted && last < lines - 1) || left <= lines - 1 - last) groups.push([segment])
    else groups[last]!.push(segment)
    before += widthOf(segment.text) + GAP
  }
  return groups
}

function lineOf(group: readonly Segment[], { columns, color, ascii }: Space): string {
  const shown = group.map(segment => ({ ...segment, width: widthOf(segment.text) }))
  if (columns !== null) {
    const tooWide = () => shown.reduce((sum, { width }) => sum + width + GAP, -GAP) > columns
    for (const segment of [...shown].sort((a, b) => a.weight - b.weight)) {
      if (!tooWide()) break
      segment.text = segment.short
      segment.width = widthOf(segment.short)
    }
    while (shown.length > 1 && tooWide()) {
      const least = shown.reduce((worst, segment) => (segment.weight < worst.weight ? segment : worst))
      shown.splice(shown.indexOf(least), 1)
    }
    const [only] = shown
    if (only !== undefined && only.width > columns) only.text = cutTo(only.text, columns, ascii ? '.' : '…')
  }
  return shown.map(({ text, colour }) => paint(ascii ? plain(text) : text, color ? colour : null)).join(' ')
}

function paint(text: string, colour: Colour | null): string {
  return colour === null ? text : `\x1b[${CODES[colour]}m${text}\x1b[0m`
}

/** What others wrote may hold anything. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, character => (character === '…' ? '.' : '?'))
}

/** Columns. Rather one too many: a line that is too wide is broken by the terminal. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character.codePointAt(0)!)
  return width
}

function columnsOf(code: number): number {
  if (code < 0x300) return 1
  if (code < 0x370) return 0
  if (code < 0x1100) return 1
  // Hangul, CJK, full-width forms and emoji; private use (Nerd Fonts) is narrow.
  if (code <= 0x115f || (code >= 0x2e80 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff)) return 2
  if ((code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff01 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6))
    return 2
  if (code >= 0x1f000 && code <= 0x3fffd) return 2
  if (code >= 0x2300 && code <= 0x23ff) return 2
  return code >= 0x2600 && code <= 0x27bf && code !== 0x26a0 ? 2 : 1
}

function cutTo(text: string, columns: number, mark: string): string {
  let kept = ''
  let used = 0
  for (const character of text) {
    const width = columnsOf(character.codePointAt(0)!)
    if (used + width > columns - 1) break
    kept += character
    used += width
  }
  return kept + mark
}
