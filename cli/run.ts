// `vigil run JOB`: the same script that cron starts, with its log shown as it goes.

import { readEnvironment } from '../lib/settings.ts'
import type { JobName } from '../lib/timings.ts'
import { spawnJob } from './spawn.ts'

export async function runCommand(job: JobName): Promise<void> {
  const { childEnv } = readEnvironment()
  const exitCode = await spawnJob(job, { ...childEnv, VIGIL_ECHO_LOG: '1' })
  process.exitCode = exitCode
}
