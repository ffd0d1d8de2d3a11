// As far as the server's yes to our login, and not a word further: whether mail would be taken, without sending any.
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { connect, encryption, judgeProblem, type Mailbox, type SmtpProblem } from './email.ts'

/** @returns why not; null = it would. Never throws, and leaves no connection behind. */
export async function tryMailServer(
  mailbox: Pick<Mailbox, 'host' | 'port' | 'login'>,
  signal: AbortSignal,
): Promise<string | null> {
  const socket = await connect({ ...mailbox, from: '', to: [] }, signal)
  if (!('write' in socket)) return socket.problem
  const connection = new SMTPConnection({
    connection: socket,
    host: mailbox.host,
    port: mailbox.port,
    ...encryption(mailbox),
    name: '[127.0.0.1]',
    // The types know neither of the newer options.
  } as SMTPConnection.Options)
  const end = () => {
    connection.close()
    socket.destroy()
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      connection.on('error', reject)
      connection.once('end', () =>
        reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNECTION' })),
      )
      connection.connect(error => {
        if (error) return reject(error)
        if (mailbox.login === null) return resolve()
        connection.login(mailbox.login as SMTPConnection.AuthenticationType, problem =>
          problem ? reject(problem) : resolve(),
        )
      })
    })
    return null
  } catch (error) {
    return judgeProblem(error as SmtpProblem).detail
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}
