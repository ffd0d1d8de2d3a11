// What an installation changes, and how that is shown. Pure.
import { CRON_PERIOD_MS, type JobName } from '../timings.ts'
import { blockIn, withBlock, withoutBlock } from './crontab-text.ts'
import type { SchedulerName } from './machine.ts'
import type { Entries, Entry } from './schedule-files.ts'
import { cronLine, type Place, placeNamed, startJitterMs } from './start-script.ts'

/** What there is of ours now. The crontab as latin1, so that every byte of it is a character; null = there is none. */
export interface Installed {
  crontab: string | null
  entries: Entries
}

export interface Plan {
  crontab: { from: string | null; to: string | null } | null
  entries: Array<{ path: string; from: Entry | null; to: Entry | null }>
}

/** cron cuts a longer command without a word (1000 in Debian's). */
const LONGEST_LINE = 990

export function cronLines(place: Place, machineId: string): string[] {
  return (Object.entries(CRON_PERIOD_MS) as Array<[JobName, number]>).map(([job, periodMs]) =>
    cronLine(job, periodMs, place, startJitterMs(job, machineId)),
  )
}

/**
 * @param lines of the crontab; null = there are to be none
 * @param entries all files that there are to be
 * @returns a reason where it cannot be done
 */
export function planInstall(now: Installed, lines: readonly string[] | null, entries: Entries): Plan | string {
  if (lines?.some(line => Buffer.byteLength(line) > LONGEST_LINE))
    return 'the path of this checkout is too long for a line of cron; move the checkout to a shorter one'
  const crontab = crontabTo(now.crontab, lines)
  if (crontab === null)
    return 'your crontab has a vigil marker (# >>> vigil >>> or # <<< vigil <<<) without the other; mend that with: crontab -e'
  const paths = [...new Set([...now.entries.keys(), ...entries.keys()])].sort()
  const changes = paths.map(path => ({ path, from: now.entries.get(path) ?? null, to: entries.get(path) ?? null }))
  return {
    crontab: crontab.text === now.crontab ? null : { from: now.crontab, to: crontab.text },
    entries: changes.filter(({ from, to }) => from?.kind !== to?.kind || from?.text !== to?.text),
  }
}

function crontabTo(now: string | null, lines: readonly string[] | null): { text: string | null } | null {
  if (lines === null) return now === null ? { text: null } : withoutBlock(now)
  const text = withBlock(
    now,
    lines.map(line => Buffer.from(line, 'utf8').toString('latin1')),
  )
  return text === null ? null : { text }
}

export function isEmpty(plan: Plan): boolean {
  return plan.crontab === null && plan.entries.length === 0
}

/** Which schedulers start our jobs now. */
export function inUse({ crontab, entries }: Installed): SchedulerName[] {
  const paths = [...entries.keys()]
  const names: SchedulerName[] = []
  if (blockIn(crontab ?? '') !== '') names.push('cron')
  if (paths.some(path => path.endsWith('.plist'))) names.push('launchd')
  if (paths.some(path => path.endsWith('.timer'))) names.push('systemd')
  return names
}

/** The checkouts that the schedule leads to now; more than one only where somebody mended it by hand. */
export function rootsInUse({ crontab, entries }: Installed): string[] {
  const lines = Buffer.from(blockIn(crontab ?? ''), 'latin1')
    .toString('utf8')
    .split('\n')
  const texts = [...entries.values()].filter(({ kind }) => kind === 'file').map(({ text }) => text)
  const roots = [...lines, ...texts].map(placeNamed).filter(root => root !== null)
  return [...new Set(roots)]
}

/** Only what changes: other people's lines may hold what no screen should show. */
export function planLines(plan: Plan, shown: (path: string) => string): string[] {
  const lines: string[] = []
  if (plan.crontab !== null) {
    const { from, to } = plan.crontab
    lines.push(to === null ? 'crontab (there will be none)' : 'crontab')
    lines.push(...diff(utf8(from), utf8(to)).map(line => `  ${line}`))
  }
  for (const { path, from, to } of plan.entries) {
    lines.push(shown(path))
    if (to?.kind === 'link') lines.push(`  + a link to ${shown(to.text)}`)
    else if (to === null) lines.push(`  - ${from?.kind === 'link' ? 'the link' : 'the file'}`)
    else lines.push(...diff(from?.text ?? '', to.text).map(line => `  ${line}`))
  }
  return lines
}

function utf8(latin1: string | null): string {
  return Buffer.from(latin1 ?? '', 'latin1').toString('utf8')
}

/** What stands between the beginning and the end that both have. */
function diff(from: string, to: string): string[] {
  const lines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))
  const [a, b] = [lines(from), lines(to)]
  let start = 0
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const between = (all: string[]) => all.slice(start, all.length - end)
  return [...between(a).map(line => `- ${line}`), ...between(b).map(line => `+ ${line}`)]
}
