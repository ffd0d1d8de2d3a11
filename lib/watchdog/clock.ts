// What the watchdog makes of the clock: a gap is a sleep, a step back moves everything that it remembers.
import type { AlertsFile, Fact } from '../domain/alert.ts'

/** The lid was closed, or the watchdog did not run: what was old then says nothing about now. */
const SLEEP_INTERVALS = 3
/** Clocks are slewed by less than this without a word; a step of more is told. */
const JUMP_MS = 10_000

function asleepMs({ lastRunAt }: AlertsFile, now: number, intervalMs: number): number {
  const gapMs = lastRunAt === null ? 0 : now - lastRunAt
  return gapMs > SLEEP_INTERVALS * intervalMs ? gapMs : 0
}

/** What could not be seen when the machine fell asleep has not been looked for since: that time does not count. */
export function withoutSleep(file: AlertsFile, now: number, intervalMs: number): AlertsFile {
  const gapMs = asleepMs(file, now, intervalMs)
  if (gapMs === 0) return file
  const unseen = Object.entries(file.unseen).map(([key, since]) => [key, Math.min(since + gapMs, now)])
  return { ...file, unseen: Object.fromEntries(unseen) }
}

/**
 * Since when the machine is awake again, as this run sees it, ms; null = it did not sleep lately. After the clock was set
 * back it is the same: until the jobs have had their turn, what they left is dated in the future and proves nothing.
 */
export function awakeSinceAt(file: AlertsFile, now: number, intervalMs: number): number | null {
  const { awakeSince, lastRunAt } = file
  if (asleepMs(file, now, intervalMs) > 0 || (lastRunAt !== null && lastRunAt - now > JUMP_MS)) return now
  return awakeSince === null ? null : Math.min(awakeSince, now)
}

/**
 * When the schedule started nothing but the script that tells that the checkout is gone: no sleep, though it looks like one.
 * A sleep before that is one all the same, so the time of the latest look is no beginning.
 * @param sinceAt when that script first ran since the watchdog did, ms; null = it never did, or is an earlier one
 * @param seenAt when it last ran, ms
 */
export function goneTime(
  { lastRunAt }: Pick<AlertsFile, 'lastRunAt'>,
  { sinceAt, seenAt }: { sinceAt: number | null; seenAt: number },
  now: number,
): { from: number; until: number } | null {
  if (lastRunAt === null || sinceAt === null) return null
  return lastRunAt < sinceAt && sinceAt <= seenAt && seenAt <= now ? { from: sinceAt, until: seenAt } : null
}

/** The file as this moment has it. Time never runs backwards in it: after a step back all that is remembered moves along. */
export function lookAtClock(file: AlertsFile, now: number, intervalMs: number): { file: AlertsFile; jump: Fact } {
  const backMs = file.lastRunAt === null ? 0 : Math.max(0, file.lastRunAt - now)
  const moved = backMs > 0 ? rebased(file, backMs) : withoutSleep(file, now, intervalMs)
  const jump: Fact = {
    name: 'ClockJump',
    labels: {},
    verdict: backMs > JUMP_MS ? 'bad' : 'ok',
    severity: 'warning',
    text: {
      summary: `the clock was set back by ${Math.round(backMs / 1000)} s`,
      details: [],
      remedy: 'timedatectl',
      affects: 'times in messages before this one are later than they were',
    },
    since: now,
  }
  return { file: { ...moved, awakeSince: awakeSinceAt(moved, now, intervalMs), lastRunAt: now }, jump }
}

function rebased(file: AlertsFile, backMs: number): AlertsFile {
  const move = (at: number) => at - backMs
  const moveOrNull = (at: number | null) => (at === null ? null : at - backMs)
  const each = <Value>(record: Record<string, Value>, change: (value: Value) => Value): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
  return {
    ...file,
    states: file.states.map(state => ({
      ...state,
      pendingSince: move(state.pendingSince),
      since: move(state.since),
      firedAt: moveOrNull(state.firedAt),
      okSince: moveOrNull(state.okSince),
      resolvedAt: moveOrNull(state.resolvedAt),
      told: each(state.told, told => ({ ...told, at: move(told.at) })),
    })),
    outbox: file.outbox.map(entry => ({ ...entry, at: move(entry.at), next: move(entry.next) })),
    silences: file.silences.map(silence => ({ ...silence, at: move(silence.at), until: move(silence.until) })),
    channels: each(file.channels, channel => ({
      ...channel,
      brokenSince: moveOrNull(channel.brokenSince),
      lastAcceptedAt: moveOrNull(channel.lastAcceptedAt),
    })),
    unseen: each(file.unseen, move),
    flaps: each(file.flaps, flap => ({ ...flap, turns: flap.turns.map(move), since: moveOrNull(flap.since) })),
    awakeSince: moveOrNull(file.awakeSince),
  }
}
