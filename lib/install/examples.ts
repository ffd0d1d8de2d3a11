// The files that show a person the schedule, for every scheduler, from the one that stands in timings.ts. Pure.
import { CRON_PERIOD_MS, type JobName } from '../timings.ts'
import { cronLine, EXAMPLE_PLACE } from './start-script.ts'
import { agentLabel, launchAgent, systemdService, systemdTimer, unitName } from './units.ts'

const CRONTAB_HEAD = `# Vigil's schedule, generated from lib/timings.ts. \`vigil install\` puts it in place; by hand: replace /path/to/vigil,
# then crontab -e. One line a job. What a shell says when a job cannot even start ends in cron.err; the jobs are quiet.
`

/** Path below the checkout and content of each. */
export function exampleFiles(): Map<string, string> {
  const jobs = Object.entries(CRON_PERIOD_MS) as Array<[JobName, number]>
  const lines = jobs.map(([job, periodMs]) => `${cronLine(job, periodMs, EXAMPLE_PLACE, 0)}\n`)
  const files = new Map([['crontab.example', `${CRONTAB_HEAD}${lines.join('')}`]])
  for (const [job, periodMs] of jobs) {
    files.set(`deploy/launchd/${agentLabel(job)}.plist`, launchAgent(job, periodMs, EXAMPLE_PLACE, 0, null))
    files.set(`deploy/systemd/${unitName(job, 'service')}`, systemdService(job, EXAMPLE_PLACE))
    files.set(`deploy/systemd/${unitName(job, 'timer')}`, systemdTimer(job, periodMs))
  }
  return files
}
