import * as v from '../valibot.ts'

/**
 * A slot names files (`slots/<slot>.json`) and locks, so it may not hold a separator or begin with a dot. Under the two
 * names at the front, valibot leaves a record's entry out without a word, as it does with `__proto__`.
 */
export const SLOT_PATTERN = /^(?!(?:constructor|prototype)$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Why an account is inactive, as the jobs write it. Any other reason, or none, was written by a person.
 * - `session_expired`: the token endpoint said `invalid_grant`; the login is over.
 * - `refresh_interrupted`: a refresh was cut off between sending and receiving, and the login did not survive it.
 * - `copied_login`: it holds a token that was used up elsewhere, as a copied directory or an old backup does.
 * - `logged_out`: Claude Code blanked its store (the husk).
 * - `no_login`: the config directory holds no login at all.
 * - `token_expired`: a token that cannot be refreshed (`claude setup-token`) has run out.
 */
export const JOB_REASONS = [
  'session_expired',
  'refresh_interrupted',
  'copied_login',
  'logged_out',
  'no_login',
  'token_expired',
] as const
export type JobReason = (typeof JOB_REASONS)[number]

export const Account = v.object({
  slot: v.pipe(v.string(), v.regex(SLOT_PATTERN)),
  /** Absolute. The raw string, not its real path: Claude Code names its Keychain item after the former. */
  configDir: v.string(),
  /** True for `~/.claude`: Claude Code runs with CLAUDE_CONFIG_DIR unset there, which is not the same as set to it. */
  isDefault: v.boolean(),
  email: v.nullable(v.string()),
  status: v.picklist(['active', 'inactive']),
  inactiveReason: v.nullable(v.string()),
  /** ISO 8601, as it stands in the file; null where the file says nothing. */
  inactiveSince: v.nullable(v.string()),
})
export type Account = v.InferOutput<typeof Account>

/** Who is logged in, as Claude Code's own `.claude.json` says. It can lag behind a fresh login. */
export interface Identity {
  accountUuid: string
  organizationUuid: string | null
  email: string | null
}

/**
 * Who may undo an account's standing. What a job set, a job undoes when it sees a new login;
 * what a person set, only a person undoes.
 */
export function standingOf(account: Account): 'active' | 'inactiveByJob' | 'pausedByPerson' {
  if (account.status === 'active') return 'active'
  return (JOB_REASONS as readonly string[]).includes(account.inactiveReason ?? '') ? 'inactiveByJob' : 'pausedByPerson'
}

/** The command a person types to mend a login of this account. */
export function loginCommand(account: Pick<Account, 'configDir' | 'isDefault'>, home: string): string {
  return `${startCommand(account, home)} /login`
}

/** Starts Claude Code in this account, in any shell. */
export function startCommand(account: Pick<Account, 'configDir' | 'isDefault'>, home: string): string {
  return account.isDefault ? 'claude' : `CLAUDE_CONFIG_DIR=${shellPath(tildePath(account.configDir, home))} claude`
}

/** A path as a word of a command: a `~/` has to stay outside of the quotes. */
export function shellPath(shown: string): string {
  const [, tilde = '', rest = ''] = /^(~\/)?(.*)$/s.exec(shown)!
  return `${tilde}${/^[\w@%+=:,./~-]+$/.test(rest) ? rest : `'${rest.replaceAll("'", "'\\''")}'`}`
}

/** `~/…` for a path under home: no full home path belongs in a message. */
export function tildePath(path: string, home: string): string {
  if (path === home) return '~'
  return path.startsWith(home.endsWith('/') ? home : `${home}/`)
    ? `~/${path.slice(home.length).replace(/^\/+/, '')}`
    : path
}
