// Sessions that run on an account which failover has left: they are left alone, so somebody has to know of them.
import { type LeftSession, leftSlots, nameSessions, sessionsOn } from '../domain/session.ts'
import type { Paths } from '../paths.ts'
import { readFailover } from '../store/failover.ts'
import { readSessions } from '../store/sessions.ts'
import { tolerant } from './look-at-jobs.ts'

export function lookAtSessions(paths: Paths, current: string | null, now: number): LeftSession[] {
  const reading = tolerant(() => readFailover(paths))
  const slots = reading.state === 'present' ? leftSlots(reading.value, current, now) : []
  return slots.length === 0 ? [] : sessionsOn(slots, readSessions(paths), now)
}

/** For a message; null = nobody that is known of. */
export function whoStays(paths: Paths, slot: string, now: number): string | null {
  const sessions = sessionsOn([slot], readSessions(paths), now)
  if (sessions.length === 0) return null
  return `${sessions.length === 1 ? 'one does' : `${sessions.length} do`}: ${nameSessions(sessions)}`
}
