// ccusage's answers in our words: the program, why it gave none, and its two lists.

export interface CcusageProgram {
  kind: 'found'
  command: [string, ...string[]]
  /** Changes whenever another ccusage would answer: figures of two of them are not compared. */
  version: string
}

/** Why there are no figures; `reason` is a sentence for a person, with the mend where there is one. */
export interface NoFigures {
  kind:
    | 'noLogs'
    | 'timedOut'
    | 'aborted'
    | 'wrongOutput'
    /** ccusage is there without its native part, which is an optional dependency. */
    | 'missingNative'
    | 'notExecutable'
    | 'notFound'
    /** This system cannot tell the local day of the zone, and ccusage would silently take another one. */
    | 'noZoneData'
    | 'failed'
  reason: string
}

/** One line of `blocks --json`. A gap has no entries and cost 0. */
export interface UsageBlock {
  startsAt: number
  /** Of a block its start + 5 h; of a gap the first entry after it. */
  endsAt: number
  isGap: boolean
  /** By ccusage's own clock. */
  isActive: boolean
  entries: number
  tokens: number
  /** null = ccusage said none, which is not 0. */
  costUsd: number | null
  models: string[]
  burnRateUsdPerHour: number | null
  projectedCostUsd: number | null
}

/** One line of `daily --json`. */
export interface UsageDay {
  date: string
  costUsd: number | null
  tokens: number
  /** Models with tokens that ccusage has no price for: it counts them as 0. */
  unpricedModels: string[]
}

export interface Usage {
  blocks: UsageBlock[]
  days: UsageDay[]
}
