// What a status line does besides printing, after it has printed: remembers the session's figures, notes its health, starts
// what is due. Loaded only where there is something to do. Whatever is cut off in between leaves whole files and no lock.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openNew,
  readdirSync,
  renameSync,
  stagingName,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeFully,
} from '../edges/fs.ts'
import { redact, redactedJson } from '../edges/redact.ts'
import { logPath, type Paths } from '../paths.ts'
import { CRON_PERIOD_MS, JOB_DEADLINE_MS, type JobName, MINUTE_MS, TERM_GRACE_MS } from '../timings.ts'
import {
  fieldsOf,
  folderOf,
  type Gathered,
  gitPath,
  harvestPath,
  healthPath,
  isHealthDue,
  momentOf,
  numberIn,
  readLoosely,
  sessionOf,
  wordOf,
} from './glance.ts'

export interface Afterwards {
  paths: Paths
  gathered: Gathered
  input: unknown
  now: number
}

/** A script of ours that is to be started and not waited for. */
export interface Start {
  /** Below the repository's root. */
  script: string
  words: string[]
  /** Takes its stdout and stderr. */
  outputPath: string
  sessionId: string | null
}

type Step = (context: Afterwards) => Start | null

/** Each for itself: one that cannot be done hides no other, and nothing here ever reaches a person's screen. */
export function doAfterwards(context: Afterwards): Start[] {
  const { gathered } = context
  const starts: Start[] = []
  const steps: Step[] = [keepHarvest, keepHealth, refreshGit, kick]
  for (const step of steps) {
    try {
      const start = step(context)
      if (start !== null) starts.push(start)
    } catch (error) {
      gathered.troubles.push(`${step.name}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
    }
  }
  if (gathered.troubles.length > 0) noteTroubles(context)
  return starts
}

/** fetch-quota takes it from here into the account's slot: one writer there, and no lock for us to wait for. */
function keepHarvest({ paths, gathered: { harvest } }: Afterwards): null {
  if (!harvest?.isNew) return null
  const { sessionId, configDir, answer, measuredAt, windows } = harvest
  const shown = { five_hour: bare(windows.five_hour), seven_day: bare(windows.seven_day) }
  put(harvestPath(paths, sessionId), { schema: 1, sessionId, configDir, measuredAt, answer, windows: shown })
  return null
}

function bare(window: { usedPercent: number; resetsAt: number | null } | null) {
  return window && { usedPercent: window.usedPercent, resetsAt: window.resetsAt }
}

function keepHealth({ paths, gathered, input, now }: Afterwards): null {
  const told = fieldsOf(input)
  const sessionId = sessionOf(told)
  if (sessionId === null || !isHealthDue(paths, sessionId, now)) return null
  const { glance } = gathered
  put(healthPath(paths, sessionId), {
    schema: 1,
    session_id: sessionId,
    seen_at: now,
    slot: glance.account?.slot ?? null,
    model: glance.model,
    context_used_percent: glance.context && Math.round(glance.context.usedPercent),
    context_free_tokens: glance.context?.freeTokens ?? null,
    cost_usd: numberIn(fieldsOf(told['cost'])['total_cost_usd'], 0, 1e6),
    version: wordOf(told['version']),
    folder: shownFolder(folderOf(told), paths.home),
  })
  return null
}

/** Its last part: where it lies is nobody's business, and the home folder is named after a person. */
function shownFolder(folder: string | null, home: string): string | null {
  if (folder === null || folder === home) return folder && '~'
  return wordOf(folder.replace(/\/+$/, '').split('/').at(-1))
}

/** Whole or not at all. Not synced: it is a cache, and a sync costs more than the line. */
function put(path: string, value: object): void {
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 })
  const staging = stagingName(path)
  try {
    const descriptor = openNew(staging, 0o600)
    try {
      writeFully(descriptor, Buffer.from(`${redactedJson(value)}\n`), 0)
    } finally {
      closeSync(descriptor)
    }
    renameSync(staging, path)
  } catch (error) {
    try {
      unlinkSync(staging)
    } catch {
      // It may never have existed.
    }
    throw error
  }
}

function refreshGit({ paths, gathered, input, now }: Afterwards): Start | null {
  const folder = folderOf(fieldsOf(input))
  if (!gathered.gitDue || folder === null || !isGitAskable(paths, folder, now)) return null
  const path = gitPath(paths, folder)
  // A time, not a lock: it holds nobody for longer than until the next one is due.
  if (existsSync(path)) utimesSync(path, now / 1000, now / 1000)
  else put(path, { schema: 1, folder, measuredAt: now, branch: null, staged: 0, changed: 0 })
  return { script: 'cli/git-state.ts', words: [folder], outputPath: `${paths.logs}/git-state.err`, sessionId: null }
}

/** While one is on its way another would find out the same. */
const ASK_GIT_EVERY_MS = 10_000

function isGitAskable(paths: Paths, folder: string, now: number): boolean {
  const stat = statSync(gitPath(paths, folder), { throwIfNoEntry: false })
  return stat === undefined || Math.abs(now - stat.mtimeMs) >= ASK_GIT_EVERY_MS
}

export type KickDecision =
  | { do: 'kick'; job: JobName }
  | {
      do: 'leave'
      reason: 'nothing is stale' | 'jobs never ran' | 'a job is at it' | 'it is not due' | 'the account is inactive'
    }

/** @param records run records as they were read, by job */
export function decideKick(
  gathered: Pick<Gathered, 'glance' | 'sources' | 'billingMark'>,
  records: Record<'fetch-quota' | 'fetch-billing', unknown>,
  now: number,
): KickDecision {
  const { glance, sources, billingMark } = gathered
  const isQuotaOld = glance.fiveHour.mark !== 'fresh' && glance.weekly.mark !== 'fresh' && glance.account !== null
  const isActive = glance.account?.standing === 'active'
  const wanted: JobName[] = []
  if (isQuotaOld && isActive && sources.includes('oauth')) wanted.push('fetch-quota')
  if (billingMark !== 'fresh') wanted.push('fetch-billing')
  if (wanted.length === 0)
    return { do: 'leave', reason: isQuotaOld && !isActive ? 'the account is inactive' : 'nothing is stale' }
  let reason: Extract<KickDecision, { do: 'leave' }>['reason'] = 'jobs never ran'
  for (const job of wanted) {
    const record = fieldsOf(records[job as 'fetch-quota' | 'fetch-billing'])
    const startedAt = momentOf(record['started_at'])
    if (startedAt === null) continue
    const agoMs = Math.abs(now - startedAt)
    if (record['outcome'] === 'running' && agoMs < JOB_DEADLINE_MS[job] + 2 * TERM_GRACE_MS) reason = 'a job is at it'
    // cron has its turn first: a kick is for when it does not come.
    else if (agoMs < CRON_PERIOD_MS[job]) reason = 'it is not due'
    else return { do: 'kick', job }
  }
  return { do: 'leave', reason }
}

function kick({ paths, gathered, input, now }: Afterwards): Start | null {
  if (isKicked(paths, now)) return null
  const read = (job: JobName) => readLoosely(`${paths.runs}/${job}.json`, () => undefined)
  const records = { 'fetch-quota': read('fetch-quota'), 'fetch-billing': read('fetch-billing') }
  const decision = decideKick(gathered, records, now)
  if (decision.do === 'leave' || !claimKick(paths, now)) return null
  return {
    script: `jobs/${decision.job}.ts`,
    words: [],
    outputPath: logPath(paths, decision.job),
    sessionId: sessionOf(fieldsOf(input)),
  }
}

/** Of the present minute, without looking closer. */
function isKicked(paths: Paths, now: number): boolean {
  return statSync(`${paths.kicks}/${Math.floor(now / MINUTE_MS)}`, { throwIfNoEntry: false }) !== undefined
}

/**
 * One of all status lines of the machine gets it, and none within a minute of the last: made for the minute by O_EXCL, then
 * its neighbours are looked at, so that of two at a minute's edge at least one sees the other.
 */
export function claimKick(paths: Paths, now: number): boolean {
  mkdirSync(paths.kicks, { recursive: true, mode: 0o700 })
  const minute = Math.floor(now / MINUTE_MS)
  try {
    closeSync(openNew(`${paths.kicks}/${minute}`, 0o600))
  } catch {
    return false // Another one has it, or nobody can.
  }
  let free = true
  for (const name of readdirSync(paths.kicks)) {
    if (name === String(minute)) continue
    const path = `${paths.kicks}/${name}`
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat !== undefined && Math.abs(now - stat.mtimeMs) < MINUTE_MS) free = false
    else if (stat !== undefined && now - stat.mtimeMs > 10 * MINUTE_MS) unlinkSync(path)
  }
  return free
}

const LOG_EVERY_MS = MINUTE_MS
const LOG_MOST_BYTES = 256 * 1024

/** A line a minute at most; what is wrong for hours is not told thousands of times, and the log never fills a disk. */
function noteTroubles({ paths, gathered, now }: Afterwards): void {
  try {
    const path = logPath(paths, 'statusline')
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat !== undefined && Math.abs(now - stat.mtimeMs) < LOG_EVERY_MS) return
    const message = redact([...new Set(gathered.troubles)].join('; ')).slice(0, 2000)
    const line = redactedJson({ time: new Date(now).toISOString(), level: 'warn', message }, ['time', 'level'])
    writeFileSync(path, `${line}\n`, {
      mode: 0o600,
      flag: stat !== undefined && stat.size > LOG_MOST_BYTES ? 'w' : 'a',
    })
  } catch {
    // Neither the line nor its reader may suffer for a log; logs/ is not there before the first job.
  }
}
