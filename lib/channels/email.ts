// Mail by way of any SMTP server. Encrypted, or to this very machine; a password is never sent otherwise. The socket is
// ours, so that the end of a try is the end of the connection.
import { createHash } from 'node:crypto'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { Message, Notice, SendResult } from '../domain/alert.ts'
import { isLoopback } from '../edges/http.ts'
import { accepted, refused, retry, type SendContext } from './channel.ts'
import { render } from './render.ts'
import { renderHtml } from './render-html.ts'

export interface Mailbox {
  from: string
  to: string[]
  host: string
  port: number
  /** null = the server asks for no login. */
  login: { user: string; pass: string } | null
  timeZone?: string
}

/** Never throws, and leaves no connection behind. */
export async function sendMail(mailbox: Mailbox, message: Message, context: SendContext): Promise<SendResult> {
  const broken = [mailbox.from, ...mailbox.to].find(address => /[\r\n\0]/.test(address) || !addressOf(address))
  if (broken !== undefined) return refused('an address is none, or holds a line break; mend channels.email')
  const [{ default: Connection }, { default: MailComposer }] = await Promise.all([
    import('nodemailer/lib/smtp-connection'),
    import('nodemailer/lib/mail-composer'),
  ])
  const content = await new MailComposer(compose(mailbox, message)).compile().build()
  const socket = await connect(mailbox, context.signal)
  if (!('write' in socket)) return retry(socket.problem)
  const connection = new Connection({
    connection: socket,
    host: mailbox.host,
    port: mailbox.port,
    ...encryption(mailbox),
    // Our own name is nobody's business, and a name that does not resolve is refused by some.
    name: '[127.0.0.1]',
    socketCloseTimeout: 0,
    // The types know neither of the newer options.
  } as SMTPConnection.Options)
  const end = () => {
    connection.close()
    socket.destroy()
  }
  context.signal.addEventListener('abort', end, { once: true })
  try {
    const info = await converse(connection, mailbox, content)
    leavePolitely(connection, end)
    return judgeSent(info)
  } catch (error) {
    end()
    return judgeProblem(error as SmtpProblem)
  } finally {
    context.signal.removeEventListener('abort', end)
  }
}

/** TLS from the start, or required at once; nothing in between. On loopback there is nobody to listen. */
export function encryption({ host, port }: Pick<Mailbox, 'host' | 'port'>) {
  const secure = port === 465
  const plain = !secure && isLoopback(host.toLowerCase())
  return {
    secure,
    requireTLS: !secure && !plain,
    ignoreTLS: plain,
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
  }
}

export async function connect(
  { host, port }: Mailbox,
  signal: AbortSignal,
): Promise<import('node:net').Socket | { problem: string }> {
  const socket = process.getBuiltinModule('node:net').connect({ host, port })
  const { promise, resolve } = Promise.withResolvers<typeof socket | { problem: string }>()
  const fail = (problem: string) => {
    socket.destroy()
    resolve({ problem })
  }
  const onAbort = () => fail('the try was ended')
  const onError = (error: NodeJS.ErrnoException) =>
    fail(`${host}:${port} cannot be reached (${error.code ?? error.message})`)
  socket.once('connect', () => resolve(socket)).once('error', onError)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const result = await promise
  signal.removeEventListener('abort', onAbort)
  // A socket without a listener would end the process with its error.
  socket.off('error', onError).on('error', () => undefined)
  return result
}

function converse(
  connection: SMTPConnection,
  mailbox: Mailbox,
  content: Buffer,
): Promise<SMTPConnection.SentMessageInfo> {
  const envelope = { from: addressOf(mailbox.from)!, to: mailbox.to.map(to => addressOf(to)!), size: content.length }
  return new Promise((resolve, reject) => {
    const send = () => connection.send(envelope, content, (error, info) => (error ? reject(error) : resolve(info)))
    connection.on('error', reject)
    connection.once('end', () => reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNECTION' })))
    connection.connect(error => {
      if (error) return reject(error)
      if (mailbox.login === null) return send()
      connection.login(mailbox.login as SMTPConnection.AuthenticationType, loginError =>
        loginError ? reject(loginError) : send(),
      )
    })
  })
}

/** QUIT, and no waiting for its answer beyond a moment: the message is accepted already. */
function leavePolitely(connection: SMTPConnection, end: () => void): void {
  connection.on('error', () => undefined)
  const timer = setTimeout(end, 500)
  connection.once('end', () => clearTimeout(timer))
  connection.quit()
}

export type SmtpProblem = SMTPConnection.SMTPError & {
  originalCode?: string
  rejectedErrors?: SMTPConnection.SMTPError[]
}

function judgeSent({ accepted: taken, rejectedErrors = [], response }: SMTPConnection.SentMessageInfo): SendResult {
  if (rejectedErrors.length === 0) return accepted(oneLine(response))
  const missed = rejectedErrors.map(
    error => `${(error as { recipient?: string }).recipient ?? 'one'}: ${oneLine(error.response ?? '')}`,
  )
  return accepted(`taken for ${taken.join(', ')}, but refused for ${missed.join('; ')}`)
}

/** Pure. What a failed try means: a server's code decides, then what kind of trouble it was. */
export function judgeProblem(problem: SmtpProblem): SendResult {
  const { code = '', originalCode = '', response, message } = problem
  const verdict = verdictOf(response)
  if (TLS_TROUBLE.test(originalCode)) return refused(`no trustworthy encryption, so nothing was sent (${originalCode})`)
  if (code === 'ETLS' && verdict !== 'later' && !/closed unexpectedly/.test(message)) {
    return refused(`no encrypted connection, so nothing was sent: ${oneLine(message)}`)
  }
  if (verdict !== null) return verdict === 'later' ? retry(oneLine(response!)) : refused(oneLine(response!))
  if (['EAUTH', 'EENVELOPE', 'EMESSAGE', 'ENOAUTH'].includes(code)) return refused(oneLine(message))
  return retry(`${oneLine(message)}${originalCode && ` (${originalCode})`}`)
}

const TLS_TROUBLE = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS_|ERR_SSL_)/

/** The enhanced code where there is one (`550 4.2.2 …` is said by servers that mean "later"), else the first digit. */
function verdictOf(response: string | undefined): 'later' | 'never' | null {
  const [, basic, enhanced] = /^([245])\d\d[ -](?:([245])\.\d{1,3}\.\d{1,3}\b)?/.exec(response ?? '') ?? []
  const decides = enhanced ?? basic
  return decides === undefined || decides === '2' ? null : decides === '4' ? 'later' : 'never'
}

/** Pure. The mail for nodemailer. */
export function compose(mailbox: Pick<Mailbox, 'from' | 'to' | 'timeZone'>, message: Message) {
  const rendered = render(message, mailbox.timeZone)
  const domain = /@([\w.-]+)>?$/.exec(mailbox.from)?.[1] ?? 'vigil.invalid'
  const messageId = messageIdOf(message, domain)
  const firsts = new Set(message.notices.map(notice => firstIdOf(notice, domain)))
  firsts.delete(messageId)
  const references = [...firsts]
  return {
    from: mailbox.from,
    to: mailbox.to,
    subject: rendered.subject,
    date: new Date(message.now),
    messageId,
    ...(references.length > 0 ? { inReplyTo: references[0]!, references } : {}),
    text: rendered.text,
    html: renderHtml(rendered),
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** The same in every try of the same message, and in no other; it tells a stranger nothing. */
function messageIdOf({ id, notices: [first] }: Message, domain: string): string {
  return idOf(first, kindIn(first.id) + (id === first.id ? '' : `.${hashOf(id).slice(0, 8)}`), domain)
}

/** The first message of the episode. Where it was a part of a larger one, all that refer to it still form one thread. */
function firstIdOf(notice: Notice, domain: string): string {
  return idOf(notice, 'f1', domain)
}

function idOf({ id, key, episode }: Notice, kind: string, domain: string): string {
  const channel = id.split('@').at(-1) ?? ''
  return `<${hashOf(`${key}@${channel}`).slice(0, 16)}.${episode}.${kind}@${domain}>`
}

/** `f2` of `AccountInactive{slot-2}#1234#f2@email`. */
function kindIn(id: string): string {
  return (/#([\w-]+)@[^#@]*$/.exec(id)?.[1] ?? 'x').slice(0, 32)
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function addressOf(mailbox: string): string | null {
  const [, angled, bare] = /^[^<>]*<([^\s<>@]+@[^\s<>@]+)>$|^([^\s<>@]+@[^\s<>@]+)$/.exec(mailbox.trim()) ?? []
  return angled ?? bare ?? null
}

function oneLine(text: string): string {
  return text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 200)
}
