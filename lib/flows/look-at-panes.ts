// What panes of tmux show at their end. Only where a person asked for it in vigil.yaml: they hold whole conversations.
import { join } from 'node:path'
import type { Account } from '../domain/account.ts'
import { type Hit, hitOfPane } from '../domain/evidence.ts'
import { readFileSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'

const TMUX_MS = 3000
const MOST_BYTES = 256 * 1024
/** Those behind it are not looked at in this poll. */
const MOST_PANES = 50
/** From a pane's shell to the session in it. */
const DEEPEST = 4

/** Which account a session uses stands in its environment; a pane of which nobody can tell counts for nothing. */
export async function lookAtPanes(accounts: readonly Account[], run: Run): Promise<Hit[]> {
  const list = await tmux(run, 'list-panes', '-a', '-F', '#{pane_id} #{pane_pid}')
  const hits: Hit[] = []
  for (const line of (list ?? '').split('\n').slice(0, MOST_PANES)) {
    const [, pane, pid] = /^(%\d+) (\d+)$/.exec(line) ?? []
    const account = pid === undefined ? undefined : accountOf(Number(pid), accounts)
    if (pane === undefined || account === undefined) continue
    const text = await tmux(run, 'capture-pane', '-p', '-J', '-t', pane)
    const hit = text === null ? null : hitOfPane(text, account.slot, run.now)
    if (hit !== null) hits.push(hit)
  }
  return hits
}

/** null: there is no tmux, no server, or it does not answer. */
async function tmux(run: Run, ...words: string[]): Promise<string | null> {
  const { runProgram } = await import('../edges/shell.ts')
  try {
    const { exitCode, stdout } = await runProgram(['tmux', ...words], {
      stderrPath: join(run.paths.logs, 'failover.log.stderr'),
      deadlineMs: TMUX_MS,
      maxOutputBytes: MOST_BYTES,
      env: run.environment.childEnv,
      signal: run.signal,
    })
    return exitCode === 0 ? stdout : null
  } catch (error) {
    run.log('debug', `no pane was looked at: ${(error as Error).message}`)
    return null
  }
}

function accountOf(pid: number, accounts: readonly Account[]): Account | undefined {
  const session = sessionBelow(pid, DEEPEST)
  if (session === null) return undefined
  const environment = readProc(session, 'environ')?.split('\0') ?? null
  if (environment === null) return undefined
  const set = environment.find(entry => entry.startsWith('CLAUDE_CONFIG_DIR='))?.slice('CLAUDE_CONFIG_DIR='.length)
  if (!set) return accounts.find(({ isDefault }) => isDefault)
  return accounts.find(({ configDir }) => configDir === set.replace(/(?<=.)\/+$/, ''))
}

/** The Claude Code among a process and what it started; null = there is none. Only Linux tells. */
function sessionBelow(pid: number, depth: number): number | null {
  const [program = '', script = ''] = readProc(pid, 'cmdline')?.split('\0') ?? []
  if ([program, script].some(word => /(?:^|\/)claude$/.test(word))) return pid
  if (depth === 0) return null
  for (const child of readProc(pid, `task/${pid}/children`)?.trim().split(' ') ?? []) {
    const found = child === '' ? null : sessionBelow(Number(child), depth - 1)
    if (found !== null) return found
  }
  return null
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return null // It ended, it is another user's, or this is no Linux.
  }
}
