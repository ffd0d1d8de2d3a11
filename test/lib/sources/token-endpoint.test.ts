import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postRefresh, readTokenAnswer } from '../../../lib/sources/token-endpoint.ts'
import { makeLogins } from '../../../sandbox/sample-accounts.ts'
import { type StandIn, startStandIn } from '../../../sandbox/stand-in.ts'

const NOW = 1_795_000_000_000
const answer = (status: number, body: unknown, retryAfter: string | null = null) =>
  readTokenAnswer({ status, retryAfter, body: typeof body === 'string' ? body : JSON.stringify(body), receivedAt: NOW })

describe('what an answer of the token endpoint means', () => {
  it('takes all that a full answer holds', () => {
    const full = {
      token_type: 'Bearer',
      access_token: 'a',
      refresh_token: 'r',
      expires_in: 28800,
      refresh_token_expires_in: 60,
      scope: 'x y',
      account: { uuid: 'u', email_address: 'me@example.com' },
    }
    expect(answer(200, full)).toEqual({
      kind: 'tokens',
      tokens: {
        accessToken: 'a',
        refreshToken: 'r',
        expiresAt: NOW + 28_800_000,
        refreshTokenExpiresAt: NOW + 60_000,
        scopes: ['x', 'y'],
      },
    })
  })
  it('needs no more than the access token and its life', () => {
    expect(answer(200, { access_token: 'a', expires_in: 1 })).toMatchObject({
      kind: 'tokens',
      tokens: { refreshToken: null, refreshTokenExpiresAt: null, scopes: null },
    })
  })
  it.each([
    ['400 invalid_grant', 400, { error: 'invalid_grant' }, 'invalidGrant'],
    ['401 invalid_grant', 401, { error: 'invalid_grant' }, 'invalidGrant'],
    ['400 invalid_scope', 400, { error: 'invalid_scope' }, 'invalidScope'],
    ['400 invalid_request_error', 400, { type: 'error', error: { type: 'invalid_request_error' } }, 'refused'],
    ['400 with a page of an edge', 400, '<html>invalid_grant</html>', 'refused'],
    ['401 without a type', 401, {}, 'transient'],
    ['403 of a firewall', 403, '<html>blocked</html>', 'transient'],
    ['404', 404, {}, 'refused'],
    ['408', 408, '', 'transient'],
    ['429', 429, { type: 'error', error: { type: 'rate_limit_error' } }, 'transient'],
    ['500', 500, '', 'transient'],
    ['500 that talks of invalid_grant', 500, { error: 'invalid_grant' }, 'transient'],
    ['529', 529, '', 'transient'],
    ['302', 302, '', 'refused'],
    ['200 without a token', 200, { expires_in: 5 }, 'inDoubt'],
    ['200 with an empty token', 200, { access_token: '', expires_in: 5 }, 'inDoubt'],
    ['200 that is no JSON', 200, 'OK', 'inDoubt'],
    ['200 with a life of nothing', 200, { access_token: 'a', expires_in: 0 }, 'tokens'],
    ['201 with tokens', 201, { access_token: 'a', refresh_token: 'r' }, 'tokens'],
    [
      '200 with odd fields beside the token',
      200,
      { access_token: 'a', expires_in: {}, scope: [], account: { uuid: 5 } },
      'tokens',
    ],
    ['204', 204, '', 'inDoubt'],
  ] as const)('%s', (_name, status, body, kind) => {
    expect(answer(status, body).kind).toBe(kind)
  })
  it('honours Retry-After', () => {
    expect(answer(429, '', '120')).toMatchObject({ kind: 'transient', retryAfterMs: 120_000 })
  })
})

describe('sending a refresh token', () => {
  let standIn: StandIn
  const [login] = makeLogins(1, Date.now())
  beforeAll(async () => {
    standIn = await startStandIn({ logins: [login!] })
  })
  afterAll(() => standIn.close())
  const post = (url: string, change: object = {}) =>
    postRefresh({
      url,
      refreshToken: login!.refreshToken,
      scopes: login!.scopes,
      userAgent: 'vigil/test',
      deadlineMs: 5000,
      signal: new AbortController().signal,
      clock: Date.now,
      ...change,
    })

  it('sends what Claude Code was recorded to send', async () => {
    await post(standIn.tokenUrl)
    const sent = standIn.requests.at(-1)!
    const recorded = JSON.parse(
      readFileSync(new URL('../../fixtures/http/claude-code-2.1.197-oauth-requests.json', import.meta.url), 'utf8'),
    ).requests[2]
    expect(Object.keys(JSON.parse(sent.body))).toEqual(Object.keys(JSON.parse(recorded.body)))
    expect(JSON.parse(sent.body).client_id).toBe(JSON.parse(recorded.body).client_id)
    expect(sent.headers['content-type']).toBe(recorded.headers['content-type'])
    expect(sent.headers['user-agent']).toBe('vigil/test')
  })
  it('knows that nothing was sent when nobody listens', async () => {
    expect(await post('http://127.0.0.1:1/v1/oauth/token')).toMatchObject({
      kind: 'failure',
      sent: false,
      code: 'ECONNREFUSED',
    })
  })
  it.each(['drop-before', 'drop-after', 'hang-after', 'truncate', 'huge'] as const)(
    'knows that it may be spent after %s',
    async kind => {
      standIn.fault({
        endpoint: 'token',
        action: kind === 'truncate' ? { kind, bytes: 5 } : kind === 'huge' ? { kind, bytes: 100_000 } : { kind },
      })
      expect(await post(standIn.tokenUrl, { deadlineMs: 300 })).toMatchObject({ kind: 'failure', sent: true })
    },
  )
  it('does not follow a redirect with the token', async () => {
    standIn.fault({ endpoint: 'token', action: { kind: 'redirect', location: `${standIn.url}/elsewhere` } })
    const before = standIn.requests.length
    expect(await post(standIn.tokenUrl)).toMatchObject({ status: 302 })
    expect(standIn.requests.length).toBe(before + 1)
  })
  it('sends to no host but those that may have tokens', async () => {
    expect(await post('https://example.com/v1/oauth/token')).toMatchObject({
      kind: 'failure',
      sent: false,
      code: 'EHOSTREFUSED',
    })
  })
})
