// GET /api/oauth/profile: whose login an access token is. The one authority; .claude.json can lag behind it.
import { request } from '../edges/http.ts'
import * as v from '../valibot.ts'

const MAX_BYTES = 64 * 1024

export type ProfileAnswer =
  | { kind: 'login'; accountUuid: string; organizationUuid: string | null }
  | { kind: 'refused' | 'transient' | 'changed'; detail: string }

const Profile = v.object({
  account: v.object({ uuid: v.pipe(v.string(), v.minLength(1)) }),
  organization: v.fallback(v.nullable(v.object({ uuid: v.string() })), null),
})

export async function fetchProfile(options: {
  api: string
  accessToken: string
  userAgent: string
  deadlineMs: number
  signal: AbortSignal
}): Promise<ProfileAnswer> {
  const answer = await request({
    method: 'GET',
    url: new URL('/api/oauth/profile', options.api).href,
    headers: {
      Authorization: `Bearer ${options.accessToken}`,
      Accept: 'application/json, text/plain, */*',
      'Content-Type': 'application/json',
      'User-Agent': options.userAgent,
    },
    deadlineMs: options.deadlineMs,
    maxBytes: MAX_BYTES,
    signal: options.signal,
  })
  if (answer.kind === 'failure') return { kind: 'transient', detail: answer.message }
  return readProfileAnswer(answer.status, answer.body)
}

/** Understands an answer, by its status. Pure. */
function readProfileAnswer(status: number, body: string): ProfileAnswer {
  const detail = `the profile endpoint answered ${status}`
  if (status === 401 || status === 403) return { kind: 'refused', detail }
  if (status === 408 || status === 429 || status >= 500) return { kind: 'transient', detail }
  if (status !== 200) return { kind: 'changed', detail }
  try {
    const { account, organization } = v.parse(Profile, JSON.parse(body))
    return { kind: 'login', accountUuid: account.uuid, organizationUuid: organization?.uuid ?? null }
  } catch {
    return { kind: 'changed', detail: `${detail} without an account in it` }
  }
}
