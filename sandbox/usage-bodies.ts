/** How far an account has got; percentages are 0-100, times ms since epoch. */
export interface UsageLevels {
  fiveHourPercent: number
  fiveHourResetsAt: number
  weeklyPercent: number
  weeklyResetsAt: number
  /** A weekly window of the Opus models alone, in `limits` only; absent: the account has none. */
  opusPercent?: number
}

interface Limit {
  kind: 'session' | 'weekly_all' | 'weekly_scoped'
  percent: number
  resetsAt: number
  model?: string
}

/** A body of /api/oauth/usage with every field of the recorded ones. */
export function usageBody(levels: UsageLevels) {
  const { fiveHourPercent, fiveHourResetsAt, weeklyPercent, weeklyResetsAt, opusPercent } = levels
  const limits: Limit[] = [
    { kind: 'session', percent: fiveHourPercent, resetsAt: fiveHourResetsAt },
    { kind: 'weekly_all', percent: weeklyPercent, resetsAt: weeklyResetsAt },
  ]
  if (opusPercent !== undefined) {
    limits.push({ kind: 'weekly_scoped', percent: opusPercent, resetsAt: weeklyResetsAt, model: 'Opus' })
  }
  const highest = Math.max(...limits.map(limit => limit.percent))
  return {
    five_hour: { utilization: fiveHourPercent, resets_at: timestamp(fiveHourResetsAt) },
    seven_day: { utilization: weeklyPercent, resets_at: timestamp(weeklyResetsAt) },
    seven_day_opus: null,
    seven_day_sonnet: { utilization: 1, resets_at: null },
    extra_usage: {
      is_enabled: false,
      monthly_limit: 5000,
      used_credits: 1234,
      utilization: 24.7,
      currency: 'USD',
      decimal_places: 2,
    },
    limits: limits.map(({ kind, percent, resetsAt, model }) => ({
      kind,
      group: kind === 'session' ? 'session' : 'weekly',
      percent,
      severity: percent < 75 ? 'normal' : 'warning', // the two words seen so far; where the real line runs is not known
      resets_at: timestamp(resetsAt),
      scope: model === undefined ? null : { model: { id: null, display_name: model }, surface: null },
      is_active: percent === highest,
    })),
  }
}

/** As the real ones are written: microseconds and an offset, where Date writes milliseconds and Z. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000+00:00')
}
