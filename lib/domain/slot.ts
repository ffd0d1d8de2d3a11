import * as v from 'valibot'
import { QuotaObservation } from './quota.ts'

/** What became of the latest try to measure, whether or not it brought figures. */
const Attempt = v.object({ at: v.number(), outcome: v.string(), reason: v.string() })

/** One account's quota: its last good observation, its last attempt and what it has used of its request budget. */
export const Slot = v.object({
  schema: v.literal(1),
  slot: v.string(),
  configDir: v.string(),
  observation: v.nullable(QuotaObservation),
  lastAttempt: v.nullable(Attempt),
  requests: v.object({
    requestedAt: v.array(v.number()),
    blockedUntil: v.nullable(v.number()),
    rateLimitedInARow: v.number(),
  }),
})
export type Slot = v.InferOutput<typeof Slot>

export function emptySlot(slot: string, configDir: string): Slot {
  return {
    schema: 1,
    slot,
    configDir,
    observation: null,
    lastAttempt: null,
    requests: { requestedAt: [], blockedUntil: null, rateLimitedInARow: 0 },
  }
}
