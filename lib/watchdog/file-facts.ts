// What is wrong with files and the place they are in: SettingsWrong, CacheCorrupt, DiskLow.
import { alertKey, type Fact } from '../domain/alert.ts'
import { falseFreshProblems, fileProblem } from '../domain/status-problems.ts'
import { bad, fewLines, ok, statesOf, unknown } from './make-fact.ts'
import type { FileProblem, SeenBilling, Sight } from './sight.ts'

/** All that Vigil writes in a month, logs included, is a few MB; with this little left, the next full log or core dump ends it. */
const LOW_BYTES = 50 * 1024 * 1024
/** File systems keep about this much for root, and slow down before it. */
const LOW_SHARE = 0.01

const MERGED = 'merged-quota-cache.json'
const BILLING = 'billing-shared.json'
/** A run takes this long at most from measuring to publishing, so a mark that is false for less proves nothing. */
const PUBLISH_MS = 60_000

export function fileFacts(sight: Sight): Fact[] {
  return [
    settingsWrong('settings', 'vigil.yaml', sight.settingsProblem),
    settingsWrong('registry', 'claude-sessions.yaml', sight.registryProblem),
    ...cacheCorrupt(sight),
    diskLow(sight),
  ]
}

function settingsWrong(about: 'settings' | 'registry', file: string, problem: FileProblem | null): Fact {
  if (problem === null) return ok('SettingsWrong', { file }, `${file} can be used`)
  const { what, details, remedy } = fileProblem(about, file, problem.lines, problem.remedy)
  return bad(
    'SettingsWrong',
    { file },
    {
      severity: 'critical',
      summary: what,
      details: fewLines(details),
      remedy,
      affects: 'every job: no login is renewed and no figure is measured',
    },
  )
}

function cacheCorrupt(sight: Sight): Fact[] {
  const { troubles, registryProblem, states } = sight
  const facts = troubles.map(({ file, what, remedy }) =>
    bad('CacheCorrupt', { file }, { severity: 'warning', summary: what, remedy, affects: 'what is read from it' }),
  )
  const marks = falseMarks(sight)
  for (const { file, summary, remedy } of marks) {
    if (troubles.some(trouble => trouble.file === file)) continue
    const affects = 'a status line of another make, which believes the mark'
    facts.push(bad('CacheCorrupt', { file }, { severity: 'warning', summary, remedy, affects }))
  }
  const judged = new Set(facts.map(alertKey))
  for (const { key, labels } of statesOf(states, 'CacheCorrupt')) {
    if (judged.has(key)) continue
    const file = labels['file'] ?? ''
    // Which files of accounts there are is not known then, so nobody looked at this one.
    const unseen = registryProblem !== null && /^(slots|logins)\//.test(file)
    facts.push(
      unseen
        ? unknown('CacheCorrupt', labels, 'claude-sessions.yaml cannot be used, so the files of accounts are not read')
        : ok('CacheCorrupt', labels, `${file} is good again, or not there any more`),
    )
  }
  return facts
}

/**
 * A fresh-flag beside old figures. One that was true when it was written and has outlived its figures is what a job that
 * stopped leaves, and JobMissing tells that; but not where the job has succeeded since: then nobody writes the cache.
 */
function falseMarks(sight: Sight): Array<{ file: string; summary: string; remedy: string }> {
  const marks = []
  const { now, settings, billing } = sight
  const since = (job: string) => sight.jobs.find(seen => seen.job.job === job)?.job.last_success_at ?? 0
  const findings = sight.falseFresh.filter(
    ({ kind, ageMs }) => kind === 'lied' || since('fetch-quota') > now - ageMs + settings.quota.freshForMs + PUBLISH_MS,
  )
  const [merged] = falseFreshProblems(findings)
  if (merged) marks.push({ file: MERGED, summary: merged.what, remedy: 'vigil run fetch-quota' })
  if (billing !== null && isFalselyFresh(billing, since('fetch-billing'))) {
    marks.push({ file: BILLING, summary: `${BILLING} calls old figures fresh`, remedy: 'vigil run fetch-billing' })
  }
  return marks
}

function isFalselyFresh({ cache, status, freshForMs }: SeenBilling, succeededAt: number): boolean {
  if (!cache.isFresh || status.freshness.state === 'fresh') return false
  if (cache.lastFetched === null) return true
  const falseFrom = cache.lastFetched + freshForMs + PUBLISH_MS
  return succeededAt > falseFrom || (cache.last_attempt?.at ?? 0) > falseFrom
}

function diskLow({ disk }: Sight): Fact {
  if (disk === null) return unknown('DiskLow', {}, 'the file system cannot be asked how much room it has')
  const { freeBytes, totalBytes } = disk
  const megabytes = Math.floor(freeBytes / 1024 / 1024)
  if (freeBytes >= LOW_BYTES && freeBytes >= totalBytes * LOW_SHARE)
    return ok('DiskLow', {}, `${megabytes} MB are free`)
  return bad(
    'DiskLow',
    {},
    {
      severity: 'warning',
      summary: `the disk of session-health is nearly full: ${megabytes} MB are left`,
      remedy: 'df -h ~/.claude/session-health',
      affects: 'new tokens cannot be stored on a full disk, so no login is renewed then',
    },
  )
}
