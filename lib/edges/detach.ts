// Starts a program that outlives us, and waits for nothing of it. Not through shell.ts, which is for programs whose end is
// awaited and whose loading costs more than a whole status line.
import { closeSync, openSync } from './fs.ts'

/**
 * @param outputPath takes what it says on stdout and stderr; appended to
 * @throws Error where it cannot be started
 */
export function startDetached(
  command: [string, ...string[]],
  { outputPath, env, cwd }: { outputPath: string; env: Record<string, string>; cwd: string },
): void {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const output = openSync(outputPath, 'a', 0o600)
  try {
    const [program, ...words] = command
    const child = spawn(program, words, { detached: true, stdio: ['ignore', output, output], env, cwd })
    child.on('error', () => undefined) // It could not be started: what it was for stays due, and is tried again.
    child.unref()
  } finally {
    closeSync(output)
  }
}
