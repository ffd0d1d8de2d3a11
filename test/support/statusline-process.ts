// The real status line as Claude Code starts it: a process of its own, its words on stdin.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Finished, REPO } from './scratch-vigil.ts'

export interface LineOptions {
  env?: Record<string, string>
  /** false: stdin stays open after the words, as of a program that forgot it. */
  ends?: boolean
  onStart?: (child: ChildProcess) => void
}

export function runLine(
  home: string,
  words: string | null,
  { env = {}, ends = true, onStart }: LineOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(REPO, 'cli/statusline.ts')], {
      env: {
        HOME: home,
        PATH: '/usr/bin:/bin',
        NO_COLOR: '1',
        NODE_COMPILE_CACHE: join(REPO, 'node_modules/.cache/compile'),
        ...env,
      },
      stdio: [words === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const said = { stdout: '', stderr: '' }
    child.stdout!.on('data', chunk => {
      said.stdout += chunk
    })
    child.stderr!.on('data', chunk => {
      said.stderr += chunk
    })
    // It may have gone before it read everything.
    child.stdin?.on('error', () => undefined)
    if (words !== null && words !== '') child.stdin!.write(words)
    if (ends) child.stdin?.end()
    child.once('error', reject)
    child.once('close', (code, signal) => {
      child.stdin?.destroy()
      resolve({ code, signal, ...said })
    })
    onStart?.(child)
  })
}
