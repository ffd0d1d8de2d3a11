// A notice on the desktop of this machine. Never confirmed: a notifier ends well with nothing shown.
// Linux runs notify-send itself: node-notifier would start it by a shell, with our whole environment, and cannot be given
// the address of the bus, without which nothing started by cron is ever shown.
import { createHash } from 'node:crypto'
import type { Message, SendResult } from '../domain/alert.ts'
import { lstatSync } from '../edges/fs.ts'
import { refused, retry } from './channel.ts'
import { escapeEntities } from './markup.ts'
import { render } from './render.ts'
import { shorten } from './shorten.ts'

export interface Desktop {
  platform: NodeJS.Platform
  /** Whose desktop; the one that Vigil runs as. */
  uid: number
  /** Where the session's bus is: `/run/user/<uid>`. */
  runtimeDir: string
  childEnv: Record<string, string>
  /** Takes what the notifier says on stderr. */
  stderrPath: string
  timeZone?: string
  /** For tests. */
  notifyBundled?: (notice: DesktopNotice) => Promise<void>
}

export interface DesktopNotice {
  title: string
  text: string
  urgency: 'low' | 'normal' | 'critical'
  /** The same for all messages of an alert: the later one takes the place of the earlier one. */
  tag: string
}

/** More is not read in a corner of a screen, and some screens cut it without a sign. */
const TEXT_CHARACTERS = 400
/** Notifiers answer at once; what does not is hung. */
const NOTIFIER_DEADLINE_MS = 5000

export async function showOnDesktop(desktop: Desktop, message: Message, signal: AbortSignal): Promise<SendResult> {
  const notice = noticeOf(message, desktop.timeZone)
  if (desktop.platform === 'linux') return onLinux(desktop, notice, signal)
  return elsewhere(desktop, notice, signal)
}

/** Pure. */
export function noticeOf(message: Message, timeZone?: string): DesktopNotice {
  const rendered = render(message, timeZone)
  const sections = rendered.sections.map(section => ({
    ...section,
    // The title says what is wrong; where to read more is no use in a notice that goes away.
    lines: section.lines.filter(({ kind }) => kind !== 'more' && (kind !== 'what' || rendered.sections.length > 1)),
  })) as typeof rendered.sections
  return {
    title: rendered.title,
    text: shorten({ sections }, TEXT_CHARACTERS, text => text.length),
    urgency: ({ critical: 'critical', warning: 'normal', info: 'low' } as const)[message.severity],
    tag: createHash('sha256').update(message.notices[0].key).digest('hex').slice(0, 16),
  }
}

async function onLinux(desktop: Desktop, notice: DesktopNotice, signal: AbortSignal): Promise<SendResult> {
  const bus = `${desktop.runtimeDir}/bus`
  if (!isOurSocket(bus, desktop.uid)) return retry('unavailable: nobody is logged in at the desktop')
  const { runProgram } = await import('../edges/shell.ts')
  const run = (words: string[]) =>
    runProgram(['notify-send', ...words], {
      stderrPath: desktop.stderrPath,
      deadlineMs: NOTIFIER_DEADLINE_MS,
      killGraceMs: 500,
      maxOutputBytes: 4096,
      env: {
        PATH: desktop.childEnv['PATH'] ?? '/usr/bin:/bin',
        HOME: desktop.childEnv['HOME'] ?? '/',
        DBUS_SESSION_BUS_ADDRESS: `unix:path=${bus}`,
        XDG_RUNTIME_DIR: desktop.runtimeDir,
        // Without a locale, as from cron, it refuses every character beyond ASCII.
        LC_ALL: 'C.UTF-8',
      },
      signal,
    })
  try {
    let result = await run(linuxArguments(notice))
    // Before 0.7.10 it knew no ids; then the hints alone make one notice replace another.
    if (/unknown option/i.test(result.stderrTail)) result = await run(linuxArguments(notice, 'withoutId'))
    if (result.exitCode === 0 && result.ended === 'byItself') return shown('handed to the desktop')
    const said = result.stderrTail.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
    const how = result.ended === 'byItself' ? `exited with ${result.exitCode}` : 'did not end'
    return retry(`unavailable: notify-send ${how}${said && `: ${said}`}`)
  } catch (error) {
    const why = shortReason(error)
    if (why !== 'notify-send cannot be started (ENOENT)') return retry(`unavailable: ${why}`)
    return refused('notify-send is not installed; install it (Debian: apt install libnotify-bin) or turn desktop off')
  }
}

/** Pure. */
export function linuxArguments({ title, text, urgency, tag }: DesktopNotice, id: 'withId' | 'withoutId' = 'withId') {
  // An id beyond any that a server counts up to by itself, so that nobody else's notice is replaced.
  const ownId = 0x4000_0000 + (Number.parseInt(tag.slice(0, 8), 16) % 0x3000_0000)
  return [
    '-u',
    urgency,
    '-a',
    'Vigil',
    ...(id === 'withId' ? ['-r', String(ownId)] : []),
    '-h',
    `string:x-canonical-private-synchronous:${tag}`,
    '-h',
    `string:x-dunst-stack-tag:${tag}`,
    '--',
    title,
    // The body is markup, and notify-send reads escapes of C in it.
    escapeEntities(text).replaceAll('\\', '\\\\'),
  ]
}

/** macOS and Windows: the programs that node-notifier brings; macOS's own where those cannot run. */
async function elsewhere(desktop: Desktop, notice: DesktopNotice, signal: AbortSignal): Promise<SendResult> {
  const safe = { ...notice, title: plainStart(notice.title), text: plainStart(notice.text) }
  try {
    await (desktop.notifyBundled ?? bundled)(safe)
    return shown('handed to the desktop')
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!.slice(0, 200)
    if (desktop.platform !== 'darwin') return retry(`unavailable: ${why}`)
  }
  const { runProgram } = await import('../edges/shell.ts')
  try {
    const { exitCode, ended } = await runProgram(appleScript(safe), {
      stderrPath: desktop.stderrPath,
      deadlineMs: NOTIFIER_DEADLINE_MS,
      killGraceMs: 500,
      maxOutputBytes: 4096,
      env: { PATH: '/usr/bin:/bin', HOME: desktop.childEnv['HOME'] ?? '/', LC_ALL: 'en_US.UTF-8' },
      signal,
    })
    if (exitCode === 0 && ended === 'byItself') return shown('handed to the desktop by osascript')
    return retry(`unavailable: osascript ${ended === 'byItself' ? `exited with ${exitCode}` : 'did not end'}`)
  } catch (error) {
    return retry(`unavailable: ${shortReason(error)}`)
  }
}

/** Pure. The words are arguments of the script and never a part of it. */
export function appleScript({ title, text }: DesktopNotice): [string, ...string[]] {
  const script = ['on run argv', 'display notification (item 2 of argv) with title (item 1 of argv)', 'end run']
  return ['/usr/bin/osascript', ...script.flatMap(line => ['-e', line]), title, text]
}

async function bundled({ title, text, tag }: DesktopNotice): Promise<void> {
  const { default: notifier } = await import('node-notifier')
  const options = { title, message: text, wait: false, group: tag, id: tag }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // It calls back only once the notice is gone; what has not failed by now is on the screen.
  const timer = setTimeout(resolve, NOTIFIER_DEADLINE_MS / 2)
  notifier.notify(options, error => (error ? reject(error) : resolve()))
  await promise.finally(() => clearTimeout(timer))
}

function isOurSocket(path: string, uid: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isSocket() === true && stat.uid === uid
}

/** A text that begins like an option would be taken for one. */
function plainStart(text: string): string {
  return /^[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(text) ? text : `\u200b${text}`
}

/** Without the path that the system's messages end with. */
function shortReason(error: unknown): string {
  return (error as Error).message.split(', ')[0]!
}

function shown(detail: string): SendResult {
  return { outcome: 'unconfirmed', detail }
}
