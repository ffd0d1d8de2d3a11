import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import { type RecordedRequest, startStandIn } from '../../sandbox/stand-in.ts'
import { rawRequest } from './raw-client.ts'
import { get, getUsage, NOW, PATIENT, refresh, start } from './start.ts'

test('it names its addresses', async () => {
  const { standIn } = await start()
  expect(standIn.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(standIn.tokenUrl).toBe(`${standIn.url}/v1/oauth/token`)
})

test('it listens on 127.0.0.1 alone', async () => {
  const { standIn } = await start()
  const outward = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const others = outward.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address)
  for (const host of ['::1', ...others]) {
    const socket = connect(Number(new URL(standIn.url).port), host)
    await expect(once(socket, 'connect'), host).rejects.toThrow()
  }
})

test('a port that is taken rejects', async () => {
  const { standIn } = await start()
  await expect(startStandIn({ port: Number(new URL(standIn.url).port) })).rejects.toThrow('EADDRINUSE')
})

test('malformed logins reject', async () => {
  const [login] = makeLogins(1, NOW)
  await expect(startStandIn({ logins: [login!, login!] })).rejects.toThrow('share one email')
})

test('the logins that it was given stay as they were', async () => {
  const { standIn, login } = await start()
  const before = structuredClone(login)
  await refresh(standIn, login.refreshToken)
  standIn.setUsage(login.email, null)
  expect(login).toEqual(before)
})

test('every request is recorded with its time, headers, body, login and status', async () => {
  const { standIn, login } = await start()
  await refresh(standIn, login.refreshToken)
  standIn.setNow(NOW + 5)
  await getUsage(standIn, login.accessToken)
  await get(standIn, '/api/oauth/profile?a=b')
  await get(standIn, '/v1/messages')
  expect(standIn.requests).toMatchObject([
    { at: NOW, method: 'POST', path: '/v1/oauth/token', endpoint: 'token', email: login.email, status: 200 },
    { at: NOW + 5, method: 'GET', path: '/api/oauth/usage', endpoint: 'usage', email: login.email, status: 200 },
    { path: '/api/oauth/profile?a=b', endpoint: 'profile', email: null, status: 401 },
    { path: '/v1/messages', endpoint: 'other', email: null, status: 404 },
  ])
  expect(JSON.parse(standIn.requests[0]!.body)).toMatchObject({ refresh_token: login.refreshToken })
  expect(standIn.requests[0]!.headers).toMatchObject({ 'content-type': 'application/json' })
  expect(standIn.requests[1]!.body).toBe('')
})

test('a spent, revoked or expired token still names its login in the record', async () => {
  const { standIn, login } = await start()
  await refresh(standIn, login.refreshToken)
  await refresh(standIn, login.refreshToken)
  await getUsage(standIn, login.accessToken)
  expect(standIn.requests.map(({ email, status }) => [email, status])).toEqual([
    [login.email, 200],
    [login.email, 400],
    [login.email, 401],
  ])
})

test('a request whose client hangs up before it is whole is no request', async () => {
  const { standIn } = await start()
  await rawRequest(standIn.url, {
    method: 'POST',
    path: '/v1/oauth/token',
    headers: { 'content-length': '500' },
    body: '{"grant_type":',
    quietMs: 50,
  })
  await getUsage(standIn, 'x')
  expect(standIn.requests.map(request => request.endpoint)).toEqual(['usage'])
  expect(standIn.state().tokenPosts).toBe(0)
})

test('connections are kept for the next request', async () => {
  const { standIn } = await start()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const reused: boolean[] = []
  for (const path of ['/api/oauth/usage', '/api/oauth/profile', '/v1/messages']) {
    const asked = request(standIn.url + path, { agent }).end()
    const [response] = await once(asked, 'response')
    reused.push(asked.reusedSocket)
    await once(response.resume(), 'end')
  }
  expect(reused).toEqual([false, true, true])
})

test('onRequest is awaited before the request is processed, and may add a fault for it', async () => {
  const seen: RecordedRequest[] = []
  const { standIn, login } = await start({
    onRequest: async request => {
      await sleep(20)
      seen.push({ ...request })
      if (request.endpoint === 'usage') standIn.fault({ action: { kind: 'answer', status: 503, body: {} } })
      if (request.endpoint === 'token') standIn.revoke(login.email)
    },
  })
  expect((await getUsage(standIn, login.accessToken)).status).toBe(503)
  expect((await refresh(standIn, login.refreshToken)).status).toBe(400)
  await get(standIn, '/_stand-in/state')
  expect(seen.map(({ endpoint, status }) => [endpoint, status])).toEqual([
    ['usage', null],
    ['token', null],
    ['control', null],
  ])
})

test('what onRequest throws answers 500, and close throws it again', async () => {
  const standIn = await startStandIn({
    onRequest: () => {
      throw new Error('expected one request only')
    },
  })
  const response = await fetch(standIn.url)
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('one request only') } })
  expect(standIn.requests[0]!.status).toBe(500)
  await expect(standIn.close()).rejects.toThrow('expected one request only')
})

test('latency is waited before each request', async () => {
  const { standIn, login } = await start({ latencyMs: 100 })
  const before = performance.now()
  await getUsage(standIn, login.accessToken)
  expect(performance.now() - before).toBeGreaterThan(95)
})

test('without a clock of its own it goes by the machine', async () => {
  const standIn = await startStandIn({ logins: makeLogins(1, Date.now(), { expiresInMs: -1 }) })
  const before = Date.now()
  const { status } = await getUsage(standIn, 'x')
  expect(status).toBe(401)
  expect(standIn.requests[0]!.at).toBeGreaterThanOrEqual(before)
  await standIn.close()
})

test('naming a login that is not there throws', async () => {
  const { standIn } = await start()
  const nobody = 'nobody@example.com'
  for (const act of [
    () => standIn.login(nobody),
    () => standIn.setUsage(nobody, {}),
    () => standIn.expireAccessToken(nobody),
    () => standIn.revoke(nobody),
  ]) {
    expect(act).toThrow('The stand-in has no login named "nobody@example.com".')
  }
})

test('close ends idle, hanging, delayed and half-sent connections, and may be called twice', async () => {
  const { standIn, login } = await start()
  standIn.fault({ endpoint: 'usage', action: { kind: 'hang-after' } })
  standIn.fault({ endpoint: 'profile', action: { kind: 'delay', ms: 600_000 } })
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${login.accessToken}\r\n\r\n`
  const sent = ['', ask('/v1/messages'), ask('/api/oauth/usage'), ask('/api/oauth/profile'), 'POST /v1/oauth/tok']
  const { port, hostname } = new URL(standIn.url)
  const sockets = sent.map(text => {
    const socket = connect(Number(port), hostname)
    socket.resume()
    if (text !== '') socket.write(text)
    return socket
  })
  const ended = Promise.all(sockets.map(endOf))
  await expect.poll(() => standIn.requests.length, PATIENT).toBe(3)
  await Promise.all([standIn.close(), standIn.close()])
  await ended
  await expect(fetch(standIn.url)).rejects.toThrow('fetch failed')
})

test.each([
  ['in onRequest', 0, 0],
  ['in its latency', 300, 0],
  ['in a delay', 0, 300],
])('a request that close overtook %s is not processed', async (place, latencyMs, delayMs) => {
  const arrived = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const onRequest = () => {
    arrived.resolve()
    return place === 'in onRequest' ? released.promise : undefined
  }
  const { standIn, login } = await start({ latencyMs, onRequest })
  if (delayMs > 0) standIn.fault({ action: { kind: 'delay', ms: delayMs } })
  const refused = expect(refresh(standIn, login.refreshToken)).rejects.toThrow('fetch failed')
  await arrived.promise
  await sleep(10) // on into the latency or the delay
  await standIn.close()
  released.resolve()
  await refused
  await sleep(400)
  expect(standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 0 })
})

test('a thousand logins are refreshed and asked at once', async () => {
  const { standIn, logins } = await start({ logins: makeLogins(1000, NOW), latencyMs: 5 })
  const answers = await Promise.all(
    logins.map(async login => {
      const { body } = await refresh(standIn, login.refreshToken)
      return { email: body.account.email_address, usage: await getUsage(standIn, body.access_token) }
    }),
  )
  expect(answers.map(answer => answer.email)).toEqual(logins.map(login => login.email))
  expect(answers.every(answer => answer.usage.status === 200)).toBe(true)
  expect(standIn.state()).toMatchObject({ tokenPosts: 1000, rotations: 1000, replays: 0, usageGets: 1000 })
})

function endOf(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.on('error', () => resolve()) // a reset is an end too
    socket.on('close', () => resolve())
  })
}
