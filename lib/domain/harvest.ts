// Figures that a status line was handed, and when they may stand in for asking.
import * as v from '../valibot.ts'
import { CLOCK_TOLERANCE_MS } from './freshness.ts'
import { isSameLogin, type Owner, type QuotaObservation, type QuotaWindow, wholeAt } from './quota.ts'
import type { Slot } from './slot.ts'

const HarvestedWindow = v.nullable(
  v.object({
    usedPercent: v.pipe(v.number(), v.minValue(0), v.maxValue(1000)),
    /** ms */
    resetsAt: v.nullable(v.number()),
  }),
)

/** `harvest/<session id>.json`, as a status line leaves it. */
export const Harvest = v.object({
  schema: v.literal(1),
  sessionId: v.string(),
  /** CLAUDE_CONFIG_DIR of the session; null = unset. */
  configDir: v.nullable(v.string()),
  /** ms: when the answer was new; null = nobody knows. */
  measuredAt: v.nullable(v.number()),
  windows: v.object({ five_hour: HarvestedWindow, seven_day: HarvestedWindow }),
})
export type Harvest = v.InferOutput<typeof Harvest>

export type HarvestDecision =
  | { do: 'take'; observation: QuotaObservation }
  | { do: 'leave'; reason: 'unknown age' | 'from the future' | 'another login' | 'not newer' | 'half' | 'an echo' }

/** Time stamps of one reset differ by fractions from source to source; resets of two windows differ by hours. */
const SAME_RESET_MS = 10 * 60_000
/** One source gives whole percent, the other fractions. */
const ROUNDING_PERCENT = 1

/**
 * May these figures take the place of what the slot holds? Only where this login was known to be in its place before they came,
 * for a status line does not know whose it is handed; and never an echo: an idle session is handed the same figures for ever, so it is reset time and
 * use that tell which are newer, not when they arrived.
 * @param carryMs how long what a status line is not told (windows of one model, paid use) is kept from the last asking
 */
export function decideHarvest(
  { observation, owner: usedBy, lastAttempt }: Pick<Slot, 'observation' | 'owner' | 'lastAttempt'>,
  owner: Owner | null,
  harvest: Harvest,
  now: number,
  carryMs: number,
): HarvestDecision {
  const { measuredAt } = harvest
  if (measuredAt === null) return { do: 'leave', reason: 'unknown age' }
  if (measuredAt > now + CLOCK_TOLERANCE_MS) return { do: 'leave', reason: 'from the future' }
  const seen = isSameLogin(observation, owner) ? observation : null
  const knownSince = seen?.measuredAt ?? (isSameLogin(usedBy, owner) ? (lastAttempt?.at ?? null) : null)
  if (knownSince === null || owner === null) return { do: 'leave', reason: 'another login' }
  if (measuredAt <= knownSince) return { do: 'leave', reason: 'not newer' }
  const windows: QuotaWindow[] = []
  for (const name of ['five_hour', 'seven_day'] as const) {
    const told = harvest.windows[name]
    const known = seen?.windows.find(window => window.name === name && window.scope === null)
    if (told === null) {
      if (known !== undefined && known.usedPercent !== null) return { do: 'leave', reason: 'half' }
      continue
    }
    if (told.resetsAt !== null && told.resetsAt <= now) return { do: 'leave', reason: 'an echo' }
    if (known !== undefined && isEcho(told, known)) return { do: 'leave', reason: 'an echo' }
    windows.push({ name, scope: null, ...told })
  }
  if (windows.length === 0) return { do: 'leave', reason: 'half' }
  const whole = seen && wholeAt(seen)
  const isCarried = whole !== null && now - whole <= carryMs
  const others = (seen?.windows ?? []).filter(
    ({ name, scope }) => scope !== null || (name !== 'five_hour' && name !== 'seven_day'),
  )
  return {
    do: 'take',
    observation: {
      measuredAt,
      source: 'statusline',
      accountUuid: owner.accountUuid,
      organizationUuid: owner.organizationUuid,
      windows: isCarried ? [...windows, ...others] : windows,
      extraUsage: isCarried ? (seen?.extraUsage ?? null) : null,
      carriedFrom: isCarried ? whole : null,
    },
  }
}

function isEcho(told: { usedPercent: number; resetsAt: number | null }, known: QuotaWindow): boolean {
  if (told.resetsAt === null || known.resetsAt === null) return false
  const laterMs = told.resetsAt - known.resetsAt
  if (Math.abs(laterMs) > SAME_RESET_MS) return laterMs < 0
  return known.usedPercent !== null && told.usedPercent < known.usedPercent - ROUNDING_PERCENT
}
