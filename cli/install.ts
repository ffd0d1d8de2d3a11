// `vigil install` and `vigil uninstall`: the schedule of this machine and `vigil` on the PATH. Shows what changes, asks,
// does it, starts each job once and shows its record.
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tildePath } from '../lib/domain/account.ts'
import { applyPlan, InstallError, readInstalled } from '../lib/install/apply.ts'
import { isOurLink, type LinkPlan, linkPath, makeLink, planLink } from '../lib/install/link.ts'
import {
  chooseScheduler,
  lookAtMachine,
  type Machine,
  type SchedulerName,
  seemsToRunCron,
} from '../lib/install/machine.ts'
import { cronLines, inUse, isEmpty, type Plan, planInstall, planLines, rootsInUse } from '../lib/install/plan.ts'
import { refuse, warnings } from '../lib/install/refusals.ts'
import { wantedEntries } from '../lib/install/schedule-files.ts'
import type { Place } from '../lib/install/start-script.ts'
import { type Environment, readEnvironment } from '../lib/settings.ts'
import { agree } from './agree.ts'
import { changeLines, sayFailed, writeChanges } from './change-files.ts'
import { findProgram } from './exec.ts'
import { aliasesToTakeOut } from './install-alias.ts'
import { hooksToTakeOut } from './install-hooks.ts'
import { statusLinesToTakeOut } from './install-statusline.ts'

const FAILED = 1
const WRONG_USAGE = 64
const NOT_ALLOWED = 77
const WRONG_PLACE = 78

const PROGRAMS: Record<SchedulerName, string> = { cron: 'crontab', launchd: 'launchctl', systemd: 'systemctl' }

export interface InstallOptions {
  cron: boolean
  launchd: boolean
  systemd: boolean
  dryRun: boolean
  yes: boolean
}

export async function installCommand(options: InstallOptions): Promise<void> {
  const asked = (['cron', 'launchd', 'systemd'] as const).filter(name => options[name])
  if (asked.length > 1) return end(WRONG_USAGE, 'vigil install: choose one of --cron, --launchd and --systemd')
  await onThisMachine('install', async (environment, machine) => {
    const { home } = environment.paths
    const shown = (path: string) => tildePath(path, home)
    const place = placeOf(environment, machine)
    const refusal = refuse({ ...machine, homeOwner: ownerOf(home), vigilHome: environment.paths.vigilHome, place })
    if (refusal !== null) return end(refusal.exitCode, `vigil install: ${refusal.reason}`)
    const installed = await readInstalled(machine, environment.paths.health)
    const { name, reason } = chooseScheduler(machine, asked[0] ?? null, inUse(installed))
    // Else its files would be put in place for nobody.
    if (asked.length > 0 && findProgram(PROGRAMS[name], machine.path) === null)
      return end(WRONG_USAGE, `vigil install: there is no ${PROGRAMS[name]} here; without --${name}, Vigil chooses`)
    const goneScript = readFileSync(join(place.root, 'deploy', 'gone.sh'), 'utf8')
    const entries = wantedEntries(name, environment.paths, place, machine.id, goneScript)
    const plan = planInstall(installed, name === 'cron' ? cronLines(place, machine.id) : null, entries)
    if (typeof plan === 'string') return end(WRONG_PLACE, `vigil install: ${plan}`)
    const oldRoots = rootsInUse(installed)
    const link = planLink(home, machine.path, place.root, oldRoots)

    say(`The jobs of ${shown(place.root)} are started by ${name}: ${reason}.`)
    const elsewhere = oldRoots.filter(root => root !== place.root)
    for (const root of elsewhere) say(`Until now it led to ${shown(root)}.`)
    if (elsewhere.length > 0)
      say(
        'Mind: a status line, hook or alias from there is brought here by: vigil install --statusline, --hooks, --alias',
      )
    for (const warning of warningsFor(name, machine)) say(`Mind: ${warning}`)
    const changesLink = link.do === 'make' || link.do === 'change'
    if (isEmpty(plan) && !changesLink) say('Everything is in place already.')
    else {
      say(['', ...planLines(plan, shown), ...linkLines(link, shown), ''].join('\n'))
      if (options.dryRun) return say('Nothing was changed.')
      if (!(await agree('install', options.yes))) return
      await applyPlan(plan, machine)
      if (changesLink) makeLink(link)
      say('Done. `vigil uninstall` takes all of it out again.')
    }
    sayOfLink(link, place.root, shown)
    if (options.dryRun) return
    const { startEachJob } = await import('./install-trial.ts')
    await startEachJob(environment, machine, place)
    const { sayWhereAlertsGo } = await import('./install-alerts.ts')
    await sayWhereAlertsGo(environment)
  })
}

export async function uninstallCommand(options: Pick<InstallOptions, 'dryRun' | 'yes'>): Promise<void> {
  await onThisMachine('uninstall', async (environment, machine) => {
    const { home } = environment.paths
    const shown = (path: string) => tildePath(path, home)
    const installed = await readInstalled(machine, environment.paths.health)
    const plan: Plan | string = planInstall(installed, null, new Map())
    if (typeof plan === 'string') return end(WRONG_PLACE, `vigil uninstall: ${plan}`)
    const ownLink = isOurLink(home, [checkout(), ...rootsInUse(installed)])
    // What a session or a shell calls would fail there once the checkout is gone.
    const inSettings = statusLinesToTakeOut(environment.paths, await hooksToTakeOut(environment.paths))
    const called = [...inSettings, ...aliasesToTakeOut(environment.paths)]
    if (isEmpty(plan) && !ownLink && called.length === 0) return say('Nothing of Vigil is installed here.')
    const linkLine = ownLink ? [shown(linkPath(home)), '  - the link'] : []
    say([...planLines(plan, shown), ...linkLine, ...changeLines(called, home), ''].join('\n'))
    if (options.dryRun) return say('Nothing was changed.')
    if (!(await agree('uninstall', options.yes))) return
    await applyPlan(plan, machine)
    if (ownLink) rmSync(linkPath(home))
    for (const failure of await writeChanges(called, home)) sayFailed(failure)
    const { health, settings } = environment.paths
    say(`Done; no job is started any more. ${shown(health)} and ${shown(join(settings, '..'))} are as they were.`)
  })
}

/** @param act gets a machine whose programs have a place for what they say on stderr */
async function onThisMachine(
  command: string,
  act: (environment: Environment, machine: Machine) => Promise<void>,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'vigil-install-'))
  try {
    const environment = readEnvironment()
    const { paths, childEnv } = environment
    await act(environment, lookAtMachine(paths.home, childEnv['PATH']!, scratch))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // What the system says no to is no bug of ours.
    if (!(error instanceof InstallError) && code === undefined) throw error
    end(code === 'EACCES' || code === 'EPERM' ? NOT_ALLOWED : FAILED, `vigil ${command}: ${message}`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function checkout(): string {
  return realpathSync(fileURLToPath(new URL('..', import.meta.url)))
}

/** What a scheduler finds out by itself is left to it, so that the lines read well. */
function placeOf({ paths }: Environment, { home, systemHome }: Machine): Place {
  return {
    root: checkout(),
    home: home === systemHome ? null : home,
    vigilHome: paths.vigilHome === join(home, '.claude') ? null : paths.vigilHome,
  }
}

function ownerOf(home: string): number | null {
  return statSync(home, { throwIfNoEntry: false })?.uid ?? null
}

function warningsFor(name: SchedulerName, { platform, user }: Machine): string[] {
  const cronRuns = name !== 'cron' || platform !== 'linux' || seemsToRunCron()
  return warnings(name, { platform, user, cronRuns, lingers: existsSync(`/var/lib/systemd/linger/${user}`) })
}

function linkLines(link: LinkPlan, shown: (path: string) => string): string[] {
  if (link.do !== 'make' && link.do !== 'change') return []
  return [shown(link.path), `  + a link to ${shown(link.target)}`]
}

function sayOfLink({ do: what, path, target, onPath }: LinkPlan, root: string, shown: (path: string) => string): void {
  const addToPath = (folder: string) => `put this into your shell's profile: export PATH="$PATH:${folder}"`
  if (what === 'foreign') say(`${shown(path)} is not ours and stays as it is; call ${shown(target)} instead.`)
  else if (what === 'noFolder') say(`To call vigil by its name, ${addToPath(join(root, 'bin'))}`)
  else if (!onPath) say(`To call vigil by its name, ${addToPath('$HOME/.local/bin')}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function end(exitCode: number, text: string): void {
  process.stderr.write(`${text}\n`)
  process.exitCode = exitCode
}
