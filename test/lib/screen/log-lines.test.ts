import { describe, expect, it } from 'vitest'
import { mergeEntries, readEntries } from '../../../lib/domain/log-line.ts'
import { displayWidth } from '../../../lib/screen/ansi.ts'
import { renderLog } from '../../../lib/screen/log-lines.ts'

const AT = Date.parse('2026-02-08T22:59:58Z')
const line = (at: number, message: string, level = 'info') =>
  `${JSON.stringify({ time: new Date(at).toISOString(), level, message })}\n`
const plain = { columns: null, color: false, unicode: true, timeZone: 'Europe/Berlin' }
const entries = mergeEntries(
  [
    ...readEntries(line(AT, 'watchdog ok: nothing to do') + line(AT + 2500, 'a\u001b[31m\nb', 'warn'), 'watchdog', AT),
    ...readEntries('sh: 1: node: not found\n', 'cron.err', AT + 1000),
  ],
  AT,
)

describe('a log', () => {
  it('is merged by time, in local time, with its day in each line where it is piped; nothing a terminal would obey', () => {
    expect(renderLog(entries, plain).lines).toEqual([
      '2026-02-08 23:59:58 watchdog watchdog ok: nothing to do',
      'until 2026-02-08 23:59:59 cron.err sh: 1: node: not found',
      '2026-02-09 00:00:00 watchdog warning: a [31m b',
    ])
  })
  it('on a terminal says the day where it changes', () => {
    const { lines, day } = renderLog(entries, { ...plain, columns: 80 })
    expect(lines).toEqual([
      '2026-02-08',
      '23:59:58 watchdog watchdog ok: nothing to do',
      'until 23:59:59 cron.err sh: 1: node: not found',
      '2026-02-09',
      '00:00:00 watchdog warning: a [31m b',
    ])
    expect(renderLog(entries.slice(2), { ...plain, columns: 80 }, day).lines).toHaveLength(1)
  })
  it.each([20, 40, 60])('fits into %i columns, every word of it', columns => {
    const long = readEntries(line(AT, 'one two three four five six seven eight nine ten'), 'refresh-tokens', AT)
    const { lines } = renderLog(long, { ...plain, columns, color: true })
    for (const text of lines.slice(2)) expect(displayWidth(text)).toBeLessThanOrEqual(columns)
    expect(lines.join(' ').replace(/\s+/g, ' ')).toContain('ten')
  })
  it('leaves out what is older, and takes a torn line for one without a time', () => {
    const torn = readEntries(`${line(AT - 1, 'old')}{"time":"2026-02-0`, 'x', AT + 5)
    expect(mergeEntries(torn, AT).map(({ message, atMost }) => [message, atMost])).toEqual([
      ['{"time":"2026-02-0', true],
    ])
  })
  it('shows of a text without times its last 20 lines', () => {
    const text = Array.from({ length: 30 }, (_, n) => `line ${n}`).join('\n')
    expect(readEntries(text, 'cron.err', AT).map(({ message }) => message)).toEqual(
      Array.from({ length: 20 }, (_, n) => `line ${n + 10}`),
    )
  })
})
