// Mail against real servers on real sockets, with real certificates, as the settings open the channel. The servers stand
// under this machine's own name, which is not one that counts as loopback: so TLS is asked for as it is on the internet.
import { lookup } from 'node:dns/promises'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { homedir, hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { guarded } from '../../lib/channels/channel.ts'
import { sendMail } from '../../lib/channels/email.ts'
import { openDelivery, surroundingsOf } from '../../lib/channels/index.ts'
import { parseSettings } from '../../lib/settings-schema.ts'
import { type Authority, type Certificate, makeAuthority } from '../support/certificates.ts'
import { message, NOW, notice } from '../support/messages.ts'
import { type MailAnswers, startMailServer } from '../support/smtp.ts'

const PASSWORD = 'correct-horse-battery'
const mail = message([notice({ id: 'AccountInactive{slot-2}#1234#f1@email' })])
const context = () => ({ signal: new AbortController().signal, now: NOW })
let host: string
let trusted: Authority
let unknown: Authority

beforeAll(async () => {
  host = await ownName()
  trusted = makeAuthority(mkdtempSync(join(homedir(), 'trusted-')))
  unknown = makeAuthority(mkdtempSync(join(homedir(), 'unknown-')))
  setDefaultCACertificates([...getCACertificates('default'), trusted.cert])
})

async function ownName(): Promise<string> {
  const found = await lookup(hostname()).catch(() => null)
  if (found !== null) return hostname()
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
  if (own === undefined) throw new Error('This test needs a name or an address of this machine besides loopback')
  return own.address
}

/** The channel as vigil.yaml has it, with its password in a file. */
function channel(port: number) {
  const home = mkdtempSync(join(homedir(), 'mail-'))
  writeFileSync(join(home, 'smtp'), `${PASSWORD}\n`, { mode: 0o600 })
  const paths = { home, logs: home }
  const around = surroundingsOf({ paths, childEnv: { HOME: home, PATH: '/usr/bin:/bin' }, secretFromEnv: () => null })
  const settings = parseSettings(`
channels:
  desktop: { enabled: false }
  email:
    to: [me@example.com]
    from: "Vigil <vigil@example.com>"
    smtp: { host: "${host}", port: ${port}, user: me, password: "file:~/smtp" }
`)
  return openDelivery(settings, around).channels[0]!
}

/** A server with STARTTLS, or with TLS from the start on port 465. */
async function serve(test: TestContext, certificate: Certificate, answers: MailAnswers = {}, port = 0) {
  const options = { ...certificate, disabledCommands: [], allowInsecureAuth: false, authOptional: false }
  const server = await startMailServer(answers, { ...options, secure: port === 465 }, { host: '0.0.0.0', port })
  test.onTestFinished(() => server.close())
  return server
}

/** A server that is written by hand, for what no honest one does. It keeps every byte that it gets. */
async function serveLines(test: TestContext, answer: (line: string) => string | null) {
  let seen = ''
  const hungUp = Promise.withResolvers<void>()
  const server: Server = createServer(socket => {
    socket.setEncoding('utf8')
    socket.on('error', () => undefined).on('close', () => hungUp.resolve())
    socket.write('220 here\r\n')
    let rest = ''
    socket.on('data', (chunk: string) => {
      seen += chunk
      const lines = (rest + chunk).split('\r\n')
      rest = lines.pop()!
      for (const line of lines) {
        const reply = answer(line)
        if (reply !== null) socket.write(`${reply}\r\n`)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  test.onTestFinished(() => new Promise<void>(resolve => server.close(() => resolve())))
  return { port: (server.address() as AddressInfo).port, seen: () => seen, hungUp: hungUp.promise }
}

const holdsPassword = (bytes: string) =>
  [
    PASSWORD,
    Buffer.from(PASSWORD).toString('base64').slice(0, 20),
    Buffer.from(`\0me\0${PASSWORD}`).toString('base64'),
  ].some(form => bytes.includes(form))

describe('a server that is what it says', () => {
  it.for([
    ['with STARTTLS', 0],
    ['with TLS from the start', 465],
  ] as const)('%s gets the login and the mail, encrypted', async ([_name, port], test) => {
    const server = await serve(test, trusted.issue(host, 2), {}, port)
    expect(await channel(server.port).send(mail, context())).toEqual({ outcome: 'accepted', detail: '250 2.0.0 kept' })
    expect(server.logins).toEqual([`me:${PASSWORD}`])
    expect(server.mails).toHaveLength(1)
    expect(server.mails[0]!.text).toContain('Auto-Submitted: auto-generated')
  })
  it.for([
    ['data', '451 4.3.0 try later', 'retry'],
    ['rcpt', '550 5.1.1 no such user', 'refused'],
    ['auth', '535 5.7.8 bad login', 'refused'],
  ] as const)('and answers the %s with %s is %s', async ([step, reply, outcome], test) => {
    const server = await serve(test, trusted.issue(host, 2), { [step]: () => reply })
    expect(await channel(server.port).send(mail, context())).toMatchObject({ outcome, detail: reply })
    expect(server.mails).toEqual([])
  })
})

describe('a server that cannot be trusted', () => {
  it.for([
    ['whose certificate nobody vouches for', () => unknown.issue(host, 2), 0],
    ['whose certificate nobody vouches for, from the start', () => unknown.issue(host, 2), 465],
    ['whose certificate has expired', () => trusted.issue(host, -1), 0],
    ['whose certificate has expired, from the start', () => trusted.issue(host, -1), 465],
    ['whose certificate is of another host', () => trusted.issue('other.example.com', 2), 0],
  ] as const)('%s is refused, and sees neither login nor mail', async ([_name, certificate, port], test) => {
    const server = await serve(test, certificate(), {}, port)
    const result = await channel(server.port).send(mail, context())
    expect(result.outcome).toBe('refused')
    expect(result.detail).toMatch(
      /^no trustworthy encryption, so nothing was sent \((?:UNABLE_TO_|CERT_HAS_EXPIRED|ERR_TLS_CERT_ALT)/,
    )
    expect([server.logins, server.mails]).toEqual([[], []])
  })
  it.for([
    ['hides STARTTLS', '502 5.5.1 what?'],
    ['says that STARTTLS is broken just now', '454 4.7.0 not now'],
  ] as const)('that %s sees no password and no mail', async ([_name, reply], test) => {
    const server = await serveLines(test, line => {
      if (line.startsWith('EHLO')) return '250-here\r\n250 AUTH PLAIN LOGIN'
      return line === 'STARTTLS' ? reply : '235 2.7.0 welcome'
    })
    const result = await channel(server.port).send(mail, context())
    expect(result.outcome).toBe(reply.startsWith('4') ? 'retry' : 'refused')
    expect(server.seen()).toMatch(/^EHLO [^\r]*\r\nSTARTTLS\r\n$/)
    expect(holdsPassword(server.seen())).toBe(false)
  })
  it('that talks plainly where TLS begins at once sees nothing at all of it', async test => {
    const server = await startMailServer({}, {}, { host: '0.0.0.0', port: 465 })
    test.onTestFinished(() => server.close())
    const result = await channel(465).send(mail, context())
    expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('ERR_SSL_') })
    expect([server.logins, server.mails]).toEqual([[], []])
  })
  it('that offers no login after TLS gets no mail without one', async test => {
    const server = await serve(test, trusted.issue(host, 2), { auth: () => '504 5.5.4 no such mechanism' })
    expect((await channel(server.port).send(mail, context())).outcome).toBe('refused')
    expect(server.mails).toEqual([])
  })
})

describe('a server that falls silent', () => {
  it('after the whole mail costs no more than its time, and its connection', { timeout: 60_000 }, async test => {
    let data = false
    const server = await serveLines(test, line => {
      if (line.startsWith('EHLO')) return '250 here'
      if (data) return null
      data = line === 'DATA'
      return data ? '354 go on' : '250 2.0.0 fine'
    })
    const mailbox = {
      from: 'vigil@example.com',
      to: ['me@example.com'],
      host: '127.0.0.1',
      port: server.port,
      login: null,
    }
    const silent = guarded(
      {
        name: 'email',
        minSeverity: 'info',
        confirms: true,
        batches: true,
        send: (told, inner) => sendMail(mailbox, told, inner),
      },
      1500,
    )
    expect(await silent.send(mail, context())).toEqual({
      outcome: 'retry',
      detail: 'no answer within 1.5 s',
      retryAfterMs: null,
    })
    await server.hungUp
    expect(server.seen()).toMatch(/\r\n\.\r\n$/)
  })
})
