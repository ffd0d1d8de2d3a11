// Starts each job once, as the scheduler will, and shows what it left behind.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inOneLine } from '../lib/domain/job-state.ts'
import { runProgram } from '../lib/edges/shell.ts'
import type { Machine } from '../lib/install/machine.ts'
import { type Place, startScript } from '../lib/install/start-script.ts'
import type { Environment } from '../lib/settings.ts'
import { readRunRecord } from '../lib/store/runs.ts'
import { CRON_PERIOD_MS, JOB_DEADLINE_MS, type JobName, TERM_GRACE_MS } from '../lib/timings.ts'

/** Sets the exit code where one does not work. */
export async function startEachJob({ paths }: Environment, { user, home }: Machine, place: Place): Promise<void> {
  process.stdout.write('\nEach job, started once as it will be from now on:\n')
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 })
  const jobs = Object.keys(CRON_PERIOD_MS) as JobName[]
  const width = Math.max(...jobs.map(job => job.length))
  for (const job of jobs) {
    if (process.stdout.isTTY) process.stdout.write(`  ${job.padEnd(width)}  …`)
    const { ok, text } = await startJob(job, paths, { user, home }, place)
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
    process.stdout.write(`  ${job.padEnd(width)}  ${text}\n`)
    if (!ok) process.exitCode = 1
  }
}

async function startJob(
  job: JobName,
  paths: Environment['paths'],
  { user, home }: { user: string; home: string },
  place: Place,
): Promise<{ ok: boolean; text: string }> {
  const startedAt = Date.now()
  const { exitCode, stdout, stderrTail } = await runProgram(['/bin/sh', '-c', startScript(job, place, 0)], {
    stderrPath: join(paths.logs, 'cron.err'),
    deadlineMs: JOB_DEADLINE_MS[job] + 2 * TERM_GRACE_MS,
    maxOutputBytes: 64 * 1024,
    // All that cron gives.
    env: { HOME: home, LOGNAME: user, USER: user, SHELL: '/bin/sh', PATH: '/usr/bin:/bin' },
  })
  const record = readRunRecord(paths.runs, job)
  const said = (stdout || stderrTail).trim().split('\n').at(-1) ?? ''
  if (record.state !== 'present' || record.value.started_at < startedAt) {
    if (exitCode === 0) return { ok: true, text: 'another run of it is at work' }
    return { ok: false, text: `it did not start (exit code ${exitCode})${said && `: ${said}`}` }
  }
  const { outcome, reason, ended_at: endedAt } = record.value
  const seconds = ((endedAt ?? Date.now()) - startedAt) / 1000
  return {
    ok: outcome === 'ok' && exitCode === 0,
    text: `${outcome} after ${seconds.toFixed(1)} s: ${inOneLine(reason)}`,
  }
}
