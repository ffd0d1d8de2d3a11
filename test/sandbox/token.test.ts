import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import { fingerprint } from '../../sandbox/tokens.ts'
import { CLIENT_ID, get, getUsage, NOW, postToken, refresh, start } from './start.ts'

const DAY_MS = 24 * 3600_000

test('a refresh is answered with new tokens and everything else that the real endpoint names', async () => {
  const logins = makeLogins(1, NOW, { refreshTokenExpiresInMs: 21 * DAY_MS })
  const { standIn, login } = await start({ logins })
  const { status, body } = await refresh(standIn, login.refreshToken)
  expect(status).toBe(200)
  expect(body).toEqual({
    token_type: 'Bearer',
    access_token: expect.stringMatching(/^sk-ant-oat01-[\w-]{95}$/),
    refresh_token: expect.stringMatching(/^sk-ant-ort01-[\w-]{95}$/),
    expires_in: 28_800,
    scope: 'user:inference user:profile user:sessions:claude_code',
    refresh_token_expires_in: 21 * 24 * 3600,
    account: { uuid: '00000000-0000-4000-8000-000000000001', email_address: 'user-1@example.com' },
    organization: { uuid: '00000000-0000-4000-9000-000000000001', name: 'Organization 1' },
  })
  expect([login.accessToken, login.refreshToken]).not.toContain(body.access_token)
  expect(login.refreshToken).not.toBe(body.refresh_token)
  expect(standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0, emptyPosts: 0 })
})

test('the request that Claude Code was recorded with is understood', async () => {
  const file = new URL('../fixtures/http/claude-code-2.1.197-oauth-requests.json', import.meta.url)
  const recorded = JSON.parse(readFileSync(file, 'utf8'))
  const request = recorded.requests.find((one: { method: string }) => one.method === 'POST')
  const scopes = JSON.parse(request.body).scope.split(' ')
  const { standIn, login } = await start({ logins: makeLogins(1, NOW, { scopes }) })
  const { status, body } = await postToken(standIn, request.body.replace('<refresh token>', login.refreshToken))
  expect({ status, scope: body.scope }).toEqual({ status: 200, scope: scopes.join(' ') })
})

test('a login whose hard end is not known has no refresh_token_expires_in in its answers', async () => {
  const { standIn, login } = await start()
  const { body } = await refresh(standIn, login.refreshToken)
  expect(body).not.toHaveProperty('refresh_token_expires_in')
})

test('the new tokens work, and the old access token goes on working until its own end', async () => {
  const logins = makeLogins(1, NOW, { expiresInMs: 60_000 })
  const { standIn, login } = await start({ logins, accessTokenTtlS: 120 })
  const { body } = await refresh(standIn, login.refreshToken)
  expect(body.expires_in).toBe(120)

  standIn.setNow(NOW + 59_999)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(200)
  standIn.setNow(NOW + 60_000)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(401)
  standIn.setNow(NOW + 119_999)
  expect((await getUsage(standIn, body.access_token)).status).toBe(200)
  standIn.setNow(NOW + 120_000)
  expect((await getUsage(standIn, body.access_token)).status).toBe(401)
  expect((await refresh(standIn, body.refresh_token)).status).toBe(200)
})

test('a replay is counted and revokes the whole login: every token of it is dead, and no other login is touched', async () => {
  const { standIn, login, logins } = await start()
  const first = await refresh(standIn, login.refreshToken)
  const second = await refresh(standIn, first.body.refresh_token)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(200)

  const replay = await refresh(standIn, login.refreshToken)
  expect(replay).toEqual({
    status: 400,
    body: { error: 'invalid_grant', error_description: expect.stringMatching(/used before/) },
  })
  for (const accessToken of [login.accessToken, first.body.access_token, second.body.access_token]) {
    expect((await getUsage(standIn, accessToken)).status).toBe(401)
  }
  const newest = await refresh(standIn, second.body.refresh_token)
  expect({ status: newest.status, error: newest.body.error }).toEqual({ status: 400, error: 'invalid_grant' })

  expect(standIn.state()).toMatchObject({ replays: 1, rotations: 2, tokenPosts: 4 })
  expect(standIn.state().logins).toMatchObject([
    { email: 'user-1@example.com', revoked: true, replays: 1, rotations: 2, tokenPosts: 4 },
    { email: 'user-2@example.com', revoked: false, replays: 0, rotations: 0, tokenPosts: 0 },
  ])
  expect((await refresh(standIn, logins[1]!.refreshToken)).status).toBe(200)
})

test('of two refreshes at the same time with one token, one wins and the other is a replay', async () => {
  const { standIn, login } = await start({ latencyMs: 20 })
  const both = await Promise.all([refresh(standIn, login.refreshToken), refresh(standIn, login.refreshToken)])
  expect(both.map(one => one.status).sort()).toEqual([200, 400])
  expect(standIn.state()).toMatchObject({ replays: 1, rotations: 1 })
})

test('after a fresh /login the new tokens work, and a replay from before it does not end the new login', async () => {
  const { standIn, login } = await start()
  await refresh(standIn, login.refreshToken)
  await refresh(standIn, login.refreshToken)
  expect(standIn.state().logins[0]!.revoked).toBe(true)

  const fresh = standIn.login(login.email)
  expect(fresh).toMatchObject({ email: login.email, expiresAt: NOW + 28_800_000, refreshTokenExpiresAt: null })
  expect(standIn.state().logins[0]!.revoked).toBe(false)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(401)

  expect((await refresh(standIn, login.refreshToken)).body.error).toBe('invalid_grant')
  expect(standIn.state()).toMatchObject({ replays: 2 })
  expect((await getUsage(standIn, fresh.accessToken)).status).toBe(200)
  expect((await refresh(standIn, fresh.refreshToken)).status).toBe(200)
})

test('a fresh /login leaves the earlier one as it was, and the state names the tokens of the fresh one', async () => {
  const { standIn, login } = await start()
  const fresh = standIn.login(login.email)
  expect((await refresh(standIn, login.refreshToken)).status).toBe(200)
  expect(standIn.state().logins[0]!.currentRefreshTokenFingerprint).toBe(fingerprint(fresh.refreshToken))
})

test('the state names the newest tokens by fingerprint and their end', async () => {
  const { standIn, login } = await start()
  expect(standIn.state().logins[0]).toMatchObject({
    currentAccessTokenFingerprint: fingerprint(login.accessToken),
    currentRefreshTokenFingerprint: fingerprint(login.refreshToken),
    expiresAt: login.expiresAt,
  })
  standIn.setNow(NOW + 1000)
  const { body } = await refresh(standIn, login.refreshToken)
  expect(standIn.state().logins[0]).toMatchObject({
    currentAccessTokenFingerprint: fingerprint(body.access_token),
    currentRefreshTokenFingerprint: fingerprint(body.refresh_token),
    expiresAt: NOW + 1000 + 28_800_000,
  })
})

test('without rotation the old refresh token goes on and answers name none', async () => {
  const { standIn, login } = await start({ rotate: false })
  const first = await refresh(standIn, login.refreshToken)
  expect(first.status).toBe(200)
  expect(first.body).not.toHaveProperty('refresh_token')
  expect((await refresh(standIn, login.refreshToken)).status).toBe(200)
  expect(standIn.state()).toMatchObject({ replays: 0, rotations: 0, tokenPosts: 2 })
})

test('a login past its hard end is over, and refreshes do not move that end', async () => {
  const logins = makeLogins(1, NOW, { refreshTokenExpiresInMs: 10_000 })
  const { standIn, login } = await start({ logins })
  standIn.setNow(NOW + 9999)
  const { status, body } = await refresh(standIn, login.refreshToken)
  expect({ status, left: body.refresh_token_expires_in }).toEqual({ status: 200, left: 0 })
  standIn.setNow(NOW + 10_000)
  expect((await refresh(standIn, body.refresh_token)).body.error).toBe('invalid_grant')
  expect(standIn.login(login.email).refreshTokenExpiresAt).toBe(NOW + 10_000 + 30 * DAY_MS)
})

test.each([
  ['unknown', { refresh_token: 'sk-ant-ort01-NEVER-ISSUED' }, 0],
  ['empty', { refresh_token: '' }, 1],
  ['missing', {}, 1],
])('a refresh token that is %s is an invalid_grant', async (_, token, emptyPosts) => {
  const { standIn } = await start()
  const answer = await postToken(standIn, { grant_type: 'refresh_token', client_id: CLIENT_ID, ...token })
  expect(answer).toEqual({ status: 400, body: { error: 'invalid_grant', error_description: expect.any(String) } })
  expect(standIn.state()).toMatchObject({ emptyPosts, tokenPosts: 1, replays: 0 })
})

test('a revoked refresh token is an invalid_grant and no replay', async () => {
  const { standIn, login } = await start()
  standIn.revoke(login.email)
  const answer = await refresh(standIn, login.refreshToken)
  expect({ status: answer.status, error: answer.body.error }).toEqual({ status: 400, error: 'invalid_grant' })
  expect(standIn.state()).toMatchObject({ replays: 0, rotations: 0 })
})

test('the empty tokens of a logged-out login open nothing', async () => {
  const { standIn } = await start({
    logins: makeLogins(2, NOW).map(login => ({ ...login, accessToken: '', refreshToken: '' })),
  })
  expect((await refresh(standIn, '')).body.error).toBe('invalid_grant')
  expect((await getUsage(standIn, '')).status).toBe(401)
  expect(standIn.state().logins[0]!.currentRefreshTokenFingerprint).toBeNull()
  expect((await refresh(standIn, standIn.login('user-1@example.com').refreshToken)).status).toBe(200)
})

test.each([
  ['no JSON', 'grant_type=refresh_token'],
  ['no JSON object', '[]'],
  ['another grant_type', { grant_type: 'authorization_code', refresh_token: 'x', client_id: CLIENT_ID }],
  ['no grant_type', { refresh_token: 'x', client_id: CLIENT_ID }],
  ['no client_id', { grant_type: 'refresh_token', refresh_token: 'x' }],
  ['an empty client_id', { grant_type: 'refresh_token', refresh_token: 'x', client_id: '' }],
  ['a refresh_token that is no string', { grant_type: 'refresh_token', refresh_token: 7, client_id: CLIENT_ID }],
  ['a scope that is no string', { grant_type: 'refresh_token', refresh_token: 'x', client_id: CLIENT_ID, scope: [] }],
])('a token request with %s is an invalid_request_error', async (_, body) => {
  const { standIn } = await start()
  expect(await postToken(standIn, body)).toEqual({
    status: 400,
    body: { type: 'error', error: { type: 'invalid_request_error', message: expect.any(String) } },
  })
})

test('a malformed request does not spend the token in it', async () => {
  const { standIn, login } = await start()
  await postToken(standIn, { grant_type: 'refresh_token', refresh_token: login.refreshToken })
  expect(standIn.requests[0]!.email).toBe(login.email)
  expect((await refresh(standIn, login.refreshToken)).status).toBe(200)
})

test('a scope that the login lacks is an invalid_scope and leaves the token unspent', async () => {
  const { standIn, login } = await start()
  const answer = await refresh(standIn, login.refreshToken, { scope: 'user:profile org:create_api_key' })
  expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
  expect((await refresh(standIn, login.refreshToken)).status).toBe(200)
  expect(standIn.state()).toMatchObject({ replays: 0, rotations: 1 })
})

test('fewer scopes than the login has narrow the access token, not the login', async () => {
  const { standIn, login } = await start()
  const narrow = await refresh(standIn, login.refreshToken, { scope: 'user:inference' })
  expect(narrow.body.scope).toBe('user:inference')
  expect((await getUsage(standIn, narrow.body.access_token)).status).toBe(403)
  const wide = await refresh(standIn, narrow.body.refresh_token)
  expect((await getUsage(standIn, wide.body.access_token)).status).toBe(200)
})

test('a GET of the token endpoint is not found', async () => {
  const { standIn } = await start()
  expect(await get(standIn, '/v1/oauth/token')).toMatchObject({ status: 404, body: { type: 'error' } })
})
