// How a job is started, whoever starts it: the shell script around it, and its line for cron. Pure.
import { createHash } from 'node:crypto'
import { DAY_MS, HOUR_MS, type JobName, MINUTE_MS, START_JITTER_MS } from '../timings.ts'

/** Where the jobs are, and what their surroundings do not tell them by themselves. */
export interface Place {
  /** The checkout, an absolute path. */
  root: string
  /** null: the home that the system gives is right. */
  home: string | null
  /** null: `~/.claude`. */
  vigilHome: string | null
}

/** Of the generated examples; the home is found by the shell. */
export const EXAMPLE_PLACE: Place = { root: '/path/to/vigil', home: null, vigilHome: null }

/** In session-health/, put there by an installation: deploy/gone.sh. */
export const GONE_SCRIPT = 'gone.sh'
/** Beside it: since when it runs in the watchdog's place, when it ran last, and when it told last. */
export const GONE_MARKS = ['gone.since', 'gone.seen', 'gone.told']

/** Daily jobs run at noon: at night a laptop sleeps, and cron never makes up for what it slept through. */
export const DAILY_AT = { hour: 12, minute: 20 }

/**
 * One script for cron, launchd and systemd. From its third word on, whatever fails is told in cron.err: also a node that
 * is not there. It needs no variable but HOME, and takes nothing away from the PATH that it is given.
 */
export function startScript(job: JobName, { root, home, vigilHome }: Place, jitterMs: number): string {
  return [
    'umask 077',
    ...(home === null ? [] : [`export HOME="${home}"`]),
    ...(vigilHome === null ? [] : [`export VIGIL_HOME="${vigilHome}"`]),
    `v="${root}"`,
    `h="${vigilHome === null ? '$HOME/.claude' : '$VIGIL_HOME'}/session-health"`,
    'mkdir -p "$h/logs"',
    'exec 2>>"$h/logs/cron.err"',
    ...(jitterMs < 1000 ? [] : [`sleep ${Math.floor(jitterMs / 1000)}`]),
    'export PATH="$PATH:/usr/local/bin:/opt/homebrew/bin" NODE_COMPILE_CACHE="$v/node_modules/.cache/compile"',
    // Nothing in the checkout can tell that it is gone.
    ...(job === 'watchdog' ? [`[ -x "$v/node_modules/.bin/node" ] || /bin/sh "$h/${GONE_SCRIPT}" "$v"`] : []),
    `exec "$v/node_modules/.bin/node" "$v/jobs/${job}.ts"`,
  ].join('; ')
}

/** Through /bin/sh, for a crontab may have a SHELL of its own that is no shell of ours. */
export function cronLine(job: JobName, periodMs: number, place: Place, jitterMs: number): string {
  const script = startScript(job, place, jitterMs).replaceAll("'", "'\\''")
  // cron ends a command at a bare %.
  return `${cronTimes(periodMs)} /bin/sh -c '${script}'`.replaceAll('%', '\\%')
}

/** @throws Error for a period that cron cannot say */
export function cronTimes(periodMs: number): string {
  const minutes = periodMs / MINUTE_MS
  const hours = periodMs / HOUR_MS
  if (minutes === 1) return '* * * * *'
  if (Number.isInteger(minutes) && minutes < 60 && 60 % minutes === 0) return `*/${minutes} * * * *`
  if (hours === 1) return '0 * * * *'
  if (Number.isInteger(hours) && hours < 24 && 24 % hours === 0) return `0 */${hours} * * *`
  if (periodMs === DAY_MS) return `${DAILY_AT.minute} ${DAILY_AT.hour} * * *`
  throw new Error(`cron has no times for every ${periodMs} ms`)
}

/** Many machines must not ask in the same second, and a job's distance from its last run must not change. */
export function startJitterMs(job: JobName, machine: string): number {
  const seconds = START_JITTER_MS / 1000 + 1
  return (createHash('sha256').update(`${machine}\n${job}`).digest().readUInt32BE(0) % seconds) * 1000
}

/** Why a path cannot stand in the script; null = it can. What a shell or cron would read as more than a name is refused. */
export function badPath(path: string): string | null {
  const [found] = /["$`\\\p{Cc}]/u.exec(path) ?? []
  if (found === undefined) return null
  return `it has ${/\p{Cc}/u.test(found) ? 'a control character' : `a ${found}`} in its name, which no schedule can hold`
}

/** The checkout that a schedule of ours leads to; null = it is none of ours. */
export function placeNamed(text: string): string | null {
  const [, root] = /; v="([^"]*)"; h="/.exec(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) ?? []
  return (
    root
      ?.replaceAll(/\\%|%%/g, '%')
      .replaceAll("'\\''", "'")
      .replaceAll("\\'", "'") ?? null
  )
}
