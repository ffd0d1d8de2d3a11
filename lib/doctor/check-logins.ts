// What is wrong with the logins, and what stands in their way. Pure.

import { shellPath } from '../domain/account.ts'
import { DAY_MS } from '../domain/status-problems.ts'
import type { Finding } from './finding.ts'

export interface SeenLogin {
  slot: string
  /** Its directory, with `~` for the home. */
  dir: string
  /** `/login` for it. */
  command: string
  isDir: boolean
  state: 'present' | 'absent' | 'noLogin' | 'corrupt' | 'refused' | 'unknown'
  /** Why it cannot be used, and what to do; null where it is present or there is none. */
  trouble: { detail: string; remedy: string } | null
  loggedOut: boolean
  canBeRenewed: boolean
  /** null = the store does not say. */
  scopes: readonly string[] | null
  /** The login's hard end, ms; null = not known. */
  endsAt: number | null
  /** Its refresh token is known to be used up. */
  isSpent: boolean
  /** The directory whose login this is a copy of; null = it is none. */
  copyOf: string | null
  /** How long earlier logins lasted, ms. */
  lasted: readonly number[]
}

/** @param known the accounts of claude-sessions.yaml; null = that cannot be used, which is told as such */
export function checkAnyLogin(known: number | null): Finding[] {
  if (known !== 0) return []
  const evidence = 'claude-sessions.yaml names none; the first run writes it from the logins that it finds'
  const remedy = 'claude /login   # then: vigil run refresh-tokens'
  return [{ check: 'login', severity: 'error', what: 'no login is looked after', evidence, remedy }]
}

/** @param now ms */
export function checkLogins(logins: readonly SeenLogin[], now: number): Finding[] {
  return logins.flatMap(login => {
    const found = brokenLogin(login)
    return found === null ? weakLogin(login, now) : [found]
  })
}

function brokenLogin(login: SeenLogin): Finding | null {
  const { slot, dir, command, state, trouble } = login
  const error = (what: string, evidence: string, remedy = command): Finding => ({
    check: 'login',
    severity: 'error',
    what: `${slot}: ${what}`,
    evidence,
    remedy,
  })
  if (!login.isDir) return error('its directory is not there', dir, `${command}   # or: vigil accounts pause ${slot}`)
  if (state === 'absent' || state === 'noLogin') return error('no login is in its directory', dir)
  if (state === 'unknown')
    return { ...error('its login cannot be seen', trouble!.detail, trouble!.remedy), severity: 'warning' }
  if (state === 'corrupt') return error('its login is corrupt', trouble!.detail)
  if (state === 'refused') return error('its login is not safe to use', trouble!.detail, trouble!.remedy)
  if (login.loggedOut) return error('it is logged out: Claude Code has blanked its login', dir)
  if (login.copyOf !== null)
    return error(
      'its login is a copy of another one, and the first renewal of either ends both',
      `${dir} and ${login.copyOf}`,
    )
  if (login.isSpent) return error('its refresh token was used up elsewhere: an old copy, or another machine', dir)
  return null
}

const SOON_MS = 7 * DAY_MS
const SHORT_MS = 3 * DAY_MS

function weakLogin(login: SeenLogin, now: number): Finding[] {
  const { slot, command, endsAt, scopes } = login
  const findings: Finding[] = []
  const warn = (what: string, evidence: string, remedy = command) =>
    findings.push({ check: 'login', severity: 'warning', what: `${slot}: ${what}`, evidence, remedy })
  if (!login.canBeRenewed)
    warn('its token cannot be renewed and cannot ask for quota', 'no refresh token: made by claude setup-token')
  else if (scopes !== null && !scopes.includes('user:profile'))
    warn('its login may not ask for quota', `its scopes lack user:profile: ${scopes.join(' ')}`)
  if (endsAt !== null && endsAt - now < SOON_MS) {
    const days = Math.floor((endsAt - now) / DAY_MS)
    const when = endsAt <= now ? 'has reached its end' : `ends in ${days < 1 ? 'less than a day' : `${days} d`}`
    warn(`its login ${when}, whatever is renewed`, `refreshTokenExpiresAt ${new Date(endsAt).toISOString()}`)
  }
  const short = login.lasted.slice(-2)
  if (short.length === 2 && short.every(ms => ms < SHORT_MS))
    warn(
      "its logins end far too soon, as they do where two machines use one and spend each other's tokens",
      `the last two lasted ${short.map(ms => `${Math.round(ms / 3_600_000)} h`).join(' and ')}`,
      `log in separately on each machine: ${command}`,
    )
  return findings
}

export interface SeenConfigDir {
  /** What CLAUDE_CONFIG_DIR is in this environment, `~` for the home. */
  shown: string
  /** `default`: the directory that Claude Code uses without the variable. */
  isOf: 'account' | 'default' | 'nobody'
}

/** @param seen null = the variable is not set, or no account is known yet */
export function checkConfigDir(seen: SeenConfigDir | null): Finding[] {
  if (seen === null || seen.isOf === 'account') return []
  const { shown, isOf } = seen
  const named = { check: 'config_dir', severity: 'warning' as const, evidence: `CLAUDE_CONFIG_DIR=${shown}` }
  return isOf === 'nobody'
    ? [
        {
          ...named,
          what: 'what runs in this shell uses a login that nobody looks after',
          remedy: `vigil accounts add ${shellPath(shown)}`,
        },
      ]
    : [
        {
          ...named,
          what: 'the variable names the default, where Claude Code then looks for its state and Keychain item elsewhere',
          remedy: "unset CLAUDE_CONFIG_DIR   # and take it out of your shell's start files",
        },
      ]
}

/** Any of these makes Claude Code leave the login aside. */
export const OVERRIDES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_VERTEX',
]

/** @param set where one is set: `the environment`, or a settings.json */
export function checkOverrides(set: ReadonlyArray<{ name: string; where: string }>): Finding[] {
  return set.map(({ name, where }) => ({
    check: 'override',
    severity: 'warning',
    what: `${name} is set: Claude Code uses that in place of your logins, and Vigil's figures tell of the logins`,
    evidence: where,
    remedy:
      where === 'the environment'
        ? `unset ${name}   # and take it out of your shell's start files`
        : `take ${name} out of ${where}`,
  }))
}
