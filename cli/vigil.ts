// The command line: names, options and help. Each command's work is in its own file and loaded only when it is called.
import { Command } from 'commander'
import { CRON_PERIOD_MS, type JobName, VERSION } from '../lib/timings.ts'
import type { ReplayOptions } from './failover.ts'
import { HELP, HELP_OUTPUT, namesItsHelp, refusesUnknown } from './help.ts'
import type { InstallOptions } from './install.ts'

const JOBS = Object.keys(CRON_PERIOD_MS) as JobName[]
const WRONG_USAGE = 64

const program = new Command('vigil')
  .description('Keeps Claude Code logins alive and quota figures true, and says so loudly when anything is not.')
  .version(VERSION)
  .showSuggestionAfterError()
  .showHelpAfterError('(see: vigil --help)')
  // Before the commands are added: they take it over from here.
  .exitOverride()
  .configureHelp(HELP)
  .configureOutput(HELP_OUTPUT)

program
  .command('status')
  .description('one screen: pool, accounts, figures with their age, jobs')
  .option('--json', 'the same as JSON (schema: docs/status.schema.json)', false)
  .action(async (options: { json: boolean }) => {
    const { statusCommand } = await import('./status.ts')
    await statusCommand(options)
  })

program
  .command('run')
  .description(`runs one job by hand, showing its log: ${JOBS.join(', ')}`)
  .argument('<job>', 'the job')
  .option('--force', 'fetch-billing: measure now, whatever is still fresh', false)
  .option('--dry-run', 'janitor: only show what it would take away', false)
  .action(async (job: string, options: { force: boolean; dryRun: boolean }) => {
    if (!(JOBS as string[]).includes(job)) {
      process.stderr.write(`vigil run: there is no job "${job}"; there are ${JOBS.join(', ')}\n`)
      process.exitCode = WRONG_USAGE
      return
    }
    // Said of another job, it would run that one in earnest.
    if (knownToAnother(job, options)) return
    if (options.dryRun) {
      const { showCleanup } = await import('./janitor.ts')
      showCleanup()
      return
    }
    const { runCommand } = await import('./run.ts')
    await runCommand(job as JobName, options.force ? ['--force'] : [])
  })

program
  .command('install')
  .description('has this machine start the jobs: shows what changes, asks, does it, and starts each job once')
  .option('--cron', 'by cron', false)
  .option('--launchd', 'by launchd (macOS)', false)
  .option('--systemd', 'by user timers of systemd', false)
  .option('--statusline', "only the status line, into Claude Code's settings.json", false)
  .option('--hooks', "only the hook that failover hears from, into Claude Code's settings.json", false)
  .option('--alias [shell]', "only the alias by which claude starts in the current account, into the shell's profile")
  .option('--dry-run', 'only show what would change', false)
  .option('--yes', 'do not ask', false)
  .action(async (options: InstallOptions & Parts) => {
    if (tooManyParts('install', options)) return
    if (options.statusline) {
      const { installStatusline } = await import('./install-statusline.ts')
      return installStatusline(options)
    }
    if (options.hooks) {
      const { installHooks } = await import('./install-hooks.ts')
      return installHooks(options)
    }
    if (isAsked(options.alias)) {
      const { installAlias } = await import('./install-alias.ts')
      return installAlias(options.alias, options)
    }
    const { installCommand } = await import('./install.ts')
    await installCommand(options)
  })

program
  .command('uninstall')
  .description('takes schedule, link, status line, hooks and alias out again; figures, logs and settings stay')
  .option('--statusline', 'only the status line', false)
  .option('--hooks', 'only the hook', false)
  .option('--alias', 'only the alias', false)
  .option('--dry-run', 'only show what would change', false)
  .option('--yes', 'do not ask', false)
  .action(async (options: Pick<InstallOptions, 'dryRun' | 'yes'> & Parts) => {
    if (tooManyParts('uninstall', options)) return
    if (options.statusline) {
      const { uninstallStatusline } = await import('./install-statusline.ts')
      return uninstallStatusline(options)
    }
    if (options.hooks) {
      const { uninstallHooks } = await import('./install-hooks.ts')
      return uninstallHooks(options)
    }
    if (options.alias) {
      const { uninstallAlias } = await import('./install-alias.ts')
      return uninstallAlias(options)
    }
    const { uninstallCommand } = await import('./install.ts')
    await uninstallCommand(options)
  })

program
  .command('statusline')
  .description('what Claude Code calls: one line from the caches and stdin (bin/vigil starts it without this file)')
  .option('--preview', 'all its states, side by side', false)
  .action(async () => {
    const { statuslineCommand } = await import('./statusline.ts')
    await statuslineCommand()
  })

const alerts = program.command('alerts').description('what fires, what waits to be sent, and what is silenced')

alerts
  .command('list', { isDefault: true })
  .description('what fires and what waits')
  .option('--json', 'alerts.json as it stands', false)
  .action(async (options: { json: boolean }) => {
    const { listAlerts } = await import('./alerts.ts')
    listAlerts(options)
  })

alerts
  .command('ack')
  .description('stops the repeats of what fires now; a later episode is told again')
  .argument('<key>', 'as `vigil alerts` shows it; a name alone, or a beginning with *, means all of them')
  .option('--for <duration>', 'such as 30m, 4h, 2d', '24h')
  .option('--note <text>', 'why', '')
  .action(async (key: string, options: { for: string; note: string }) => {
    const { ackAlert } = await import('./alerts.ts')
    await ackAlert(key, options)
  })

alerts
  .command('silence')
  .description('holds every message of a key until it ends; what still fires then is told')
  .argument('<key>', 'a key, or the beginning of one with *')
  .option('--for <duration>', 'such as 30m, 4h, 2d', '4h')
  .option('--note <text>', 'why', '')
  .action(async (key: string, options: { for: string; note: string }) => {
    const { silenceAlert } = await import('./alerts.ts')
    await silenceAlert(key, options)
  })

alerts
  .command('unsilence')
  .description('ends an ack or a silence')
  .argument('<what>', 'its number or its key, as `vigil alerts` shows it')
  .action(async (what: string) => {
    const { unsilenceAlert } = await import('./alerts.ts')
    await unsilenceAlert(what)
  })

alerts
  .command('test')
  .description('sends through every channel and shows what each answered')
  .action(async () => {
    const { testChannels } = await import('./alerts.ts')
    await testChannels()
  })

program
  .command('why')
  .description('why an alert did or did not go out')
  .argument('<key>', 'as `vigil alerts` shows it, or a name alone; or: failover')
  .option('--hours <n>', 'how far back', '48')
  .action(async (key: string, options: { hours: string }) => {
    const hours = Number(options.hours)
    if (!Number.isFinite(hours) || hours <= 0) {
      process.stderr.write(`vigil why: --hours is "${options.hours}"; write a number such as 48\n`)
      process.exitCode = WRONG_USAGE
      return
    }
    if (key === 'failover') {
      const { whyFailover } = await import('./why-failover.ts')
      return whyFailover(hours)
    }
    const { whyCommand } = await import('./why.ts')
    await whyCommand(key, hours)
  })

program
  .command('failover')
  .description('what other settings would have done with what was recorded')
  .requiredOption('--replay', 'replay it')
  .option('--hours <n>', 'how far back', '168')
  .option('--level <percent>', 'of both windows')
  .option('--strategy <name>', 'most-room, soonest-reset or priority')
  .option('--cooldown <minutes>', 'between two switches')
  .action(async (options: ReplayOptions) => {
    const { replayCommand } = await import('./failover.ts')
    await replayCommand(options)
  })

program
  .command('exec')
  .description('becomes a program, such as claude, in the current account: vigil exec -- claude')
  .argument('<program...>', 'the program and its arguments, behind --')
  .action(async (words: [string, ...string[]]) => {
    const { execCommand } = await import('./exec.ts')
    await execCommand(words)
  })

program
  .command('hook')
  .description('what Claude Code calls: stop-failure, for its StopFailure hook')
  .argument('<name>', 'stop-failure')
  .action(async (name: string) => {
    if (name !== 'stop-failure') {
      process.stderr.write(`vigil hook: there is no hook "${name}"; there is stop-failure\n`)
      process.exitCode = WRONG_USAGE
      return
    }
    const { stopFailureHook } = await import('./hook.ts')
    await stopFailureHook()
  })

const accounts = program.command('accounts').description('the logins that Vigil looks after')

accounts
  .command('list', { isDefault: true })
  .description('each with its directory and standing')
  .option('--json', 'as JSON', false)
  .action(async (options: { json: boolean }) => {
    const { listAccounts } = await import('./accounts.ts')
    await listAccounts(options)
  })

accounts
  .command('add')
  .description('one more login; a copy of another one is refused, for renewing either would end both')
  .argument('<dir>', 'the config directory, such as ~/.claude-work')
  .option('--slot <name>', 'what to call it here')
  .action(async (dir: string, options: { slot?: string }) => {
    const { addAccount } = await import('./accounts.ts')
    await addAccount(dir, options)
  })

accounts
  .command('pause')
  .description('leaves a login alone until it is resumed')
  .argument('<slot>', 'as `vigil accounts` shows it')
  .action(async (slot: string) => {
    const { pauseAccount } = await import('./accounts.ts')
    await pauseAccount(slot)
  })

accounts
  .command('resume')
  .description('looks after a paused login again')
  .argument('<slot>', 'as `vigil accounts` shows it')
  .action(async (slot: string) => {
    const { resumeAccount } = await import('./accounts.ts')
    await resumeAccount(slot)
  })

accounts
  .command('use')
  .description('makes a login the current one')
  .argument('<slot>', 'as `vigil accounts` shows it')
  .action(async (slot: string) => {
    const { useAccount } = await import('./accounts.ts')
    await useAccount(slot)
  })

program
  .command('doctor')
  .description('looks for everything that can be wrong, and says what mends it')
  .option('--json', 'as JSON', false)
  .option('--fix', 'mends modes of files and takes away old temporary files; nothing else', false)
  .action(async (options: { json: boolean; fix: boolean }) => {
    const { doctorCommand } = await import('./doctor.ts')
    await doctorCommand(options)
  })

program
  .command('log')
  .description('what the jobs wrote, by local time; without a job all of them, and what a shell said')
  .argument('[job]', 'a job, or a file of logs/ such as cron.err')
  .option('-f, --follow', 'go on showing what comes, until Ctrl-C', false)
  .option('--since <duration>', 'how far back, such as 30m, 2h, 7d', '2h')
  .action(async (job: string | undefined, options: { follow: boolean; since: string }) => {
    const { logCommand } = await import('./log.ts')
    await logCommand(job ?? null, options)
  })

program
  .command('completion')
  .description('prints a script that completes commands and options in your shell')
  .argument('<shell>', 'bash, zsh or fish')
  .action(async (shell: string) => {
    const { completionScript, SHELLS } = await import('./completion.ts')
    const known = SHELLS.find(name => name === shell)
    if (known === undefined) {
      process.stderr.write(`vigil completion: there is none for "${shell}"; there are ${SHELLS.join(', ')}\n`)
      process.exitCode = WRONG_USAGE
      return
    }
    process.stdout.write(completionScript(known, program, { run: JOBS, log: JOBS, completion: SHELLS }))
  })

/** What is put in place by itself. */
interface Parts {
  statusline: boolean
  hooks: boolean
  alias?: string | boolean
  cron?: boolean
  launchd?: boolean
  systemd?: boolean
}

/** `--alias=` too: that shell has no name, and the whole of an installation is not what was asked for. */
function isAsked(alias: Parts['alias']): alias is string | true {
  return alias !== undefined && alias !== false
}

/** Of two, one would be left undone without a word. */
function tooManyParts(command: string, { statusline, hooks, alias, cron, launchd, systemd }: Parts): boolean {
  const parts = [statusline, hooks, isAsked(alias)].filter(Boolean).length
  if (parts < 2 && !(parts === 1 && (cron || launchd || systemd))) return false
  const schedule = parts < 2 ? ', without a scheduler' : ''
  return refuse(`vigil ${command}: choose one of --statusline, --hooks and --alias${schedule}`)
}

function knownToAnother(job: string, { force, dryRun }: { force: boolean; dryRun: boolean }): boolean {
  if (dryRun && job !== 'janitor') return refuse('vigil run: --dry-run is known to janitor only')
  if (force && job !== 'fetch-billing') return refuse('vigil run: --force is known to fetch-billing only')
  return false
}

function refuse(problem: string): true {
  process.stderr.write(`${problem}\n`)
  process.exitCode = WRONG_USAGE
  return true
}

/** A reader that has seen enough (`vigil alerts | head`) is no failure, and ends nothing that was begun; a full disk is told. */
function outputFailed({ code, message }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE') return
  process.stderr.write(`vigil ${process.argv[2]}: the output could not be written: ${message}\n`)
  process.exitCode = 1
}

// Looked at, a pipe never blocks any more: what becomes another program hands it on as it is.
if (!['exec', 'hook'].includes(process.argv[2] ?? '')) process.stdout.on('error', outputFailed)
for (const group of [alerts, accounts]) refusesUnknown(group)
namesItsHelp(program)

try {
  await program.parseAsync()
} catch (error) {
  // commander has printed what is wrong; help and version end here too, with code 0.
  const { code, exitCode } = error as { code?: string; exitCode?: number }
  if (code?.startsWith('commander.')) process.exitCode = exitCode === 0 ? 0 : WRONG_USAGE
  else {
    const { sayWhyItEnded } = await import('./ended.ts')
    sayWhyItEnded(process.argv[2] ?? '', error)
  }
}
