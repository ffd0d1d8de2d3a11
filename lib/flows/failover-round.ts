// One poll of failover: finish what was cut off, gather, decide, put down, and switch where that was decided.
import type { Hit } from '../domain/evidence.ts'
import { decideFailover, type FailoverDecision } from '../domain/failover.ts'
import type { Candidate, FailoverRules, FailoverState, Noted } from '../domain/failover-state.ts'
import { redact } from '../edges/redact.ts'
import type { Run } from '../job.ts'
import type { Settings } from '../settings.ts'
import { readRegistry } from '../store/accounts.ts'
import { loadFailover, removeStopFailures, saveFailover } from '../store/failover.ts'
import { appendHistory, type FailoverEntry } from '../store/history.ts'
import { gatherEvidence } from './gather-evidence.ts'
import { lookAtAccounts } from './look-at-accounts.ts'
import { newestFigures } from './newest-figures.ts'
import { pointAt } from './point-at.ts'
import { resumeSwitch, switchAccount } from './switch-account.ts'

export async function failoverRound(run: Run): Promise<void> {
  const { paths, settings, now } = run
  await resumeSwitch(run)
  const registry = await readRegistry(paths)
  if (registry === null) return run.log('info', 'there are no accounts yet')
  const { accounts } = registry
  const current = accounts.find(({ slot }) => slot === registry.current)
  if (current !== undefined) await pointAt(current, paths)
  const { state: before, trouble } = loadFailover(paths, now)
  if (trouble !== null) run.log('warn', `failover.json was no good and is put aside: ${trouble}`)
  const evidence = await gatherEvidence(accounts, current, before.read, run)
  const { facts } = await lookAtAccounts(accounts, { paths, settings, now })
  const newest = newestFigures(facts, run)
  const candidates: Candidate[] = facts.map(({ account: { slot, standing } }, n) => ({
    slot,
    standing,
    observation: newest[n] ?? null,
  }))
  const poll = { current: registry.current, accounts: candidates, hits: evidence.hits, now }
  const { state, noted, decision } = decideFailover(before, poll, rulesOf(settings))
  const after = { ...state, read: evidence.read }
  await run.begun
  remember(entriesOf(before, noted, decision, evidence.hits, now), run)
  if (isNew(before, after)) await saveFailover(paths, after)
  removeStopFailures(evidence.files)
  for (const { slot, event, reason } of noted) run.log('info', `${slot} ${event}: ${reason}`, { slot })
  run.log(decision.do === 'stay' ? 'info' : 'warn', `${decision.do} (${decision.code}): ${decision.reason}`)
  run.count(decision.do)
  if (decision.do !== 'swap' || run.signal.aborted) return
  const { from, to, reason, until, window } = decision
  const journal = { schema: 1 as const, id: `${now}-${from}-${to}`, phase: 'forward' as const, at: now, failure: null }
  await switchAccount({ ...journal, from, to, reason, until, window }, run)
}

function rulesOf({ failover, quota }: Pick<Settings, 'failover' | 'quota'>): FailoverRules {
  const { strategy, levels, levelsOf, cooldownMs, priority } = failover
  return { strategy, levels, levelsOf, cooldownMs, priority, freshness: quota }
}

/** A time that moves with every poll is no news. */
function isNew(before: FailoverState, after: FailoverState): boolean {
  return JSON.stringify({ ...before, polledAt: null }) !== JSON.stringify({ ...after, polledAt: null })
}

/** Every hit, everything noticed, and every decision that is another one than before. */
function entriesOf(
  before: FailoverState,
  noted: readonly Noted[],
  decision: FailoverDecision,
  hits: readonly Hit[],
  now: number,
): FailoverEntry[] {
  const told = hits.map(hit => ({
    at: hit.at,
    id: `${hit.at}-${hit.source}-${hit.session ?? ''}`,
    event: 'hit',
    slot: hit.slot,
    reason: `${hit.source}: ${hit.rule}`,
    detail: redact(JSON.stringify(hit)),
  }))
  const seen = noted.map(({ event, slot, reason }, n) => ({
    at: now,
    id: `${now}-${n}`,
    event,
    slot,
    reason,
    detail: null,
  }))
  const { standing } = before
  if (standing?.do === decision.do && standing.code === decision.code && standing.reason === decision.reason)
    return [...told, ...seen]
  const slot = decision.do === 'swap' ? decision.to : ''
  const event = `${decision.do} ${decision.code}`
  return [...told, ...seen, { at: now, id: `${now}`, event, slot, reason: decision.reason, detail: null }]
}

function remember(failover: FailoverEntry[], run: Run): void {
  try {
    const aside = appendHistory(run.paths.history, { figures: [], runs: [], alerts: [], failover }, run.now)
    if (aside !== null) run.log('warn', 'history.sqlite was broken; it is put aside and begun anew')
  } catch (error) {
    run.log('warn', `the history could not be written: ${(error as Error).message}`)
    run.count('history_failures')
  }
}
