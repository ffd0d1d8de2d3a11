// What a channel is, and what holds for every one of them: it answers in time, never throws, and nothing secret leaves by it.
import type { Message, Notice, SendResult, Severity } from '../domain/alert.ts'
import { redact } from '../edges/redact.ts'
import { CHANNEL_TIMEOUT_MS } from '../timings.ts'

export interface SendContext {
  signal: AbortSignal
  /** ms */
  now: number
}

export interface Channel {
  name: string
  minSeverity: Severity
  /** False where "sent" proves nothing (desktop). */
  confirms: boolean
  /** False where each alert needs a message of its own. */
  batches: boolean
  /** Never rejects, and answers within CHANNEL_TIMEOUT_MS. */
  send(message: Message, context: SendContext): Promise<SendResult>
}

/**
 * Makes a channel keep its promises: what it is given is clean, what it says is redacted, a throw is an answer, and so is
 * silence.
 * @param timeoutMs for tests
 */
export function guarded(channel: Channel, timeoutMs = CHANNEL_TIMEOUT_MS): Channel {
  return {
    ...channel,
    send: (message, context) =>
      bounded(signal => channel.send(cleanMessage(message), { ...context, signal }), context.signal, timeoutMs),
  }
}

/** Runs one try with its deadline; the signal that it is handed ends it there. */
export async function bounded(
  attempt: (signal: AbortSignal) => Promise<SendResult>,
  outer: AbortSignal,
  timeoutMs: number,
): Promise<SendResult> {
  if (outer.aborted) return retry('the run was told to stop')
  const controller = new AbortController()
  const { promise: ended, resolve: end } = Promise.withResolvers<SendResult>()
  const stop = (why: string) => {
    end(retry(why))
    controller.abort(new Error(why))
  }
  const onAbort = () => stop('the run was told to stop')
  outer.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => stop(`no answer within ${timeoutMs / 1000} s`), timeoutMs)
  try {
    // Called in a promise: what it throws at once is an answer as well.
    const answered = Promise.resolve().then(() => attempt(controller.signal))
    const result = await Promise.race([answered, ended])
    return { ...result, detail: redact(result.detail) }
  } catch (error) {
    return refused(redact(`it failed in a way that nobody thought of: ${(error as Error).message}`))
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', onAbort)
  }
}

/** A message is a sink: redacted, and each text one line without characters that a terminal or a mail would obey. */
function cleanMessage(message: Message): Message {
  return { ...message, notices: message.notices.map(cleanNotice) as [Notice, ...Notice[]] }
}

function cleanNotice(notice: Notice): Notice {
  const { summary, details, remedy, affects } = notice.text
  return {
    ...notice,
    key: cleanText(notice.key),
    labels: Object.fromEntries(Object.entries(notice.labels).map(([key, value]) => [key, cleanText(value)])),
    text: {
      summary: cleanText(summary),
      details: details.map(cleanText),
      remedy: remedy === null ? null : cleanText(remedy),
      affects: affects === null ? null : cleanText(affects),
    },
  }
}

/** Control characters, line ends, and the marks that turn the direction of writing. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g

export function cleanText(text: string): string {
  return redact(text).toWellFormed().replace(UNSEEN, ' ').trim()
}

export const accepted = (detail: string): SendResult => ({ outcome: 'accepted', detail })
export const refused = (detail: string): SendResult => ({ outcome: 'refused', detail })
export const retry = (detail: string, retryAfterMs: number | null = null): SendResult => ({
  outcome: 'retry',
  detail,
  retryAfterMs,
})
