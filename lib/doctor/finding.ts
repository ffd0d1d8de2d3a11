// What `vigil doctor` has to say: each finding with what shows it and the command that mends it.

export interface Finding {
  /** Which check it is of, one word: `login`, `permissions`. */
  check: string
  /** `error`: it does not work, or a secret is open. `warning`: it will not, or not always. `info`: worth knowing. */
  severity: 'error' | 'warning' | 'info'
  what: string
  /** What was seen. No secret and no full home path. */
  evidence: string
  /** The exact command, or what to do where there is none. */
  remedy: string
  /** What `--fix` may do by itself; absent = nothing. */
  fix?: { do: 'chmod'; path: string; mode: number }
}

/** A check that could not be made, with its reason: that is no good news. */
export interface Skipped {
  check: string
  reason: string
}
