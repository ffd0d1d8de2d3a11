// Starts our own scripts with the terminal as their output. Not through the shell preset: the user watches them and ends
// them with Ctrl-C, and a job ends itself at its own deadline.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { JobName } from '../lib/timings.ts'

/** @returns the job's exit code; 1 where a signal ended it */
export async function spawnJob(job: JobName, env: Record<string, string>): Promise<number> {
  return spawnScript(`../jobs/${job}.ts`, [], env)
}

/** @returns the command's exit code; 1 where a signal ended it */
export async function spawnVigil(args: string[], env: Record<string, string>): Promise<number> {
  return spawnScript('./vigil.ts', args, env)
}

async function spawnScript(script: string, args: string[], env: Record<string, string>): Promise<number> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  // Ctrl-C reaches the whole foreground group: the child decides, we wait for it.
  const wait = () => undefined
  process.on('SIGINT', wait)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', code => resolve(code ?? 1))
    })
  } finally {
    process.off('SIGINT', wait)
  }
}
