// A log as a person reads it: local time, who said it, and the day wherever it changes.
import type { LogEntry } from '../domain/log-line.ts'
import { oneLine, padEnd, painter, type Style, toAscii, wrapWords } from './ansi.ts'

export interface LogScreen {
  /** null = no terminal: every line has its day, and none is broken. */
  columns: number | null
  color: boolean
  unicode: boolean
  /** The machine's own where it is undefined. */
  timeZone?: string | undefined
}

const STYLES: Record<LogEntry['level'], Style[]> = { debug: ['dim'], info: [], warn: ['yellow'], error: ['red'] }
const WORDS: Record<LogEntry['level'], string> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' }

/** @param dayBefore the day of the line above, as it was returned; '' = there is none */
export function renderLog(
  entries: readonly LogEntry[],
  screen: LogScreen,
  dayBefore = '',
): { lines: string[]; day: string } {
  const paint = painter(screen.color)
  const say = (text: string) => (screen.unicode ? oneLine(text) : toAscii(oneLine(text)))
  const clock = clockOf(screen.timeZone)
  const width = Math.max(0, ...entries.map(({ from }) => from.length))
  const lines: string[] = []
  let today = dayBefore
  for (const { at, atMost, from, level, message } of entries) {
    const { day, time } = clock(at)
    const upTo = atMost ? 'until ' : ''
    const text = (atMost ? '' : WORDS[level]) + say(message)
    if (screen.columns === null) {
      lines.push(paint(`${upTo}${day} ${time} ${padEnd(from, width)} ${text}`, ...STYLES[level]))
      continue
    }
    if (day !== today) lines.push(paint(day, 'dim'))
    today = day
    const head = `${upTo}${time} ${padEnd(from, width)} `
    // Beside the head where there is room for some words, else below it.
    const beside = screen.columns - head.length >= 24
    const indent = beside ? ' '.repeat(head.length) : '  '
    const pieces = wrapWords(text, Math.max(12, screen.columns - indent.length))
    const [first, ...rest] = beside ? pieces : ['', ...pieces]
    lines.push(paint(head, 'dim').trimEnd() + (first ? ` ${paint(first, ...STYLES[level])}` : ''))
    lines.push(...rest.map(piece => indent + paint(piece, ...STYLES[level])))
  }
  return { lines, day: today }
}

function clockOf(timeZone: string | undefined): (at: number) => { day: string; time: string } {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  return at => {
    const [day = '', time = ''] = format.format(at).split(' ')
    return { day, time }
  }
}
