// What of the machine decides how jobs are started there, and the programs that are asked for it.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from '../edges/fs.ts'
import type { ProgramResult } from '../edges/shell.ts'

export type SchedulerName = 'cron' | 'launchd' | 'systemd'

export interface Machine {
  platform: NodeJS.Platform
  uid: number
  user: string
  /** HOME, as given. */
  home: string
  /** What the system itself says the home is: all that a scheduler will give a job. */
  systemHome: string
  path: string
  /** Stays the same for years, and belongs to this machine and user alone. */
  id: string
  hasUserManager: boolean
  /** Folder of ours for what programs say on stderr. */
  scratch: string
}

export function lookAtMachine(home: string, path: string, scratch: string): Machine {
  const os = process.getBuiltinModule('node:os')
  const { uid, username, homedir } = os.userInfo()
  return {
    platform: process.platform,
    uid,
    user: username,
    home,
    systemHome: homedir,
    path,
    id: createHash('sha256')
      .update(`${machineId() ?? os.hostname()}\n${uid}`)
      .digest('hex'),
    hasUserManager: existsSync(`/run/user/${uid}/systemd/private`),
    scratch,
  }
}

function machineId(): string | null {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || null
  } catch {
    return null // Not every system has one.
  }
}

/** Which one starts jobs best here; one that already does is kept. */
export function chooseScheduler(
  machine: Pick<Machine, 'platform' | 'hasUserManager'>,
  asked: SchedulerName | null,
  inUse: readonly SchedulerName[],
): { name: SchedulerName; reason: string } {
  if (asked !== null) return { name: asked, reason: 'as you said' }
  if (inUse.length === 1) return { name: inUse[0]!, reason: 'as before' }
  if (machine.platform === 'darwin') return { name: 'launchd', reason: 'this is a Mac' }
  if (machine.hasUserManager) return { name: 'systemd', reason: 'a user manager of systemd runs here' }
  return { name: 'cron', reason: 'no user manager of systemd runs here' }
}

/** False only where /proc can tell. */
export function seemsToRunCron(): boolean {
  try {
    const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
    // Without the first one, this system hides other people's processes.
    return !pids.includes('1') || pids.some(pid => /^(cron|crond|fcron|busybox)$/.test(nameOf(pid)))
  } catch {
    return true
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '' // It ended while we looked.
  }
}

/** Programs of a system answer at once; one that asks for a password must not hold an installation for ever. */
const ANSWER_MS = 30_000

/** @throws Error when it cannot be started */
export async function ask(
  machine: Pick<Machine, 'home' | 'user' | 'uid' | 'path' | 'scratch'>,
  command: [string, ...string[]],
  input?: string,
): Promise<ProgramResult> {
  const { runProgram } = await import('../edges/shell.ts')
  return runProgram(command, {
    stderrPath: `${machine.scratch}/${command[0]}.err`,
    deadlineMs: ANSWER_MS,
    maxOutputBytes: 4 * 1024 * 1024,
    encoding: 'latin1',
    env: {
      HOME: machine.home,
      LOGNAME: machine.user,
      USER: machine.user,
      PATH: machine.path,
      // systemctl finds the user manager by it.
      XDG_RUNTIME_DIR: `/run/user/${machine.uid}`,
      LC_ALL: 'C',
    },
    ...(input === undefined ? {} : { input }),
  })
}

/** What a program said when it failed, for a message. */
export function saidBy({ exitCode, stderrTail, ended }: ProgramResult): string {
  const last = stderrTail.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
  return `${ended === 'byItself' ? `exit code ${exitCode}` : 'it did not end'}${last && `: ${last}`}`
}
