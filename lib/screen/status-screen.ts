// `vigil status` for a person: the verdict first, then each account with its windows, the jobs, and what to do. Pure.
import { nameSessions } from '../domain/session.ts'
import {
  type Problem,
  SEVERITIES,
  type Status,
  type StatusAccount,
  type StatusAlerts,
  type StatusJob,
  type StatusSession,
} from '../domain/status.ts'
import { displayWidth, flow, padEnd, type Style, wrapCommand, wrapWords } from './ansi.ts'
import { billingLines } from './billing-lines.ts'
import { type Look, lookOf, type ScreenOptions, SEVERITY_COLOURS, VERDICT_COLOURS } from './look.ts'
import { ago, span, until, wallDate, wallTime } from './times.ts'
import { gridOf, type Row, rowLines, rowsOf } from './window-rows.ts'

/** So many lines of one problem; all of them stand in `--json`. */
const MAX_DETAILS = 8

export function renderStatus(status: Status, options: ScreenOptions): string {
  const look = lookOf(options)
  const slots = new Set(status.accounts.map(account => account.slot))
  const others = status.problems.filter(problem => problem.slot === null || !slots.has(problem.slot))
  const blocks = [
    verdictLines(status, look),
    ...accountBlocks(status, look),
    billingLines(status, look),
    jobLines(status.jobs, look),
    alertLines(status.alerts, look),
    ...others.map(problem => problemLines(problem, look, '')),
  ]
  const lines = blocks
    .filter(block => block.length > 0)
    .flatMap((block, index) => (index === 0 ? block : ['', ...block]))
  return `${lines.map(line => line.trimEnd()).join('\n')}\n`
}

function verdictLines({ pool }: Status, look: Look): string[] {
  const { paint, say, signs, clock } = look
  const colour = VERDICT_COLOURS[pool.verdict]
  const head = `${signs.verdict[pool.verdict]} ${pool.verdict.replace('-', ' ')}`
  const indent = look.width - displayWidth(head) - 2 >= 36 ? displayWidth(head) + 2 : 2
  const at = pool.recovers_at
  const when = at === null ? '' : ` at ${wallTime(at, clock)}, ${until(at, clock.now)}`
  const reason = wrapWords(say(pool.reason) + when, look.width - indent)
  const [first, ...rest] = indent === 2 ? ['', ...reason] : reason
  const lines = [padEnd(paint(head, 'bold', colour), indent) + first, ...rest.map(line => ' '.repeat(indent) + line)]
  if (pool.remedy !== null) lines.push(...commandLines(pool.remedy, look, ' '.repeat(indent)))
  return lines
}

function accountBlocks(status: Status, look: Look): string[][] {
  const { accounts } = status
  const rows = new Map<string, Row[]>(accounts.map(account => [account.slot, rowsOf(account, look)]))
  const grid = gridOf([...rows.values()].flat(), look)
  const indent = grid.narrow ? '  ' : '    '
  const heads = headLines(status, look, indent)
  return accounts.map((account, index) => [
    ...heads[index]!,
    ...status.problems
      .filter(problem => problem.slot === account.slot)
      .flatMap(problem => problemLines(problem, look, indent, account.standing === 'inactive')),
    ...rows.get(account.slot)!.flatMap(row => rowLines(row, grid, look)),
    ...tryLines(account, look, indent),
    ...sessionLines(
      status.left_behind.filter(({ slot }) => slot === account.slot),
      look,
      indent,
    ),
  ])
}

/** Name, address and what is to be said of each account: in columns where all of it fits, else below each other. */
function headLines({ accounts, current }: Status, look: Look, indent: string): string[][] {
  const { paint, signs, width } = look
  const texts = accounts.map(account => ({
    name: look.clip(account.slot, Math.min(28, width - 4)),
    address: look.clip(account.email ?? account.config_dir, Math.min(44, width - 2)),
    facts: factsOf(account, account.slot === current, look),
    sign: account.slot === current ? signs.current : '',
  }))
  const nameWidth = Math.max(0, ...texts.map(text => displayWidth(text.name)))
  const addressWidth = Math.max(0, ...texts.map(text => displayWidth(text.address)))
  const factsWidth = Math.max(0, ...texts.map(text => displayWidth(text.facts.join(signs.between))))
  const left = 2 + nameWidth + 2 + addressWidth
  const oneLine = left + 3 + factsWidth <= width
  return texts.map(({ name, address, facts, sign }) => {
    const start = `${padEnd(paint(sign, 'cyan', 'bold'), 2)}${paint(name, 'bold')}`
    if (oneLine) {
      const columns = `${padEnd(start, 2 + nameWidth)}  ${padEnd(address, addressWidth)}`
      return [`${columns}   ${facts.join(paint(signs.between, 'dim'))}`]
    }
    const beside = left <= width
    const below = [...(beside ? [] : [address]), ...flow(facts, paint(signs.between, 'dim'), width - indent.length)]
    const first = beside ? `${padEnd(start, 2 + nameWidth)}  ${address}` : start
    return [first, ...below.map(line => indent + line)]
  })
}

function factsOf(account: StatusAccount, isCurrent: boolean, { paint, signs, clock }: Look): string[] {
  const facts = isCurrent ? [paint('current', 'cyan')] : []
  if (account.standing === 'paused') {
    const since = account.since === null ? '' : ` since ${wallTime(account.since, clock)}`
    facts.push(paint(`paused by hand${since}`, 'yellow'))
  }
  const { state } = account.freshness
  if (account.measured_at !== null) {
    const text = `measured ${ago(account.measured_at, clock.now)}`
    if (state === 'fresh') facts.push(paint(text, 'dim'))
    else facts.push(`${paint(state === 'stale' ? signs.stale : signs.unreliable, 'yellow')} ${paint(text, 'yellow')}`)
  } else if (account.standing === 'active') facts.push(paint('never measured', 'yellow'))
  if (account.login_ends_at !== null && account.standing === 'active') {
    facts.push(paint(`login until ${wallDate(account.login_ends_at, clock)}`, 'dim'))
  }
  return facts
}

/** They stay where they began, so only a person can take them to another account. */
function sessionLines(sessions: readonly StatusSession[], { say, paint, width }: Look, indent: string): string[] {
  if (sessions.length === 0) return []
  const names = nameSessions(sessions.map(({ seen_at: seenAt, ...session }) => ({ ...session, seenAt })))
  const count = sessions.length === 1 ? '1 session still runs' : `${sessions.length} sessions still run`
  return wrapWords(`${count} here: ${say(names)}`, width - indent.length).map(line => indent + paint(line, 'yellow'))
}

/** Why the figures are no newer, where they are not fresh. */
function tryLines(account: StatusAccount, look: Look, indent: string): string[] {
  const { clock, paint, say } = look
  if (account.standing !== 'active' || account.freshness.state === 'fresh') return []
  const { last_attempt: attempt, next_request_not_before: next } = account
  const facts: string[] = []
  if (attempt !== null && attempt.outcome !== 'ok')
    facts.push(`last try ${ago(attempt.at, clock.now)}: ${say(attempt.reason)}`)
  if (next !== null && next > clock.now) facts.push(`next try ${wallTime(next, clock)}, ${until(next, clock.now)}`)
  return facts.flatMap(fact => wrapWords(fact, look.width - indent.length)).map(line => indent + paint(line, 'dim'))
}

function problemLines(problem: Problem, look: Look, indent: string, loggedOut = false): string[] {
  const { paint, say, signs, clock } = look
  const sign = loggedOut && problem.about === 'account' ? signs.loggedOut : signs.severity[problem.severity]
  const colour = SEVERITY_COLOURS[problem.severity]
  const hang = displayWidth(sign) + 1
  const room = look.width - indent.length - hang
  const what = wrapWords(say(problem.what), room).map(line => (loggedOut ? paint(line, 'red') : line))
  if (problem.since !== null) {
    const since = `since ${wallTime(problem.since, clock)}, ${ago(problem.since, clock.now)}`
    const lines = wrapWords(since, room).map(line => paint(line, 'dim'))
    what.push(...flow([what.pop()!, ...lines], paint(signs.between, 'dim'), room))
  }
  const [first, ...rest] = what
  const inner = indent + ' '.repeat(hang)
  const shown = problem.details.slice(0, MAX_DETAILS)
  const more = problem.details.length - shown.length
  if (more > 0) shown.push(`and ${more} more; see: vigil status --json`)
  return [
    `${indent}${paint(sign, colour)} ${first}`,
    ...rest.map(line => inner + line),
    ...shown.flatMap(text => wrapWords(say(text), look.width - inner.length)).map(line => inner + line),
    ...(problem.remedy === null ? [] : commandLines(problem.remedy, look, inner)),
  ]
}

/** The command as it has to be typed, whatever the width: nothing is cut off, and lines can be copied as they stand. */
function commandLines(command: string, look: Look, indent: string): string[] {
  const { paint, say } = look
  const lead = `${indent}run: `
  const longest = Math.max(...command.split(' ').map(displayWidth)) + 2
  if (lead.length + longest > look.width && longest + 2 <= look.width) {
    // Rather on lines of its own than broken inside a word.
    const lines = wrapCommand(say(command), look.width, '  ')
    return [paint(lead.trimEnd(), 'dim'), ...lines.map(line => paint(line, 'cyan'))]
  }
  const [first, ...rest] = wrapCommand(say(command), look.width, ' '.repeat(lead.length))
  return [paint(lead, 'dim') + paint(first!.slice(lead.length), 'cyan'), ...rest.map(line => paint(line, 'cyan'))]
}

/** Side by side where they fit, else below each other. */
/** How many alerts there are, and what could not be said; what they are stands in the problems. */
function alertLines({ firing, waiting, broken_channels: broken, silenced }: StatusAlerts, look: Look): string[] {
  const waits = Object.entries(waiting).map(([channel, count]) => `${count} waiting for ${look.clip(channel, 16)}`)
  if (firing.length + waits.length + broken.length + silenced.length === 0) return []
  const worst = SEVERITIES.find(severity => firing.some(alert => alert.severity === severity))
  const count = firing.length === 1 ? '1 alert fires' : `${firing.length} alerts fire`
  const pieces = [
    worst === undefined ? look.paint('no alert fires', 'dim') : look.paint(count, SEVERITY_COLOURS[worst]),
    ...waits.map(text => look.paint(text, 'yellow')),
    ...broken.map(name => look.paint(`${look.clip(name, 16)} refuses messages`, 'red')),
    ...(silenced.length > 0 ? [`${silenced.length} silenced`] : []),
    look.paint('vigil alerts', 'dim'),
  ]
  return flow(pieces, look.paint(look.signs.between, 'dim'), look.width)
}

function jobLines(jobs: readonly StatusJob[], look: Look): string[] {
  if (jobs.length === 0) return []
  const { paint, width } = look
  const label = 'jobs  '
  const texts = jobs.map(job => jobText(job, look))
  const whole = texts.map(({ name, state, style }) => `${name} ${paint(state, style)}`)
  const line = whole.join('    ')
  if (displayWidth(label + line) <= width) return [paint(label, 'dim') + line]
  const room = width - label.length
  const rows = texts.flatMap(({ name, state, style }, index) => {
    if (displayWidth(whole[index]!) <= room) return [whole[index]!]
    return [name, ...wrapWords(state, room - 2).map(text => `  ${paint(text, style)}`)]
  })
  return rows.map((row, index) => (index === 0 ? paint(label, 'dim') : ' '.repeat(label.length)) + row)
}

function jobText(job: StatusJob, { paint, signs, clock }: Look): { name: string; state: string; style: Style } {
  const success = job.last_success_at === null ? 'no success yet' : `last ok ${ago(job.last_success_at, clock.now)}`
  const states: Record<StatusJob['state'], [sign: string, style: Style, text: string]> = {
    ok: [signs.good, 'green', job.last_success_at === null ? '' : ago(job.last_success_at, clock.now)],
    running: [signs.busy, 'cyan', `running for ${span(clock.now - (job.last_started_at ?? clock.now))}`],
    failing: [signs.bad, 'red', `failing, ${success}`],
    killed: [signs.bad, 'red', `killed, ${success}`],
    overdue: [signs.bad, 'yellow', `overdue, ${success}`],
    never: [signs.bad, 'yellow', 'never run'],
  }
  const [sign, style, text] = states[job.state]
  return { name: `${paint(sign, style)} ${job.job}`, state: text, style: job.state === 'ok' ? 'dim' : style }
}
