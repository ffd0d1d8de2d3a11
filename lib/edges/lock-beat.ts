// A worker thread that keeps Claude Code's lock directories beating. In a thread of its own, because one slow disk of one
// account would hold up the beat of another's lock in the main thread (measured: 13 s of silence, and a take-over).
import { parentPort } from 'node:worker_threads'
import { statSync, utimesSync } from './fs.ts'

/** Well under the 11 s after which a silent lock was seen to be taken over. */
const BEAT_MS = 1500

interface Beating {
  ino: number
  mtimeMs: number
}
const beating = new Map<string, Beating>()

parentPort?.on('message', ({ do: what, path }: { do: 'begin' | 'end'; path: string }) => {
  if (what === 'end') beating.delete(path)
  else beat(path, null)
})
setInterval(() => {
  for (const [path, last] of beating) beat(path, last)
}, BEAT_MS)

/** Moves the lock's time on, unless it is no longer ours: removed, made anew, or touched by somebody else. */
function beat(path: string, last: Beating | null): void {
  try {
    const { ino, mtimeMs } = statSync(path)
    if (last !== null && (ino !== last.ino || mtimeMs !== last.mtimeMs)) throw new Error('another holds it now')
    const now = Math.floor(Date.now() / 1000) + (Date.now() % 1000) / 1000
    utimesSync(path, now, now)
    beating.set(path, { ino, mtimeMs: statSync(path).mtimeMs })
    if (last === null) parentPort?.postMessage({ path, state: 'beating' })
  } catch (error) {
    beating.delete(path)
    parentPort?.postMessage({ path, state: 'lost', reason: (error as Error).message })
  }
}
