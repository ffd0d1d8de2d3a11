// A real SMTP server on a real socket that keeps what it was sent.
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface MailServer {
  port: number
  mails: { from: string; to: string[]; text: string }[]
  /** User and password of each login that was tried. */
  logins: string[]
  close(): Promise<void>
}

/** Answers of its own; each has the text of one SMTP reply, such as `550 5.1.1 no such user`. */
export interface MailAnswers {
  rcpt?: (address: string) => string | null
  data?: () => string | null
  auth?: () => string | null
  /** Awaited with the mail kept, before its 250 is said. */
  before250?: () => Promise<void>
}

export async function startMailServer(
  answers: MailAnswers = {},
  options: SMTPServerOptions = {},
  listen: { host?: string; port?: number } = {},
): Promise<MailServer> {
  const mails: MailServer['mails'] = []
  const logins: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    ...options,
    onAuth({ username, password }, _session, done) {
      logins.push(`${username}:${password}`)
      const refusal = answers.auth?.() ?? null
      done(refusal === null ? null : problem(refusal), { user: username })
    },
    onRcptTo({ address }, _session, done) {
      const refusal = answers.rcpt?.(address) ?? null
      done(refusal === null ? null : problem(refusal))
    },
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = []
      stream.on('data', chunk => chunks.push(chunk))
      stream.on('end', () => {
        const refusal = answers.data?.() ?? null
        if (refusal !== null) return done(problem(refusal))
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        const to = envelope.rcptTo.map(({ address }) => address)
        mails.push({ from, to, text: Buffer.concat(chunks).toString('utf8') })
        const told = answers.before250?.() ?? Promise.resolve()
        told.then(() => done(null, '2.0.0 kept'))
      })
    },
  })
  // Clients that hang up in the middle are what some tests are about.
  server.on('error', () => undefined)
  await new Promise<void>(resolve => server.listen(listen.port ?? 0, listen.host ?? '127.0.0.1', () => resolve()))
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    logins,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function problem(reply: string): Error {
  const [, code, text] = /^(\d{3}) (.*)$/.exec(reply)!
  return Object.assign(new Error(text), { responseCode: Number(code) })
}
