// One account's windows as rows. A figure that is not fresh never stands without its mark.
import type { StatusAccount, StatusWindow } from '../domain/status.ts'
import { displayWidth, flow, padEnd, padStart, type Style } from './ansi.ts'
import { LEVELS, type Look } from './look.ts'
import { until, wallTime } from './times.ts'

export interface Row {
  label: string
  /** How much of the bar is filled; null = not known. */
  usedPercent: number | null
  level: StatusWindow['level']
  /** Empty beside fresh figures, and beside a figure that is not known. */
  mark: string
  figure: string
  /** When it resets, or how much money it is; in full, and for where that has no room. */
  tail: { full: string; brief: string }
}

export function rowsOf(account: StatusAccount, look: Look): Row[] {
  const rows = account.windows.map(window => windowRow(account, window, look))
  const extra = extraRow(account, look)
  if (extra !== null) rows.push(extra)
  // Of an account that is not at work only what is known; its unknown figures are nobody's question.
  return account.standing === 'active' ? rows : rows.filter(row => row.usedPercent !== null)
}

function windowRow(account: StatusAccount, window: StatusWindow, { signs, clock, clip }: Look): Row {
  const weekday = window.name === 'five_hour' ? 'otherDays' : 'always'
  const resets = window.resets_at
  const usedPercent = isTold(account, window, clock.now) ? window.used_percent : null
  return {
    label: clip(window.label, 18),
    usedPercent,
    level: usedPercent === null ? null : window.level,
    mark: usedPercent === null ? '' : markOf(account, signs),
    figure: usedPercent === null ? signs.unknown : figureOf(account, usedPercent, signs),
    tail:
      resets === null ? { full: '', brief: '' } : resetTail(wallTime(resets, clock, weekday), until(resets, clock.now)),
  }
}

function resetTail(time: string, distance: string): Row['tail'] {
  return { full: `resets ${time}, ${distance}`, brief: `${time}, ${distance}` }
}

/** An unreliable figure is still a lower bound for as long as its window lasts; not so one that a wrong clock dated. */
function isTold({ freshness }: StatusAccount, window: StatusWindow, now: number): boolean {
  if (freshness.state !== 'unreliable') return freshness.state !== 'absent'
  return (freshness.age_ms ?? -1) >= 0 && window.resets_at !== null && window.resets_at > now
}

function extraRow(account: StatusAccount, look: Look): Row | null {
  const { extra_usage: extra, freshness } = account
  // Its month may have ended since, so old money is no lower bound.
  const old = freshness.state === 'unreliable' || freshness.state === 'absent'
  if (extra === null || extra.used === null || old) return null
  const usedPercent = extra.limit ? (extra.used / extra.limit) * 100 : null
  const mark = markOf(account, look.signs)
  const of = extra.limit === null ? '' : ` of ${money(extra.limit, extra.currency)}`
  const amount = look.say(`${mark === '' ? '' : `${mark} `}${money(extra.used, extra.currency)}${of}`)
  return {
    label: 'extra usage',
    usedPercent,
    level: null,
    mark: usedPercent === null ? '' : mark,
    figure: usedPercent === null ? look.signs.unknown : figureOf(account, usedPercent, look.signs),
    tail: { full: amount, brief: amount },
  }
}

function markOf({ freshness }: StatusAccount, signs: Look['signs']): string {
  return freshness.state === 'fresh' ? '' : freshness.state === 'stale' ? signs.stale : signs.unreliable
}

/** Rounded down, so that no level is shown as reached before it is. */
function figureOf({ freshness }: StatusAccount, usedPercent: number, signs: Look['signs']): string {
  return `${freshness.state === 'unreliable' ? signs.atLeast : ''}${Math.floor(usedPercent)} %`
}

function money(amount: number, currency: string | null): string {
  if (currency === 'USD') return `$${amount.toFixed(2)}`
  return currency === null ? amount.toFixed(2) : `${amount.toFixed(2)} ${currency}`
}

/** The columns that all rows of a screen share, so that they stand below each other. */
export interface Grid {
  label: number
  figure: number
  /** Columns of the bar; the tail goes onto a line of its own where `narrow`. */
  bar: number
  tail: keyof Row['tail']
  narrow: boolean
}

const WIDEST_BAR = 32
const SHORTEST_BAR = 10
/** From here down a row is two lines, however short its parts may be. */
const NARROW = 60

export function gridOf(rows: readonly Row[], look: Look): Grid {
  const widest = (text: (row: Row) => string) => Math.max(0, ...rows.map(row => displayWidth(text(row))))
  const columns = { label: widest(row => row.label), figure: widest(figureText) }
  for (const tail of ['full', 'brief'] as const) {
    const facts = widest(row => [row.tail[tail], wordOf(row)].filter(text => text !== '').join(look.signs.between))
    const room = look.width - (4 + columns.label + 2 + 2 + columns.figure + 3 + facts)
    if (look.width <= NARROW || room < SHORTEST_BAR) continue
    return { ...columns, bar: Math.min(room, WIDEST_BAR), tail, narrow: false }
  }
  const bar = Math.max(0, look.width - 2 - columns.label - 2 - columns.figure)
  return { ...columns, bar: Math.min(bar, WIDEST_BAR), tail: 'full', narrow: true }
}

export function rowLines(row: Row, grid: Grid, look: Look): string[] {
  const { paint } = look
  // Green would say that all is well; of an old figure nobody knows.
  const plain = row.level === null || (row.level === 'ok' && row.mark !== '')
  const colours: Style[] = plain ? [] : [LEVELS[row.level!].colour]
  const strong: Style[] = row.level === 'near' || row.level === 'full' ? ['bold', ...colours] : colours
  const figure =
    ' '.repeat(grid.figure - displayWidth(figureText(row))) +
    (row.mark === '' ? '' : `${paint(row.mark, 'yellow')} `) +
    paint(row.figure, ...(row.usedPercent === null ? (['dim'] as const) : strong))
  const bar = barOf(row, grid.bar, look, colours)
  const facts = [paint(row.tail[grid.tail], 'dim'), paint(wordOf(row), ...strong)].filter(text => text !== '')
  const between = paint(look.signs.between, 'dim')
  if (!grid.narrow) {
    return [`    ${padEnd(row.label, grid.label)}  ${bar}  ${figure}   ${facts.join(between)}`]
  }
  const below = flow(facts, between, look.width - 4)
  return [`  ${padEnd(row.label, grid.label)} ${bar} ${figure}`, ...below.map(line => `    ${line}`)]
}

function barOf(row: Row, width: number, { signs, paint }: Look, colours: readonly Style[]): string {
  const { full, half, rest } = signs.bar
  const part = Math.min(1, Math.max(0, (row.usedPercent ?? 0) / 100))
  // Full only at the limit, and never empty beside a figure.
  const least = part > 0 ? 1 : 0
  const halves = part >= 1 ? width * 2 : Math.max(least, Math.min(width * 2 - 1, Math.floor(part * width * 2)))
  const filled = full.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? half : '')
  return paint(filled, ...colours) + paint(padStart('', width - displayWidth(filled)).replaceAll(' ', rest), 'dim')
}

function figureText(row: Row): string {
  return row.mark === '' ? row.figure : `${row.mark} ${row.figure}`
}

function wordOf(row: Row): string {
  return row.level === null ? '' : LEVELS[row.level].word
}
