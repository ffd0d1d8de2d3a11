// `vigil doctor`: everything that can be wrong, each finding with what shows it and the command that mends it. Only --fix
// changes anything, and only modes of files and temporary files of ours.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkChannels } from '../lib/doctor/check-channels.ts'
import { checkClock } from '../lib/doctor/check-clock.ts'
import { checkDisk, checkLeftovers, checkPermissions } from '../lib/doctor/check-files.ts'
import { checkHooks } from '../lib/doctor/check-hooks.ts'
import { checkAnyLogin, checkConfigDir, checkLogins, checkOverrides } from '../lib/doctor/check-logins.ts'
import { checkPrograms } from '../lib/doctor/check-programs.ts'
import { checkRivals, checkRuns, checkSchedule } from '../lib/doctor/check-schedule.ts'
import { checkPersonsFiles, checkSecrets } from '../lib/doctor/check-settings.ts'
import type { Finding, Skipped } from '../lib/doctor/finding.ts'
import { tildePath } from '../lib/domain/account.ts'
import { editCommand } from '../lib/domain/status-problems.ts'
import { redact } from '../lib/edges/redact.ts'
import { lookAtJobs } from '../lib/flows/look-at-jobs.ts'
import { lookAtMachine } from '../lib/install/machine.ts'
import { type DoctorReport, renderDoctor } from '../lib/screen/doctor-screen.ts'
import { type Environment, loadAllSettings, loadDelivery, readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { applyStep } from '../lib/store/leftovers.ts'
import {
  checkout,
  listCommands,
  lookAtChannels,
  lookAtClock,
  lookAtLogins,
  lookAtPrograms,
  lookAtSchedule,
  lookAtSecrets,
} from './doctor-facts.ts'
import { lookAtConfigDir, lookAtDisk, lookAtPaths, lookForLeftovers, lookForOverrides } from './doctor-files.ts'
import { lookAtHooks } from './doctor-hooks.ts'

const SECRET_MS = 10_000

interface Examined {
  findings: Finding[]
  skipped: Skipped[]
  fixed: string[]
}

export async function doctorCommand(options: { json: boolean; fix: boolean }): Promise<void> {
  const environment = readEnvironment()
  const scratch = mkdtempSync(join(tmpdir(), 'vigil-doctor-'))
  try {
    const now = Date.now()
    const first = await examine(environment, scratch, now)
    const fixed = options.fix ? fix(first, environment, now) : []
    const report = { ...(fixed.length > 0 ? await examine(environment, scratch, now) : first), fixed }
    if (options.json)
      process.stdout.write(`${JSON.stringify({ schema: 1, checked_at: now, ...told(report) }, null, 2)}\n`)
    else {
      const { isTTY = false, columns } = process.stdout
      const { color, utf8, columns: width } = environment.terminal
      const screen = {
        columns: isTTY ? (columns ?? width ?? 80) : (width ?? 100),
        color: color === 'auto' ? isTTY : color === 'always',
        unicode: utf8,
      }
      process.stdout.write(`${renderDoctor(told(report), screen).join('\n')}\n`)
    }
    process.exitCode = report.findings.some(({ severity }) => severity === 'error') ? 1 : 0
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Each check for itself: one that cannot be made hides no other. */
async function examine(environment: Environment, scratch: string, now: number): Promise<Examined> {
  const { paths, childEnv, secretFromEnv } = environment
  const findings: Finding[] = []
  const skipped: Skipped[] = []
  const check = async (name: string, make: () => Finding[] | Promise<Finding[]>) => {
    try {
      findings.push(...(await make()))
    } catch (error) {
      skipped.push({ check: name, reason: (error as Error).message })
    }
  }
  const machine = lookAtMachine(paths.home, childEnv['PATH']!, scratch)
  const edit = editCommand(tildePath(paths.settings, paths.home))
  const wrongSettings = await problemsOf(() => loadAllSettings(paths))
  const wrongRegistry = await problemsOf(() => readRegistry(paths, 'leave'))
  const accounts = wrongRegistry.length > 0 ? [] : ((await readRegistry(paths, 'leave'))?.accounts ?? [])
  const settings = await loadDelivery(paths)
  // Of that, the channels alone are what the file says.
  const failoverOn = (await loadAllSettings(paths).catch(() => null))?.failover.enabled ?? false
  const secrets = {
    home: paths.home,
    fromEnv: secretFromEnv,
    childEnv,
    stderrPath: join(scratch, 'secret.err'),
    deadlineMs: SECRET_MS,
    signal: AbortSignal.timeout(3 * SECRET_MS),
  }
  await check('settings', () =>
    checkPersonsFiles([
      { file: 'vigil.yaml', problems: wrongSettings, edit },
      {
        file: 'claude-sessions.yaml',
        problems: wrongRegistry,
        edit: editCommand(tildePath(paths.accounts, paths.home)),
      },
    ]),
  )
  await check('secrets', async () => checkSecrets(await lookAtSecrets(settings, secrets), edit))
  await check('permissions', () => checkPermissions(lookAtPaths(paths, accounts), process.geteuid?.() ?? null))
  await check('login', () => checkAnyLogin(wrongRegistry.length > 0 ? null : accounts.length))
  await check('login', async () => checkLogins(await lookAtLogins(environment, accounts, scratch, now), now))
  await check('config_dir', () => checkConfigDir(lookAtConfigDir(secretFromEnv('CLAUDE_CONFIG_DIR'), paths, accounts)))
  await check('override', () => checkOverrides(lookForOverrides(secretFromEnv, paths, accounts)))
  await check('hooks', () => checkHooks(lookAtHooks(paths, accounts), failoverOn))
  await check('schedule', async () => checkSchedule(await lookAtSchedule(environment, machine)))
  await check('runs', () => checkRuns(lookAtJobs(paths, now, failoverOn).map(({ job }) => job)))
  await check('rivals', async () => checkRivals(await listCommands(machine)))
  await check('channels', async () => checkChannels(await lookAtChannels(settings, machine, secrets), edit))
  await check('programs', () => checkPrograms(lookAtPrograms(childEnv['PATH']!, paths.home, pinnedNode())))
  await check('disk', () => checkDisk(lookAtDisk(paths.locks), process.platform))
  await check('leftovers', () => checkLeftovers(lookForLeftovers(paths, now).length))
  await check('clock', () => checkClock(lookAtClock(paths, accounts), now, process.platform))
  return { findings, skipped, fixed: [] }
}

async function problemsOf(read: () => Promise<unknown>): Promise<string[]> {
  try {
    await read()
    return []
  } catch (error) {
    return error instanceof SettingsError ? error.problems : [(error as Error).message]
  }
}

/** @returns what was done, one line each */
function fix({ findings }: Examined, { paths }: Environment, now: number): string[] {
  const done: string[] = []
  for (const { fix: what } of findings) {
    if (what === undefined) continue
    try {
      chmodSync(what.path, what.mode)
      done.push(`chmod ${what.mode.toString(8)} ${tildePath(what.path, paths.home)}`)
    } catch {
      // The finding is still there when all is looked at again, and says what to do.
    }
  }
  const removed = lookForLeftovers(paths, now).filter(applyStep)
  return [...done, ...removed.map(({ file }) => `rm ${tildePath(file.path, paths.home)}`)]
}

/** Worst first, without what is for the program alone, and without a secret or the home in what others said. */
function told({ findings, skipped, fixed }: Examined): DoctorReport {
  const order = ['error', 'warning', 'info']
  const clean = (text: string) => redact(text)
  return {
    findings: findings
      .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
      .map(({ fix: _fix, ...rest }) => ({
        ...rest,
        what: clean(rest.what),
        evidence: clean(rest.evidence),
        remedy: clean(rest.remedy),
      })),
    skipped: skipped.map(({ check, reason }) => ({ check, reason: clean(reason) })),
    fixed,
  }
}

function pinnedNode(): string {
  const { dependencies } = JSON.parse(readFileSync(join(checkout(), 'package.json'), 'utf8'))
  return dependencies.node
}
