// Stands in for Anthropic's endpoints on 127.0.0.1: for `npm start` without a login, for the tests and for the benches.
// It imports nothing of lib/, so that a mistake there cannot agree with itself here.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, apiError } from './answers.ts'
import { answerControl } from './control.ts'
import { deliver, type Exchange, pause, send } from './delivery.ts'
import * as endpoints from './endpoints.ts'
import { type FaultRule, openFaults } from './faults.ts'
import { type LoginCount, type LoginState, openLogins, type StandInLogin } from './logins.ts'

export type { FaultAction, FaultRule } from './faults.ts'
export type { StandInLogin } from './logins.ts'

export interface StandInOptions {
  logins?: StandInLogin[]
  /** ms since epoch; the machine's clock unless told. */
  now?: () => number
  /** 0 or absent: any free one. */
  port?: number
  /** Waited before each request but control requests is processed. */
  latencyMs?: number
  /** How long new access tokens work; 28,800 s unless told. */
  accessTokenTtlS?: number
  /** true unless told: each refresh spends its refresh token. false: the old one goes on, and answers name none. */
  rotate?: boolean
  /**
   * Awaited before the request is processed (control requests too): lets a test fill a disk, kill a process, add a
   * fault for this very request. What it throws answers 500, and close() throws it again.
   */
  onRequest?: (request: RecordedRequest) => void | Promise<void>
}

export interface RecordedRequest {
  /** ms since epoch by the stand-in's clock, when the last byte of the request was there. */
  at: number
  method: string
  /** With the query, if any. */
  path: string
  endpoint: endpoints.Endpoint
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
  /** The login whose token it carried, be that live, spent, expired or revoked; null where it carried none we know. */
  email: string | null
  /** null: no answer was sent (yet). */
  status: number | null
}

/** Counts are of requests that arrived, whether a fault struck them or not; `rotations` and `replays` of processed ones. */
export interface StandInState {
  replays: number
  tokenPosts: number
  /** Token requests whose refresh token was empty or missing. */
  emptyPosts: number
  rotations: number
  usageGets: number
  profileGets: number
  /** Fault rules that are not used up. */
  faultsLeft: number
  logins: LoginState[]
}

/** Functions that name a login throw a Refusal when there is none of that email. */
export interface StandIn {
  /** http://127.0.0.1:PORT, without a slash at the end. */
  url: string
  tokenUrl: string
  /** In order of arrival, without control requests. Live: it grows. */
  requests: RecordedRequest[]
  state(): StandInState
  /** Adds a rule behind those in force; the first that matches a request wins. Throws a Refusal for a malformed one. */
  fault(rule: FaultRule): void
  clearFaults(): void
  /** Throws a Refusal, and adds none, when one is malformed or shares its email or a token with another. */
  addLogins(logins: StandInLogin[]): void
  /** A fresh /login: new tokens, not revoked. Tokens of earlier logins stay as they were. */
  login(email: string): StandInLogin
  setUsage(email: string, usage: unknown): void
  /** Stops the clock at `ms`; null lets it go on. */
  setNow(ms: number | null): void
  /** Ends the account's access tokens now. */
  expireAccessToken(email: string): void
  /** Ends the account's logins: every token of theirs is dead. */
  revoke(email: string): void
  /** Ends open and hanging connections too. Throws an AggregateError of what went wrong inside the stand-in, if anything. */
  close(): Promise<void>
}

/** Rejects when the port is taken, and with a Refusal for malformed logins. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { latencyMs = 0, accessTokenTtlS = 28_800, rotate = true, onRequest } = options
  const closing = new AbortController()
  const problems: unknown[] = []
  const requests: RecordedRequest[] = []
  const faults = openFaults()
  const logins = openLogins(accessTokenTtlS * 1000)
  const counts = { tokenPosts: 0, emptyPosts: 0, usageGets: 0, profileGets: 0 }
  let stoppedAt: number | null = null
  const clock = () => stoppedAt ?? options.now?.() ?? Date.now()
  logins.add(options.logins ?? [])

  const controlled = {
    requests,
    state: () => stateOf(counts, faults.left(), logins.state()),
    fault: (rule: FaultRule) => faults.add(rule),
    clearFaults: () => faults.clear(),
    addLogins: (added: StandInLogin[]) => {
      logins.add(added)
    },
    login: (email: string) => logins.login(email, clock()),
    setUsage: (email: string, usage: unknown) => logins.setUsage(email, usage),
    setNow: (ms: number | null) => {
      stoppedAt = ms
    },
    expireAccessToken: (email: string) => logins.expireAccessToken(email, clock()),
    revoke: (email: string) => logins.revoke(email),
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (body === null) return
    const recorded = record(request, body)
    const { endpoint } = recorded
    const exchange: Exchange = {
      response,
      process: ({ keepRefreshToken }) => ordinaryAnswer(recorded, rotate && !keepRefreshToken),
      onStatus: status => {
        recorded.status = status
      },
      closing: closing.signal,
    }
    try {
      await onRequest?.(recorded)
      if (endpoint !== 'control') await pause(latencyMs, closing.signal)
      if (closing.signal.aborted) return
      await deliver(endpoint === 'control' ? null : faults.take(endpoint, recorded.email), exchange)
    } catch (error) {
      problems.push(error)
      if (response.headersSent) response.destroy()
      else send(apiError(500, 'api_error', `The stand-in failed: ${error}`), exchange)
    }
  }

  function ordinaryAnswer({ endpoint, method, path, headers, body }: RecordedRequest, rotates: boolean): Answer {
    switch (endpoint) {
      case 'token':
        return endpoints.answerToken(logins, body, clock(), rotates)
      case 'usage':
        return endpoints.answerUsage(logins, headers, clock())
      case 'profile':
        return endpoints.answerProfile(logins, headers, clock())
      case 'control':
        return answerControl(controlled, method, path, body)
      case 'other':
        return apiError(404, 'not_found_error', `There is no ${method} ${path} here.`)
    }
  }

  function record(request: IncomingMessage, body: string): RecordedRequest {
    const { method = '', url: path = '' } = request
    const endpoint = endpoints.endpointOf(method, path)
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const refreshToken = endpoint === 'token' ? endpoints.refreshTokenOf(body) : null
    const token =
      refreshToken !== null
        ? logins.findRefreshToken(refreshToken)
        : logins.findAccessToken(endpoints.bearerOf(headers))
    const account = token?.grant.account
    const counted = COUNTED[endpoint]
    if (counted !== undefined) {
      counts[counted] += 1
      if (account !== undefined) account.counts[counted] += 1
    }
    if (refreshToken === '') counts.emptyPosts += 1
    const email = account?.login.email ?? null
    const recorded = { at: clock(), method, path, endpoint, headers, body, email, status: null }
    if (endpoint !== 'control') requests.push(recorded)
    return recorded
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(error => {
      problems.push(error)
      response.destroy()
    })
  })
  // Longer than any pause between a test's requests: a kept connection that ends at the wrong moment is a fault that
  // nobody asked for.
  server.keepAliveTimeout = 60_000
  server.listen({ host: '127.0.0.1', port: options.port ?? 0, backlog: 4096 })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  let closed: Promise<void> | null = null
  async function closeOnce(): Promise<void> {
    closing.abort()
    const ended = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await ended
    if (problems.length > 0) throw new AggregateError(problems, `The stand-in failed: ${problems.join('; ')}`)
  }
  return {
    ...controlled,
    url,
    tokenUrl: url + endpoints.TOKEN_PATH,
    close: () => {
      closed ??= closeOnce()
      return closed
    },
  }
}

const COUNTED: Partial<Record<endpoints.Endpoint, 'tokenPosts' | 'usageGets' | 'profileGets'>> = {
  token: 'tokenPosts',
  usage: 'usageGets',
  profile: 'profileGets',
}

type Counts = Pick<StandInState, 'tokenPosts' | 'emptyPosts' | 'usageGets' | 'profileGets'>

function stateOf(counts: Counts, faultsLeft: number, logins: LoginState[]): StandInState {
  const sum = (count: LoginCount) => logins.reduce((total, login) => total + login[count], 0)
  return { ...counts, replays: sum('replays'), rotations: sum('rotations'), faultsLeft, logins }
}

/** null: the client hung up before its request was whole, so there is none to record or to answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk)
  } catch (error) {
    if (request.destroyed) return null
    throw error
  }
  return Buffer.concat(chunks).toString()
}
