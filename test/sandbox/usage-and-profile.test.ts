import { expect, test } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import { get, getUsage, NOW, refresh, start } from './start.ts'

const BETA = { 'anthropic-beta': 'oauth-2025-04-20' }

test('the usage of the login that the access token names', async () => {
  const logins = makeLogins(2, NOW, { usage: index => ({ five_hour: { utilization: index, resets_at: null } }) })
  const { standIn } = await start({ logins })
  expect(await getUsage(standIn, logins[0]!.accessToken)).toEqual({ status: 200, body: logins[0]!.usage })
  expect(await getUsage(standIn, logins[1]!.accessToken)).toEqual({ status: 200, body: logins[1]!.usage })
  expect(standIn.state()).toMatchObject({ usageGets: 2, logins: [{ usageGets: 1 }, { usageGets: 1 }] })
})

test('setUsage changes what is answered from then on, to anything that JSON can say', async () => {
  const { standIn, login } = await start()
  standIn.setUsage(login.email, { limits: [] })
  expect((await getUsage(standIn, login.accessToken)).body).toEqual({ limits: [] })
  standIn.setUsage(login.email, null)
  expect(await getUsage(standIn, login.accessToken)).toEqual({ status: 200, body: null })
})

test.each([
  ['without a header', {}],
  ['that is unknown', { authorization: 'Bearer sk-ant-oat01-NEVER-ISSUED' }],
  ['that is empty', { authorization: 'Bearer ' }],
  ['of another scheme', { authorization: 'Basic eDp5' }],
])('an access token %s is an authentication_error', async (_, headers) => {
  const { standIn } = await start()
  for (const path of ['/api/oauth/usage', '/api/oauth/profile']) {
    expect(await get(standIn, path, { ...BETA, ...headers })).toEqual({
      status: 401,
      body: { type: 'error', error: { type: 'authentication_error', message: expect.any(String) } },
    })
  }
})

test('an expired access token is an authentication_error, and the refresh token goes on', async () => {
  const { standIn, login } = await start()
  standIn.expireAccessToken(login.email)
  expect(await getUsage(standIn, login.accessToken)).toMatchObject({
    status: 401,
    body: { error: { type: 'authentication_error', message: expect.stringMatching(/expired/) } },
  })
  expect(standIn.state().logins[0]!.expiresAt).toBe(NOW)
  expect((await refresh(standIn, login.refreshToken)).status).toBe(200)
})

test('a revoked login is an authentication_error for usage and profile', async () => {
  const { standIn, login } = await start()
  standIn.revoke(login.email)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(401)
  expect((await get(standIn, '/api/oauth/profile', { authorization: `Bearer ${login.accessToken}` })).status).toBe(401)
})

test('a login without user:profile, as setup-token makes it, is a permission_error', async () => {
  const { standIn, login } = await start({ logins: makeLogins(1, NOW, { scopes: ['user:inference'] }) })
  expect(await getUsage(standIn, login.accessToken)).toEqual({
    status: 403,
    body: { type: 'error', error: { type: 'permission_error', message: expect.any(String) } },
  })
})

test.each([
  ['no beta header', {}, 401],
  ['another beta', { 'anthropic-beta': 'files-api-2025-04-14' }, 401],
  ['the OAuth beta', BETA, 200],
  ['the OAuth beta among others', { 'anthropic-beta': 'files-api-2025-04-14, oauth-2025-04-20' }, 200],
])('usage with %s', async (_, headers, status) => {
  const { standIn, login } = await start()
  const authorization = `Bearer ${login.accessToken}`
  expect((await get(standIn, '/api/oauth/usage', { authorization, ...headers })).status).toBe(status)
})

test('the profile says who the access token belongs to, without a beta header', async () => {
  const { standIn, login } = await start()
  const answer = await get(standIn, '/api/oauth/profile', { authorization: `Bearer ${login.accessToken}` })
  expect(answer).toMatchObject({
    status: 200,
    body: {
      account: { uuid: login.accountUuid, email: 'user-1@example.com' },
      organization: { uuid: login.organizationUuid, name: 'Organization 1' },
    },
  })
  expect(standIn.state()).toMatchObject({ profileGets: 1, usageGets: 0 })
})
