import { expect, test } from 'vitest'
import { ago, span, until, wallDate, wallTime } from '../../../lib/screen/times.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Tuesday, 24 November 2026, 11:50 in Berlin. */
const NOW = Date.UTC(2026, 10, 24, 10, 50)
const clock = { now: NOW, timeZone: 'Europe/Berlin' }

test.each([
  [0, '11:50'],
  [2 * HOUR_MS, '13:50'],
  [12 * HOUR_MS + 9 * MINUTE_MS, '23:59'],
  [12 * HOUR_MS + 10 * MINUTE_MS, 'Wed 00:00'],
  [-12 * HOUR_MS, 'Mon 23:50'],
  [7 * DAY_MS - 1, 'Tue 11:49'],
  [7 * DAY_MS, '1 Dec'],
  [-7 * DAY_MS + 1, 'Tue 11:50'],
  [-7 * DAY_MS, '17 Nov'],
  [60 * DAY_MS, '23 Jan 2027'],
  [1e300, 'an unknown time'],
])('%i ms from now is %s', (distanceMs, text) => {
  expect(wallTime(NOW + distanceMs, clock)).toBe(text)
})

test('the weekday can be asked for, today too', () => {
  expect(wallTime(NOW + HOUR_MS, clock, 'always')).toBe('Tue 12:50')
})

test('times are told for the place, over the change of the clocks too', () => {
  const beforeChange = Date.UTC(2026, 9, 24, 22)
  expect(wallTime(beforeChange + 6 * HOUR_MS, { now: beforeChange, timeZone: 'Europe/Berlin' })).toBe('05:00')
  expect(wallTime(NOW, { now: NOW, timeZone: 'Asia/Kathmandu' })).toBe('16:35')
})

test('a date has its year where it is another one', () => {
  expect(wallDate(NOW, clock)).toBe('24 Nov')
  expect(wallDate(Date.UTC(2026, 11, 31, 23), clock)).toBe('1 Jan 2027')
  expect(wallDate(Number.NaN, clock)).toBe('an unknown day')
})

test.each([
  [0, 'under 1 min'],
  [MINUTE_MS - 1, 'under 1 min'],
  [MINUTE_MS, '1 min'],
  [HOUR_MS - 1, '59 min'],
  [HOUR_MS, '1 h'],
  [2 * HOUR_MS + 10 * MINUTE_MS, '2 h 10 min'],
  [DAY_MS - 1, '23 h 59 min'],
  [DAY_MS, '1 d'],
  [4 * DAY_MS + 3 * HOUR_MS, '4 d 3 h'],
  [7 * DAY_MS + 3 * HOUR_MS, '7 d'],
])('%i ms are %s', (ms, text) => {
  expect(span(ms)).toBe(text)
})

test.each([
  [0, 'just now'],
  [MINUTE_MS - 1, 'just now'],
  [MINUTE_MS, '1 min ago'],
  [49 * HOUR_MS, '2 d 1 h ago'],
  [-2 * MINUTE_MS + 1, 'just now'],
  [-2 * MINUTE_MS, '2 min in the future'],
])('%i ms old is %s', (ageMs, text) => {
  expect(ago(NOW - ageMs, NOW)).toBe(text)
})

test('until', () => {
  expect(until(NOW + 2 * HOUR_MS, NOW)).toBe('in 2 h')
  expect(until(NOW, NOW)).toBe('now')
  expect(until(NOW - 1, NOW)).toBe('now')
})
