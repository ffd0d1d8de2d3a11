// When a limit ends, as Claude Code says it to a person: `3pm (Europe/Berlin)`, `Nov 24, 3pm (UTC)`, or seconds behind a bar.

const DAY_MS = 86_400_000
/** The longest window is a week; a time beyond it is no reset. */
const FURTHEST_MS = 8 * DAY_MS
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * null: no time is named, or none that can be a reset. A time of day means the next one.
 * @param now ms: when it was said
 */
export function resetTimeIn(text: string, now: number): number | null {
  const seconds = /limit reached\|(\d{10})\b/.exec(text)
  if (seconds) return asReset(Number(seconds[1]) * 1000, now)
  const said =
    /resets?(?: at)?\s+(?:([A-Za-z]{3})[a-z]*\.? (\d{1,2})(?:,| at)? )?(\d{1,2})(?::([0-5]\d))?\s?(am|pm)?(?:\s*\(([A-Za-z_]+(?:\/[A-Za-z_+-]+)*)\))?/i.exec(
      text,
    )
  if (!said) return null
  const [, month, day, hours, minutes, half, zone] = said
  // A bare number is no time of day.
  if (half === undefined && minutes === undefined) return null
  const hour = hourOf(Number(hours), half)
  if (hour === null) return null
  const timeOfDay = { hour, minute: Number(minutes ?? 0) }
  const today = wallDay(now, zone)
  if (today === null) return null
  if (month !== undefined) {
    const n = MONTHS.indexOf(month.toLowerCase())
    if (n < 0) return null
    const years = [today.year, today.year + 1]
    const times = years.map(year => instantOf({ year, month: n + 1, day: Number(day) }, timeOfDay, zone))
    return times.map(at => asReset(at, now)).find(at => at !== null) ?? null
  }
  const first = instantOf(today, timeOfDay, zone)
  return asReset(first > now ? first : instantOf({ ...today, day: today.day + 1 }, timeOfDay, zone), now)
}

function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour <= 23 ? hour : null
  if (hour < 1 || hour > 12) return null
  return (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
}

/** null: it has passed, or is too far away for a reset. */
export function asReset(at: number, now: number): number | null {
  return at > now && at - now <= FURTHEST_MS ? at : null
}

interface Day {
  year: number
  /** 1-12 */
  month: number
  day: number
}

/** null: no zone that this machine knows. */
function wallDay(at: number, zone: string | undefined): Day | null {
  const wall = wallTime(at, zone)
  if (wall === null) return null
  const date = new Date(wall)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

/** What the clock on the wall shows, as if that were UTC. */
function wallTime(at: number, zone: string | undefined): number | null {
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      ...(zone === undefined ? {} : { timeZone: zone }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    }).formatToParts(at)
    const part = (type: string) => Number(parts.find(found => found.type === type)?.value)
    return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'))
  } catch {
    return null // RangeError: it is no zone.
  }
}

function instantOf(
  { year, month, day }: Day,
  time: { hour: number; minute: number },
  zone: string | undefined,
): number {
  const wanted = Date.UTC(year, month - 1, day, time.hour, time.minute)
  let at = wanted
  // Twice, for the offset may differ between the guess and the time itself.
  for (let n = 0; n < 2; n += 1) at += wanted - (wallTime(at, zone) ?? wanted)
  return at
}
