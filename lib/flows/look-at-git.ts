// How a repository stands, kept for status lines. Bounded, and without any lock of git's.
import { dirname, join } from 'node:path'
import { ensurePrivateDir, existsSync, publish } from '../edges/fs.ts'
import { tryLock } from '../edges/kernel-lock.ts'
import { runProgram } from '../edges/shell.ts'
import type { Paths } from '../paths.ts'
import { gitPath } from '../statusline/glance.ts'

/** Longer than a cold repository of 100,000 files takes. */
const DEADLINE_MS = 10_000
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024
/** Lock files are never deleted, so there is only this many of them, whatever the number of repositories. */
const LOCKS = 16

interface GitState {
  /** null = no repository. */
  branch: string | null
  staged: number
  changed: number
}

export async function lookAtGit(
  folder: string,
  { paths, childEnv, now }: { paths: Paths; childEnv: Record<string, string>; now: number },
): Promise<void> {
  const path = gitPath(paths, folder)
  for (const dir of [paths.git, paths.locks, paths.logs]) ensurePrivateDir(dir)
  const turn = Number.parseInt(path.slice(-6, -5), 16) % LOCKS
  const lock = tryLock(join(paths.locks, `git-${turn}.lock`), { job: 'git-state', now })
  if (!lock.held) return // Another one is at it: what it finds is new enough.
  const keep = (state: GitState) =>
    publish(path, `${JSON.stringify({ schema: 1, folder, measuredAt: now, ...state })}\n`)
  try {
    if (!isInRepository(folder)) return await keep({ branch: null, staged: 0, changed: 0 })
    // fsmonitor off: it would run a program that the repository's own settings name.
    const words = ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-C', folder]
    const status = ['status', '--porcelain=v2', '--branch', '--untracked-files=no', '--ignore-submodules=all']
    const { exitCode, stdout, ended } = await runProgram(['git', ...words, ...status], {
      stderrPath: join(paths.logs, 'git-state.err'),
      deadlineMs: DEADLINE_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      env: { ...childEnv, GIT_TERMINAL_PROMPT: '0' },
    })
    // Too slow or too much: what was known stays, with its mark.
    if (ended !== 'byItself') return
    await keep(exitCode === 0 ? readGitStatus(stdout) : { branch: null, staged: 0, changed: 0 })
  } finally {
    lock.release()
  }
}

/** Without asking git, which would complain of each folder that is in none. */
function isInRepository(folder: string): boolean {
  return existsSync(join(folder, '.git')) || (dirname(folder) !== folder && isInRepository(dirname(folder)))
}

/** Of `git status --porcelain=v2 --branch`. */
export function readGitStatus(text: string): GitState {
  const state: GitState = { branch: null, staged: 0, changed: 0 }
  let commit = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('# branch.head ')) state.branch = line.slice(14)
    else if (line.startsWith('# branch.oid ')) commit = line.slice(13, 20)
    else if (/^[12] /.test(line)) {
      if (line[2] !== '.') state.staged++
      if (line[3] !== '.') state.changed++
    } else if (line.startsWith('u ')) state.changed++
  }
  if (state.branch === '(detached)') state.branch = commit
  return state
}
