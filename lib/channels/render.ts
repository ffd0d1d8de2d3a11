// A message in words, the same for every channel: what is wrong, since when, whose it is, what mends it, what else it hits.
import type { Message, Notice, Severity } from '../domain/alert.ts'
import { span, wallTime } from '../screen/times.ts'

export interface Line {
  kind: 'what' | 'detail' | 'since' | 'late' | 'who' | 'remedy' | 'affects' | 'more'
  text: string
  /** The command that the text ends with, to be copied as it stands; null = there is none. */
  command: string | null
}

/** One alert of a message. */
export interface Section {
  notice: Notice
  mark: string
  /** Name and labels: the same in every message of the episode. */
  name: string
  lines: Line[]
}

export interface Rendered {
  /** For a screen that shows little: the finding with its figures. */
  title: string
  /** For a mail: the same through an episode, but for the mark. */
  subject: string
  sections: [Section, ...Section[]]
  /** All of it. */
  text: string
}

const MARKS: Record<Severity, string> = { critical: '🔴', warning: '🟠', info: '🔵' }
const OVER = '✅'
/** A title is read at a glance, and some screens show no more. */
const TITLE_CHARACTERS = 120

/** @param timeZone the machine's own where it is undefined */
export function render(message: Message, timeZone?: string): Rendered {
  const sections = message.notices.map(notice => sectionOf(notice, message.now, timeZone)) as [Section, ...Section[]]
  const mark = message.notices.every(isOver) ? OVER : MARKS[message.severity]
  const [first] = sections
  const several = sections.length > 1 ? `${sections.length} alerts: ` : ''
  const titles = sections.map(({ notice }) => `${stateWord(notice)}${notice.text.summary}`)
  return {
    title: cut(`${mark} ${several}${titles.join('; ')}`, TITLE_CHARACTERS),
    subject: cut(`${mark} Vigil: ${several}${sections.map(({ name }) => name).join(', ')}`, TITLE_CHARACTERS),
    sections,
    text:
      sections.length === 1
        ? textOf(first)
        : sections.map(section => `${heading(section)}\n${textOf(section)}`).join('\n\n'),
  }
}

export function heading({ mark, name }: Section): string {
  return `${mark} ${name}`
}

export function textOf({ lines }: Pick<Section, 'lines'>): string {
  return lines.map(({ text }) => text).join('\n')
}

/** Whether it is over, as far as this notice knows. */
export function isOver({ kind, resolvedAt }: Notice): boolean {
  return kind === 'resolved' || kind === 'combined' || (kind === 'calm' && resolvedAt !== null)
}

function sectionOf(notice: Notice, now: number, timeZone: string | undefined): Section {
  const { text, labels } = notice
  const over = isOver(notice)
  const clock = { now, timeZone }
  const lines: Line[] = [line('what', `${stateWord(notice)}${text.summary}.`)]
  if (!over) for (const detail of text.details) lines.push(line('detail', `– ${detail}`))
  lines.push(line('since', sinceText(notice, clock)))
  if (notice.lateMs >= 60_000) lines.push(line('late', `This message comes ${span(notice.lateMs)} late.`))
  const who = Object.entries(labels).map(([key, value]) => `${LABELS[key] ?? capital(key)}: ${value}`)
  if (who.length > 0) lines.push(line('who', who.join(' · ')))
  if (text.remedy !== null && !over) lines.push(line('remedy', `Run: ${text.remedy}`, text.remedy))
  if (text.affects !== null && !over) lines.push(line('affects', `Also affected: ${text.affects}`))
  const why = `vigil why ${/^\w+$/.test(notice.key) ? notice.key : `'${notice.key.replaceAll("'", `'\\''`)}'`}`
  lines.push(line('more', `More: docs/alerts.md#${notice.name.toLowerCase()}, or ${why}`, why))
  const values = Object.values(labels).join(', ')
  const name = `${spoken(notice.name)}${values === '' ? '' : ` (${values})`}`
  return { notice, mark: over ? OVER : MARKS[notice.severity], name, lines }
}

function sinceText(notice: Notice, clock: { now: number; timeZone: string | undefined }): string {
  const { since, resolvedAt, kind } = notice
  const from = wallTime(since, clock)
  const end = resolvedAt ?? clock.now
  const howLong = span(Math.max(0, end - since))
  if (kind === 'combined') {
    const told = resolvedAt === null ? 'is over' : `was over at ${wallTime(resolvedAt, clock)}`
    return `It began at ${from} and ${told}, after ${howLong}. This comes late: it could not be told in between.`
  }
  if (isOver(notice)) {
    const to = resolvedAt === null ? '' : ` to ${wallTime(resolvedAt, clock)}`
    return `It lasted ${howLong}, from ${from}${to}.`
  }
  return since > clock.now ? `Since ${from}.` : `Since ${from} (${howLong}).`
}

function stateWord({ kind, n }: Notice): string {
  if (kind === 'firing') return n > 1 ? 'Still so: ' : ''
  return (
    { escalated: 'Worse now: ', resolved: 'Over: ', combined: 'Was so, and is over: ' }[kind as string] ?? FLAPS[kind]!
  )
}
const FLAPS: Partial<Record<Notice['kind'], string>> = {
  flapping: 'Comes and goes: ',
  calm: 'No longer comes and goes: ',
}

const LABELS: Record<string, string> = { slot: 'Account', key: 'Alert', of: 'Figures' }

function line(kind: Line['kind'], text: string, command: string | null = null): Line {
  return { kind, text, command }
}

/** `AccountInactive` as a person says it. */
function spoken(name: string): string {
  return capital(name.replace(/\B[A-Z]/g, letter => ` ${letter.toLowerCase()}`))
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** At most so many characters, an ellipsis included; never half of one. */
export function cut(text: string, characters: number): string {
  const all = [...text]
  return all.length <= characters
    ? text
    : `${all
        .slice(0, Math.max(0, characters - 1))
        .join('')
        .trimEnd()}…`
}
