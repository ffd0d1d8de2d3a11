// Fourteen days of trouble, drawn from a seed: what is true in each minute, how channels answer, when the machine sleeps.
import { alertKey, type Fact, type Severity } from '../../lib/domain/alert.ts'
import type { Mood } from './world.ts'

const MINUTE = 60_000
const DAY_MIN = 1440
export const FORTNIGHT_MIN = 14 * DAY_MIN
/** Truth changes on a grid, so that what mutes and what is muted begin and end together or well apart. */
const GRID_MIN = 10

interface Stretch {
  from: number
  to: number
  /** From here on it is worse. */
  worseFrom: number
}

export interface Script {
  facts: (minute: number, run: number) => Fact[]
  moods: (minute: number) => Mood[]
  /** Minutes in which the watchdog does not run: the lid is closed. */
  isAsleep: (minute: number) => boolean
  /** In how many steps the run of this minute dies; null = it lives. */
  crash: (minute: number) => number | null
}

function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function writeScript(seed: number, channels: number): Script {
  const random = randomFrom(seed)
  const onGrid = (least: number, most: number) =>
    Math.round((least + random() ** 2 * (most - least)) / GRID_MIN) * GRID_MIN
  /** The last day is whole, so that all is told by its end. */
  const stretches = (gap: [number, number], length: [number, number]): Stretch[] => {
    const all: Stretch[] = []
    for (let at = onGrid(30, gap[1]); at < FORTNIGHT_MIN - DAY_MIN; ) {
      const to = Math.min(at + onGrid(...length), FORTNIGHT_MIN - DAY_MIN)
      const worseFrom = random() < 0.4 ? at + onGrid(20, 200) : to
      if (to > at) all.push({ from: at, to, worseFrom })
      at = to + onGrid(...gap)
    }
    return all
  }
  const allOut = stretches([1500, 9000], [60, 1500])
  const logins = [0, 1, 2].map(() => stretches([300, 4000], [20, 1200]))
  const offline = stretches([300, 3000], [20, 400])
  const noStart = stretches([600, 4000], [30, 600])
  const failing = stretches([300, 3000], [20, 400])
  const quota = stretches([60, 900], [20, 280])
  const budget = stretches([600, 2000], [60, 900])
  const hidden = stretches([600, 3000], [20, 200])
  const sleeps = stretches([900, 3000], [20, 600])
  const outages = Array.from({ length: channels }, () =>
    stretches([200, 2500], [10, 720]).map(one => ({ ...one, mood: MOODS[Math.floor(random() * MOODS.length)]! })),
  )
  const crashes = new Map<number, number>()
  for (let at = 0; at < FORTNIGHT_MIN - DAY_MIN; at += Math.ceil(random() * 60))
    crashes.set(at, Math.floor(random() * 6))

  const facts = (minute: number, run: number): Fact[] => {
    const isOut = (slot: number) => inside(allOut, minute) !== null || inside(logins[slot]!, minute) !== null
    const network = inside(offline, minute)
    const still = inside(noStart, minute)
    const used = inside(quota, minute)
    const woke = sleeps.find(({ to }) => to <= minute && minute < to + 30) !== undefined
    const said: Said = (name, labels, bad, severity, more = {}) => factOf(name, labels, bad, severity, run, more)
    // The third login cannot be looked at now and then, good or bad.
    const slots = [0, 1, 2].map(slot => {
      const more = slot === 2 && inside(hidden, minute) !== null ? UNSEEN : {}
      return said('AccountInactive', { slot: `slot-${slot + 1}` }, isOut(slot), 'warning', more)
    })
    // Figures that cannot be fetched are unknown after an hour, good or bad.
    const blind = [network, still].some(trouble => trouble !== null && minute - trouble.from >= 60)
    const level = (name: string, bad: boolean, severity: Severity) =>
      said('QuotaHigh', { slot: 'slot-1', window: 'five_hour', level: name }, bad, severity, blind ? UNSEEN : {})
    const asleep = woke ? UNSEEN : {}
    return [
      said('HostOffline', {}, network !== null, 'info'),
      said('AllInactive', {}, [0, 1, 2].every(isOut), 'critical'),
      ...slots,
      said('JobFailed', { job: 'fetch-quota' }, network !== null, 'warning', { alsoMutedBy: ['HostOffline'] }),
      said('JobFailed', { job: 'fetch-billing' }, inside(failing, minute) !== null, 'warning'),
      said('JobMissing', { job: 'fetch-quota' }, still !== null, worse(still, minute, 'warning', 'critical'), asleep),
      said('DataStale', { of: 'quota', slot: 'slot-1' }, blind, 'warning', asleep),
      level('80', used !== null, 'warning'),
      level('95', used !== null && minute >= used.worseFrom, 'critical'),
      said(
        'BudgetHigh',
        { span: 'day' },
        inside(budget, minute) !== null,
        worse(inside(budget, minute), minute, 'info', 'warning'),
      ),
    ]
  }
  return {
    facts,
    moods: minute =>
      outages.map(
        (all, at) => all.find(one => one.from <= minute && minute < one.to && !spared(at, minute))?.mood ?? 'ok',
      ),
    isAsleep: minute => inside(sleeps, minute) !== null,
    crash: minute => crashes.get(minute) ?? null,
  }

  /** Of two channels that confirm, one always works: what must be said when none does is a test of its own. */
  function spared(channel: number, minute: number): boolean {
    return channel === 2 && inside(outages[1]!, minute) !== null
  }
}

const MOODS: Mood[] = ['retry', 'retry', 'retry-after', 'refused']
const UNSEEN: Partial<Fact> = { verdict: 'unknown' }

type Said = (name: Fact['name'], labels: Fact['labels'], bad: boolean, severity: Severity, more?: Partial<Fact>) => Fact

function inside(stretches: readonly Stretch[], minute: number): Stretch | null {
  return stretches.find(({ from, to }) => from <= minute && minute < to) ?? null
}

function worse(stretch: Stretch | null, minute: number, first: Severity, then: Severity): Severity {
  return stretch !== null && minute >= stretch.worseFrom ? then : first
}

function factOf(
  name: Fact['name'],
  labels: Fact['labels'],
  bad: boolean,
  severity: Severity,
  run: number,
  more: Partial<Fact>,
): Fact {
  const text = { summary: `${alertKey({ name, labels })} at ${run}`, details: [], remedy: null, affects: null }
  return { name, labels, verdict: bad ? 'bad' : 'ok', severity, text, since: null, ...more }
}

export const minuteMs = (minute: number) => minute * MINUTE
