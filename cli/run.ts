// `vigil run JOB`: the same script that cron starts, with its log shown as it goes and, on a terminal, how long it takes.

import { readEnvironment } from '../lib/settings.ts'
import type { JobName } from '../lib/timings.ts'
import { spawnJob } from './spawn.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const PLAIN_FRAMES = ['-', '\\', '|', '/']
/** What is over sooner needs no progress. */
const QUIET_MS = 1000
const FRAME_MS = 100

/** @param words for the job itself, such as `--force` */
export async function runCommand(job: JobName, words: string[] = []): Promise<void> {
  const { childEnv, terminal } = readEnvironment()
  const progress = process.stderr.isTTY ? startProgress(job, terminal.utf8 ? FRAMES : PLAIN_FRAMES) : null
  try {
    const onLine = progress && ((line: string) => progress.above(line))
    process.exitCode = await spawnJob(job, { ...childEnv, VIGIL_ECHO_LOG: '1' }, words, onLine)
  } finally {
    progress?.stop()
  }
}

/** One line that is drawn over itself; lines of the log go above it. */
function startProgress(job: string, frames: string[]) {
  const begunAt = performance.now()
  let shown = false
  const clear = () => {
    if (shown) process.stderr.write('\r\u001b[K')
    shown = false
  }
  const draw = () => {
    const ms = performance.now() - begunAt
    if (ms < QUIET_MS) return
    process.stderr.write(
      `\r\u001b[K${frames[Math.floor(ms / FRAME_MS) % frames.length]} ${job} ${Math.floor(ms / 1000)} s`,
    )
    shown = true
  }
  const timer = setInterval(draw, FRAME_MS)
  return {
    above(line: string) {
      clear()
      process.stderr.write(`${line}\n`)
      draw()
    },
    stop() {
      clearInterval(timer)
      clear()
    },
  }
}
