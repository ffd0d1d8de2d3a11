// Sessions of Claude Code as their status lines noted them: which still run on an account that failover has left.
import { MINUTE_MS } from '../timings.ts'
import * as v from '../valibot.ts'
import type { FailoverState } from './failover-state.ts'

/** `<session id>.json`, as far as it is read: one file a session, so a session that moved to another account is told of once. */
export const SessionHealth = v.object({
  schema: v.literal(1),
  session_id: v.string(),
  /** ms */
  seen_at: v.number(),
  /** null = its account was not known then. */
  slot: v.nullable(v.string()),
  /** The last part of the folder that it works in; absent = noted by an earlier Vigil. */
  folder: v.optional(v.nullable(v.string()), null),
})
export type SessionHealth = v.InferOutput<typeof SessionHealth>

/** A status line is called every minute while its session is open, so after this it is over, or the machine sleeps. */
export const SESSION_RUNS_MS = 30 * MINUTE_MS

export interface LeftSession {
  /** The beginning of its id: enough for a person to know it by. */
  session: string
  slot: string
  folder: string | null
  /** ms */
  seenAt: number
}

/** The running sessions of these accounts, the one that was seen last first. A session counts where it was seen last. */
export function sessionsOn(slots: readonly string[], sessions: readonly SessionHealth[], now: number): LeftSession[] {
  const latest = new Map<string, SessionHealth>()
  for (const session of sessions) {
    const id = session.session_id.toLowerCase()
    if (session.seen_at > (latest.get(id)?.seen_at ?? Number.NEGATIVE_INFINITY)) latest.set(id, session)
  }
  return [...latest]
    .flatMap(([id, { slot, seen_at: seenAt, folder }]) => {
      const runs = Math.abs(now - seenAt) < SESSION_RUNS_MS
      return runs && slot !== null && slots.includes(slot) ? [{ session: id.slice(0, 8), slot, folder, seenAt }] : []
    })
    .toSorted((a, b) => b.seenAt - a.seenAt)
}

/** The accounts that failover left, or that are used up by what a session said, and not yet renewed; never the current one. */
export function leftSlots({ left, spent }: Pick<FailoverState, 'left' | 'spent'>, current: string | null, now: number) {
  const slots = [
    ...Object.keys(left).filter(slot => now < left[slot]!.until),
    ...Object.keys(spent).filter(slot => spent[slot]!.resetsAt === null || now < spent[slot]!.resetsAt!),
  ]
  return [...new Set(slots)].filter(slot => slot !== current)
}

const NAMED = 5
const LONGEST_FOLDER = 40

/** `webshop (3f2a1b9c), docs (0e11d2aa)`; of many, five. */
export function nameSessions(sessions: readonly LeftSession[]): string {
  const names = sessions.slice(0, NAMED).map(({ session, folder }) => {
    const short = folder !== null && folder.length > LONGEST_FOLDER ? `${folder.slice(0, LONGEST_FOLDER - 1)}…` : folder
    return short === null ? session : `${short} (${session})`
  })
  const more = sessions.length - names.length
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
