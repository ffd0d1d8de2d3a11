import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { compose, encryption, judgeProblem, sendMail } from '../../../lib/channels/email.ts'
import { message, NOW, notice, ZONE } from '../../support/messages.ts'
import { type MailAnswers, type MailServer, startMailServer } from '../../support/smtp.ts'

const FROM = 'Vigil <vigil@example.com>'
const ofEmail = (changes: Parameters<typeof notice>[0] = {}) => notice({ id: 'K{slot-2}#1234#f1@email', ...changes })
let server: MailServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
})
const context = (signal = new AbortController().signal) => ({ signal, now: NOW })
const mailbox = (changes: object = {}) => ({
  from: FROM,
  to: ['me@example.com'],
  host: '127.0.0.1',
  port: server?.port ?? 1,
  login: null,
  timeZone: ZONE,
  ...changes,
})
async function sent(answers: MailAnswers, changes: object = {}, told = message([ofEmail()])) {
  server = await startMailServer(answers)
  return sendMail(mailbox(changes), told, context())
}

describe('a mail', () => {
  it('that the server takes is accepted, with all that a reader and a mail program need', async () => {
    expect(await sent({}, { login: { user: 'me', pass: 'hunter2-hunter2' } })).toEqual({
      outcome: 'accepted',
      detail: '250 2.0.0 kept',
    })
    expect(server!.logins).toEqual(['me:hunter2-hunter2'])
    const [mail] = server!.mails
    expect(mail).toMatchObject({ from: 'vigil@example.com', to: ['me@example.com'] })
    const header = (name: string) => new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(mail!.text)?.[1]
    expect(header('Auto-Submitted')).toBe('auto-generated')
    expect(header('Message-ID')).toMatch(/^<[0-9a-f]{16}\.1234\.f1@example\.com>$/)
    expect(header('References')).toBeUndefined()
    expect(header('Date')).toBe('Tue, 24 Nov 2026 15:10:00 +0000')
    expect(mail!.text).toMatch(/Content-Type: multipart\/alternative/)
    expect(mail!.text).toContain('text/plain')
    expect(mail!.text).toContain('text/html')
  })
  it.each([
    ['data', '451 4.3.0 try later', { outcome: 'retry', detail: '451 4.3.0 try later', retryAfterMs: null }],
    ['data', '554 5.7.1 spam', { outcome: 'refused', detail: '554 5.7.1 spam' }],
    [
      'data',
      '550 4.2.2 mailbox full just now',
      { outcome: 'retry', detail: '550 4.2.2 mailbox full just now', retryAfterMs: null },
    ],
    ['rcpt', '550 5.1.1 no such user', { outcome: 'refused', detail: '550 5.1.1 no such user' }],
    ['rcpt', '450 4.2.1 greylisted', { outcome: 'retry', detail: '450 4.2.1 greylisted', retryAfterMs: null }],
    ['auth', '535 5.7.8 bad login', { outcome: 'refused', detail: '535 5.7.8 bad login' }],
    ['auth', '454 4.7.0 no directory', { outcome: 'retry', detail: '454 4.7.0 no directory', retryAfterMs: null }],
  ] as const)('whose %s is answered %s is judged by the code', async (step, reply, result) => {
    const login = { user: 'me', pass: 'hunter2-hunter2' }
    expect(await sent({ [step]: () => reply }, { login })).toEqual(result)
    expect(server!.mails).toEqual([])
  })
  it('for two, of whom one is refused, is accepted and says who is not', async () => {
    const to = ['me@example.com', 'gone@example.com']
    expect(
      await sent({ rcpt: address => (address.startsWith('gone') ? '550 5.1.1 no such user' : null) }, { to }),
    ).toEqual({
      outcome: 'accepted',
      detail: 'taken for me@example.com, but refused for gone@example.com: 550 5.1.1 no such user',
    })
    expect(server!.mails[0]!.to).toEqual(['me@example.com'])
  })
  it('to a server that is not there is tried again', async () => {
    const result = await sendMail(mailbox({ port: 1 }), message([ofEmail()]), context())
    expect(result).toEqual({
      outcome: 'retry',
      detail: '127.0.0.1:1 cannot be reached (ECONNREFUSED)',
      retryAfterMs: null,
    })
  })
  it.each([
    ['before its greeting', ''],
    ['after its greeting', '220 here\r\n'],
  ])('to a server that falls silent %s ends with the try, and leaves no connection', async (_name, greeting) => {
    const stop = new AbortController()
    const closed = Promise.withResolvers<void>()
    const silent = createServer(socket => {
      socket.on('error', () => undefined).on('close', () => closed.resolve())
      socket.write(greeting)
      setImmediate(() => stop.abort())
    })
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const result = await sendMail(mailbox({ port }), message([ofEmail()]), context(stop.signal))
    expect(result.outcome).toBe('retry')
    await closed.promise
    await new Promise(resolve => silent.close(resolve))
  })
  it.each(['me@example.com\r\nBcc: all@example.com', 'nobody', '', 'a@b.example, c@d.example'])(
    'to %j is refused before anything connects',
    async to => {
      const result = await sendMail(mailbox({ to: ['me@example.com', to], port: 1 }), message([ofEmail()]), context())
      expect(result.outcome).toBe('refused')
    },
  )
})

describe('a thread', () => {
  const composed = (changes: Parameters<typeof notice>[0] = {}) => compose(mailbox(), message([ofEmail(changes)]))
  const first = composed()
  it('is one episode: what comes later answers to its first message, under the same subject', () => {
    const second = composed({ id: 'K{slot-2}#1234#f2@email', n: 2 })
    expect(second.messageId).toBe(first.messageId.replace('.f1@', '.f2@'))
    expect(second.inReplyTo).toBe(first.messageId)
    expect(second.references).toEqual([first.messageId])
    const end = composed({ id: 'K{slot-2}#1234#r@email', kind: 'resolved', resolvedAt: NOW })
    expect(end.references).toEqual([first.messageId])
    expect([second.subject.slice(2), end.subject.slice(1)]).toEqual([first.subject.slice(2), first.subject.slice(2)])
  })
  it('is another one for another episode', () => {
    const next = composed({ id: 'K{slot-2}#1300#f1@email', episode: 1300 })
    expect(next.messageId).not.toBe(first.messageId)
    expect(next).not.toHaveProperty('references')
  })
  it('has the same id in every try, and another one with more in it', () => {
    expect(composed()).toEqual(first)
    const other = ofEmail({
      key: 'AccountInactive{slot-3}',
      id: 'AccountInactive{slot-3}#1235#f1@email',
      episode: 1235,
    })
    const both = compose(mailbox(), message([ofEmail(), other], { id: 'K{slot-2}#1234#f1@email+1-abc' }))
    expect(both.messageId).not.toBe(first.messageId)
    expect(both.references).toHaveLength(2)
    expect(both.references).toContain(first.messageId)
  })
})

describe('encryption', () => {
  const tls = { rejectUnauthorized: true, minVersion: 'TLSv1.2' }
  it.each([
    ['smtp.example.com', 465, { secure: true, requireTLS: false, ignoreTLS: false, tls }],
    ['smtp.example.com', 587, { secure: false, requireTLS: true, ignoreTLS: false, tls }],
    ['smtp.example.com', 25, { secure: false, requireTLS: true, ignoreTLS: false, tls }],
    ['127.0.0.1', 25, { secure: false, requireTLS: false, ignoreTLS: true, tls }],
    ['localhost', 25, { secure: false, requireTLS: false, ignoreTLS: true, tls }],
    ['LOCALHOST', 465, { secure: true, requireTLS: false, ignoreTLS: false, tls }],
    ['127.0.0.1.example.com', 25, { secure: false, requireTLS: true, ignoreTLS: false, tls }],
  ])('of %s:%d', (host, port, options) => {
    expect(encryption({ host, port })).toEqual(options)
  })
})

describe('a failed try', () => {
  const outcome = (problem: object) => judgeProblem(Object.assign(new Error('x'), problem)).outcome
  it.each([
    [{ code: 'ESOCKET', originalCode: 'CERT_HAS_EXPIRED' }, 'refused'],
    [{ code: 'ESOCKET', originalCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'refused'],
    [{ code: 'ESOCKET', originalCode: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'refused'],
    [{ code: 'ESOCKET', originalCode: 'ECONNRESET' }, 'retry'],
    [{ code: 'ETLS', response: '502 5.5.1 no STARTTLS' }, 'refused'],
    [{ code: 'ETLS', response: '454 4.7.0 TLS not now' }, 'retry'],
    [{ code: 'ETIMEDOUT' }, 'retry'],
    [{ code: 'EAUTH' }, 'refused'],
    [{ code: 'ECONNECTION', response: '421 4.7.0 too many' }, 'retry'],
    [{ code: 'EPROTOCOL', response: '554 go away' }, 'refused'],
  ])('%j is %s', (problem, expected) => {
    expect(outcome(problem)).toBe(expected)
  })
})
