// One account's local spend by ccusage. A narrow run reads only what can have changed since the last full run; wherever it
// is not certain to give the figures of the whole, the whole is read. Each local day begins with a full run that audits the
// narrow one beside it. Only one at a time may work in a folder; that is the caller's job.
import { join } from 'node:path'
import type { CcusageProgram, NoFigures, Usage } from '../domain/ccusage.ts'
import {
  beginsAtCut,
  type Compared,
  comparable,
  contains,
  DAYS_KEPT,
  type LocalSpend,
  localDate,
  narrowCut,
  shiftDate,
  spendOf,
  startOfLocalDay,
} from '../domain/spend.ts'
import { ensurePrivateDir, rmSync, statSync } from '../edges/fs.ts'
import { askBlocks, askDaily } from '../sources/ccusage.ts'
import { findCcusage } from '../sources/ccusage-program.ts'
import { pointAt } from '../store/narrow-folder.ts'
import type { LogFields, LogLevel } from '../store/runs.ts'
import { readSpendState, type SpendState, saveSpendState } from '../store/spend-state.ts'
import { isSame, listTranscripts } from '../store/transcripts.ts'
import { doubtOf, type Ground, narrowConfigDir, surveyed, takeIn } from './narrow-history.ts'

export interface SpendOptions {
  /** The account's slot, for the log. */
  key: string
  /** Its projects/, as a real path. */
  projectsDir: string
  /** A folder of ours for this account alone. */
  workDir: string
  now: number
  zone: string
  /** For everything together. */
  deadlineMs: number
  signal: AbortSignal
  log: (level: LogLevel, message: string, fields?: LogFields) => void
  force?: 'full'
  /** Where ccusage is looked for when node_modules has none. */
  searchPath?: string
  program?: CcusageProgram
  /** The file of the leash that ccusage is put on; what was left on it is ended by the caller. */
  leash?: string
  /** A history smaller than this is always read whole. */
  narrowFromBytes?: number
}

/** Two measurements of the same, by a narrow and by a full run. */
interface Audit {
  equal: boolean
  narrow: Compared
  full: Compared
}

export interface Measured {
  kind: 'figures'
  spend: LocalSpend
  mode: 'narrow' | 'full'
  /** Why it was a full run; of a narrow one, what it stands on. */
  reason: string
  files: { read: number; of: number }
  bytes: { read: number; of: number }
  /** null = nothing was there to compare. */
  audit: Audit | null
}

export type SpendResult = Measured | NoFigures

/** Reading so much twice costs 0.1 CPU-s; knowing what may be left out is hardly cheaper. */
const NARROW_FROM_BYTES = 16 * 1024 * 1024
const LARGEST_STDERR_BYTES = 256 * 1024

export async function measureSpend(options: SpendOptions): Promise<SpendResult> {
  const { projectsDir, workDir, now, zone, log, key } = options
  const program = options.program ?? findCcusage(options.searchPath ?? '')
  if (program.kind !== 'found') return program
  const seen = listTranscripts(projectsDir)
  if (!seen) return { kind: 'noLogs', reason: 'Claude Code has written no transcripts yet' }
  if (workDir.includes(','))
    return { kind: 'failed', reason: `ccusage cannot be given a path with a comma: ${workDir}` }
  prepare(workDir)
  const ground: Ground = {
    projectsDir,
    workDir,
    zone,
    day: localDate(now, zone),
    dayStartsAt: startOfLocalDay(now, zone),
    now,
    version: program.version,
    seen,
  }
  const ask = asker(options, program)
  const figures = (
    usage: Usage,
    mode: Measured['mode'],
    reason: string,
    known: Usage['days'],
    held = whole(ground),
  ) => ({
    kind: 'figures' as const,
    spend: spendOf(usage, known, now, zone),
    mode,
    reason,
    files: { read: held.files, of: seen.files.size },
    bytes: { read: held.bytes, of: seen.bytes },
    audit: null,
  })

  const state = stateOf(workDir, log, key)
  const small = seen.bytes < (options.narrowFromBytes ?? NARROW_FROM_BYTES)
  let doubt: { kind: string; reason: string } | null = small
    ? { kind: 'small', reason: 'the history is small' }
    : seen.unnameable > 0
      ? { kind: 'void', reason: `${seen.unnameable} names are no UTF-8` }
      : state
        ? doubtOf(state, ground)
        : { kind: 'void', reason: 'nothing is known of an earlier full run' }
  if (options.force && (doubt === null || doubt.kind === 'standing')) doubt = { kind: 'forced', reason: 'asked for' }

  let narrow: Usage | null = null
  if (state && (doubt === null || doubt.kind === 'newDay')) {
    const tried = await tryNarrow(state, ground, ask)
    if ('kind' in tried) return tried
    if ('usage' in tried) {
      narrow = tried.usage
      if (doubt === null) return figures(narrow, 'narrow', `the last full run holds`, state.days, tried)
    } else doubt ??= { kind: 'void', reason: tried.doubt }
  }

  pointAt(projectsDir, join(workDir, 'whole'))
  const usage = await ask(join(workDir, 'whole'))
  if ('kind' in usage) return usage
  const result: Measured = figures(usage, 'full', doubt!.reason, [])
  if (narrow && state) result.audit = auditOf(narrow, usage, state, ground)
  if (small) rmSync(narrowConfigDir(workDir), { recursive: true, force: true })
  else if (seen.unnameable === 0 && !(doubt!.kind === 'standing' && state?.standing?.kind === 'differs')) {
    try {
      result.audit = worse(result.audit, await rebuild(ground, usage, state, ask))
    } catch (error) {
      log('warn', `${key}: no narrow run is prepared: ${(error as Error).message}`)
    }
  }
  if (result.audit && !result.audit.equal) log('error', `${key}: narrow and full run of ccusage differ`)
  return result
}

type Ask = (configDir: string) => Promise<Usage | NoFigures>

/** Both lists, one after the other: side by side they cost the same, and twice the memory. */
function asker(options: SpendOptions, program: CcusageProgram): Ask {
  const { workDir, now, zone, signal, leash } = options
  const since = shiftDate(localDate(now, zone), 1 - DAYS_KEPT)
  const endsAt = performance.now() + options.deadlineMs
  return async configDir => {
    const run = () => ({
      program,
      configDir,
      workDir,
      signal,
      deadlineMs: endsAt - performance.now(),
      ...(leash && { leash: { path: leash, now } }),
    })
    const daily = await askDaily(run(), since, zone)
    if (daily.kind !== 'figures') return daily
    const blocks = await askBlocks(run())
    return blocks.kind === 'figures' ? { blocks: blocks.blocks, days: daily.days } : blocks
  }
}

async function tryNarrow(
  state: SpendState,
  ground: Ground,
  ask: Ask,
): Promise<{ usage: Usage; files: number; bytes: number } | { doubt: string } | NoFigures> {
  let held: Awaited<ReturnType<typeof takeIn>>
  try {
    held = await takeIn(state, ground)
  } catch (error) {
    return { doubt: (error as Error).message }
  }
  if ('doubt' in held) return held
  const usage = await ask(narrowConfigDir(ground.workDir))
  if ('kind' in usage) return usage
  return beginsAtCut(usage.blocks, state.cut) ? { usage, ...held } : { doubt: 'the first block after the cut is gone' }
}

/** Prepares narrow runs and lets one show at once that it gives the figures of the full run; else none is trusted today. */
async function rebuild(ground: Ground, full: Usage, before: SpendState | null, ask: Ask): Promise<Audit | null> {
  const cut = narrowCut(full.blocks, ground.dayStartsAt)
  if (!cut) return null
  const { state, repeats } = surveyed(ground, cut, full.days, before)
  if (state.standing) {
    const news = state.day !== before?.day || state.past.length !== before.past.length || !before.standing
    if (news) await saveSpendState(ground.workDir, state)
    return null
  }
  const tried = await tryNarrow(state, { ...ground, seen: listTranscripts(ground.projectsDir) ?? ground.seen }, ask)
  if ('kind' in tried) throw new Error(tried.reason)
  if ('doubt' in tried) throw new Error(tried.doubt)
  const audit = auditOf(full, tried.usage, state, ground)
  if (!audit.equal) {
    const reason = repeats ? 'messages from before the cut are repeated after it' : 'the narrow run differed today'
    state.standing = { kind: 'differs', reason }
  }
  await saveSpendState(ground.workDir, state)
  // A repeated message is a known reason, so it is no finding.
  return !audit.equal && repeats ? null : { equal: audit.equal, narrow: audit.full, full: audit.narrow }
}

/** @param earlier the one of the two that was measured first: where transcripts grew in between, it may hold less */
function auditOf(earlier: Usage, later: Usage, state: SpendState, ground: Ground): Audit {
  const narrow = comparable(earlier, state.cut, state.day)
  const full = comparable(later, state.cut, state.day)
  const same = contains(full, narrow, false) && contains(narrow, full, false)
  return { equal: same || (contains(full, narrow, true) && grew(ground)), narrow, full }
}

function worse(first: Audit | null, second: Audit | null): Audit | null {
  return first && (!first.equal || !second || second.equal) ? first : second
}

function grew(ground: Ground): boolean {
  const now = listTranscripts(ground.projectsDir)
  const same = (path: string) => {
    const [before, after] = [ground.seen.files.get(path), now?.files.get(path)]
    return before !== undefined && after !== undefined && isSame(before, after)
  }
  return now?.files.size !== ground.seen.files.size || ![...now.files.keys()].every(same)
}

function whole(ground: Ground): { files: number; bytes: number } {
  return { files: ground.seen.files.size, bytes: ground.seen.bytes }
}

function stateOf(workDir: string, log: SpendOptions['log'], key: string): SpendState | null {
  const reading = readSpendState(workDir)
  if (reading.state === 'corrupt') log('warn', `${key}: ccusage's state is corrupt and made anew: ${reading.detail}`)
  return reading.state === 'present' ? reading.value : null
}

function prepare(workDir: string): void {
  ensurePrivateDir(join(workDir, 'home'))
  const stderr = join(workDir, 'stderr.log')
  if ((statSync(stderr, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_STDERR_BYTES) rmSync(stderr)
}
