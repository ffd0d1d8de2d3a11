// What the janitor takes away, and why. Pure: from a list of what is there to a list of steps, and nothing else is done.
import { LOG_KEPT_FILES } from '../timings.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** What a file of ours is that may go one day. What is none of these is not even listed. */
export type LeftoverKind = 'session' | 'harvest' | 'git' | 'temp' | 'rotatedLog' | 'log' | 'aside'

export interface Leftover {
  kind: LeftoverKind
  /** Absolute. */
  path: string
  bytes: number
  /** ms; of an aside file when it was put aside. */
  changedAt: number
  /** Tells it from another file that has its name by the time it is to go. */
  ino: number
  /** Of a temporary file: its writer is still there. Of a log: its rotation is due. */
  held: boolean
}

export interface CleanupStep {
  do: 'remove' | 'rotate'
  file: Leftover
  reason: string
}

/** How long each kind is kept, ms; what is not here goes by another rule. */
const KEPT_MS = {
  session: 7 * DAY_MS,
  harvest: 7 * DAY_MS,
  git: 7 * DAY_MS,
  temp: HOUR_MS,
  rotatedLog: 14 * DAY_MS,
  // As long as history.sqlite itself keeps anything: until then a person may want to look into it.
  aside: 60 * DAY_MS,
} as const
/** A process that has the writer's number by now is another one: nothing of ours writes for so long. */
const NO_WRITER_MS = DAY_MS
const SESSIONS_KEPT = 100
const ROTATED_BYTES = 20 * 1024 * 1024

/** @param now ms; a file from the future is young */
export function planCleanup(found: readonly Leftover[], now: number): CleanupStep[] {
  const steps = found.flatMap(file => {
    const reason = reasonByItself(file, now)
    return reason === null ? [] : [reason]
  })
  const going = new Set(steps.map(({ file }) => file))
  const rest = (kind: LeftoverKind) =>
    found.filter(file => file.kind === kind && !going.has(file)).toSorted((a, b) => b.changedAt - a.changedAt)
  const surplus = rest('session').slice(SESSIONS_KEPT)
  let bytes = 0
  const tooMuch = rest('rotatedLog').filter(file => {
    bytes += file.bytes
    return bytes > ROTATED_BYTES
  })
  return [
    ...steps,
    ...surplus.map(file => remove(file, `only the ${SESSIONS_KEPT} latest sessions are kept`)),
    ...tooMuch.map(file => remove(file, 'rotated logs may take 20 MB together')),
  ]
}

function reasonByItself(file: Leftover, now: number): CleanupStep | null {
  const { kind, held } = file
  if (kind === 'log')
    return held
      ? { do: 'rotate', file, reason: `it is too long or too old; ${LOG_KEPT_FILES} older ones are kept` }
      : null
  const ageMs = now - file.changedAt
  if (ageMs <= KEPT_MS[kind] || (kind === 'temp' && held && ageMs <= NO_WRITER_MS)) return null
  return remove(file, WHY[kind])
}

const WHY: Record<Exclude<LeftoverKind, 'log'>, string> = {
  session: 'of a session that was not seen for 7 days',
  harvest: 'figures of a session that was not seen for 7 days',
  git: 'of a repository that was not looked at for 7 days',
  temp: 'left by a write that was cut short over an hour ago',
  rotatedLog: 'rotated logs are kept for 14 days',
  aside: 'it was put aside over 60 days ago',
}

function remove(file: Leftover, reason: string): CleanupStep {
  return { do: 'remove', file, reason }
}
