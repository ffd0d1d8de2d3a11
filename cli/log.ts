// `vigil log`: what the jobs wrote, by time, and what a shell said where one could not even start.
import { mergeEntries } from '../lib/domain/log-line.ts'
import { redact } from '../lib/edges/redact.ts'
import { type LogScreen, renderLog } from '../lib/screen/log-lines.ts'
import { readEnvironment } from '../lib/settings.ts'
import { endOf, listLogs, readAdded, readLogs, type Tail } from '../lib/store/log-files.ts'
import { CRON_PERIOD_MS } from '../lib/timings.ts'
import { durationMs } from './duration.ts'

const WRONG_USAGE = 64
const FOLLOW_MS = 500

/** @param job null = all of them */
export async function logCommand(job: string | null, options: { follow: boolean; since: string }): Promise<void> {
  const sinceMs = durationMs(options.since)
  if (sinceMs === null) return fail(`--since is "${options.since}"; write a time such as 30m, 2h or 7d`)
  const { paths, terminal } = readEnvironment()
  const known = [...Object.keys(CRON_PERIOD_MS), ...listLogs(paths, null).map(({ from }) => from)]
  if (job !== null && !known.includes(job))
    return fail(`there is no log of "${job}"; there are ${[...new Set(known)].join(', ')}`)
  let done = false
  process.stdout.on('error', () => {
    done = true // Nobody reads on.
  })
  const { isTTY = false, columns } = process.stdout
  const screen: LogScreen = {
    columns: isTTY ? (columns ?? terminal.columns ?? 80) : null,
    color: terminal.color === 'auto' ? isTTY : terminal.color === 'always',
    unicode: terminal.utf8 || !isTTY,
  }
  const tails = new Map<string, Tail | null>()
  const files = () => listLogs(paths, job)
  for (const { path } of files()) tails.set(path, endOf(path))
  let day = ''
  const show = (entries: ReturnType<typeof readLogs>) => {
    const shown = renderLog(
      entries.map(entry => ({ ...entry, message: redact(entry.message) })),
      screen,
      day,
    )
    day = shown.day
    if (shown.lines.length > 0) process.stdout.write(`${shown.lines.join('\n')}\n`)
  }
  const entries = mergeEntries(readLogs(files(), Date.now() - sinceMs), Date.now() - sinceMs)
  show(entries)
  if (entries.length === 0 && !options.follow)
    process.stderr.write(`vigil log: nothing was written in the last ${options.since}; try --since 7d\n`)
  while (options.follow && !done) {
    await new Promise(resolve => setTimeout(resolve, FOLLOW_MS))
    const added = files().flatMap(file => {
      const { entries, seen } = readAdded(file, tails.get(file.path) ?? null)
      tails.set(file.path, seen)
      return entries
    })
    show(mergeEntries(added, 0))
  }
}

function fail(problem: string): void {
  process.stderr.write(`vigil log: ${problem}\n`)
  process.exitCode = WRONG_USAGE
}
