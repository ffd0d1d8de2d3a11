// The one sender of messages by HTTP. What a service wants to hear, and how it says no, is in webhook-kinds.ts.
import type { SendResult } from '../domain/alert.ts'
import { retryAfterMs } from '../domain/retry-after.ts'
import { type HttpAnswer, type HttpFailure, messageRefusal, send } from '../edges/http.ts'
import { foreignWord } from '../edges/redact.ts'
import { CHANNEL_TIMEOUT_MS, VERSION } from '../timings.ts'
import { accepted, refused, retry } from './channel.ts'

export interface WebhookRequest {
  url: string
  headers: Record<string, string>
  body: string
}

export interface PostOptions {
  /** Whether the request holds a secret besides the message, which then goes out encrypted or not at all. */
  carriesSecret: boolean
  signal: AbortSignal
  /** ms */
  now: number
  /** What the service says in the body of a 2xx; null = the status is all there is to it. */
  judgeBody?: (body: string) => SendResult | null
}

/** Longer answers were never seen; what is cut off does not matter, for only the status counts then. */
const MAX_ANSWER_BYTES = 256 * 1024

/** Sends them one after the other, up to the first that is not accepted. */
export async function postAll(
  requests: [WebhookRequest, ...WebhookRequest[]],
  options: PostOptions,
): Promise<SendResult> {
  let result: SendResult | null = null
  for (const request of requests) {
    result = await post(request, options)
    if (result.outcome !== 'accepted') return result
  }
  return result!
}

export async function post(request: WebhookRequest, options: PostOptions): Promise<SendResult> {
  const answer = await send(
    {
      method: 'POST',
      url: request.url,
      headers: { 'User-Agent': `vigil/${VERSION}`, ...request.headers },
      body: request.body,
      deadlineMs: CHANNEL_TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      signal: options.signal,
    },
    url => messageRefusal(url, options.carriesSecret),
  )
  return judgeAnswer(answer, options)
}

/** Pure. What an answer means for the message. */
function judgeAnswer(
  answer: HttpAnswer | HttpFailure,
  { now, judgeBody }: Pick<PostOptions, 'now' | 'judgeBody'>,
): SendResult {
  if (answer.kind === 'failure') {
    if (answer.code === 'ETOOLONG' && answer.partial) return judgeStatus(answer.partial, now)
    return PERSON_MENDS.test(answer.code) ? refused(failureText(answer)) : retry(failureText(answer))
  }
  const judged = judgeStatus(answer, now)
  return judged.outcome === 'accepted' ? (judgeBody?.(answer.body) ?? judged) : judged
}

/** A URL that may not be used, a header that cannot be sent, a certificate that is not to be trusted: no wait mends these. */
const PERSON_MENDS =
  /^(?:EHOSTREFUSED|EBADURL|EREQUEST|ERR_INVALID_|ERR_UNESCAPED|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS_|ERR_SSL_|EPROTO)/

function failureText({ code, message }: HttpFailure): string {
  return message.includes(code) ? message : `${message} (${code})`
}

function judgeStatus(
  { status, headers, body }: { status: number; headers: Record<string, string>; body: string },
  now: number,
): SendResult {
  const said = firstWords(body)
  const text = `HTTP ${status}${said && status >= 300 ? ` (${said})` : ''}`
  if (status >= 200 && status < 300) return accepted(text)
  if (status >= 500 || [408, 425, 429].includes(status)) return retry(text, retryAfterMs(headers['retry-after'], now))
  if (status >= 300 && status < 400) return refused(`${text}: it redirects, which is never followed; set its final URL`)
  return refused(text)
}

/** What a service says of its refusal, as far as it is plain words: a page of HTML explains nothing. */
export function firstWords(body: string): string {
  const text = body.trim()
  return text === '' || text.startsWith('<') ? '' : foreignWord(text.replace(/[\s\p{C}]+/gu, ' '))
}
