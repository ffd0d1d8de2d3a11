import { type Answer, apiError, jsonAnswer, oauthError } from './answers.ts'
import type { AccessToken, Logins, StandInLogin } from './logins.ts'

export type Endpoint = 'token' | 'usage' | 'profile' | 'control' | 'other'

export const TOKEN_PATH = '/v1/oauth/token'
export const CONTROL_PATH = '/_stand-in/'

const BETA = 'oauth-2025-04-20'

const ENDPOINTS: Record<string, Endpoint> = {
  [`POST ${TOKEN_PATH}`]: 'token',
  'GET /api/oauth/usage': 'usage',
  'GET /api/oauth/profile': 'profile',
}

export function endpointOf(method: string, path: string): Endpoint {
  const pathname = path.split('?')[0]!
  return pathname.startsWith(CONTROL_PATH) ? 'control' : (ENDPOINTS[`${method} ${pathname}`] ?? 'other')
}

/** The refresh token that a token request presents: '' where it is empty or missing, null where none can be read. */
export function refreshTokenOf(body: string): string | null {
  const { refresh_token: refreshToken = '' } = parseObject(body) ?? { refresh_token: null }
  return typeof refreshToken === 'string' ? refreshToken : null
}

export function bearerOf(headers: Record<string, string>): string {
  return /^Bearer (.*)$/i.exec(headers['authorization'] ?? '')?.[1] ?? ''
}

interface TokenRequest {
  refreshToken: string
  /** null: not asked for, which means all of the login's. */
  scopes: string[] | null
}

/** The request, or a sentence about what is malformed in it. */
function parseTokenRequest(body: string): TokenRequest | string {
  const fields = parseObject(body)
  if (fields === null) return 'The body is not a JSON object.'
  if (fields['grant_type'] !== 'refresh_token') return 'grant_type must be refresh_token.'
  if (typeof fields['client_id'] !== 'string' || fields['client_id'] === '') return 'client_id is missing.'
  const { refresh_token: refreshToken = '', scope = '' } = fields
  if (typeof refreshToken !== 'string') return 'refresh_token must be a string.'
  if (typeof scope !== 'string') return 'scope must be a string.'
  const scopes = scope.split(' ').filter(name => name !== '')
  return { refreshToken, scopes: scopes.length === 0 ? null : scopes }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null // a body that is not JSON is a request like any other, and has its own answer
  }
}

/** Spends the refresh token and issues new ones. A spent one is a replay: it ends the whole login that it belongs to. */
export function answerToken(logins: Logins, body: string, now: number, rotate: boolean): Answer {
  const request = parseTokenRequest(body)
  if (typeof request === 'string') return apiError(400, 'invalid_request_error', request)
  const token = logins.findRefreshToken(request.refreshToken)
  if (token === undefined) return oauthError('invalid_grant', 'The refresh token is not known.')
  const { grant } = token
  const { login, counts } = grant.account
  if (token.spent) {
    counts.replays += 1
    grant.revoked = true
    return oauthError('invalid_grant', 'The refresh token was used before; its login is revoked.')
  }
  if (grant.revoked) return oauthError('invalid_grant', 'The login is revoked.')
  if (grant.refreshTokenExpiresAt !== null && now >= grant.refreshTokenExpiresAt) {
    return oauthError('invalid_grant', 'The login has ended.')
  }
  const scopes = request.scopes ?? login.scopes
  const foreign = scopes.find(scope => !login.scopes.includes(scope))
  if (foreign !== undefined) return oauthError('invalid_scope', `The login was not granted ${foreign}.`)

  const issued = logins.issue(token, scopes, now, rotate)
  return jsonAnswer(200, {
    token_type: 'Bearer',
    access_token: issued.accessToken,
    ...(issued.refreshToken !== null && { refresh_token: issued.refreshToken }),
    expires_in: (issued.expiresAt - now) / 1000,
    scope: scopes.join(' '),
    ...(grant.refreshTokenExpiresAt !== null && {
      refresh_token_expires_in: Math.floor((grant.refreshTokenExpiresAt - now) / 1000),
    }),
    account: { uuid: login.accountUuid, email_address: login.email },
    organization: { uuid: login.organizationUuid, name: login.organizationName },
  })
}

export function answerUsage(logins: Logins, headers: Record<string, string>, now: number): Answer {
  const betas = (headers['anthropic-beta'] ?? '').split(',').map(beta => beta.trim())
  if (!betas.includes(BETA)) {
    return apiError(401, 'authentication_error', `OAuth needs the header anthropic-beta: ${BETA}.`)
  }
  const token = logins.findAccessToken(bearerOf(headers))
  return refuseAccess(token, now) ?? jsonAnswer(200, token!.grant.account.login.usage)
}

// No anthropic-beta here: Claude Code asks for the profile without it (fixtures/http).
export function answerProfile(logins: Logins, headers: Record<string, string>, now: number): Answer {
  const token = logins.findAccessToken(bearerOf(headers))
  return refuseAccess(token, now) ?? jsonAnswer(200, profileOf(token!.grant.account.login))
}

function refuseAccess(token: AccessToken | undefined, now: number): Answer | null {
  if (token === undefined) return apiError(401, 'authentication_error', 'The access token is not known.')
  if (token.grant.revoked) return apiError(401, 'authentication_error', 'The login is revoked.')
  if (now >= token.expiresAt) return apiError(401, 'authentication_error', 'The access token has expired.')
  if (token.scopes.includes('user:profile')) return null
  return apiError(403, 'permission_error', 'The access token lacks the scope user:profile.')
}

function profileOf(login: StandInLogin) {
  return {
    account: {
      uuid: login.accountUuid,
      email: login.email,
      full_name: 'Sample Person',
      display_name: 'Sample',
      has_claude_max: true,
      has_claude_pro: false,
    },
    organization: {
      uuid: login.organizationUuid,
      name: login.organizationName,
      organization_type: 'claude_max',
      rate_limit_tier: 'default_claude_max_20x',
    },
  }
}
