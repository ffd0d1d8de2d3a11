// The files of ours that launchd and systemd read: which there should be, which there are.
import { basename, join } from 'node:path'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from '../edges/fs.ts'
import { CRON_PERIOD_MS, type JobName } from '../timings.ts'
import type { SchedulerName } from './machine.ts'
import { GONE_SCRIPT, type Place, startJitterMs } from './start-script.ts'
import { agentLabel, launchAgent, MADE_BY, systemdService, systemdTimer, unitName } from './units.ts'

/** A file by its content, or a link by where it leads. */
export interface Entry {
  kind: 'file' | 'link'
  text: string
}
export type Entries = Map<string, Entry>

const JOBS = Object.entries(CRON_PERIOD_MS) as Array<[JobName, number]>

function agentsFolder(home: string): string {
  return join(home, 'Library', 'LaunchAgents')
}

function unitsFolder(home: string): string {
  return join(home, '.config', 'systemd', 'user')
}

export interface Homes {
  home: string
  health: string
  logs: string
}

/** What there is to be in the home for a scheduler to start the jobs, beside lines in a crontab. */
export function wantedEntries(
  name: SchedulerName,
  { home, health, logs }: Homes,
  place: Place,
  machineId: string,
  goneScript: string,
): Entries {
  const entries: Entries = new Map([[join(health, GONE_SCRIPT), { kind: 'file', text: goneScript }]])
  for (const [job, periodMs] of JOBS) {
    const file = (path: string, text: string) => entries.set(path, { kind: 'file', text })
    if (name === 'launchd') {
      const jitterMs = startJitterMs(job, machineId)
      file(join(agentsFolder(home), `${agentLabel(job)}.plist`), launchAgent(job, periodMs, place, jitterMs, logs))
    }
    if (name === 'systemd') {
      const [service, timer] = [unitName(job, 'service'), unitName(job, 'timer')]
      file(join(unitsFolder(home), service), systemdService(job, place))
      file(join(unitsFolder(home), timer), systemdTimer(job, periodMs))
      // What `systemctl enable` would make.
      const link = join(unitsFolder(home), 'timers.target.wants', timer)
      entries.set(link, { kind: 'link', text: join(unitsFolder(home), timer) })
    }
  }
  return entries
}

/**
 * What there is of ours, also of jobs that there are no more.
 * @throws Error where a file of our name is not ours
 */
export function foundEntries({ home, health }: Pick<Homes, 'home' | 'health'>): Entries {
  const entries: Entries = new Map()
  const folders = [
    [health, /^gone\.sh$/],
    [agentsFolder(home), /^local\.vigil\.[a-z-]+\.plist$/],
    [unitsFolder(home), /^vigil-[a-z-]+\.(service|timer)$/],
    [join(unitsFolder(home), 'timers.target.wants'), /^vigil-[a-z-]+\.timer$/],
  ] as const
  for (const [folder, ours] of folders) {
    for (const name of namesIn(folder).filter(name => ours.test(name))) {
      const path = join(folder, name)
      entries.set(path, entryAt(path))
    }
  }
  return entries
}

function entryAt(path: string): Entry {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return { kind: 'link', text: readlinkSync(path) }
  const text = stat.isFile() ? readFileSync(path, 'utf8') : ''
  if (text.includes(MADE_BY)) return { kind: 'file', text }
  throw new Error(`${basename(path)} is there, and Vigil did not make it; move it away, then: vigil install`)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
