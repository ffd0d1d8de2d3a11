// A secret as a person's settings name it: `file:PATH`, `env:NAME`, `cmd:COMMAND`, or the secret itself. It is fetched when
// it is needed, known to the redaction from then on, and never kept anywhere.
import { join } from 'node:path'
import { closeSync, constants, fstatSync, openSync, readFileSync } from './fs.ts'
import { hideSecret } from './redact.ts'

export interface SecretContext {
  home: string
  /** null = there is no such variable. */
  fromEnv: (name: string) => string | null
  /** What a `cmd:` gets of the environment. */
  childEnv: Record<string, string>
  /** Takes what a `cmd:` says on stderr. */
  stderrPath: string
  deadlineMs: number
  signal: AbortSignal
}

/** `reason` names the remedy and never the secret. */
export type SecretReading = { ok: true; secret: string } | { ok: false; reason: string }

const MAX_BYTES = 64 * 1024

/** Never throws. */
export async function readSecret(spec: string, context: SecretContext): Promise<SecretReading> {
  const [, kind, rest] = /^(file|env|cmd):(.*)$/s.exec(spec) ?? [null, 'plain', spec]
  const reading = await fetchSecret(kind!, rest!, context)
  if (!reading.ok) return reading
  const secret = reading.secret.replace(/\r?\n$/, '')
  hideSecret(secret)
  const name = nameOf(kind!, rest!, context.home)
  if (secret === '') return no(`${name} is empty`)
  if (/[\r\n\0]/.test(secret)) return no(`${name} holds more than one line`)
  return { ok: true, secret }
}

async function fetchSecret(kind: string, rest: string, context: SecretContext): Promise<SecretReading> {
  if (kind === 'file') return fromFile(rest, context.home)
  if (kind === 'cmd') return fromCommand(rest, context)
  if (kind === 'plain') return { ok: true, secret: rest }
  const secret = context.fromEnv(rest)
  return secret === null
    ? no(`the environment has no ${rest}; cron passes on only what the crontab itself sets`)
    : { ok: true, secret }
}

function fromFile(written: string, home: string): SecretReading {
  const path = written.startsWith('~/') ? join(home, written.slice(2)) : written
  const shown = path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
  let descriptor: number
  try {
    // Non-blocking: a FIFO in its place must not hang the run.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return no(code === 'ENOENT' ? `${shown} is not there` : `${shown} cannot be read (${code})`)
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return no(`${shown} is no regular file`)
    const me = process.geteuid?.()
    if (me !== undefined && stat.uid !== me) return no(`${shown} belongs to user ${stat.uid}, not to ${me}`)
    if ((stat.mode & 0o077) !== 0) {
      return no(
        `${shown} is open to others (mode ${(stat.mode & 0o777).toString(8)}); run: chmod 600 ${shellPath(shown)}`,
      )
    }
    if (stat.size > MAX_BYTES) return no(`${shown} is ${stat.size} bytes long, which is no secret`)
    return { ok: true, secret: readFileSync(descriptor, 'utf8') }
  } catch (error) {
    return no(`${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  } finally {
    closeSync(descriptor)
  }
}

/** The command stands in the person's own settings; a shell understands it as they meant it. It is shown nowhere. */
async function fromCommand(command: string, context: SecretContext): Promise<SecretReading> {
  const { runProgram } = await import('./shell.ts')
  try {
    const { exitCode, ended, stdout } = await runProgram(['/bin/sh', '-c', command], {
      stderrPath: context.stderrPath,
      deadlineMs: context.deadlineMs,
      killGraceMs: 500,
      maxOutputBytes: MAX_BYTES,
      env: context.childEnv,
      signal: context.signal,
    })
    if (ended === 'atDeadline') return no(`its cmd: took more than ${context.deadlineMs / 1000} s`)
    if (ended !== 'byItself') return no(ended === 'aborted' ? 'its cmd: was ended' : 'its cmd: printed too much')
    if (exitCode !== 0) return no(`its cmd: ${exitCode === null ? 'was killed' : `exited with ${exitCode}`}`)
    return { ok: true, secret: stdout }
  } catch (error) {
    // Without the path that the system's messages end with.
    return no(`its cmd: could not be run (${(error as Error).message.split(', ')[0]})`)
  }
}

function nameOf(kind: string, rest: string, home: string): string {
  return (
    { file: `the file ${rest.replace(`${home}/`, '~/')}`, env: `the variable ${rest}`, cmd: 'what its cmd: printed' }[
      kind
    ] ?? 'it'
  )
}

/** The tilde has to stay outside of the quotes. */
function shellPath(path: string): string {
  if (/^[\w~./-]+$/.test(path)) return path
  const [tilde, rest] = path.startsWith('~/') ? ['~/', path.slice(2)] : ['', path]
  return `${tilde}'${rest.replaceAll("'", `'\\''`)}'`
}

function no(reason: string): SecretReading {
  return { ok: false, reason }
}
