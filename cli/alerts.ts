// `vigil alerts`: what fires and what waits; ack, silence and unsilence; a test through every channel.
import { join } from 'node:path'
import type { AlertsFile, Message, SendResult, Silence } from '../lib/domain/alert.ts'
import { SEVERITIES } from '../lib/domain/status.ts'
import { ensurePrivateDir } from '../lib/edges/fs.ts'
import { waitForLock } from '../lib/edges/kernel-lock.ts'
import { ago, wallTime } from '../lib/screen/times.ts'
import { type Environment, loadDelivery, loadSettings, readEnvironment } from '../lib/settings.ts'
import { loadAlerts, saveAlerts } from '../lib/store/alerts.ts'
import { DELIVERY_TIMEOUT_MS } from '../lib/timings.ts'
import { keysMeant, silencePattern } from '../lib/watchdog/explain.ts'
import { durationMs } from './duration.ts'

const FAILED = 1
const WRONG_USAGE = 64
const TRY_LATER = 75

export function listAlerts({ json }: { json: boolean }): void {
  const now = Date.now()
  const { file, lost } = loadAlerts(readEnvironment().paths, false, now)
  if (json) {
    process.stdout.write(`${JSON.stringify(file, null, 2)}\n`)
    return
  }
  if (lost !== null) process.stdout.write(`${lost}; the watchdog begins anew with its next run\n\n`)
  const clock = { now, timeZone: undefined }
  const alive = file.states
    .filter(({ phase }) => phase !== 'resolved')
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.since - b.since)
  if (alive.length === 0) say('Nothing is firing.')
  for (const { key, severity, phase, since, text } of alive) {
    say(`${severity.padEnd(8)}  ${phase.padEnd(10)}  ${key}, since ${wallTime(since, clock)} (${ago(since, now)})`)
    say(`                      ${text.summary}`)
    if (text.remedy !== null) say(`                      run: ${text.remedy}`)
  }
  const waiting = Map.groupBy(file.outbox, ({ channel }) => channel)
  for (const [channel, entries] of waiting) {
    const error = entries.find(({ last_error }) => last_error !== null)?.last_error
    say(`\n${entries.length} waiting for ${channel}${error ? `: ${error}` : ''}`)
    for (const { kind, key, at, tries } of entries)
      say(`  ${kind} ${key}, promised ${ago(at, now)}, ${tries === 1 ? '1 try' : `${tries} tries`}`)
  }
  const silences = file.silences.filter(({ until }) => until > now)
  if (silences.length > 0) say('')
  for (const { id, kind, match, until, note } of silences) {
    const words = kind === 'ack' ? 'acknowledged' : 'silenced'
    say(`${words} (${id}): ${match} until ${wallTime(until, clock)}${note === '' ? '' : `: ${note}`}`)
  }
  if (file.lastRunAt === null) say('The watchdog has not run yet.')
  else say(`\nThe watchdog last looked ${ago(file.lastRunAt, now)}. Why a message did or did not go out: vigil why KEY`)
}

export interface SilenceOptions {
  for: string
  note: string
}

/** Stops the repeats of what fires now; a later episode is told again. */
export async function ackAlert(said: string, options: SilenceOptions): Promise<void> {
  await changeSilences('ack', options, (file, add) => {
    const firing = file.states.filter(({ phase }) => phase === 'firing' || phase === 'recovering')
    const meant = keysMeant(
      firing.map(({ key }) => key),
      said,
    )
    if (meant.length === 0) return `"${said}" does not fire; look with: vigil alerts list`
    return firing.filter(({ key }) => meant.includes(key)).map(({ key, episode }) => add(key, episode))
  })
}

/** Holds every message of a key, now or later, until it ends; what still fires then is told. */
export async function silenceAlert(said: string, options: SilenceOptions): Promise<void> {
  await changeSilences('silence', options, (file, add) => {
    const pattern = silencePattern(
      file.states.map(({ key }) => key),
      said,
    )
    // Also one that does not fire yet: a person who knows of a trouble ahead.
    return pattern === null ? `there is no alert "${said}"; all of them are in docs/alerts.md` : [add(pattern, null)]
  })
}

export async function unsilenceAlert(said: string): Promise<void> {
  await changeFile('unsilence', (file, now) => {
    // A name alone was put down with a * behind it.
    const names = [said.toLowerCase(), `${said.toLowerCase()}*`]
    const isMeant = ({ id, match }: Silence) => String(id) === said || names.includes(match.toLowerCase())
    const ended = file.silences.filter(silence => silence.until > now && isMeant(silence))
    if (ended.length === 0) return { wrong: `nothing is silenced as "${said}"; look with: vigil alerts list` }
    const lines = ended.map(({ match }) => `${match} is told again from the next run on`)
    return { file: { ...file, silences: file.silences.filter(silence => !ended.includes(silence)) }, lines }
  })
}

async function changeSilences(
  kind: Silence['kind'],
  { for: length, note }: SilenceOptions,
  /** Text: what is wrong with what was said. */
  choose: (file: AlertsFile, add: (match: string, episode: number | null) => Silence) => Silence[] | string,
): Promise<void> {
  const lengthMs = durationMs(length)
  if (lengthMs === null) {
    fail(kind, `"${length}" is no duration; write a number up to 9999 and a unit, such as 30m, 4h or 2d`, WRONG_USAGE)
    return
  }
  await changeFile(kind, (file, now) => {
    let id = Math.max(0, ...file.silences.map(silence => silence.id))
    const until = now + lengthMs
    const made = choose(file, (match, episode) => {
      id += 1
      return { id, kind, match, episode, at: now, until, note }
    })
    if (typeof made === 'string') return { wrong: made }
    const words = `is ${kind === 'ack' ? 'acknowledged' : 'silenced'} until ${wallTime(until, { now, timeZone: undefined })}`
    // What was said of the same before is over.
    const isSame = (a: Silence) => (b: Silence) => a.kind === b.kind && a.match === b.match && a.episode === b.episode
    const others = file.silences.filter(silence => !made.some(isSame(silence)))
    return { file: { ...file, silences: [...others, ...made] }, lines: made.map(({ match }) => `${match} ${words}`) }
  })
}

/** Under the watchdog's lock, so that neither loses what the other writes. */
async function changeFile(
  command: string,
  change: (file: AlertsFile, now: number) => { file: AlertsFile; lines: string[] } | { wrong: string },
): Promise<void> {
  const { paths } = readEnvironment()
  const now = Date.now()
  for (const dir of [paths.health, paths.locks]) ensurePrivateDir(dir)
  const lock = await waitForLock(
    join(paths.locks, 'watchdog.lock'),
    { job: `alerts ${command}`, now },
    DELIVERY_TIMEOUT_MS,
  )
  if (!lock.held) {
    fail(command, 'the watchdog is at work for long; try again in a minute', TRY_LATER)
    return
  }
  try {
    const { file, corrupt, lost } = loadAlerts(paths, false, now)
    if (corrupt) {
      fail(command, `${lost}; the watchdog puts it aside with its next run: vigil run watchdog`, FAILED)
      return
    }
    const changed = change(file, now)
    if ('wrong' in changed) {
      fail(command, changed.wrong, WRONG_USAGE)
      return
    }
    await saveAlerts(paths, changed.file)
    // Only now is it so.
    for (const line of changed.lines) say(line)
  } finally {
    lock.release()
  }
}

/** One message through each channel, as an alert would go; nothing is remembered of it. */
export async function testChannels(): Promise<void> {
  const environment: Environment = readEnvironment()
  const now = Date.now()
  const { openDelivery, surroundingsOf } = await import('../lib/channels/index.ts')
  for (const dir of [environment.paths.health, environment.paths.logs]) ensurePrivateDir(dir)
  const { channels, mirrors, deadMan } = openDelivery(
    await loadDelivery(environment.paths),
    surroundingsOf(environment),
  )
  const context = { signal: AbortSignal.timeout(DELIVERY_TIMEOUT_MS), now }
  const runId = `test-${now}`
  const trials: Array<[string, Promise<SendResult>]> = [
    ...channels.map(
      channel => [channel.name, channel.send(testMessage(channel.name, now), context)] as [string, Promise<SendResult>],
    ),
    ...mirrors.map(mirror => [mirror.name, mirror.send([], context)] as [string, Promise<SendResult>]),
    ...(deadMan.watchdog
      ? [['dead_man.watchdog', deadMan.watchdog('success', runId, 'a test', context)] as [string, Promise<SendResult>]]
      : []),
  ]
  const width = Math.max(...trials.map(([name]) => name.length))
  for (const [name, trial] of trials) {
    const { outcome, detail } = await trial
    say(`${name.padEnd(width)}  ${outcome === 'retry' ? 'not now' : outcome}: ${detail}`)
    if (outcome === 'retry' || outcome === 'refused') process.exitCode = FAILED
  }
  // With a slip in vigil.yaml one may be missing here: what is wrong is thrown.
  await loadSettings(environment.paths, now, 'leave')
  if (trials.length === 0) fail('test', 'no channel is set up; README.md says how, under "Where alerts go"', FAILED)
}

function testMessage(channel: string, now: number): Message {
  const id = `Test#${Math.floor(now / 1000)}#f1@${channel}`
  const text = {
    summary: 'this is a test of vigil alerts test: nothing is wrong',
    details: [],
    remedy: 'vigil alerts list',
    affects: null,
  }
  const notice = {
    id,
    kind: 'firing' as const,
    key: 'Test',
    name: 'ChannelBroken' as const,
    labels: { channel },
    episode: 0,
    n: 1,
  }
  return {
    id,
    channel,
    severity: 'warning',
    notices: [{ ...notice, severity: 'warning', text, since: now, resolvedAt: null, lateMs: 0 }],
    now,
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(command: string, problem: string, code: number): void {
  process.stderr.write(`vigil alerts ${command}: ${problem}\n`)
  process.exitCode = code
}
