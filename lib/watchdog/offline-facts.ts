// Whether the machine has a network, by what the jobs met: no request of our own is made for it.
import type { Fact } from '../domain/alert.ts'
import type { RunRecord } from '../domain/run-record.ts'
import { bad, ok, unknown } from './make-fact.ts'
import type { SeenJob, Sight } from './sight.ts'

/** The jobs that ask somebody over the network. */
const ASKING = ['refresh-tokens', 'fetch-quota']
/** One can be that upstream's own trouble of a moment. */
const PROOFS = 2

/**
 * What came back over the network, good or bad: then there is one. An outcome that is not here, such as `fresh`, needed no
 * request and tells nothing.
 */
const ANSWERED = ['ok', 'refreshed', 'ended', 'rate_limited', 'changed', 'no_profile_scope', 'unauthorized']

/** Two proofs that are independent: two accounts, two jobs, or two runs in a row; and nothing that came through since. */
export function hostOffline(sight: Sight): Fact {
  const asking = sight.jobs.filter(({ job }) => ASKING.includes(job.job))
  const failing = asking.filter(({ record }) => record !== null && proofsOf(record) > 0)
  const answeredAt = lastAnswerAt(sight.jobs)
  const unanswered = failing.filter(({ record }) => record!.ended_at! > (answeredAt ?? 0))
  const since = unanswered.filter(({ record }) => record!.ended_at! > (sight.awakeSince ?? 0))
  const proofs = since.reduce((sum, { record }) => sum + proofsOf(record!), 0)
  if (proofs >= PROOFS) {
    const jobs = since.map(({ job }) => job.job)
    const began = since.map(({ record }) => record!.streak?.since ?? record!.started_at)
    return bad(
      'HostOffline',
      {},
      {
        severity: 'info',
        summary: 'this machine has no network, as far as the jobs can tell',
        details: jobs.map(job => `${job} could not reach anybody`),
        affects: 'logins are not renewed and no quota is measured until it is back; nothing has to be done then',
        since: Math.min(...began),
      },
    )
  }
  // A run that is under way hides what the one before it met.
  const hidden = asking.some(({ record, job }) => record?.outcome === 'running' && job.streak?.kind === 'failed')
  // What was so before a sleep may be over.
  if (since.length < unanswered.length)
    return unknown('HostOffline', {}, 'the machine slept, and the jobs have not asked anybody since')
  if (hidden || asking.some(({ trouble }) => trouble !== null))
    return unknown('HostOffline', {}, 'a run is at it, or a run record cannot be read')
  return ok('HostOffline', {}, 'what the jobs asked for came through')
}

function proofsOf(record: RunRecord): number {
  if (record.ended_at === null || answers(record)) return 0
  const accounts = Object.values(record.accounts).filter(({ failure }) => failure === 'network').length
  if (accounts === 0 && record.failure !== 'network') return 0
  const inARow = record.streak?.kind === 'failed' ? record.streak.count : 1
  return Math.max(accounts, inARow, 1)
}

function answers(record: RunRecord): boolean {
  return Object.values(record.accounts).some(
    ({ outcome, failure }) => failure !== 'network' && ANSWERED.includes(outcome),
  )
}

/** When a run ended that got an answer over the network, ms; null = no latest run did. */
export function lastAnswerAt(jobs: readonly SeenJob[]): number | null {
  const times = jobs.flatMap(({ job, record }) =>
    ASKING.includes(job.job) && record !== null && record.ended_at !== null && answers(record) ? [record.ended_at] : [],
  )
  return times.length > 0 ? Math.max(...times) : null
}
