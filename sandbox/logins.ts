import { type Check, checkFields, isListOf, isName, isNullOr, isNumber, isText, Refusal } from './refusal.ts'
import { fingerprint, newAccessToken, newRefreshToken } from './tokens.ts'

/** One login as both sides know it at a moment. Empty tokens are those of a logged-out one: they open nothing. */
export interface StandInLogin {
  email: string
  accountUuid: string
  organizationUuid: string
  organizationName: string
  accessToken: string
  refreshToken: string
  /** ms since epoch: the access token works before it, not at it. */
  expiresAt: number
  /** ms since epoch: the hard end, which no refresh moves. null: not known, so answers don't name it and it never ends. */
  refreshTokenExpiresAt: number | null
  scopes: string[]
  /** The body of /api/oauth/usage, any JSON. */
  usage: unknown
}

export interface LoginState {
  email: string
  /** The newest login of this account was ended, by a replay or by hand. */
  revoked: boolean
  replays: number
  tokenPosts: number
  rotations: number
  usageGets: number
  profileGets: number
  /** ms since epoch: when the newest access token ends. */
  expiresAt: number
  /** Of the newest tokens, to be compared with what a client stored; null for an empty one. */
  currentAccessTokenFingerprint: string | null
  currentRefreshTokenFingerprint: string | null
}

export type LoginCount = 'replays' | 'tokenPosts' | 'rotations' | 'usageGets' | 'profileGets'

/** What one /login began: its tokens live and die together. A second /login begins another and leaves this one be. */
export interface Grant {
  account: Account
  revoked: boolean
  refreshTokenExpiresAt: number | null
}

export interface Account {
  /** With the newest tokens. */
  login: StandInLogin
  grants: Grant[]
  accessTokens: AccessToken[]
  counts: Record<LoginCount, number>
}

export interface AccessToken {
  grant: Grant
  expiresAt: number
  scopes: string[]
}

export interface RefreshToken {
  grant: Grant
  spent: boolean
}

const LOGIN_LASTS_MS = 30 * 24 * 3600_000

const LOGIN_FIELDS: Record<keyof StandInLogin, Check> = {
  email: isName,
  accountUuid: isName,
  organizationUuid: isName,
  organizationName: isText,
  accessToken: isText,
  refreshToken: isText,
  expiresAt: isNumber,
  refreshTokenExpiresAt: isNullOr(isNumber),
  scopes: isListOf(isName),
  usage: value => value !== undefined,
}

/** The value as logins, copied. Throws a Refusal that says which one is wrong and how. */
export function parseLogins(value: unknown): StandInLogin[] {
  if (!Array.isArray(value)) throw new Refusal('Logins must be a JSON list.')
  return value.map((login, index) => {
    return structuredClone(checkFields(login, LOGIN_FIELDS, `Login ${index + 1}`)) as unknown as StandInLogin
  })
}

export type Logins = ReturnType<typeof openLogins>

/** Every login and every token that was ever issued, found by email and by token. */
export function openLogins(accessTokenTtlMs: number) {
  const accounts = new Map<string, Account>()
  const accessTokens = new Map<string, AccessToken>()
  const refreshTokens = new Map<string, RefreshToken>()

  function account(email: string): Account {
    const found = accounts.get(email)
    if (found === undefined) throw new Refusal(`The stand-in has no login named "${email}".`)
    return found
  }

  function keepAccessToken(token: string, grant: Grant, expiresAt: number, scopes: string[]): void {
    if (token === '') return
    const kept = { grant, expiresAt, scopes }
    accessTokens.set(token, kept)
    grant.account.accessTokens.push(kept)
  }

  function keepRefreshToken(token: string, grant: Grant): void {
    if (token !== '') refreshTokens.set(token, { grant, spent: false })
  }

  function begin(of: Account): void {
    const { login } = of
    const grant = { account: of, revoked: false, refreshTokenExpiresAt: login.refreshTokenExpiresAt }
    of.grants.push(grant)
    keepAccessToken(login.accessToken, grant, login.expiresAt, login.scopes)
    keepRefreshToken(login.refreshToken, grant)
  }

  return {
    account,
    findAccessToken: (token: string) => accessTokens.get(token),
    findRefreshToken: (token: string) => refreshTokens.get(token),

    /** All or none: a Refusal leaves nothing added. */
    add(value: unknown): void {
      const logins = parseLogins(value)
      const seen = new Set<string>()
      for (const login of logins) {
        for (const [what, key, taken] of [
          ['email', login.email, accounts.has(login.email)],
          ['accessToken', login.accessToken, accessTokens.has(login.accessToken)],
          ['refreshToken', login.refreshToken, refreshTokens.has(login.refreshToken)],
        ] as const) {
          if (key === '') continue
          if (taken || seen.has(key)) throw new Refusal(`Two logins share one ${what}; one is ${login.email}.`)
          seen.add(key)
        }
      }
      for (const login of logins) {
        const counts = { replays: 0, tokenPosts: 0, rotations: 0, usageGets: 0, profileGets: 0 }
        const added: Account = { login, grants: [], accessTokens: [], counts }
        accounts.set(login.email, added)
        begin(added)
      }
    },

    /** A fresh /login: new tokens and a new hard end, where the login had one. */
    login(email: string, now: number): StandInLogin {
      const of = account(email)
      Object.assign(of.login, {
        accessToken: newAccessToken(),
        refreshToken: newRefreshToken(),
        expiresAt: now + accessTokenTtlMs,
        refreshTokenExpiresAt: of.login.refreshTokenExpiresAt === null ? null : now + LOGIN_LASTS_MS,
      })
      begin(of)
      return structuredClone(of.login)
    },

    /** New tokens for the grant of a live refresh token, which is spent by it unless `rotate` is false. */
    issue(token: RefreshToken, scopes: string[], now: number, rotate: boolean) {
      const { grant } = token
      const of = grant.account
      const issued = {
        accessToken: newAccessToken(),
        refreshToken: rotate ? newRefreshToken() : null,
        expiresAt: now + accessTokenTtlMs,
      }
      keepAccessToken(issued.accessToken, grant, issued.expiresAt, scopes)
      const isNewest = of.grants.at(-1) === grant
      if (isNewest) Object.assign(of.login, { accessToken: issued.accessToken, expiresAt: issued.expiresAt })
      if (issued.refreshToken !== null) {
        token.spent = true
        of.counts.rotations += 1
        keepRefreshToken(issued.refreshToken, grant)
        if (isNewest) of.login.refreshToken = issued.refreshToken
      }
      return issued
    },

    revoke(email: string): void {
      for (const grant of account(email).grants) grant.revoked = true
    },

    /** Every access token of the account ends now; its refresh tokens go on. */
    expireAccessToken(email: string, now: number): void {
      const of = account(email)
      for (const token of of.accessTokens) token.expiresAt = Math.min(token.expiresAt, now)
      of.login.expiresAt = Math.min(of.login.expiresAt, now)
    },

    setUsage(email: string, usage: unknown): void {
      account(email).login.usage = structuredClone(usage)
    },

    state: (): LoginState[] =>
      [...accounts.values()].map(({ login, grants, counts }) => ({
        email: login.email,
        revoked: grants.at(-1)?.revoked ?? false,
        ...counts,
        expiresAt: login.expiresAt,
        currentAccessTokenFingerprint: fingerprint(login.accessToken),
        currentRefreshTokenFingerprint: fingerprint(login.refreshToken),
      })),
  }
}
