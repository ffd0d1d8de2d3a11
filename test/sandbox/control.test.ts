import { expect, test } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import type { StandIn } from '../../sandbox/stand-in.ts'
import { type Answered, get, getUsage, NOW, refresh, start } from './start.ts'

async function control(standIn: StandIn, method: string, name: string, body?: unknown): Promise<Answered> {
  const response = await fetch(`${standIn.url}/_stand-in/${name}`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

const DONE = { status: 200, body: { ok: true } }

test('GET state and GET requests say what the functions say, and are not among the requests', async () => {
  const { standIn, login } = await start()
  await getUsage(standIn, login.accessToken)
  expect(await control(standIn, 'GET', 'state')).toEqual({ status: 200, body: standIn.state() })
  expect(await control(standIn, 'GET', 'requests')).toEqual({ status: 200, body: standIn.requests })
  expect(standIn.requests).toHaveLength(1)
})

test('POST faults adds a rule, DELETE faults removes them all', async () => {
  const { standIn, login } = await start()
  const rule = { times: Infinity, action: { kind: 'answer', status: 500, body: {} } }
  expect(await control(standIn, 'POST', 'faults', rule)).toEqual(DONE)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(500)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(500)
  expect(await control(standIn, 'DELETE', 'faults')).toEqual(DONE)
  expect((await getUsage(standIn, login.accessToken)).status).toBe(200)
})

test('a fault never strikes a control request', async () => {
  const { standIn } = await start()
  standIn.fault({ times: Infinity, action: { kind: 'drop-before' } })
  expect((await control(standIn, 'GET', 'state')).status).toBe(200)
})

test('POST login is a fresh /login, with its tokens in the answer', async () => {
  const { standIn, login } = await start()
  standIn.revoke(login.email)
  const { body } = await control(standIn, 'POST', 'login', { email: login.email })
  expect(Object.keys(body).sort()).toEqual(Object.keys(login).sort())
  expect((await refresh(standIn, body.refreshToken)).status).toBe(200)
})

test('POST revoke, POST expire, POST usage and POST clock do what their functions do', async () => {
  const { standIn, logins } = await start()
  const [first, second] = [logins[0]!, logins[1]!]
  expect(await control(standIn, 'POST', 'revoke', { email: first.email })).toEqual(DONE)
  expect((await refresh(standIn, first.refreshToken)).status).toBe(400)

  expect(await control(standIn, 'POST', 'usage', { email: second.email, usage: { limits: [] } })).toEqual(DONE)
  expect((await getUsage(standIn, second.accessToken)).body).toEqual({ limits: [] })

  expect(await control(standIn, 'POST', 'clock', { now: NOW - 1000 })).toEqual(DONE)
  expect(await control(standIn, 'POST', 'expire', { email: second.email })).toEqual(DONE)
  expect(standIn.state().logins[1]!.expiresAt).toBe(NOW - 1000)
  expect(await control(standIn, 'POST', 'clock', { now: null })).toEqual(DONE)
  await getUsage(standIn, second.accessToken)
  expect(standIn.requests.at(-1)).toMatchObject({ at: NOW, status: 401 })
})

test('POST logins adds logins', async () => {
  const { standIn } = await start()
  const added = makeLogins(3, NOW).slice(2)
  expect(await control(standIn, 'POST', 'logins', added)).toEqual(DONE)
  expect(await getUsage(standIn, added[0]!.accessToken)).toEqual({ status: 200, body: added[0]!.usage })
})

test('POST logins adds none when one of them is wrong', async () => {
  const { standIn, logins } = await start()
  const [third, fourth] = makeLogins(4, NOW).slice(2)
  const twice = await control(standIn, 'POST', 'logins', [third, logins[0]])
  expect(twice).toEqual({ status: 400, body: { error: 'Two logins share one email; one is user-1@example.com.' } })
  const shared = { ...fourth, refreshToken: third!.refreshToken }
  expect((await control(standIn, 'POST', 'logins', [third, shared])).body.error).toMatch(/share one refreshToken/)
  expect(standIn.state().logins).toHaveLength(2)
})

test.each([
  ['POST', 'faults', 'no JSON', /^The body is not JSON/],
  ['POST', 'faults', { action: { kind: 'explode' } }, /must be one of/],
  ['POST', 'login', {}, /^The request has a wrong or missing "email": nothing\.$/],
  ['POST', 'login', { email: 'nobody@example.com' }, /^The stand-in has no login named "nobody@example.com"\.$/],
  ['POST', 'login', [], /must be a JSON object/],
  ['POST', 'revoke', { email: 'nobody@example.com' }, /no login named/],
  ['POST', 'expire', { email: 7 }, /wrong or missing "email": 7/],
  ['POST', 'usage', { email: 'user-1@example.com' }, /wrong or missing "usage"/],
  ['POST', 'clock', {}, /wrong or missing "now"/],
  ['POST', 'clock', { now: 'noon' }, /wrong or missing "now": "noon"/],
  ['POST', 'logins', {}, /must be a JSON list/],
  ['POST', 'logins', [{ email: 'one@example.com' }], /^Login 1 has a wrong or missing "accountUuid"/],
])('%s %s with %j is refused with a sentence', async (method, name, body, sentence) => {
  const { standIn } = await start()
  const answer = await control(standIn, method, name, body)
  expect(answer).toEqual({ status: 400, body: { error: expect.stringMatching(sentence) } })
})

test('a refusal never shows a token', async () => {
  const { standIn, login } = await start()
  const { body } = await control(standIn, 'POST', 'logins', [{ ...login, expiresAt: 'sk-ant-oat01-EXAMPLE' }])
  expect(body.error).toBe('Login 1 has a wrong or missing "expiresAt": a value of type string.')
})

test('what is not there is not found', async () => {
  const { standIn } = await start()
  expect(await control(standIn, 'GET', 'faults')).toMatchObject({ status: 404 })
  expect(await get(standIn, '/_stand-in/')).toMatchObject({ status: 404 })
})
