// One look at everything, for a person: runtime-state.yaml, after what the watchdog is there for. Nothing here may keep an
// alert from being sent, so it comes last, and what goes wrong is a line in the log.
import type { AlertsFile } from '../domain/alert.ts'
import { closeSync, openSync, readSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { readSeal, runtimeSeal } from '../watchdog/runtime-seal.ts'
import type { Sight } from '../watchdog/sight.ts'

export async function keepRuntimeState(sight: Sight, file: AlertsFile, run: Run): Promise<void> {
  try {
    const seal = runtimeSeal(sight, file)
    const before = sealIn(run.paths.runtimeState)
    if (before?.always === seal.always && (seal.accounts === null || before.accounts === seal.accounts)) return
    const { writeRuntimeState } = await import('./runtime-state.ts')
    await writeRuntimeState(run.paths, run.now, seal, before?.accounts ?? null)
  } catch (error) {
    run.log('warn', `runtime-state.yaml could not be written: ${(error as Error).message}`)
  }
}

/** Its seal stands in the first line. */
function sealIn(path: string): ReturnType<typeof readSeal> {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(64)
      return readSeal(bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, 64, 0)).split('\n')[0]!)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return null // Not there yet; or not to be read, and then writing says why.
  }
}
