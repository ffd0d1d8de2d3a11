// How a screen is drawn: its width, its signs, its colours, its clock. Every sign has a form for terminals without UTF-8.
import type { Problem, Status, StatusWindow } from '../domain/status.ts'
import { type Colour, oneLine, type Paint, painter, toAscii, truncate } from './ansi.ts'
import type { Clock } from './times.ts'

export interface ScreenOptions {
  /** Of the terminal. */
  columns: number
  color: boolean
  unicode: boolean
  /** ms; the moment that the screen is shown for. */
  now: number
  /** The machine's own unless told. */
  timeZone?: string
}

export interface Look {
  /** How many columns are used: a line that is read across a wide terminal loses the eye. */
  width: number
  paint: Paint
  signs: Signs
  clock: Clock
  /** What others wrote, safe to print and in the terminal's characters. */
  say: (text: string) => string
  /** The same, and no wider than this. */
  clip: (text: string, width: number) => string
}

const WIDEST = 100
/** Below it the terminal breaks lines by itself. */
const NARROWEST = 36

export function lookOf(options: ScreenOptions): Look {
  const signs = options.unicode ? UNICODE : ASCII
  const say = (text: string) => (options.unicode ? oneLine(text) : toAscii(oneLine(text)))
  return {
    width: Math.max(NARROWEST, Math.min(options.columns, WIDEST)),
    paint: painter(options.color),
    signs,
    clock: { now: options.now, timeZone: options.timeZone },
    say,
    clip: (text, width) => truncate(say(text), width, signs.cut),
  }
}

interface Signs {
  bar: { full: string; half: string; rest: string }
  stale: string
  unreliable: string
  atLeast: string
  unknown: string
  between: string
  current: string
  loggedOut: string
  good: string
  bad: string
  busy: string
  cut: string
  verdict: Record<Status['pool']['verdict'], string>
  severity: Record<Problem['severity'], string>
}

const UNICODE: Signs = {
  bar: { full: '━', half: '╾', rest: '─' },
  // Without U+FE0F: the one column wide form.
  stale: '⚠',
  unreliable: '⚠⚠',
  atLeast: '≥',
  unknown: '–',
  between: ' · ',
  current: '▸',
  loggedOut: '🔺',
  good: '✓',
  bad: '✗',
  busy: '▸',
  cut: '…',
  verdict: { usable: '●', degraded: '◐', blind: '○', exhausted: '■', 'logged-out': '🔺', empty: '○' },
  severity: { critical: '✗', warning: '▲', info: '•' },
}

const ASCII: Signs = {
  bar: { full: '#', half: '', rest: '.' },
  stale: '!',
  unreliable: '!!',
  atLeast: '>=',
  unknown: '-',
  between: ', ',
  current: '>',
  loggedOut: 'x',
  good: 'ok',
  bad: 'x',
  busy: '>',
  cut: '...',
  verdict: { usable: 'ok', degraded: '!', blind: '?', exhausted: 'x', 'logged-out': 'x', empty: '-' },
  severity: { critical: 'x', warning: '!', info: '-' },
}

export const VERDICT_COLOURS: Record<Status['pool']['verdict'], Colour> = {
  usable: 'green',
  degraded: 'yellow',
  blind: 'red',
  exhausted: 'red',
  'logged-out': 'red',
  empty: 'yellow',
}

export const SEVERITY_COLOURS: Record<Problem['severity'], Colour> = {
  critical: 'red',
  warning: 'yellow',
  info: 'cyan',
}

/** Each level by its colour and by a word, for a colour alone tells too few people anything. */
export const LEVELS: Record<NonNullable<StatusWindow['level']>, { colour: Colour; word: string }> = {
  ok: { colour: 'green', word: '' },
  high: { colour: 'yellow', word: 'high' },
  near: { colour: 'red', word: 'near limit' },
  full: { colour: 'red', word: 'used up' },
}
