// What a full run of ccusage leaves behind for the narrow ones after it: where the history may be cut, what lies before the
// cut and must not have changed since. And how far the files after the cut were looked at, which every run writes.
import { join } from 'node:path'
import { type JsonReading, publish, readJson } from '../edges/fs.ts'
import * as v from '../valibot.ts'

const Day = v.object({
  date: v.string(),
  costUsd: v.nullable(v.number()),
  tokens: v.number(),
  unpricedModels: v.array(v.string()),
})

const Known = v.object({
  path: v.string(),
  size: v.number(),
  mtimeMs: v.number(),
  ino: v.number(),
  scannedTo: v.number(),
  tail: v.number(),
  ranges: v.array(v.number()),
})

/** A transcript with nothing since the cut: path, size, mtime, inode, time of its latest entry, marks of its message ids. */
const Past = v.tuple([v.string(), v.number(), v.number(), v.number(), v.nullable(v.number()), v.string()])
export type Past = v.InferOutput<typeof Past>

export const SpendState = v.object({
  schema: v.literal(1),
  /** Another for every full run. */
  id: v.string(),
  /** When the full run began, ms. */
  at: v.number(),
  projectsDir: v.string(),
  zone: v.string(),
  /** The local day of `at`. */
  day: v.string(),
  dayStartsAt: v.number(),
  /** Of ccusage. */
  version: v.string(),
  /** null = narrow runs may be trusted; else why not. */
  standing: v.nullable(v.object({ kind: v.picklist(['differs', 'pointless']), reason: v.string() })),
  cut: v.object({ at: v.number(), blockStartsAt: v.number() }),
  /** What the full run said of the days before `day`. */
  days: v.array(Day),
  past: v.array(Past),
  recent: v.array(Known),
  /** Marks of the message ids on lines from before `day` in `recent`. */
  recentPastIds: v.string(),
})
export type SpendState = v.InferOutput<typeof SpendState>

const Progress = v.object({ schema: v.literal(1), stateId: v.string(), recent: v.array(Known) })
type Progress = v.InferOutput<typeof Progress>

export function readSpendState(workDir: string): JsonReading<SpendState> {
  return readJson(join(workDir, 'state.json'), SpendState)
}

/** A lost state costs a full run, so it is not synced to its folder. */
export async function saveSpendState(workDir: string, state: SpendState): Promise<void> {
  await publish(join(workDir, 'state.json'), `${JSON.stringify(state)}\n`)
}

/** How far the runs since have come; what belongs to another state, or cannot be read, is left for the state's own. */
export function readRecent(workDir: string, state: SpendState): SpendState['recent'] {
  const reading = readJson(join(workDir, 'progress.json'), Progress)
  return reading.state === 'present' && reading.value.stateId === state.id ? reading.value.recent : state.recent
}

export async function saveRecent(workDir: string, state: SpendState, recent: SpendState['recent']): Promise<void> {
  const progress: Progress = { schema: 1, stateId: state.id, recent }
  await publish(join(workDir, 'progress.json'), `${JSON.stringify(progress)}\n`)
}

const ID_BYTES = 6

export function packIds(ids: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(ids.length * ID_BYTES)
  for (const [index, id] of ids.entries()) bytes.writeUIntBE(id, index * ID_BYTES, ID_BYTES)
  return bytes.toString('base64')
}

/** Whether one of these ids is among the packed ones. */
export function isAmong(ids: ReadonlySet<number>, packed: string[]): boolean {
  if (ids.size === 0) return false
  return packed.some(text => {
    const bytes = Buffer.from(text, 'base64')
    for (let at = 0; at + ID_BYTES <= bytes.length; at += ID_BYTES)
      if (ids.has(bytes.readUIntBE(at, ID_BYTES))) return true
    return false
  })
}
