// Starts our own scripts with the terminal as their output. Not through the shell preset: the user watches them and ends
// them with Ctrl-C, and a job ends itself at its own deadline.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { JobName } from '../lib/timings.ts'

/**
 * @param onLine takes what the job says on stderr, line by line; without it that goes to the terminal as it is
 * @returns the job's exit code; 1 where a signal ended it
 */
export async function spawnJob(
  job: JobName,
  env: Record<string, string>,
  words: string[] = [],
  onLine: ((line: string) => void) | null = null,
): Promise<number> {
  return spawnScript(`../jobs/${job}.ts`, words, env, onLine)
}

/** @returns the command's exit code; 1 where a signal ended it */
export async function spawnVigil(args: string[], env: Record<string, string>): Promise<number> {
  return spawnScript('./vigil.ts', args, env, null)
}

async function spawnScript(
  script: string,
  args: string[],
  env: Record<string, string>,
  onLine: ((line: string) => void) | null,
): Promise<number> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [path, ...args], {
    env,
    stdio: ['ignore', 'inherit', onLine ? 'pipe' : 'inherit'],
  })
  if (onLine && child.stderr) createInterface({ input: child.stderr }).on('line', onLine)
  // Ctrl-C reaches the whole foreground group: the child decides, we wait for it.
  const wait = () => undefined
  process.on('SIGINT', wait)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code ?? 1))
    })
  } finally {
    process.off('SIGINT', wait)
  }
}
