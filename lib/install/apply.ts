// Reads what is installed, and makes it what a plan says. Each change is looked at again after it was made.
import { basename, dirname, join } from 'node:path'
import { lstatSync, mkdirSync, publish, readlinkSync, rmSync, symlinkSync } from '../edges/fs.ts'
import { ask, type Machine, saidBy } from './machine.ts'
import type { Installed, Plan } from './plan.ts'
import { foundEntries } from './schedule-files.ts'
import { GONE_MARKS, GONE_SCRIPT } from './start-script.ts'

/** A step of an installation that did not succeed, with what to do. */
export class InstallError extends Error {}

/** @throws InstallError where the crontab cannot be read, or a file of our name is not ours */
export async function readInstalled(machine: Machine, health: string): Promise<Installed> {
  return { crontab: await readCrontab(machine), entries: foundOrRefused(machine.home, health) }
}

function foundOrRefused(home: string, health: string): Installed['entries'] {
  try {
    return foundEntries({ home, health })
  } catch (error) {
    throw new InstallError((error as Error).message)
  }
}

/** latin1, so that every byte is a character; null = there is none, or no cron at all. */
async function readCrontab(machine: Machine): Promise<string | null> {
  const result = await startedCrontab(machine, ['-l'])
  if (result === null) return null
  if (result.exitCode === 0) return result.stdout
  if (/no crontab/i.test(result.stderrTail)) return null
  throw new InstallError(`your crontab cannot be read (crontab -l: ${saidBy(result)})`)
}

/** null: there is no such program here. */
async function startedCrontab(machine: Machine, words: string[], input?: string) {
  try {
    return await ask(machine, ['crontab', ...words], input)
  } catch (error) {
    if (/\(ENOENT\)/.test((error as Error).message)) return null
    throw error
  }
}

/** Takes away first, then puts in place: two schedulers at once are harmless, but told as such by nobody. */
export async function applyPlan(plan: Plan, machine: Machine): Promise<void> {
  const gone = plan.entries.filter(({ to }) => to === null)
  const made = plan.entries.filter(({ to }) => to !== null)
  if (plan.crontab !== null) await writeCrontab(plan.crontab, machine)
  await stop(
    gone.map(({ path }) => path),
    machine,
  )
  for (const { path } of gone) {
    rmSync(path)
    // With the script goes what it left behind.
    if (basename(path) === GONE_SCRIPT)
      for (const mark of GONE_MARKS) rmSync(join(dirname(path), mark), { force: true })
  }
  for (const { path, to } of made) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (to!.kind === 'link') {
      rmSync(path, { force: true })
      symlinkSync(to!.text, path)
    } else {
      // What is in session-health/ is nobody else's; units and agents are looked at by others.
      await publish(path, to!.text, { durable: true, mode: basename(path) === GONE_SCRIPT ? 0o600 : 0o644 })
    }
  }
  await start(
    made.map(({ path }) => path),
    gone.map(({ path }) => path),
    machine,
  )
}

async function writeCrontab({ from, to }: { from: string | null; to: string | null }, machine: Machine): Promise<void> {
  const before = await readCrontab(machine)
  if (before !== from) throw new InstallError('your crontab changed meanwhile, so it was left as it is; try again')
  const result = to === null ? await startedCrontab(machine, ['-r']) : await startedCrontab(machine, ['-'], to)
  if (result === null) throw new InstallError('there is no crontab program; install cron (Debian: apt install cron)')
  if (result.exitCode !== 0) throw new InstallError(`your crontab was not changed (crontab: ${saidBy(result)})`)
  const after = await readCrontab(machine)
  if (after !== to) throw new InstallError('your crontab is not what was written; look at it with: crontab -l')
}

const isTimer = (path: string) => path.endsWith('.timer') && !path.includes('/timers.target.wants/')
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
const labelOf = (path: string) => nameOf(path).replace(/\.plist$/, '')

/** What runs by these files must not outlive them. A manager that is not there has nothing to stop. */
async function stop(paths: string[], machine: Machine): Promise<void> {
  const timers = paths.filter(isTimer).map(nameOf)
  if (timers.length > 0) await ask(machine, ['systemctl', '--user', 'stop', ...timers]).catch(() => null)
  for (const path of paths.filter(path => path.endsWith('.plist')))
    await ask(machine, ['launchctl', 'bootout', `gui/${machine.uid}/${labelOf(path)}`]).catch(() => null)
}

/** @throws InstallError */
async function start(made: string[], gone: string[], machine: Machine): Promise<void> {
  const isUnit = (path: string) => /\.(timer|service)$/.test(path)
  if (made.some(isUnit)) {
    const timers = made.filter(isTimer).map(nameOf)
    await mustDo(machine, ['systemctl', '--user', 'daemon-reload'])
    // A timer that changed begins anew only when it is started again.
    if (timers.length > 0) await mustDo(machine, ['systemctl', '--user', 'restart', ...timers])
  } else if (gone.some(isUnit)) {
    await ask(machine, ['systemctl', '--user', 'daemon-reload']).catch(() => null)
  }
  for (const path of made.filter(path => path.endsWith('.plist'))) {
    // One that is loaded already is not loaded anew.
    await ask(machine, ['launchctl', 'bootout', `gui/${machine.uid}/${labelOf(path)}`]).catch(() => null)
    await mustDo(machine, ['launchctl', 'bootstrap', `gui/${machine.uid}`, path])
  }
}

async function mustDo(machine: Machine, command: [string, ...string[]]): Promise<void> {
  const words = command.slice(0, 3).join(' ')
  try {
    const result = await ask(machine, command)
    if (result.exitCode === 0) return
    throw new InstallError(
      `the files are in place, but not in force (${words}: ${saidBy(result)}); with cron: vigil install --cron`,
    )
  } catch (error) {
    if (error instanceof InstallError) throw error
    throw new InstallError(
      `the files are in place, but not in force: ${(error as Error).message}; with cron: vigil install --cron`,
    )
  }
}

/** Where a link leads; null = there is nothing there; '' = there is something else. */
export function linkAt(path: string): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return null
  return stat.isSymbolicLink() ? readlinkSync(path) : ''
}
