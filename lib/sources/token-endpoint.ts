// POST /v1/oauth/token, as Claude Code 2.1.197 sends it (test/fixtures/http). Only the status and the error's type
// classify an answer, never a text.

import type { NewTokens } from '../domain/credential.ts'
import { retryAfterMs } from '../domain/retry-after.ts'
import type { FailureClass } from '../domain/run-record.ts'
import { type HttpAnswer, type HttpFailure, request } from '../edges/http.ts'
import { foreignWord, hideSecret } from '../edges/redact.ts'
import * as v from '../valibot.ts'

/** Claude Code's own public client id. */
const CLIENT_ID = '9d1c250a-e61b-44d9-88ed-5944d1962f5e'
const MAX_BYTES = 32 * 1024

/** What came back, kept raw so that it can be made durable before anybody tries to understand it. */
export interface RawTokenAnswer {
  status: number
  retryAfter: string | null
  body: string
  /** ms since the epoch; `expires_in` counts from here. */
  receivedAt: number
}

export type TokenAnswer =
  | { kind: 'tokens'; tokens: NewTokens }
  /** The refresh token is spent or revoked. Means a dead login only after the store was read again. */
  | { kind: 'invalidGrant' }
  | { kind: 'invalidScope' }
  /** Our request is wrong or the endpoint has changed: loud, and not the account's fault. */
  | { kind: 'refused'; detail: string }
  /** The token was not used up; try again later. */
  | { kind: 'transient'; detail: string; retryAfterMs: number | null; failure: FailureClass }
  /** It may have been used up; nobody can say. */
  | { kind: 'inDoubt'; detail: string }

const orNull = <const Schema extends v.GenericSchema>(schema: Schema) => v.fallback(v.nullish(schema, null), null)

/** Only the access token is a condition: an odd field beside it must not cost a login whose tokens stand right here. */
const Tokens = v.object({
  access_token: v.pipe(v.string(), v.minLength(1)),
  expires_in: orNull(v.pipe(v.union([v.number(), v.pipe(v.string(), v.transform(Number))]), v.number(), v.gtValue(0))),
  refresh_token: orNull(v.pipe(v.string(), v.minLength(1))),
  refresh_token_expires_in: orNull(v.number()),
  scope: orNull(v.string()),
})

/** Where the answer does not say how long the token lives. It is refreshed before that in any case. */
const UNTOLD_LIFE_S = 3600

/** Sends one refresh token, once. A failure with `sent: true` means that it may be spent. */
export async function postRefresh(options: {
  url: string
  refreshToken: string
  /** The stored scopes; null leaves them out. */
  scopes: string[] | null
  userAgent: string
  deadlineMs: number
  signal: AbortSignal
  clock: () => number
}): Promise<RawTokenAnswer | HttpFailure> {
  const body: Record<string, string> = {
    grant_type: 'refresh_token',
    refresh_token: options.refreshToken,
    client_id: CLIENT_ID,
  }
  if (options.scopes && options.scopes.length > 0) body['scope'] = options.scopes.join(' ')
  const answer: HttpAnswer | HttpFailure = await request({
    method: 'POST',
    url: options.url,
    headers: {
      Accept: 'application/json, text/plain, */*',
      'Content-Type': 'application/json',
      'User-Agent': options.userAgent,
    },
    body: JSON.stringify(body),
    deadlineMs: options.deadlineMs,
    maxBytes: MAX_BYTES,
    signal: options.signal,
  })
  const whole = answer.kind === 'failure' ? heldTokens(answer) : answer
  const { access_token: access, refresh_token: refresh } = (parseJson(whole?.body ?? '') ?? {}) as Record<
    string,
    unknown
  >
  for (const secret of [access, refresh]) if (typeof secret === 'string') hideSecret(secret)
  if (whole === null) return answer as HttpFailure
  return {
    status: whole.status,
    retryAfter: whole.headers['retry-after'] ?? null,
    body: whole.body,
    receivedAt: options.clock(),
  }
}

/** The tokens had all come before the connection broke: then that is the answer, however it ended. */
function heldTokens({
  partial,
}: HttpFailure): { status: number; headers: Record<string, string>; body: string } | null {
  return partial && isSuccess(partial.status) && v.is(Tokens, parseJson(partial.body)) ? partial : null
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/** Understands an answer. Pure, so that one found in a journal after a crash is understood the same way. */
export function readTokenAnswer(raw: RawTokenAnswer): TokenAnswer {
  const json = parseJson(raw.body)
  const error = errorType(json)
  if (isSuccess(raw.status)) return readTokens(json, raw)
  if ((raw.status === 400 || raw.status === 401 || raw.status === 403) && error === 'invalid_grant')
    return { kind: 'invalidGrant' }
  if (raw.status === 400 && error === 'invalid_scope') return { kind: 'invalidScope' }
  const said = `the token endpoint answered ${raw.status}${error ? ` ${error}` : ''}`
  if (raw.status === 401 || raw.status === 403 || raw.status === 408 || raw.status === 429 || raw.status >= 500) {
    return {
      kind: 'transient',
      detail: said,
      retryAfterMs: retryAfterMs(raw.retryAfter ?? undefined, raw.receivedAt),
      failure: 'temporary',
    }
  }
  return { kind: 'refused', detail: `${said}; Vigil's request is wrong or the endpoint has changed` }
}

function readTokens(json: unknown, raw: RawTokenAnswer): TokenAnswer {
  const parsed = v.safeParse(Tokens, json)
  if (!parsed.success) {
    const fields = parsed.issues.map(issue => v.getDotPath(issue) ?? 'the whole').join(', ')
    return {
      kind: 'inDoubt',
      detail: `the token endpoint answered ${raw.status} in a form that Vigil does not know (${fields})`,
    }
  }
  const { access_token, expires_in, refresh_token, refresh_token_expires_in: endsIn, scope } = parsed.output
  return {
    kind: 'tokens',
    tokens: {
      accessToken: access_token,
      refreshToken: refresh_token,
      expiresAt: raw.receivedAt + Math.floor((expires_in ?? UNTOLD_LIFE_S) * 1000),
      refreshTokenExpiresAt: endsIn !== null && endsIn > 0 ? raw.receivedAt + Math.floor(endsIn * 1000) : null,
      scopes: scope ? scope.split(' ').filter(Boolean) : null,
    },
  }
}

/** `{"error":"invalid_grant"}` of OAuth, or `{"type":"error","error":{"type":…}}` of the API. */
function errorType(json: unknown): string | null {
  const error = (json as { error?: unknown } | null)?.error
  if (typeof error === 'string') return foreignWord(error)
  const type = (error as { type?: unknown } | null | undefined)?.type
  return typeof type === 'string' ? foreignWord(type) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // An edge's HTML page, or a cut text: only the status speaks then.
  }
}
