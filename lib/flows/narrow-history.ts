// Keeps the narrow folder and its state: what of the history a narrow run may leave out, as the last full run proved it, and
// whether that still holds. Every doubt is a reason for a full run. See narrowCut for why a cut gives the same figures.
import { join } from 'node:path'
import type { UsageDay } from '../domain/ccusage.ts'
import type { Cut } from '../domain/spend.ts'
import { syncNarrowFolder, type Wanted } from '../store/narrow-folder.ts'
import { isAmong, type Past, packIds, readRecent, type SpendState, saveRecent } from '../store/spend-state.ts'
import { type Inventory, idsAndLastTime, isSame, type Known, lookAt, type Seen } from '../store/transcripts.ts'

/** A transcript last written to so long before the cut cannot have an entry since, clocks and file systems being inexact. */
const MARGIN_MS = 60 * 60_000

/** A narrow run that reads more of the whole than this saves less than its own upkeep. */
const WORTH_SHARE = 0.75

/** One file with more than this is not looked through line by line in memory. */
const LARGEST_FILE_BYTES = 1 << 30

export interface Ground {
  projectsDir: string
  workDir: string
  zone: string
  day: string
  dayStartsAt: number
  now: number
  version: string
  seen: Inventory
}

export function narrowConfigDir(workDir: string): string {
  return join(workDir, 'narrow')
}

/** Why the last full run is no ground for a narrow one; null = it is. `newDay` alone still lets a narrow one be audited. */
export function doubtOf(
  state: SpendState,
  ground: Ground,
): { kind: 'newDay' | 'void' | 'standing'; reason: string } | null {
  const isVoid = (reason: string) => ({ kind: 'void' as const, reason })
  if (state.projectsDir !== ground.projectsDir) return isVoid('the account has another folder now')
  if (state.zone !== ground.zone) return isVoid(`the time zone is ${ground.zone} now, was ${state.zone}`)
  if (state.version !== ground.version) return isVoid('ccusage is another than at the last full run')
  if (ground.now < state.at) return isVoid('the clock was set back behind the last full run')
  if (state.day !== ground.day)
    return state.standing ? isVoid(`${ground.day} has begun`) : { kind: 'newDay', reason: `${ground.day} has begun` }
  return state.standing && { kind: 'standing', reason: state.standing.reason }
}

/**
 * Makes the narrow folder hold every transcript's entries since the cut, as they are now.
 * @returns a doubt in words, or how much the folder holds
 * @throws Error when a transcript vanishes meanwhile, or the disk refuses
 */
export async function takeIn(
  state: SpendState,
  ground: Ground,
): Promise<{ doubt: string } | { files: number; bytes: number }> {
  const { files } = ground.seen
  const remembered = new Set<string>()
  for (const past of state.past) {
    const doubt = changed(files.get(past[0]), pastMark(past))
    if (doubt) return { doubt: `a transcript from before the cut ${doubt}` }
    remembered.add(past[0])
  }
  const known = new Map(readRecent(ground.workDir, state).map(entry => [entry.path, entry]))
  for (const path of known.keys()) if (!files.has(path)) return { doubt: 'a transcript of late is gone' }
  const recent: Known[] = []
  const wanted: Wanted[] = []
  const newIds = new Set<number>()
  const since = { cutAt: state.cut.at, dayStartsAt: state.dayStartsAt }
  let moved = false
  for (const seen of files.values()) {
    if (remembered.has(seen.path)) continue
    let entry = known.get(seen.path) ?? null
    if (!entry || !isSame(seen, entry)) {
      if (seen.size > LARGEST_FILE_BYTES) return { doubt: 'a transcript is too large to be looked through' }
      const grown = !entry || (entry.ino === seen.ino && seen.size > entry.size)
      const look = grown ? lookAt(ground.projectsDir, seen, since, entry) : null
      if (!look) return { doubt: 'a transcript of late was rewritten' }
      if (look.beforeCut > 0) return { doubt: `${look.beforeCut} entries from before the cut were added` }
      if (look.beforeToday > 0) return { doubt: `${look.beforeToday} entries from before today were added` }
      for (const id of look.ids) newIds.add(id)
      entry = look.known
      moved = true
    }
    recent.push(entry)
    wanted.push({ seen, ranges: entry.ranges })
  }
  const earlier = [state.recentPastIds, ...state.past.map(past => past[5])]
  if (isAmong(newIds, earlier)) return { doubt: 'a message from before today was told again' }
  const held = syncNarrowFolder(ground.projectsDir, narrowConfigDir(ground.workDir), wanted)
  if (moved) await saveRecent(ground.workDir, state, recent)
  return held
}

/**
 * What a full run leaves for narrow ones, not yet trusted: every transcript on one side of the cut. What is known of
 * unchanged ones from the state before is kept, so that the whole history is looked through only once.
 * @returns `repeats`: a message stands on both sides of the cut. Mostly that is one whose lines were written across it; but
 *   where ccusage counts the one from before, the cut changes the figures
 * @throws Error when a transcript vanishes meanwhile
 */
export function surveyed(
  ground: Ground,
  cut: Cut,
  days: UsageDay[],
  before: SpendState | null,
): { state: SpendState; repeats: boolean } {
  const { projectsDir, seen } = ground
  const kept = new Map((before?.past ?? []).map(past => [past[0], past]))
  const state: SpendState = {
    schema: 1,
    id: crypto.randomUUID(),
    at: ground.now,
    projectsDir,
    zone: ground.zone,
    day: ground.day,
    dayStartsAt: ground.dayStartsAt,
    version: ground.version,
    standing: null,
    cut,
    days: days.filter(day => day.date < ground.day),
    past: [],
    recent: [],
    recentPastIds: '',
  }
  const recentFiles: Seen[] = []
  let recentBytes = 0
  const takeAsRecent = (file: Seen) => {
    recentFiles.push(file)
    recentBytes += file.size
  }
  const pointless = (reason: string) => {
    // What was looked through stays known for a day when it is worth it.
    const past = state.past.length > 0 ? state.past : [...kept.values()]
    return { state: { ...state, past, standing: { kind: 'pointless' as const, reason } }, repeats: false }
  }
  const old: Seen[] = []
  for (const file of seen.files.values()) {
    if (file.size > LARGEST_FILE_BYTES) return pointless('a transcript is too large to be looked through')
    if (file.mtimeMs >= cut.at - MARGIN_MS) takeAsRecent(file)
    else old.push(file)
  }
  const most = 'most of the history is of late'
  if (recentBytes > seen.bytes * WORTH_SHARE) return pointless(most)
  for (const file of old) {
    const past = kept.get(file.path)
    const known = past && !changed(file, pastMark(past)) ? past : pastOf(projectsDir, file)
    // A file may have been given an older time than its entries have.
    if (known[4] !== null && known[4] >= cut.at) takeAsRecent(file)
    else state.past.push(known)
  }
  if (recentBytes > seen.bytes * WORTH_SHARE) return pointless(most)
  const beforeCut: number[] = []
  const beforeToday: number[] = []
  const sinceCut = new Set<number>()
  for (const file of recentFiles) {
    const look = lookAt(projectsDir, file, { cutAt: cut.at, dayStartsAt: ground.dayStartsAt }, null)!
    for (const id of look.idsBeforeCut) beforeCut.push(id)
    for (const id of look.idsBeforeToday) beforeToday.push(id)
    for (const id of [...look.idsBeforeToday, ...look.ids]) sinceCut.add(id)
    state.recent.push(look.known)
  }
  state.recentPastIds = packIds([...new Set([...beforeCut, ...beforeToday])])
  return { state, repeats: isAmong(sinceCut, [packIds(beforeCut), ...state.past.map(past => past[5])]) }
}

function pastOf(projectsDir: string, file: Seen): Past {
  const { ids, lastAt } = idsAndLastTime(projectsDir, file)
  return [file.path, file.size, file.mtimeMs, file.ino, lastAt, packIds(ids)]
}

function pastMark(past: Past): { size: number; mtimeMs: number; ino: number } {
  return { size: past[1], mtimeMs: past[2], ino: past[3] }
}

function changed(seen: Seen | undefined, known: { size: number; mtimeMs: number; ino: number }): string | null {
  if (!seen) return 'is gone'
  return isSame(seen, known) ? null : 'was written to'
}
