// What failover remembers, the switch that is under way, and what the StopFailure hook was told.
import { join } from 'node:path'
import { Hit } from '../domain/evidence.ts'
import { FailoverState, NO_FAILOVER } from '../domain/failover-state.ts'
import { SwitchJournal } from '../domain/switch.ts'
import {
  ensurePrivateDir,
  type JsonReading,
  publish,
  readdirSync,
  readJson,
  removeDurably,
  renameSync,
  unlinkSync,
} from '../edges/fs.ts'
import { redactedJson } from '../edges/redact.ts'
import type { Paths } from '../paths.ts'

/** More than this in a minute tells nothing new: a hook must not fill a disk. */
const MOST_STOP_FAILURES = 200

/** @throws Error for what is no matter of content */
export function readFailover(paths: Paths): JsonReading<FailoverState> {
  return readJson(paths.failover, FailoverState)
}

/** What is remembered; a file that is no good is put aside, for to forget a cooldown is better than to stop for ever. */
export function loadFailover(paths: Paths, now: number): { state: FailoverState; trouble: string | null } {
  const reading = readFailover(paths)
  if (reading.state === 'present') return { state: reading.value, trouble: null }
  if (reading.state === 'absent') return { state: NO_FAILOVER, trouble: null }
  renameSync(paths.failover, `${paths.failover}.broken-${now}`)
  // The cooldown begins anew: nobody knows when the last switch was.
  return { state: { ...NO_FAILOVER, lastTryAt: now }, trouble: reading.detail }
}

export async function saveFailover(paths: Paths, state: FailoverState): Promise<void> {
  await publish(paths.failover, `${JSON.stringify(state)}\n`, { durable: true, blocking: true })
}

export function readSwitch(paths: Paths): JsonReading<SwitchJournal> {
  return readJson(paths.switching, SwitchJournal)
}

export async function saveSwitch(paths: Paths, journal: SwitchJournal): Promise<void> {
  await publish(paths.switching, `${JSON.stringify(journal)}\n`, { durable: true, blocking: true })
}

export async function clearSwitch(paths: Paths): Promise<void> {
  await removeDurably(paths.switching, true)
}

/** One file a call, so that no writer waits for another and none is lost when they are taken. */
export async function addStopFailure(paths: Paths, hit: Hit, pid: number): Promise<'added' | 'full'> {
  ensurePrivateDir(paths.stopFailures)
  if (readdirSync(paths.stopFailures).length >= MOST_STOP_FAILURES) return 'full'
  await publish(join(paths.stopFailures, `${hit.at}-${pid}.json`), `${redactedJson(hit)}\n`)
  return 'added'
}

/** What is there, with the files that are to be removed once it is remembered. */
export function readStopFailures(paths: Paths): { hits: Hit[]; files: string[] } {
  let names: string[]
  try {
    names = readdirSync(paths.stopFailures).filter(name => /^\d+-\d+\.json$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { hits: [], files: [] }
    throw error
  }
  const files = names.map(name => join(paths.stopFailures, name))
  const hits = files.flatMap(path => {
    const reading = readJson(path, Hit)
    return reading.state === 'present' ? [reading.value] : []
  })
  return { hits, files }
}

export function removeStopFailures(files: readonly string[]): void {
  for (const path of files) unlinkSync(path)
}
