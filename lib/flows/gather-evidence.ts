// What sessions were told since the last poll: by the StopFailure hook, in transcripts, in panes of tmux where that is asked for.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import { type Hit, hitOfTranscript, TRANSCRIPT_MARK } from '../domain/evidence.ts'
import { closeSync, openSync, readSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { readStopFailures } from '../store/failover.ts'
import { listTranscripts } from '../store/transcripts.ts'
import { HOUR_MS } from '../timings.ts'

/** Of a transcript that was never read: an error that matters now is at its end. */
const FIRST_LOOK_BYTES = 64 * 1024
/** Of one transcript in one poll; what is longer is read on in the next. */
const MOST_BYTES = 1024 * 1024
/** A session that wrote nothing for so long was told nothing. */
const ACTIVE_MS = 6 * HOUR_MS

export interface Evidence {
  hits: Hit[]
  /** How far each transcript is read now. */
  read: Record<string, number>
  /** Files that can go once the hits are remembered. */
  files: string[]
}

/** Transcripts only of the current account: what others may do must be proven by figures anyway. */
export async function gatherEvidence(
  accounts: readonly Account[],
  current: Account | undefined,
  read: Record<string, number>,
  run: Run,
): Promise<Evidence> {
  const told = readStopFailures(run.paths)
  const written = current === undefined ? { hits: [], read: {} } : readTranscripts(current, read, run.now)
  const panes = run.settings.failover.tmux ? await (await import('./look-at-panes.ts')).lookAtPanes(accounts, run) : []
  return { hits: [...told.hits, ...written.hits, ...panes], read: written.read, files: told.files }
}

function readTranscripts(
  { slot, configDir }: Account,
  before: Record<string, number>,
  now: number,
): { hits: Hit[]; read: Record<string, number> } {
  const projects = join(configDir, 'projects')
  const hits: Hit[] = []
  const read: Record<string, number> = {}
  for (const [path, { size, mtimeMs }] of listTranscripts(projects)?.files ?? []) {
    if (mtimeMs < now - ACTIVE_MS) continue
    const key = `${slot}/${path}`
    const known = before[key]
    // One that became shorter was written anew.
    const from = known !== undefined && known <= size ? known : Math.max(0, size - FIRST_LOOK_BYTES)
    if (from === size) {
      read[key] = size
      continue
    }
    const text = tail(join(projects, path), from, Math.min(size - from, MOST_BYTES))
    const end = text.lastIndexOf(0x0a) + 1
    read[key] = end === 0 && text.length === MOST_BYTES ? from + text.length : from + end
    if (!text.includes(TRANSCRIPT_MARK)) continue
    for (const line of text.subarray(0, end).toString('utf8').split('\n')) {
      const hit = hitOfTranscript(line, slot)
      if (hit !== null) hits.push(hit)
    }
  }
  return { hits, read }
}

function tail(path: string, from: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  try {
    const descriptor = openSync(path, 'r')
    try {
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, from))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return buffer.subarray(0, 0) // It went meanwhile, or is not ours to read: then nobody was told anything by it.
  }
}
