// What every job is: kernel lock -> start record -> deadline -> work -> end record -> exit code. The only reader of the
// clock. Each step is written so that a kill at any point leaves something for the watchdog to read.
import { join } from 'node:path'
import { type AccountResult, beginRecord, endRecord, judgeResults, type RunEnd } from './domain/run-record.ts'
import { ensurePrivateDir, makePrivate, NotDurableError, PublishError, statSync } from './edges/fs.ts'
import {
  isSameProcess,
  type LockHolder,
  type LockResult,
  monotonicMs,
  tryLock,
  waitForLock,
} from './edges/kernel-lock.ts'
import { redact } from './edges/redact.ts'
import { logPath, type Paths } from './paths.ts'
import { type Environment, loadSettings, readEnvironment, type Settings } from './settings.ts'
import { DEFAULT_SETTINGS, SettingsError } from './settings-defaults.ts'
import { appendLog, type LogFields, type LogLevel, readRunRecord, rotateIfDue, saveRunRecord } from './store/runs.ts'
import { JOB_DEADLINE_MS, type JobName, MINUTE_MS, TERM_GRACE_MS, VERSION, WATCHDOG_MISSING_MS } from './timings.ts'

/** What a job's work is handed. Everything is a value; nothing reaches for the environment by itself. */
export interface Run {
  job: JobName
  settings: Settings
  /** Why vigil.yaml cannot be used, for a job that runs all the same; null = it can. */
  settingsError: SettingsError | null
  paths: Paths
  environment: Environment
  /** When the run began, ms. Decisions take this one. */
  now: number
  /** When it was asked for: before `now` by as long as it waited for another run. */
  requestedAt: number
  /** Settles when the start stands on the disk: awaited before anything is done that cannot be undone. */
  begun: Promise<void>
  /** The time at this moment, ms: for stamping what was measured, never for deciding. */
  clock: () => number
  /** Aborted at the deadline and on SIGTERM, SIGINT and SIGHUP: begin nothing new. */
  signal: AbortSignal
  log: (level: LogLevel, message: string, fields?: LogFields) => void
  /** Puts down what became of one account. */
  report: (slot: string, result: AccountResult) => void
  /** Raises a counter of the run record. */
  count: (name: string, by?: number) => void
}

export interface JobOptions {
  /** Wait so long for another run of the job, to use what it brings, instead of leaving it at that; ms. */
  waitWhenBusyMs?: number
  /** Run without usable settings too, on the defaults: who tells people what is wrong must not be stopped by it. */
  evenWithoutSettings?: boolean
}

/** Runs a job from start to exit code. Never rejects. */
export async function runJob(job: JobName, work: (run: Run) => Promise<void>, options: JobOptions = {}): Promise<void> {
  const requestedAt = Date.now()
  process.umask(0o077)
  let environment: Environment
  try {
    environment = readEnvironment()
    const { paths } = environment
    for (const dir of [paths.health, paths.locks, paths.runs, paths.logs]) ensurePrivateDir(dir)
    makePrivate(paths.health)
  } catch (error) {
    complain(job, error)
    process.exitCode = error instanceof SettingsError ? 78 : isPermission(error) ? 77 : 1
    return
  }
  const log: Run['log'] = (level, message, fields) => {
    appendLog(logPath(environment.paths, job), Date.now(), level, message, fields)
    if (environment.echoLog && level !== 'debug') say(message)
  }
  try {
    const lock = await takeJobLock(job, environment, log, options.waitWhenBusyMs ?? 0)
    if (!lock.held) {
      const waited = options.waitWhenBusyMs ? `; waited ${options.waitWhenBusyMs / 1000} s for it` : ''
      log('info', `another run is at it: ${holderText(lock.holder)}${waited}`)
      if (options.waitWhenBusyMs) process.exitCode = 75
      return
    }
    try {
      rotateIfDue(logPath(environment.paths, job))
      const ran = await recordedRun(job, environment, log, work, requestedAt, options)
      if (job !== 'watchdog' && !environment.echoLog) await watchTheWatchdog(job, ran)
    } finally {
      lock.release()
    }
  } catch (error) {
    log('error', `${job} could not run: ${(error as Error).message}`)
    complain(job, error)
    process.exitCode = isPermission(error) ? 77 : 1
  }
  // Nothing is wanted any more of what the run left (a socket, a timer of work that went wrong), and taking the heap apart is
  // 1 ms of a start. Only what was said may still be on its way through a pipe.
  if (heard) setTimeout(leave, LINGER_MS).unref()
  else leave()
}

async function recordedRun(
  job: JobName,
  environment: Environment,
  log: Run['log'],
  work: (run: Run) => Promise<void>,
  requestedAt: number,
  options: JobOptions,
): Promise<Ran> {
  const { paths } = environment
  const now = Date.now()
  const previous = readRunRecord(paths.runs, job)
  if (previous.state === 'corrupt') log('warn', `the last run record was corrupt and is replaced: ${previous.detail}`)
  const runId = `${new Date(now).toISOString()}-${process.pid}`
  let record = beginRecord(previous.state === 'present' ? previous.value : null, {
    job,
    runId,
    pid: process.pid,
    version: VERSION,
    now,
  })
  const begun = saveRunRecord(paths.runs, record)
  begun.catch(() => undefined) // Awaited below, before anything is begun that counts; it must only not be unhandled.
  if (record.unfinished_before) log('warn', `the run before this one was killed: ${record.unfinished_before.run_id}`)

  const accounts: Record<string, AccountResult> = {}
  const counters: Record<string, number> = {}
  // What the system says of a file holds the whole path, and none belongs in a message.
  const { home } = paths
  const atHome = (text: string) => (home === '/' ? text : text.replaceAll(`${home}/`, '~/'))
  const finish = async (why: RunEnd): Promise<void> => {
    const end = { ...why, reason: atHome(why.reason) }
    record = endRecord({ ...record, accounts, counters }, end, Date.now())
    process.exitCode = end.exitCode
    log(end.outcome === 'ok' ? 'info' : 'error', `${job} ${end.outcome}: ${end.reason}`, { ms: Date.now() - now })
    if (end.outcome !== 'ok') complain(job, end.reason)
    // Never beside the start: the two would race for the file, and its failure is told by the end's own.
    await begun.catch(() => undefined)
    await saveRunRecord(paths.runs, record)
  }
  const stop = watchForStop(job, log)
  stop.onForced(end => finish(end))
  const ran: Ran = { run: null, previousStartedAt: previous.state === 'present' ? previous.value.started_at : null }
  try {
    const { settings, settingsError } = await settingsFor(paths, now)
    const run: Run = {
      job,
      settings,
      settingsError,
      paths,
      environment,
      now,
      requestedAt,
      begun,
      clock: Date.now,
      signal: stop.signal,
      log,
      report: (slot, result) => {
        accounts[slot] = { ...result, reason: atHome(redact(result.reason)) }
        log(result.failure ? 'warn' : 'info', `${slot} ${result.outcome}: ${result.reason}`, { slot })
      },
      count: (name, by = 1) => {
        counters[name] = (counters[name] ?? 0) + by
      },
    }
    ran.run = run
    if (settingsError !== null && !options.evenWithoutSettings) throw settingsError
    await work(run)
    await begun
    await finish(stop.end() ?? (settingsError ? endOfError(settingsError) : judgeResults(accounts)))
  } catch (error) {
    await finish(stop.end() ?? endOfError(error))
  } finally {
    stop.dispose()
  }
  return ran
}

interface Ran {
  /** null: it came to nothing. */
  run: Run | null
  /** When the run before this one began, ms; null = there was none. */
  previousStartedAt: number | null
}

/** Who watches the watchdog: each job at its end. */
async function watchTheWatchdog(job: JobName, { run, previousStartedAt }: Ran): Promise<void> {
  if (run === null || previousStartedAt === null || run.signal.aborted) return
  try {
    // The record was written a moment ago: then it ran, and what it says need not be read. It is a matter of half a millisecond.
    const writtenAt = statSync(join(run.paths.runs, 'watchdog.json'), { throwIfNoEntry: false })?.mtimeMs
    if (writtenAt !== undefined && Math.abs(run.now - writtenAt) <= MINUTE_MS) return
    const reading = readRunRecord(run.paths.runs, 'watchdog')
    const seenAt = reading.state === 'present' ? reading.value.started_at : null
    if (seenAt !== null && run.now - seenAt <= WATCHDOG_MISSING_MS) return
    const { tellWatchdogMissing } = await import('./flows/watchdog-missing.ts')
    await tellWatchdogMissing(run, { job, seenAt, previousStartedAt })
  } catch (error) {
    run.log('error', `that the watchdog is missing could not be told: ${(error as Error).message}`)
  }
}

async function settingsFor(paths: Paths, now: number): Promise<Pick<Run, 'settings' | 'settingsError'>> {
  try {
    return { settings: await loadSettings(paths, now), settingsError: null }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return { settings: DEFAULT_SETTINGS, settingsError: error }
  }
}

/** Deadline and signals: first ask (abort), then, after the grace, write the record and go. */
function watchForStop(job: JobName, log: Run['log']) {
  const controller = new AbortController()
  let end: RunEnd | null = null
  let forced: (end: RunEnd) => Promise<void> = async () => undefined
  let graceTimer: NodeJS.Timeout | undefined
  const ask = (why: RunEnd) => {
    if (end) return
    end = why
    log('warn', why.reason)
    controller.abort(new Error(why.reason))
    graceTimer = setTimeout(async () => {
      await forced(why).catch(error => complain(job, error))
      process.exitCode = why.exitCode
      leave()
    }, TERM_GRACE_MS)
  }
  const limitMs = JOB_DEADLINE_MS[job]
  const deadline = setTimeout(
    () =>
      ask({
        outcome: 'timeout',
        exitCode: 124,
        reason: `the deadline of ${limitMs / 1000} s passed`,
        failure: 'temporary',
      }),
    limitMs,
  )
  const onSignal = (signal: NodeJS.Signals) =>
    ask({ outcome: 'terminated', exitCode: 75, reason: `told to stop by ${signal}`, failure: 'temporary' })
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  // Not an end at once: another account's token may be under way just now, and its answer must still be stored.
  const onUncaught = (error: unknown) => ask(endOfError(error))
  process.on('uncaughtException', onUncaught)
  process.on('unhandledRejection', onUncaught)
  return {
    signal: controller.signal,
    end: () => end,
    onForced(handler: (end: RunEnd) => Promise<void>) {
      forced = handler
    },
    dispose() {
      clearTimeout(deadline)
      clearTimeout(graceTimer)
      for (const signal of signals) process.off(signal, onSignal)
      process.off('uncaughtException', onUncaught)
      process.off('unhandledRejection', onUncaught)
    },
  }
}

/**
 * The job's lock, or who has it. A holder that overstayed its deadline (hung, stopped) is ended first: a kernel lock dies
 * with its process, so nobody is ever locked out by a hang, and no lock is ever broken while its holder lives.
 */
async function takeJobLock(
  job: JobName,
  environment: Environment,
  log: Run['log'],
  waitMs: number,
): Promise<LockResult> {
  const path = join(environment.paths.locks, `${job}.lock`)
  const me = {
    job,
    session: environment.sessionId,
    now: Date.now(),
    overdueInMs: JOB_DEADLINE_MS[job] + 2 * TERM_GRACE_MS,
  }
  const first = tryLock(path, me)
  if (first.held) return first
  if (!(await isOverdue(first.holder))) {
    if (waitMs === 0) return first
    log('info', `waiting for another run: ${holderText(first.holder)}`)
    return waitForLock(path, me, waitMs)
  }
  for (const [signal, waitMs] of [
    ['SIGTERM', TERM_GRACE_MS + 1000],
    ['SIGKILL', 2000],
  ] as const) {
    log('warn', `ending a run that overstayed its deadline with ${signal}: ${holderText(first.holder)}`)
    try {
      process.kill(first.holder!.pid, signal)
    } catch {
      // Gone by itself: then the lock is free.
    }
    const next = await waitForLock(path, me, waitMs)
    if (next.held) return next
  }
  return tryLock(path, me)
}

/** How long what a finished run left behind may keep its process. */
const LINGER_MS = 1000

/** Only where the record is written: what a process still holds then is of no use to anybody. */
function leave(): void {
  process.exit()
}

async function isOverdue(holder: LockHolder | null): Promise<boolean> {
  if (holder?.overdueAtMonotonicMs == null || monotonicMs() < holder.overdueAtMonotonicMs) return false
  return isSameProcess(holder)
}

function holderText(holder: LockHolder | null): string {
  const session = holder?.session ? `, for session ${holder.session}` : ''
  return holder
    ? `${holder.job}, pid ${holder.pid}, since ${new Date(holder.since).toISOString()}${session}`
    : 'a run that has not said its name yet'
}

function endOfError(error: unknown): RunEnd {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof SettingsError) return { outcome: 'failed', exitCode: 78, reason, failure: 'settings' }
  if (isPermission(error)) return { outcome: 'failed', exitCode: 77, reason, failure: 'permission' }
  if (error instanceof PublishError || error instanceof NotDurableError)
    return { outcome: 'failed', exitCode: 1, reason, failure: 'disk' }
  return {
    outcome: 'crashed',
    exitCode: 1,
    reason: error instanceof Error ? (error.stack ?? reason) : reason,
    failure: 'bug',
  }
}

function isPermission(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')
}

/** cron keeps stderr in logs/cron.err; a job that failed says so there too, in case its own log is what failed. */
function complain(job: string, problem: unknown): void {
  say(`vigil ${job}: ${problem instanceof Error ? problem.message : String(problem)}`)
}

let heard = false

/** Looking at process.stderr alone costs a start 2 ms, so that is put off until there is something to say. */
function say(text: string): void {
  if (!heard) {
    heard = true
    // A closed terminal or pipe must not end a run in the middle of a refresh.
    process.stderr.on('error', () => undefined)
  }
  process.stderr.write(`${redact(text)}\n`)
}
