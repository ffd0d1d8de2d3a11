// Asks a person before anything of theirs is changed.
const WRONG_USAGE = 64

/** Sets the exit code where nobody can be asked. */
export async function agree(command: string, yes: boolean): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    process.stderr.write(
      `vigil ${command}: there is no terminal to ask on, so nothing was changed; to go on: vigil ${command} --yes\n`,
    )
    process.exitCode = WRONG_USAGE
    return false
  }
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-D is no yes.
  const closed = new Promise<string>(resolve => lines.once('close', () => resolve('')))
  const answer = await Promise.race([lines.question('Go on? [y/N] '), closed])
  lines.close()
  if (/^y(es)?$/i.test(answer.trim())) return true
  process.stdout.write('Nothing was changed.\n')
  return false
}
