import { join } from 'node:path'

/** Every path that Vigil reads or writes of its own. Claude Code's are in store/, next to what is done with them. */
export interface Paths {
  /** The user's home, for `~`. */
  home: string
  vigilHome: string
  settings: string
  accounts: string
  health: string
  slots: string
  runs: string
  logs: string
  locks: string
  logins: string
  /** Whose refresh is under way; the journals themselves lie beside the logins. */
  refreshing: string
  mergedQuota: string
  /** What vigil.yaml meant when it was last parsed, without its secrets. */
  parsedSettings: string
  /** What claude-sessions.yaml meant when it was last parsed. */
  parsedAccounts: string
  /** Which files of accounts the watchdog found well, and until when that holds while they stay as they are. */
  stillAccounts: string
  hotSwapQuota: string
  billing: string
  subscription: string
  /** What ccusage is given to read, and what is remembered of its full runs. */
  ccusage: string
  /** Observations, runs and alerts over time. */
  history: string
  /** One look at everything, for a person. */
  runtimeState: string
  /** Alert states and the messages that are promised. */
  alerts: string
  /** What each session's status line was told of its account's quota, for fetch-quota to take in. */
  harvest: string
  /** The last known state of repositories, by folder. */
  git: string
  /** What failover remembers, and what it decided last. */
  failover: string
  /** A switch to another account that is under way. */
  switching: string
  /** What the StopFailure hook was told: one file a call. */
  stopFailures: string
  /** To be sourced by a shell: the environment of the current account. */
  currentEnv: string
  /** Leads to the current account's config directory. */
  currentLink: string
  /** When a status line last started a job: one file a minute. */
  kicks: string
}

/** @param vigilHome VIGIL_HOME, else `~/.claude`; it does not follow CLAUDE_CONFIG_DIR, for all accounts share the caches */
export function pathsFor(home: string, vigilHome: string): Paths {
  // Two by join, which mends what a person wrote; with it for each, a status line would pay for it.
  const config = join(vigilHome, 'config')
  const health = join(vigilHome, 'session-health')
  return {
    home,
    vigilHome,
    settings: `${config}/vigil.yaml`,
    accounts: `${config}/claude-sessions.yaml`,
    health,
    slots: `${health}/slots`,
    runs: `${health}/runs`,
    logs: `${health}/logs`,
    locks: `${health}/locks`,
    logins: `${health}/logins`,
    refreshing: `${health}/refreshing`,
    mergedQuota: `${health}/merged-quota-cache.json`,
    parsedSettings: `${health}/parsed/vigil.json`,
    parsedAccounts: `${health}/parsed/claude-sessions.json`,
    stillAccounts: `${health}/parsed/still-accounts.json`,
    hotSwapQuota: `${health}/hot-swap-quota.json`,
    billing: `${health}/billing-shared.json`,
    subscription: `${config}/subscription.yaml`,
    ccusage: `${health}/ccusage`,
    runtimeState: `${health}/runtime-state.yaml`,
    alerts: `${health}/alerts.json`,
    history: `${health}/history.sqlite`,
    harvest: `${health}/harvest`,
    git: `${health}/git`,
    failover: `${health}/failover.json`,
    switching: `${health}/switch.json`,
    stopFailures: `${health}/stop-failures`,
    currentEnv: `${health}/current.env`,
    currentLink: `${health}/current`,
    kicks: `${health}/kicks`,
  }
}

/** A job's log. refresh-tokens keeps the name that users already watch. */
export function logPath(paths: Paths, job: string): string {
  return job === 'refresh-tokens' ? join(paths.health, 'token-refresh.log') : join(paths.logs, `${job}.log`)
}
