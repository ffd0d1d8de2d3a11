import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, withoutFields } from './answers.ts'
import type { FaultAction } from './faults.ts'

export interface Exchange {
  response: ServerResponse
  /** Does what the request asks for and says what the ordinary answer is. `keepRefreshToken`: without spending it. */
  process: (how: { keepRefreshToken: boolean }) => Answer
  /** Called with the status just before it goes over the wire, so that a client who has it finds it recorded. */
  onStatus: (status: number) => void
  /** Aborted when the stand-in closes: nothing is processed afterwards. */
  closing: AbortSignal
}

const EMPTY_PADDING = '{"padding":""}'
const CHUNK = Buffer.alloc(64 * 1024, 'x')

/** Plays one fault, or the ordinary answer for null. Settles when nothing more will be sent. */
export async function deliver(action: FaultAction | null, exchange: Exchange): Promise<void> {
  const { response, process, closing } = exchange
  const processed = () => process({ keepRefreshToken: false })
  switch (action?.kind) {
    case undefined:
      return send(processed(), exchange)
    case 'answer':
      return send(givenAnswer(action), exchange)
    case 'delay':
      await pause(action.ms, closing)
      if (!closing.aborted) send(processed(), exchange)
      return
    case 'drop-before':
      response.destroy()
      return
    case 'drop-after':
      processed()
      response.destroy()
      return
    case 'hang-before':
      return
    case 'hang-after':
      processed()
      return
    case 'truncate':
      return sendPart(processed(), action.bytes, exchange)
    case 'garbage':
      processed()
      return send(
        { status: 200, headers: { 'content-type': 'text/html' }, body: action.body ?? '<html>Hello' },
        exchange,
      )
    case 'huge':
      return sendHuge(action.bytes, exchange)
    case 'redirect':
      return send({ status: 302, headers: { location: action.location }, body: '' }, exchange)
    case 'omit': {
      const answer = process({ keepRefreshToken: action.fields.includes('refresh_token') })
      return send(withoutFields(answer, action.fields), exchange)
    }
    case 'skew':
      response.setHeader('date', new Date(Date.now() + action.ms).toUTCString())
      return send(processed(), exchange)
  }
}

/** Settles when the time is over, or at once when the stand-in closes. */
export async function pause(ms: number, closing: AbortSignal): Promise<void> {
  if (ms === 0) return
  try {
    await sleep(ms, undefined, { signal: closing })
  } catch (error) {
    if (!closing.aborted) throw error
  }
}

export function send(answer: Answer, exchange: Exchange): void {
  if (begin(answer, Buffer.byteLength(answer.body), exchange)) exchange.response.end(answer.body)
}

function sendPart(answer: Answer, bytes: number, exchange: Exchange): void {
  const body = Buffer.from(answer.body)
  if (!begin(answer, body.length, exchange)) return
  const { response } = exchange
  response.flushHeaders()
  response.write(body.subarray(0, bytes))
  response.socket?.destroySoon() // a plain destroy() could overtake what was just written
}

async function sendHuge(bytes: number, exchange: Exchange): Promise<void> {
  const { response } = exchange
  if (!begin({ status: 200, headers: { 'content-type': 'application/json' }, body: '' }, null, exchange)) return
  try {
    await pipeline(Readable.from(hugeBody(bytes)), response)
  } catch (error) {
    if (!response.destroyed) throw error // else the client had enough, which is what this fault is for
  }
}

/** Valid JSON where there is room for it: a client without a limit shall not be saved by a syntax error. */
function* hugeBody(bytes: number): Generator<Buffer> {
  const [head, tail] = bytes < EMPTY_PADDING.length ? ['', ''] : ['{"padding":"', '"}']
  yield Buffer.from(head)
  for (let left = bytes - head.length - tail.length; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, left)
  yield Buffer.from(tail)
}

/** Writes the status and the headers; false when the client hung up meanwhile, and nobody is there to be answered. */
function begin(answer: Answer, length: number | null, { response, onStatus }: Exchange): boolean {
  if (response.destroyed) return false
  response.statusCode = answer.status
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  if (length !== null) response.setHeader('content-length', length)
  onStatus(answer.status)
  return true
}

function givenAnswer({ status, headers = {}, body }: Extract<FaultAction, { kind: 'answer' }>): Answer {
  if (typeof body === 'string') return { status, headers: { 'content-type': 'text/plain', ...headers }, body }
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
