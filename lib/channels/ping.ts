// The dead man's switch: a service elsewhere that raises the alarm when these pings stop. Only that covers a host that is off.
import { createHash } from 'node:crypto'
import type { SendResult } from '../domain/alert.ts'
import { redact } from '../edges/redact.ts'
import type { SendContext } from './channel.ts'
import { post } from './webhook.ts'
import { pingUrl } from './webhook-kinds.ts'

/**
 * As healthchecks.io understands it: `/start`, nothing, `/fail`.
 * @param runId the same for the start and the end of a run, which belong together by it
 * @param text for the service's own log; redacted here
 */
export function ping(
  url: string,
  moment: 'start' | 'success' | 'fail',
  runId: string,
  text: string,
  { signal, now }: SendContext,
): Promise<SendResult> {
  const suffix = ({ start: '/start', success: '', fail: '/fail' } as const)[moment]
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
  const request = { url: pingUrl(url, suffix, ridOf(runId)), headers, body: redact(text).slice(0, 10_000) }
  return post(request, { carriesSecret: false, signal, now })
}

/** A UUID, which is what the service asks for; the same one for the same run. */
export function ridOf(runId: string): string {
  const hex = createHash('sha256').update(runId).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
