// Whether the jobs are started, by whom, and how they fare. Pure.
import { inOneLine } from '../domain/job-state.ts'
import type { StatusJob } from '../domain/status.ts'
import type { Finding } from './finding.ts'

export interface SeenSchedule {
  /** Which schedulers start our jobs. */
  by: readonly string[]
  /** The checkouts that the schedule leads to, `~` for the home, and whether each is there. */
  roots: ReadonlyArray<{ shown: string; isThere: boolean; isThis: boolean }>
  cronRuns: boolean
}

export function checkSchedule({ by, roots, cronRuns }: SeenSchedule): Finding[] {
  const found = (severity: Finding['severity'], what: string, evidence: string, remedy = 'vigil install'): Finding => ({
    check: 'schedule',
    severity,
    what,
    evidence,
    remedy,
  })
  if (by.length === 0) return [found('error', 'nothing starts the jobs', 'no line of ours in cron, launchd or systemd')]
  const findings: Finding[] = []
  for (const { shown, isThere, isThis } of roots) {
    if (!isThere) findings.push(found('error', 'the schedule leads to a checkout that is gone', shown))
    else if (!isThis) findings.push(found('warning', 'the schedule leads to another checkout than this one', shown))
  }
  if (by.length > 1) findings.push(found('warning', 'more than one scheduler starts the jobs', by.join(' and ')))
  if (by.includes('cron') && !cronRuns)
    findings.push(found('error', 'no cron runs on this machine', 'no such process', 'sudo service cron start'))
  return findings
}

export function checkRuns(jobs: readonly StatusJob[]): Finding[] {
  if (jobs.length > 1 && jobs.every(({ state }) => state === 'never')) {
    const evidence = 'no run left a record'
    return [{ check: 'runs', severity: 'warning', what: 'no job has ever run', evidence, remedy: 'vigil install' }]
  }
  return jobs.flatMap(({ job, state, reason }): Finding[] => {
    if (state === 'ok' || state === 'running') return []
    const severity = state === 'failing' || state === 'overdue' ? 'error' : 'warning'
    const remedy = state === 'failing' || state === 'killed' ? `vigil log ${job}` : `vigil run ${job}`
    return [{ check: 'runs', severity, what: `${job} is not well: ${state}`, evidence: inOneLine(reason), remedy }]
  })
}

/** Programs that renew Claude Code's logins by themselves, without its locks; each by a part of its command line. */
const RIVALS =
  /(?:^|[/ ])(ccflare|claude-swap|cc-switch|claude-relay-service|claude-token-refresh(?:er)?|claude-oauth-refresh|codexbar|claudebar)(?:[ /.]|$)/i

/** @param commands of all processes of this user */
export function checkRivals(commands: readonly string[]): Finding[] {
  const names = new Set(commands.flatMap(command => RIVALS.exec(command)?.[1]?.toLowerCase() ?? []))
  return [...names].map(name => ({
    check: 'rivals',
    severity: 'warning',
    what: `${name} is running, which may renew the same logins: whoever comes second is logged out`,
    evidence: 'it is in the list of processes',
    remedy: `end it, or let it alone do that: refresh: off in vigil.yaml`,
  }))
}
