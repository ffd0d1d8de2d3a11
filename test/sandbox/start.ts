import { onTestFinished } from 'vitest'
import { makeLogins } from '../../sandbox/sample-accounts.ts'
import { type StandIn, type StandInLogin, type StandInOptions, startStandIn } from '../../sandbox/stand-in.ts'

/** 2026-11-24 00:00 UTC, the frozen clock of these tests. */
export const NOW = Date.UTC(2026, 10, 24)
/** For expect.poll: a slow machine must not turn a true test red. */
export const PATIENT = { timeout: 20_000 }
export const CLIENT_ID = '9d1c250a-e61b-44d9-88ed-5944d1962f5e'

export interface Started {
  standIn: StandIn
  logins: StandInLogin[]
  /** The first login as it was given to the stand-in. */
  login: StandInLogin
}

/** A stand-in with two logins and a stopped clock, closed when the test is over. */
export async function start(options: StandInOptions = {}): Promise<Started> {
  const logins = options.logins ?? makeLogins(2, NOW)
  const standIn = await startStandIn({ now: () => NOW, ...options, logins })
  onTestFinished(() => standIn.close())
  return { standIn, logins, login: logins[0]! }
}

export interface Answered {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests say what is in a body by expecting it
  body: any
}

export async function refresh(standIn: StandIn, refreshToken: string, more: object = {}): Promise<Answered> {
  return postToken(standIn, { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: CLIENT_ID, ...more })
}

export async function postToken(standIn: StandIn, body: unknown): Promise<Answered> {
  const response = await fetch(standIn.tokenUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

export async function getUsage(standIn: StandIn, accessToken: string): Promise<Answered> {
  const headers = { authorization: `Bearer ${accessToken}`, 'anthropic-beta': 'oauth-2025-04-20' }
  return get(standIn, '/api/oauth/usage', headers)
}

export async function get(standIn: StandIn, path: string, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(standIn.url + path, { headers, redirect: 'manual' })
  return { status: response.status, body: await response.json() }
}
