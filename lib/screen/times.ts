// Times for a person: the clock on the wall, and how far it is.
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export interface Clock {
  /** ms */
  now: number
  /** The machine's own where it is undefined. */
  timeZone: string | undefined
}

/** `14:00` today, `Tue 14:00` within a week, else `15 Dec`; with the year where it is another one. */
export function wallTime(at: number, clock: Clock, weekday: 'always' | 'otherDays' = 'otherDays'): string {
  if (!isDate(at)) return 'an unknown time'
  const there = parts(at, clock.timeZone)
  const here = parts(clock.now, clock.timeZone)
  const time = `${there.hour}:${there.minute}`
  if (Math.abs(at - clock.now) >= 7 * DAY_MS) return wallDate(at, clock)
  const sameDay = there.day === here.day && Math.abs(at - clock.now) < DAY_MS
  return sameDay && weekday === 'otherDays' ? time : `${there.weekday} ${time}`
}

/** `15 Dec`, with the year where it is another one. */
export function wallDate(at: number, clock: Clock): string {
  if (!isDate(at)) return 'an unknown day'
  const there = parts(at, clock.timeZone)
  const year = there.year === parts(clock.now, clock.timeZone).year ? '' : ` ${there.year}`
  return `${there.day} ${there.month}${year}`
}

/** `2 h 10 min`, two units at most, rounded down: nothing is told to be longer than it is. */
export function span(ms: number): string {
  if (ms < MINUTE_MS) return 'under 1 min'
  const [days, hours, minutes] = [
    Math.floor(ms / DAY_MS),
    Math.floor((ms % DAY_MS) / HOUR_MS),
    Math.floor((ms % HOUR_MS) / MINUTE_MS),
  ]
  if (days > 0) return hours > 0 && days < 7 ? `${days} d ${hours} h` : `${days} d`
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`
  return `${minutes} min`
}

/** `3 min ago`, `just now`, or `in 3 h` for what a wrong clock dated in the future. */
export function ago(at: number, now: number): string {
  const ageMs = now - at
  if (ageMs <= -2 * MINUTE_MS) return `${span(-ageMs)} in the future`
  return ageMs < MINUTE_MS ? 'just now' : `${span(ageMs)} ago`
}

/** A reset time may have passed by a moment between judging and showing. */
export function until(at: number, now: number): string {
  return at <= now ? 'now' : `in ${span(at - now)}`
}

/** A number out of a broken file can lie beyond what any calendar knows. */
function isDate(at: number): boolean {
  return !Number.isNaN(new Date(at).getTime())
}

function parts(at: number, timeZone: string | undefined): Record<Intl.DateTimeFormatPartTypes, string> {
  const formatted = formatFor(timeZone).formatToParts(at)
  return Object.fromEntries(formatted.map(({ type, value }) => [type, value])) as Record<
    Intl.DateTimeFormatPartTypes,
    string
  >
}

const formats = new Map<string | undefined, Intl.DateTimeFormat>()

function formatFor(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  formats.set(timeZone, format)
  return format
}
