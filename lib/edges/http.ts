// The one HTTP client. node:https by way of getBuiltinModule: an ESM import of node:http pulls in undici, 20-30 ms.
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'

export interface HttpRequest {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body?: string
  /** For the whole exchange, name look-up to last byte. */
  deadlineMs: number
  /** A longer body is an error, never a cut text. */
  maxBytes: number
  signal?: AbortSignal
  /** False opens a connection of its own, so that what happened before and after sending can be told apart. */
  reuseConnection?: boolean
}

export interface HttpAnswer {
  kind: 'answer'
  status: number
  headers: Record<string, string>
  body: string
}

/**
 * No answer. `sent: false` promises that not a byte of the request reached the other side; `true` means that it may have
 * been acted on.
 */
export interface HttpFailure {
  kind: 'failure'
  sent: boolean
  code: string
  message: string
  /** What had come of an answer before it broke off: it may hold what can be had only once. */
  partial?: { status: number; headers: Record<string, string>; body: string }
}

/** Edges add long ones; the answer behind them must not be lost for that. */
const MAX_HEADER_BYTES = 64 * 1024

/** Sends what holds a token: a URL that `mayReceiveTokens` refuses is not connected to. */
export async function request(options: HttpRequest): Promise<HttpAnswer | HttpFailure> {
  return send(options, url => (mayReceiveTokens(url) ? null : `${url.host} is not a host that may receive a token`))
}

/**
 * Sends one request. Never follows a redirect (a 3xx is an answer like any other), never retries, never throws.
 * @param refusalOf why nothing may go to this URL, and nothing is connected to; null = it may
 */
export async function send(
  options: HttpRequest,
  refusalOf: (url: URL) => string | null,
): Promise<HttpAnswer | HttpFailure> {
  if (!URL.canParse(options.url)) return failure(false, 'EBADURL', 'it is no URL')
  const url = new URL(options.url)
  const refusal = refusalOf(url)
  if (refusal !== null) return failure(false, 'EHOSTREFUSED', refusal)
  const secure = url.protocol === 'https:'
  const client = process.getBuiltinModule(secure ? 'node:https' : 'node:http')
  const requestOptions: RequestOptions & { rejectUnauthorized: boolean } = {
    method: options.method,
    headers: { 'Accept-Encoding': 'identity', ...options.headers },
    maxHeaderSize: MAX_HEADER_BYTES,
    rejectUnauthorized: true,
    agent: options.reuseConnection ? agentFor(secure) : new client.Agent({ keepAlive: false }),
  }
  if (options.body !== undefined) {
    requestOptions.headers = {
      'Accept-Encoding': 'identity',
      ...options.headers,
      'Content-Length': Buffer.byteLength(options.body),
    }
  }
  return new Promise(resolve => {
    let sent = false
    let settled = false
    let outgoing: ClientRequest | null = null
    let answering: { response: IncomingMessage; chunks: Buffer[] } | null = null
    const settle = (result: HttpAnswer | HttpFailure) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const fail = (code: string, message: string) => {
      const partial = answering && { ...head(answering.response), body: text(answering.response, answering.chunks) }
      settle({ ...failure(sent, code, message), ...(partial ? { partial } : {}) })
      outgoing?.destroy()
    }
    const onAbort = () => fail('EABORTED', 'the run was told to stop')
    const timer = setTimeout(
      () => fail('ETIMEDOUT', `no whole answer from ${url.host} within ${options.deadlineMs / 1000} s`),
      options.deadlineMs,
    )
    try {
      outgoing = client.request(url, requestOptions, response => {
        answering = { response, chunks: [] }
        collect(response, answering.chunks, options.maxBytes).then(
          body => settle({ kind: 'answer', ...head(response), body }),
          (error: NodeJS.ErrnoException) => fail(error.code ?? 'EBODY', error.message),
        )
      })
    } catch (error) {
      // A header that cannot be sent, such as one with a line break in it.
      fail(
        (error as NodeJS.ErrnoException).code ?? 'EREQUEST',
        'the request cannot be made: a header holds what none may',
      )
      return
    }
    outgoing.on('socket', socket => {
      // A kept connection is open already, and may carry bytes at once. A new one carries none before it is ready.
      if (!socket.connecting) sent = true
      else
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          sent = true
        })
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'EUNKNOWN', describe(error, url)))
    if (options.signal?.aborted) onAbort()
    else {
      options.signal?.addEventListener('abort', onAbort, { once: true })
      outgoing.end(options.body)
    }
  })
}

/** Tokens go to Anthropic's own hosts over TLS, or to this very machine; anywhere else would be giving them away. */
export function mayReceiveTokens(url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false
  const host = url.hostname.toLowerCase()
  const ours = ['anthropic.com', 'claude.com'].some(domain => host === domain || host.endsWith(`.${domain}`))
  if (url.protocol === 'https:') return ours
  return url.protocol === 'http:' && isLoopback(host)
}

/**
 * Why a message may not go to this URL; null = it may. TLS anywhere, plain only to this very machine, or where nothing in
 * it is a secret. Never says more of the URL than its host: the rest may be the secret.
 */
export function messageRefusal(url: URL, carriesSecret: boolean): string | null {
  if (url.protocol === 'https:') return null
  if (url.protocol !== 'http:') return 'its URL has to begin with https://'
  const secret = carriesSecret || url.username !== '' || url.password !== ''
  if (!secret || isLoopback(url.hostname.toLowerCase())) return null
  return `${url.host} would get a secret unencrypted; use https`
}

/** @param host in lower case, an IPv6 address with or without brackets */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

const agents: { plain?: import('node:http').Agent; secure?: import('node:http').Agent } = {}

/** One agent for many accounts: a TLS handshake each would cost more than the request. */
function agentFor(secure: boolean): import('node:http').Agent {
  const client = process.getBuiltinModule(secure ? 'node:https' : 'node:http')
  const key = secure ? 'secure' : 'plain'
  agents[key] ??= new client.Agent({ keepAlive: true, maxSockets: 64, timeout: 30_000 })
  return agents[key]
}

async function collect(response: IncomingMessage, chunks: Buffer[], maxBytes: number): Promise<string> {
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes)
      throw Object.assign(new Error(`the answer is longer than ${maxBytes} bytes`), { code: 'ETOOLONG' })
    chunks.push(chunk)
  }
  if (!response.complete) throw Object.assign(new Error('the answer ended early'), { code: 'ECUTSHORT' })
  return text(response, chunks)
}

function head(response: IncomingMessage): { status: number; headers: Record<string, string> } {
  return { status: response.statusCode ?? 0, headers: flat(response.headers) }
}

/** Some edges compress although nobody asked for it. What cannot be unpacked is given as it came. */
function text(response: IncomingMessage, chunks: Buffer[]): string {
  const bytes = Buffer.concat(chunks)
  const zlib = process.getBuiltinModule('node:zlib')
  const unpack = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, br: zlib.brotliDecompressSync }[
    response.headers['content-encoding'] ?? ''
  ]
  try {
    return (unpack ? unpack(bytes, { maxOutputLength: 1024 * 1024 }) : bytes).toString('utf8')
  } catch {
    return bytes.toString('utf8') // Cut in the middle, or not what its header says.
  }
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}

function describe(error: NodeJS.ErrnoException, url: URL): string {
  return `${url.host}: ${error.message}`
}

function failure(sent: boolean, code: string, message: string): HttpFailure {
  return { kind: 'failure', sent, code, message }
}
