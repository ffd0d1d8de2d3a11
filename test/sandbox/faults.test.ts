import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { parseFaultRule } from '../../sandbox/faults.ts'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import { type FaultAction, type FaultRule, type StandIn, startStandIn } from '../../sandbox/stand-in.ts'
import { type RawAnswer, rawRequest } from './raw-client.ts'
import { CLIENT_ID, getUsage, NOW, PATIENT, refresh, start } from './start.ts'

const NOTHING = { status: null, headers: {}, body: '' }

function rawRefresh(standIn: StandIn, refreshToken: string, quietMs?: number): Promise<RawAnswer> {
  return rawRequest(standIn.url, {
    method: 'POST',
    path: '/v1/oauth/token',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: CLIENT_ID }),
    ...(quietMs !== undefined && { quietMs }),
  })
}

/** One raw refresh that the fault strikes, and whether it spent the token. */
async function strike(action: FaultAction, quietMs?: number) {
  const { standIn, login } = await start()
  standIn.fault({ endpoint: 'token', action })
  const answer = await rawRefresh(standIn, login.refreshToken, quietMs)
  const { status } = standIn.requests[0]!
  const spent = (await refresh(standIn, login.refreshToken)).body.error === 'invalid_grant'
  return { answer, recordedStatus: status, spent, standIn }
}

describe('what each fault does to a refresh', () => {
  test('answer: the given status, headers and JSON, unprocessed', async () => {
    const body = { type: 'error', error: { type: 'rate_limit_error' } }
    const { answer, recordedStatus, spent } = await strike({
      kind: 'answer',
      status: 429,
      headers: { 'retry-after': '0', 'Content-Type': 'application/problem+json' },
      body,
    })
    expect(answer).toMatchObject({ status: 429, body: JSON.stringify(body) })
    expect(answer.headers).toMatchObject({ 'retry-after': '0', 'content-type': 'application/problem+json' })
    expect({ recordedStatus, spent }).toEqual({ recordedStatus: 429, spent: false })
  })

  test('answer: text as text', async () => {
    const { answer } = await strike({ kind: 'answer', status: 502, body: 'bad gateway' })
    expect(answer).toMatchObject({ status: 502, headers: { 'content-type': 'text/plain' }, body: 'bad gateway' })
  })

  test('delay: processed and answered, but later', async () => {
    const before = performance.now()
    const { answer, spent } = await strike({ kind: 'delay', ms: 150 }, 20_000)
    expect(performance.now() - before).toBeGreaterThan(140)
    expect({ status: answer.status, spent }).toEqual({ status: 200, spent: true })
  })

  test('drop-before: the connection ends with no answer, and the token is unspent', async () => {
    const { answer, recordedStatus, spent } = await strike({ kind: 'drop-before' })
    expect(answer).toEqual({ ...NOTHING, ending: 'closed' })
    expect({ recordedStatus, spent }).toEqual({ recordedStatus: null, spent: false })
  })

  test('drop-after: the connection ends with no answer, but the token is spent', async () => {
    const { answer, recordedStatus, spent } = await strike({ kind: 'drop-after' })
    expect(answer).toEqual({ ...NOTHING, ending: 'closed' })
    expect({ recordedStatus, spent }).toEqual({ recordedStatus: null, spent: true })
  })

  test('hang-before: the connection stays open without an answer, and the token is unspent', async () => {
    const { answer, recordedStatus, spent } = await strike({ kind: 'hang-before' })
    expect(answer).toEqual({ ...NOTHING, ending: 'left open' })
    expect({ recordedStatus, spent }).toEqual({ recordedStatus: null, spent: false })
  })

  test('hang-after: the connection stays open without an answer, but the token is spent', async () => {
    const { answer, recordedStatus, spent } = await strike({ kind: 'hang-after' })
    expect(answer).toEqual({ ...NOTHING, ending: 'left open' })
    expect({ recordedStatus, spent }).toEqual({ recordedStatus: null, spent: true })
  })

  test.each([0, 1, 50])(
    'truncate: %i bytes of a longer body, then the connection ends; the token is spent',
    async bytes => {
      const { answer, recordedStatus, spent } = await strike({ kind: 'truncate', bytes })
      expect(answer).toMatchObject({ status: 200, ending: 'closed' })
      expect(answer.body).toBe('{"token_type":"Bearer","access_token":"sk-ant-oat01'.slice(0, bytes))
      expect(Number(answer.headers['content-length'])).toBeGreaterThan(400)
      expect({ recordedStatus, spent }).toEqual({ recordedStatus: 200, spent: true })
    },
  )

  test('garbage: 200 and no JSON; the token is spent', async () => {
    const { answer, spent } = await strike({ kind: 'garbage' })
    expect({ status: answer.status, spent }).toEqual({ status: 200, spent: true })
    expect(() => JSON.parse(answer.body)).toThrow(SyntaxError)
  })

  test('garbage: the given text', async () => {
    const { answer } = await strike({ kind: 'garbage', body: '{"access_token":' })
    expect(answer).toMatchObject({ status: 200, body: '{"access_token":' })
  })

  test('redirect: 302 to the given place, unprocessed', async () => {
    const { answer, spent } = await strike({ kind: 'redirect', location: 'http://127.0.0.1:1/elsewhere' })
    expect(answer).toMatchObject({ status: 302, headers: { location: 'http://127.0.0.1:1/elsewhere' }, body: '' })
    expect(spent).toBe(false)
  })

  test('omit: the answer without the named fields; the token is spent', async () => {
    const { answer, spent } = await strike({ kind: 'omit', fields: ['scope', 'account'] })
    const fields = Object.keys(JSON.parse(answer.body))
    expect(fields).toEqual(['token_type', 'access_token', 'refresh_token', 'expires_in', 'organization'])
    expect(spent).toBe(true)
  })

  test('omit: an answer without refresh_token leaves the old one alive, for that is what it says', async () => {
    const { answer, spent, standIn } = await strike({ kind: 'omit', fields: ['refresh_token'] })
    expect(JSON.parse(answer.body)).not.toHaveProperty('refresh_token')
    expect(spent).toBe(false)
    expect(standIn.state().replays).toBe(0)
  })

  test.each([-7, 7])('skew: the ordinary answer with a Date %i minutes off', async minutes => {
    const ms = minutes * 60_000
    const { answer, spent } = await strike({ kind: 'skew', ms })
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('access_token') })
    expect(spent).toBe(true)
    const off = Date.parse(answer.headers['date']!) - Date.now() - ms
    expect(Math.abs(off)).toBeLessThan(60_000)
  })

  test('omit: an error keeps its fields', async () => {
    const { standIn } = await start()
    standIn.fault({ action: { kind: 'omit', fields: ['error'] } })
    expect(await refresh(standIn, 'sk-ant-ort01-NEVER-ISSUED')).toMatchObject({ body: { error: 'invalid_grant' } })
  })
})

test('answer: headers that HTTP cannot carry are a failure of the test, told by close', async () => {
  const standIn = await startStandIn()
  standIn.fault({ action: { kind: 'answer', status: 200, headers: { 'x-a': 'line\nbreak' }, body: '' } })
  expect((await fetch(standIn.url)).status).toBe(500)
  expect(standIn.requests[0]!.status).toBe(500)
  await expect(standIn.close()).rejects.toThrow('Invalid character in header content')
})

test.each([0, 13, 14, 200_000])('huge: a body of exactly %i bytes, JSON where it fits', async bytes => {
  const { standIn, login } = await start()
  standIn.fault({ endpoint: 'usage', action: { kind: 'huge', bytes } })
  const response = await fetch(`${standIn.url}/api/oauth/usage`, {
    headers: { authorization: `Bearer ${login.accessToken}`, 'anthropic-beta': 'oauth-2025-04-20' },
  })
  expect(response.headers.has('content-length')).toBe(false)
  const body = await response.text()
  expect({ status: response.status, length: body.length }).toEqual({ status: 200, length: bytes })
  if (bytes >= 14) expect(JSON.parse(body)).toEqual({ padding: 'x'.repeat(bytes - 14) })
})

test('huge: a client that has enough may hang up', async () => {
  const { standIn } = await start()
  standIn.fault({ action: { kind: 'huge', bytes: 50_000_000_000 } })
  const response = await fetch(`${standIn.url}/api/oauth/usage`)
  const reader = response.body!.getReader()
  expect((await reader.read()).done).toBe(false)
  await reader.cancel()
  await sleep(100) // so that the stand-in has noticed
  await standIn.close() // which would throw what had gone wrong
})

test('a request whose client hangs up during the delay is processed all the same, and answered to nobody', async () => {
  const { standIn, login } = await start()
  standIn.fault({ action: { kind: 'delay', ms: 500 } })
  expect(await rawRefresh(standIn, login.refreshToken, 50)).toEqual({ ...NOTHING, ending: 'left open' })
  await expect.poll(() => standIn.state().rotations, PATIENT).toBe(1)
  expect(standIn.requests[0]!.status).toBeNull()
})

describe('which requests a rule strikes', () => {
  const refused: FaultAction = { kind: 'answer', status: 500, body: '{}' }
  const other: FaultAction = { kind: 'answer', status: 503, body: '{}' }

  async function statuses(standIn: StandIn, accessToken: string, count: number): Promise<number[]> {
    const seen = []
    for (let n = 0; n < count; n += 1) seen.push((await getUsage(standIn, accessToken)).status)
    return seen
  }

  test('one request unless told', async () => {
    const { standIn, login } = await start()
    standIn.fault({ action: refused })
    expect(standIn.state().faultsLeft).toBe(1)
    expect(await statuses(standIn, login.accessToken, 3)).toEqual([500, 200, 200])
    expect(standIn.state().faultsLeft).toBe(0)
  })

  test.each([
    [1, [500, 200, 200, 200]],
    [2, [500, 500, 200, 200]],
    [Infinity, [500, 500, 500, 500]],
  ])('times: %d', async (times, expected) => {
    const { standIn, login } = await start()
    standIn.fault({ times, action: refused })
    expect(await statuses(standIn, login.accessToken, 4)).toEqual(expected)
  })

  test('skip lets the first ones pass, to the rules behind it or to the ordinary answer', async () => {
    const { standIn, login } = await start()
    standIn.fault({ skip: 2, times: 2, action: refused })
    standIn.fault({ action: other })
    expect(await statuses(standIn, login.accessToken, 5)).toEqual([503, 200, 500, 500, 200])
  })

  test('the first matching rule wins', async () => {
    const { standIn, login } = await start()
    standIn.fault({ action: refused })
    standIn.fault({ action: other })
    expect(await statuses(standIn, login.accessToken, 3)).toEqual([500, 503, 200])
  })

  test('only its endpoint and only its login', async () => {
    const { standIn, logins } = await start({ logins: makeLogins(2, NOW) })
    standIn.fault({ endpoint: 'usage', email: 'user-2@example.com', times: Infinity, action: refused })
    expect((await refresh(standIn, logins[1]!.refreshToken)).status).toBe(200)
    expect(await statuses(standIn, logins[0]!.accessToken, 1)).toEqual([200])
    expect(await statuses(standIn, logins[1]!.accessToken, 1)).toEqual([500])
  })

  test('none after clearFaults', async () => {
    const { standIn, login } = await start()
    standIn.fault({ times: Infinity, action: refused })
    standIn.clearFaults()
    expect(await statuses(standIn, login.accessToken, 1)).toEqual([200])
  })
})

test.each([
  ['no object', 'drop', /must be a JSON object/],
  ['no action', {}, /wrong or missing "action"/],
  ['an unknown kind', { action: { kind: 'explode' } }, /must be one of answer, delay/],
  ['an inherited kind', { action: { kind: 'toString' } }, /must be one of/],
  ['a misspelt field', { endpiont: 'token', action: { kind: 'drop-before' } }, /no field "endpiont"/],
  ['an unknown endpoint', { endpoint: 'control', action: { kind: 'drop-before' } }, /"endpoint": "control"/],
  ['times 0', { times: 0, action: { kind: 'drop-before' } }, /"times": 0/],
  ['half a time', { times: 0.5, action: { kind: 'drop-before' } }, /"times": 0.5/],
  ['a negative skip', { skip: -1, action: { kind: 'drop-before' } }, /"skip": -1/],
  ['an action without its field', { action: { kind: 'delay' } }, /kind "delay" has a wrong or missing "ms": nothing/],
  ['an action with another field', { action: { kind: 'drop-after', ms: 1 } }, /no field "ms"/],
  ['a status that no answer has', { action: { kind: 'answer', status: 99, body: '' } }, /"status": 99/],
  ['a header that is no text', { action: { kind: 'answer', status: 200, headers: { a: 1 }, body: '' } }, /"headers"/],
])('a rule with %s is refused', (_, rule, sentence) => {
  expect(() => parseFaultRule(rule)).toThrow(sentence)
})

test('a null for times is Infinity, because JSON writes it so', () => {
  const rule: FaultRule = { times: Infinity, action: { kind: 'drop-before' } }
  expect(parseFaultRule(JSON.parse(JSON.stringify(rule)))).toEqual(rule)
})
