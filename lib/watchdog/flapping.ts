// A key that comes and goes: four turns in an hour are one message, and the next one says that it has stopped.
import type { AlertsFile } from '../domain/alert.ts'
import type { Decision } from './step.ts'

const HOUR_MS = 60 * 60_000
const TURNS = 4

export interface Flapping {
  flaps: AlertsFile['flaps']
  /** Keys that begin to flap, and keys that have been quiet for an hour, in this run. */
  began: ReadonlySet<string>
  ended: ReadonlySet<string>
  decisions: Decision[]
}

export function flapsNow(file: AlertsFile, now: number): Flapping {
  const flaps: AlertsFile['flaps'] = {}
  const began = new Set<string>()
  const ended = new Set<string>()
  const decisions: Decision[] = []
  for (const [key, flap] of Object.entries(file.flaps)) {
    const turns = flap.turns.filter(at => now - at < HOUR_MS)
    if (flap.since === null && turns.length >= TURNS) {
      began.add(key)
      decisions.push({ key, did: 'flapping', reason: `it began or came back ${turns.length} times within an hour` })
      flaps[key] = { turns, since: now, told: [] }
    } else if (flap.since !== null && turns.length === 0) {
      ended.add(key)
      decisions.push({ key, did: 'calm', reason: 'it was quiet for an hour' })
    } else if (turns.length > 0 || flap.since !== null) flaps[key] = { ...flap, turns }
  }
  return { flaps, began, ended, decisions }
}
