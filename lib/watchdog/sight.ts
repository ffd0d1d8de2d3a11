// All that was read at one moment, before anybody judges it. Values only: the same sight always gives the same facts.
import type { AlertState } from '../domain/alert.ts'
import type { BillingCache } from '../domain/billing.ts'
import type { FailoverState } from '../domain/failover-state.ts'
import type { LoginState } from '../domain/login-state.ts'
import type { QuotaObservation } from '../domain/quota.ts'
import type { FreshFlagFinding } from '../domain/quota-cache.ts'
import type { RunRecord } from '../domain/run-record.ts'
import type { StatusBilling, StatusJob } from '../domain/status.ts'
import type { AccountFacts } from '../domain/status-problems.ts'
import type { Settings } from '../settings-defaults.ts'

export interface SeenAccount extends AccountFacts {
  state: LoginState
  /** As it was measured, windows that are over included; null = no figures that are this login's. */
  observation: QuotaObservation | null
  /** Its slot file is there and cannot be used, so nothing is known of its figures. */
  blind: boolean
}

export interface SeenJob {
  job: StatusJob
  /** null: it never ran, or its record is no good. */
  record: RunRecord | null
  /** What is wrong with its record; null = nothing. */
  trouble: string | null
}

export interface SeenBilling {
  status: StatusBilling
  cache: BillingCache
  /** The present day, YYYY-MM-DD, in the zone of the cache. */
  today: string
  /** How long its figures are fresh, ms. */
  freshForMs: number
}

/** A file of ours that is no good. */
export interface FileTrouble {
  /** As messages name it: `slots/work.json`. */
  file: string
  what: string
  remedy: string | null
}

/** A file of a person that cannot be used: every problem with its line, and what opens it. */
export interface FileProblem {
  lines: string[]
  remedy: string
}

/** One figure of the past. */
export interface PastFigure {
  slot: string
  /** ms */
  measuredAt: number
  /** A window's name, or `extra_usage`: paid use beyond the plan, in the currency's main unit. */
  window: string
  scope: string | null
  /** Percent of the window, or the amount of `extra_usage`. */
  used: number
  /** ms */
  resetsAt: number | null
}

export interface Sight {
  /** ms; everything is judged for this one moment. */
  now: number
  /** The defaults where vigil.yaml cannot be used. */
  settings: Pick<Settings, 'quota' | 'billing'>
  settingsProblem: FileProblem | null
  registryProblem: FileProblem | null
  /**
   * Nothing of any account is bad or unknown, and no file that tells of accounts has changed since that was found: they were
   * not read again. Then `accounts`, `history` and `falseFresh` are empty, and no key is alive.
   */
  still: boolean
  /** null or absent: nothing of failover is known, for it is off. */
  failover?: {
    enabled: boolean
    state: FailoverState | null
    /** Who runs on the account that was left last, in words; looked for only while that is news. */
    staying?: string | null
  } | null
  /** Empty too where the registry cannot be used; then `registryProblem` says so. */
  accounts: SeenAccount[]
  /** The slot that new sessions use. */
  current: string | null
  /** Of `timings.ts`, every one. */
  jobs: SeenJob[]
  billing: SeenBilling | null
  troubles: FileTrouble[]
  /** Marks in merged-quota-cache.json that call old figures fresh. */
  falseFresh: FreshFlagFinding[]
  /** Room on the file system of session-health; null = it cannot be asked. */
  disk: { freeBytes: number; totalBytes: number } | null
  /** Since when the machine is awake after a sleep, ms; null = it did not sleep lately. */
  awakeSince: number | null
  /**
   * When the machine was awake and the schedule found no checkout to run, as the script beside it put down, ms; null = it put
   * down nothing since the latest look.
   */
  gone: { from: number; until: number } | null
  /** Since when Vigil is here, as far as its own files tell, ms. */
  firstSeenAt: number
  /** What alerts.json holds of every key that is alive; a resolved one, which only waits to be told, is not. */
  states: readonly AlertState[]
  /** Of the accounts whose present figures ask for a look back, oldest first; null = history cannot be read. */
  history: PastFigure[] | null
}
