// A client that hides nothing: what came over the wire, byte for byte, and how the connection ended.
import { connect } from 'node:net'

export interface RawRequest {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string
  /** How long to go on listening when the other side says no more; 300 ms unless told. */
  quietMs?: number
}

export interface RawAnswer {
  /** null: not a byte came. */
  status: number | null
  headers: Record<string, string>
  /** As sent, so with chunk sizes when chunked. */
  body: string
  /** 'whole': all that content-length promised came. Else what the other side did with the connection instead. */
  ending: 'whole' | 'closed' | 'left open'
}

export function rawRequest(url: string, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', path, headers = {}, body = '', quietMs = 300 } = request
  const { hostname, port } = new URL(url)
  const lines = Object.entries({ host: hostname, 'content-length': String(Buffer.byteLength(body)), ...headers })
  const head = [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    const socket = connect(Number(port), hostname)
    socket.setTimeout(quietMs)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const answer = parse(chunks, 'whole')
      if (Number(answer.headers['content-length']) !== Buffer.byteLength(answer.body)) return
      resolve(answer)
      socket.destroy()
    })
    socket.on('end', () => resolve(parse(chunks, 'closed')))
    socket.on('error', reject)
    socket.on('timeout', () => {
      resolve(parse(chunks, 'left open'))
      socket.destroy()
    })
    socket.write(head + body)
  })
}

function parse(chunks: Uint8Array[], ending: RawAnswer['ending']): RawAnswer {
  const text = Buffer.concat(chunks).toString()
  const split = text.indexOf('\r\n\r\n')
  if (split === -1) return { status: null, headers: {}, body: text, ending }
  const [first = '', ...lines] = text.slice(0, split).split('\r\n')
  const headers = lines.map(line => [line.split(': ')[0]!.toLowerCase(), line.slice(line.indexOf(': ') + 2)])
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: text.slice(split + 4),
    ending,
  }
}
