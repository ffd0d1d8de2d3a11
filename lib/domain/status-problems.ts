// What is wrong, in words for a person, each with the command that mends it. Pure.
import { shellPath } from './account.ts'
import { CLOCK_TOLERANCE_MS } from './freshness.ts'
import { inOneLine } from './job-state.ts'
import type { FreshFlagFinding } from './quota-cache.ts'
import type { RunRecord } from './run-record.ts'
import { SEVERITIES } from './severity.ts'
import type { Problem, StatusAccount, StatusBilling, StatusJob } from './status.ts'

const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** What brings new figures. */
export const FETCH_COMMAND = 'vigil run fetch-quota'
export const SCHEDULE = {
  details: ['vigil install sets up what starts it; what the shell said is in logs/cron.err'],
  remedy: 'vigil install',
}

/** Opens one of our files in the user's editor, in any shell. `shownPath` may begin with ~/. */
export function editCommand(shownPath: string): string {
  return `\${EDITOR:-vi} ${shellPath(shownPath)}`
}

/** A person's file that cannot be used: all its lines at once. */
export function fileProblem(about: 'settings' | 'registry', file: string, lines: string[], remedy: string): Problem {
  const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`
  const until = lines.length === 1 ? 'it is mended' : 'they are mended'
  const what = `${file} has ${count}, and no job works until ${until}`
  return { severity: 'critical', about, slot: null, what, details: lines, since: null, remedy }
}

/** One of our own files that is no good; the next run of the job that writes it mends it. */
export function cacheProblem(what: string, remedy: string | null = FETCH_COMMAND, slot: string | null = null): Problem {
  return { severity: 'warning', about: 'cache', slot, what, details: [], since: null, remedy }
}

/** `is_fresh: true` beside old figures: no reader of ours believes it, but one of another make may. */
export function falseFreshProblems(findings: readonly FreshFlagFinding[]): Problem[] {
  if (findings.length === 0) return []
  const lied = findings.some(finding => finding.kind === 'lied')
  const slots = findings.map(finding => finding.slot).join(', ')
  const how = lied ? 'the mark was false when it was written' : 'nothing has merged the figures since'
  return [cacheProblem(`merged-quota-cache.json calls old figures fresh (${slots}): ${how}`)]
}

const INACTIVE_WORDS: Record<string, string> = {
  session_expired: 'logged out: the login is over',
  refresh_interrupted: 'logged out: a refresh was cut off, and the login did not survive it',
  copied_login: 'logged out: it holds a token that was used up elsewhere',
  logged_out: 'logged out: Claude Code has no login here any more',
  no_login: 'no login: the config directory holds none',
  token_expired: 'logged out: a token that cannot be refreshed has run out',
}

/** Why an account needs a person. */
export function inactiveWords(reason: string | null): string {
  return INACTIVE_WORDS[reason ?? ''] ?? 'logged out'
}

export interface AccountFacts {
  account: Omit<StatusAccount, 'remedy'>
  /** The command that logs it in again. */
  login: string
}

export function accountProblems(
  { account, login }: AccountFacts,
  context: { now: number; allInactive: boolean; fetchJob: StatusJob | undefined },
): Problem[] {
  const problem = (
    rest: Pick<Problem, 'severity' | 'what' | 'since' | 'remedy'> & { details?: string[] },
  ): Problem => ({
    about: 'account',
    slot: account.slot,
    details: [],
    ...rest,
  })
  if (account.standing === 'paused') return []
  if (account.standing === 'inactive') {
    const what = inactiveWords(account.reason)
    return [
      problem({ severity: context.allInactive ? 'critical' : 'warning', what, since: account.since, remedy: login }),
    ]
  }
  const problems: Problem[] = []
  const ending = endingSeverity(account.login_ends_at, context.now)
  if (ending !== null) {
    const what = endingWords(account.login_ends_at! - context.now)
    problems.push(problem({ severity: ending, what, since: null, remedy: login }))
  }
  const { state } = account.freshness
  if ((state === 'unreliable' || state === 'absent') && fetches(context.fetchJob)) {
    const stale = staleFigures(account, login)
    problems.push(problem({ severity: 'warning', ...stale }))
  }
  return problems
}

/** An account whose figures are too old to count on, or were never measured. */
export function staleFigures(
  account: AccountFacts['account'],
  login: string,
): Pick<Problem, 'what' | 'since' | 'details' | 'remedy'> {
  const { last_attempt: attempt, next_request_not_before: waitUntil } = account
  const needsLogin = ['no_profile_scope', 'unauthorized', 'no_token'].includes(attempt?.outcome ?? '')
  const future = account.freshness.age_ms !== null && account.freshness.age_ms < -CLOCK_TOLERANCE_MS
  const none = account.freshness.state === 'absent' ? 'it has no figures yet' : 'it gets no new figures'
  return {
    what: future ? 'its figures are dated in the future: a clock is or was wrong' : none,
    since: future ? null : account.measured_at,
    details: attempt && attempt.outcome !== 'ok' ? [`last try: ${attempt.reason}`] : [],
    remedy: needsLogin ? login : waitUntil === null ? FETCH_COMMAND : null,
  }
}

/** Old figures are a fact of their own only where the job that fetches them does its work. */
function fetches(job: StatusJob | undefined): boolean {
  return job === undefined || job.state === 'ok' || (job.state === 'running' && job.streak?.kind !== 'failed')
}

/** A week, three days and a day ahead: as the alerts of the same name. */
function endingSeverity(endsAt: number | null, now: number): Problem['severity'] | null {
  if (endsAt === null) return null
  const leftMs = endsAt - now
  if (leftMs <= DAY_MS) return 'critical'
  if (leftMs <= 3 * DAY_MS) return 'warning'
  return leftMs <= 7 * DAY_MS ? 'info' : null
}

export function endingWords(leftMs: number): string {
  return leftMs <= 0 ? 'the end of its login has passed' : `its login ends in ${roughSpan(leftMs)}`
}

function roughSpan(ms: number): string {
  const [count, unit] = ms >= 2 * DAY_MS ? [Math.floor(ms / DAY_MS), 'day'] : [Math.floor(ms / HOUR_MS), 'hour']
  return count === 0 ? 'less than an hour' : `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** @param settingsWrong then a job that failed for that very reason needs no second word */
export function jobProblems(
  jobs: ReadonlyArray<{ job: StatusJob; record: RunRecord | null }>,
  settingsWrong: boolean,
): Problem[] {
  const states = jobs.map(({ job }) => job.state)
  const about = { about: 'job', slot: null } as const
  if (jobs.length > 1 && states.every(state => state === 'never')) {
    return [{ ...about, severity: 'warning', what: 'no job has run yet', since: null, ...SCHEDULE }]
  }
  if (jobs.length > 1 && states.every(state => state === 'never' || state === 'overdue')) {
    const last = Math.max(...jobs.map(({ job }) => job.last_started_at ?? 0))
    return [{ ...about, severity: 'critical', what: 'nothing starts the jobs any more', since: last, ...SCHEDULE }]
  }
  return jobs.map(({ job, record }) => jobProblem(job, record, settingsWrong)).filter(problem => problem !== null)
}

function jobProblem(job: StatusJob, record: RunRecord | null, settingsWrong: boolean): Problem | null {
  const mine = { about: 'job', slot: null, severity: 'warning', details: [], remedy: `vigil run ${job.job}` } as const
  switch (job.state) {
    case 'never':
      return { ...mine, what: `${job.job} has never run`, since: null, ...SCHEDULE }
    case 'overdue':
      return { ...mine, what: `${job.job} is overdue: ${job.reason}`, since: job.last_success_at, ...SCHEDULE }
    case 'killed':
      return { ...mine, details: [], what: `${job.job} was killed in the middle of a run`, since: job.last_started_at }
    case 'failing':
    case 'running':
      if (job.streak?.kind !== 'failed' || (settingsWrong && record?.failure === 'settings')) return null
      return { ...mine, ...failure(job, record), since: job.streak.since }
    case 'ok':
      return null
  }
}

/** Every account that failed by name, for one must not hide the others; else the reason's own lines. */
export function failure(job: StatusJob, record: RunRecord | null): Pick<Problem, 'severity' | 'what' | 'details'> {
  const { count } = job.streak!
  const times = count === 1 ? 'failed in its latest run' : `failed ${count} times in a row`
  const failed = Object.entries(record?.accounts ?? {}).filter(([, result]) => result.failure !== null)
  const lines = record?.outcome === 'running' || record?.outcome === 'crashed' ? [] : job.reason.split('\n').slice(1)
  const details =
    failed.length > 0 ? failed.map(([slot, result]) => `${slot}: ${result.reason}`) : lines.map(line => line.trim())
  const why = failed.length > 0 || job.state === 'running' ? '' : `: ${inOneLine(job.reason)}`
  const mendsItself = record?.failure === 'temporary' || record?.failure === 'network'
  return { severity: mendsItself && count < 3 ? 'info' : 'warning', what: `${job.job} ${times}${why}`, details }
}

/** The worst first; otherwise in the order in which they were found. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity))
}

export function staleBilling({ measured_at, last_attempt: attempt }: StatusBilling): string {
  const what = measured_at === null ? 'what was spent is not known' : 'the billing figures are too old to count on'
  return attempt && attempt.outcome !== 'ok' ? `${what}: ${attempt.reason}` : what
}

/** Old figures are told here only while their job runs well: else that is the trouble, and it is told already. */
export function billingProblems(
  billing: StatusBilling,
  { now, jobRuns, command }: { now: number; jobRuns: boolean; command: string },
): Problem[] {
  const problems: Problem[] = []
  const old = billing.freshness.state === 'unreliable' || billing.freshness.state === 'absent'
  if (old && jobRuns) {
    problems.push({
      ...cacheProblem(staleBilling(billing), command),
      since: billing.measured_at === null || billing.measured_at > now ? null : billing.measured_at,
    })
  }
  if (billing.unpriced_models.length > 0) {
    const models = billing.unpriced_models.join(', ')
    problems.push({
      ...cacheProblem(`ccusage has no price for ${models}, so the cost is higher than shown`, null),
      severity: 'info',
    })
  }
  return problems
}
