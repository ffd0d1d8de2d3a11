// The command line: names, options and help. Each command's work is in its own file and loaded only when it is called.
import { Command } from 'commander'
import { CRON_PERIOD_MS, type JobName } from '../lib/timings.ts'
import { VERSION } from '../lib/version.ts'

const JOBS = Object.keys(CRON_PERIOD_MS) as JobName[]
const WRONG_USAGE = 64

const program = new Command('vigil')
  .description('Keeps Claude Code logins alive and quota figures true, and says so loudly when anything is not.')
  .version(VERSION)
  .showSuggestionAfterError()
  .showHelpAfterError('(see: vigil --help)')
  // Before the commands are added: they take it over from here.
  .exitOverride()

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
  .action(async (job: string, options: { force: boolean }) => {
    if (!(JOBS as string[]).includes(job)) {
      process.stderr.write(`vigil run: there is no job "${job}"; there are ${JOBS.join(', ')}\n`)
      process.exitCode = WRONG_USAGE
      return
    }
    const { runCommand } = await import('./run.ts')
    await runCommand(job as JobName, options.force ? ['--force'] : [])
  })

try {
  await program.parseAsync()
} catch (error) {
  // commander has printed what is wrong; help and version end here too, with code 0.
  const { code, exitCode } = error as { code?: string; exitCode?: number }
  if (code === undefined || !code.startsWith('commander.')) throw error
  process.exitCode = exitCode === 0 ? 0 : WRONG_USAGE
}
