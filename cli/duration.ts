const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `4h`, `2d` in ms; null = it is none. */
export function durationMs(text: string): number | null {
  const match = /^(\d{1,4})([mhd])$/.exec(text.trim())
  const ms = match ? Number(match[1]) * UNIT_MS[match[2]!]! : 0
  return ms > 0 ? ms : null
}
