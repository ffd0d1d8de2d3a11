import * as v from '../valibot.ts'

/** What a login works without: of another type than we know, it counts as not said, for the tokens are good all the same. */
function aside<Schema extends v.GenericSchema>(schema: Schema) {
  return v.fallback(v.optional(v.nullable(schema), null), null)
}

/** The part of `claudeAiOauth` that Vigil reads. Everything else in the blob is kept and never looked at. */
export const Credential = v.object({
  accessToken: v.string(),
  refreshToken: v.optional(v.nullable(v.string()), null),
  /** ms since the epoch; 0 in the husk that Claude Code leaves after a log-out. */
  expiresAt: v.number(),
  /** ms since the epoch, the login's hard end; null where Claude Code is too old to write it. */
  refreshTokenExpiresAt: aside(v.number()),
  scopes: aside(v.array(v.string())),
  subscriptionType: aside(v.string()),
})
export type Credential = v.InferOutput<typeof Credential>

/** The whole of Claude Code's credential blob. Unknown keys stand beside `claudeAiOauth` and inside it. */
export type CredentialBlob = { [key: string]: unknown; claudeAiOauth: { [key: string]: unknown } }

/** What a good answer of the token endpoint means for a credential. Times are absolute, ms. */
export interface NewTokens {
  accessToken: string
  /** null: the answer held none, so the old one stays good. */
  refreshToken: string | null
  expiresAt: number
  refreshTokenExpiresAt: number | null
  scopes: string[] | null
}

export type RefreshNeed = 'due' | 'fresh' | 'loggedOut' | 'noRefreshToken'

/** @param aheadMs how long before its end an access token is refreshed */
export function needsRefresh(credential: Credential, now: number, aheadMs: number): RefreshNeed {
  if (credential.accessToken === '' && !credential.refreshToken) return 'loggedOut'
  if (!credential.refreshToken) return 'noRefreshToken'
  return now + aheadMs >= credential.expiresAt ? 'due' : 'fresh'
}

/** The blob with only those fields changed that a refresh returned; all others keep their place and value. */
export function withNewTokens(blob: CredentialBlob, tokens: NewTokens): CredentialBlob {
  const oauth: { [key: string]: unknown } = { ...blob.claudeAiOauth }
  oauth['accessToken'] = tokens.accessToken
  oauth['expiresAt'] = tokens.expiresAt
  if (tokens.refreshToken !== null) oauth['refreshToken'] = tokens.refreshToken
  if (tokens.refreshTokenExpiresAt !== null) oauth['refreshTokenExpiresAt'] = tokens.refreshTokenExpiresAt
  if (tokens.scopes !== null) oauth['scopes'] = tokens.scopes
  return { ...blob, claudeAiOauth: oauth }
}

/**
 * JSON.parse that keeps a number's own spelling where JavaScript would lose digits or form, so that fields that
 * we do not know come out of a rewrite as they went in.
 * @throws SyntaxError on text that is not JSON
 */
export function parseKeepingNumbers(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON(context.source)
      : value,
  )
}

export type BlobReading =
  | { state: 'present'; credential: Credential; blob: CredentialBlob }
  | { state: 'noLogin' }
  | { state: 'corrupt'; detail: string }

/**
 * Reads a blob's text. `noLogin` is a good file without `claudeAiOauth` (an API-key user's, say). A husk is
 * `present`: `needsRefresh` names it. A detail never quotes the text, for it may hold a token.
 */
export function readBlob(text: string): BlobReading {
  let plain: unknown
  let kept: unknown
  try {
    plain = JSON.parse(text)
    kept = parseKeepingNumbers(text)
  } catch {
    return { state: 'corrupt', detail: text.trim() === '' ? 'the file is empty' : 'the content is not JSON' }
  }
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    return { state: 'corrupt', detail: 'the content is not a JSON object' }
  }
  const oauth = (plain as { claudeAiOauth?: unknown }).claudeAiOauth
  if (oauth === undefined || oauth === null) return { state: 'noLogin' }
  const parsed = v.safeParse(Credential, oauth)
  if (!parsed.success) {
    const fields = parsed.issues.map(issue => `claudeAiOauth.${v.getDotPath(issue) ?? ''} is not ${issue.expected}`)
    return { state: 'corrupt', detail: fields.join('; ') }
  }
  return { state: 'present', credential: parsed.output, blob: kept as CredentialBlob }
}
