// What is wrong with the jobs: JobFailed, JobMissing, JobsAllMissing, WatchdogMissing.
import { type AlertName, alertKey, type Fact } from '../domain/alert.ts'
import { overdueAfterMs, roundSpan } from '../domain/job-state.ts'
import { failure, SCHEDULE } from '../domain/status-problems.ts'
import { CRON_PERIOD_MS, HOUR_MS, type JobName, MINUTE_MS, WATCHDOG_MISSING_MS } from '../timings.ts'
import { firstCycleAfter, hangsAfterMs } from './cycles.ts'
import { bad, ok, unknown } from './make-fact.ts'
import { lastAnswerAt } from './offline-facts.ts'
import type { SeenJob, Sight } from './sight.ts'

/** Of failures in a row. */
const FAILURES = 3
/** Of failures without a success between them: what is seldom started must not need three of them to be told. */
const FAILING_MS = 15 * MINUTE_MS

/** The watchdog tells of itself by running; what it could not deliver has alerts of its own. */
export function jobFacts(sight: Sight): Fact[] {
  const jobs = sight.jobs.filter(({ job }) => job.job !== 'watchdog')
  const missing = jobs.map(seen => jobMissing(seen, sight))
  return [
    ...jobs.map(seen => jobFailed(seen, sight)),
    ...missing,
    jobsAllMissing(missing, sight),
    watchdogMissing(sight),
  ]
}

/** In every other case another job tells it in the watchdog's place. */
function watchdogMissing({ gone }: Sight): Fact {
  if (gone === null || gone.until - gone.from <= WATCHDOG_MISSING_MS)
    return ok('WatchdogMissing', {}, 'the watchdog runs')
  return bad(
    'WatchdogMissing',
    {},
    {
      severity: 'critical',
      summary: 'the watchdog did not run, for the checkout or its node_modules were away; they are back',
      details: ['no job ran in that time; what is wrong by now is told as the jobs have their turn'],
      remedy: 'vigil status',
      affects: 'every other alert of that time',
      since: gone.from,
    },
  )
}

function jobFailed(seen: SeenJob, sight: Sight): Fact {
  const { job, record, trouble } = seen
  const labels = { job: job.job }
  if (trouble !== null) return unknown('JobFailed', labels, `runs/${job.job}.json is no good: ${trouble}`)
  if (record === null) return ok('JobFailed', labels, 'it has never run')
  const streak = failures(seen)
  if (streak === null) return ok('JobFailed', labels, 'its latest run went well')
  const { now } = sight
  const kind = record.failure
  const isSettings = kind === 'settings'
  // Asleep it failed at nothing: the time before counts no more.
  const failingMs = now - Math.max(streak.since, sight.awakeSince ?? 0)
  const enough = streak.count >= FAILURES || failingMs >= FAILING_MS || isSettings
  if (!enough)
    return ok('JobFailed', labels, `it failed ${streak.count === 1 ? 'once' : `${streak.count} times`} so far`)
  // What stood in its way is gone, and it could not show so yet.
  const mended = isMended(seen, sight)
  if (mended !== null) return isSeldom(job.job) ? ok('JobFailed', labels, mended) : unknown('JobFailed', labels, mended)
  const killed = job.state === 'killed'
  const shown = killed
    ? { ...job, reason: 'its latest run was killed', streak: { kind: 'failed' as const, ...streak } }
    : job
  const { what, details } = failure(shown, record)
  const alsoMutedBy = [
    ...(refusedFiles(seen) ? FILES.map(file => alertKey({ name: 'SettingsWrong', labels: { file } })) : []),
    ...(kind === 'network' ? [alertKey({ name: 'HostOffline', labels: {} })] : []),
    ...(killed ? [alertKey({ name: 'JobMissing', labels })] : []),
  ]
  return bad('JobFailed', labels, {
    severity: 'warning',
    summary: what,
    details,
    remedy: `vigil run ${job.job}`,
    affects: AFFECTED[job.job] ?? null,
    since: streak.since,
    alsoMutedBy,
  })
}

/** Failed runs in a row; the one that began and is gone counts. null = its latest run that ended went well. */
function failures({ job, record }: SeenJob): { count: number; since: number } | null {
  const before = record!.streak?.kind === 'failed' ? record!.streak : null
  if (job.state !== 'killed') return before
  return before ? { count: before.count + 1, since: before.since } : { count: 1, since: record!.started_at }
}

const FILES = ['vigil.yaml', 'claude-sessions.yaml']

const AFFECTED: Record<string, string> = {
  'refresh-tokens': 'logins are not renewed: each ends with its access token, within 8 h',
  'fetch-quota': 'the quota figures grow old',
  'fetch-billing': 'the billing figures grow old',
  failover: 'new sessions stay on the current account when it is used up',
  janitor: 'old logs and sessions are not taken away, and the disk fills slowly',
}

/** Its next turn is too far away to call it out of sight until then: that would be told of every laptop, each morning. */
function isSeldom(job: string): boolean {
  return CRON_PERIOD_MS[job as JobName] > HOUR_MS
}

function isFiring(name: AlertName, labels: Record<string, string>, { states }: Sight): boolean {
  return states.some(({ key, phase }) => key === alertKey({ name, labels }) && phase !== 'pending')
}

/** It refused a person's file, rather than something that one account needs a person for. */
function refusedFiles({ record }: SeenJob): boolean {
  if (record?.failure !== 'settings') return false
  return !Object.values(record.accounts).some(result => result.failure === 'settings')
}

function isMended(seen: SeenJob, sight: Sight): string | null {
  const { record, job } = seen
  if (record === null || record.ended_at === null || job.state === 'killed') return null
  if (refusedFiles(seen) && sight.settingsProblem === null && sight.registryProblem === null)
    return 'its settings can be used again; it has not run since'
  const slept = !isSeldom(job.job) && sight.awakeSince !== null && record.ended_at <= sight.awakeSince
  if (slept && sight.now < firstCycleAfter(job.job as JobName, sight.awakeSince))
    return 'the machine slept; it has not run since'
  const answeredAt = record.failure === 'network' ? lastAnswerAt(sight.jobs) : null
  if (answeredAt !== null && answeredAt > record.ended_at) return 'the network is there again; it has not run since'
  return null
}

/** Nothing starts it, or what started is gone. One that runs and fails is JobFailed. */
function jobMissing({ job, record, trouble }: SeenJob, sight: Sight): Fact {
  const name = job.job as JobName
  const labels = { job: name }
  const { now } = sight
  const periodMs = CRON_PERIOD_MS[name]
  const limitMs = overdueAfterMs(periodMs)
  if (trouble !== null) return unknown('JobMissing', labels, `runs/${name}.json is no good: ${trouble}`)
  const every = `it is due every ${roundSpan(periodMs)}`
  let found: { what: string; since: number | null } | null = null
  if (record === null) {
    if (now - sight.firstSeenAt <= limitMs) return ok('JobMissing', labels, `${name} has not had its first turn yet`)
    found = { what: `${name} has never run: ${every}`, since: sight.firstSeenAt }
  } else if (job.state === 'killed') {
    found = { what: `${name} was killed in the middle of a run`, since: record.started_at }
  } else if (job.state === 'overdue') {
    found = { what: `${name} is overdue: ${job.reason}`, since: job.last_success_at ?? record.started_at }
  } else if (job.state === 'running') {
    const forMs = now - record.started_at
    if (forMs > Math.max(limitMs, hangsAfterMs(name))) {
      const minutes = Math.round(forMs / MINUTE_MS)
      found = { what: `${name} hangs: its run began ${minutes} min ago and does not end`, since: record.started_at }
    } else if (record.unfinished_before !== null) {
      return unknown('JobMissing', labels, `the run of ${name} before this one was killed; this one is still at it`)
    }
  }
  if (found === null) return ok('JobMissing', labels, `${name} runs`)
  if (isSeldom(name) && now < firstCycleAfter(name, sight.awakeSince) && !isFiring('JobMissing', labels, sight))
    return ok('JobMissing', labels, `the machine slept, and ${name} has not had its turn since`)
  if (!isSeldom(name) && now < firstCycleAfter(name, sight.awakeSince))
    return unknown('JobMissing', labels, 'the machine slept, and the jobs have not all had their turn since')
  const scheduled = record !== null && job.state !== 'overdue'
  return bad('JobMissing', labels, {
    severity: 'warning',
    summary: found.what,
    details: scheduled ? [] : SCHEDULE.details,
    remedy: scheduled ? `vigil run ${name}` : SCHEDULE.remedy,
    affects: AFFECTED[name] ?? null,
    since: found.since,
  })
}

/** Only of those that are due within the hour: a daily one may have run well yesterday. */
function jobsAllMissing(missing: readonly Fact[], sight: Sight): Fact {
  const soon = missing.filter(({ labels }) => CRON_PERIOD_MS[labels['job'] as JobName] <= HOUR_MS)
  const runs = soon.find(({ verdict }) => verdict === 'ok')
  if (runs !== undefined || soon.length < 2)
    return ok('JobsAllMissing', {}, runs?.text.summary ?? 'there are no two jobs')
  if (soon.some(({ verdict }) => verdict === 'unknown'))
    return unknown('JobsAllMissing', {}, 'not of every job it can be said whether it runs')
  const starts = sight.jobs.filter(({ job }) => job.job !== 'watchdog').map(({ job }) => job.last_started_at ?? 0)
  const last = Math.max(...starts)
  return bad(
    'JobsAllMissing',
    {},
    {
      severity: 'critical',
      summary: last === 0 ? 'no job has ever run' : 'nothing starts the jobs any more',
      details: SCHEDULE.details,
      remedy: SCHEDULE.remedy,
      affects: 'logins are not renewed and no figure is measured',
      since: last === 0 ? sight.firstSeenAt : last,
    },
  )
}
