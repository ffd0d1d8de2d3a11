// Histories of Claude Code, small and odd: written step by step as time goes on, with what may befall transcripts in between.
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import type { CcusageProgram, Usage } from '../../lib/domain/ccusage.ts'
import { readBlocks, readDaily } from '../../lib/sources/ccusage.ts'
import { findCcusage } from '../../lib/sources/ccusage-program.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

export interface Entry {
  at: number
  /** Message and request id. */
  id: string
  output?: number
  model?: string
  sidechain?: boolean
}

/** A line as Claude Code writes it, without what ccusage does not read. */
export function lineOf({
  at,
  id,
  output = 1000,
  model = 'claude-opus-4-5-20251101',
  sidechain = false,
}: Entry): string {
  return `${JSON.stringify({
    parentUuid: null,
    isSidechain: sidechain,
    sessionId: 'a-session',
    version: '2.1.197',
    message: {
      model,
      id: `msg_${id}`,
      type: 'message',
      role: 'assistant',
      content: [{ type: 'tool_use', id: `toolu_${id}`, name: 'Bash', input: { command: 'ls "usage"' } }],
      usage: {
        input_tokens: 7,
        cache_creation_input_tokens: 500,
        cache_read_input_tokens: 9000,
        output_tokens: output,
      },
    },
    requestId: `req_${id}`,
    type: 'assistant',
    timestamp: new Date(at).toISOString(),
  })}\n`
}

export function promptLine(at: number): string {
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content: 'go on' }, timestamp: new Date(at).toISOString() })}\n`
}

/** What ccusage itself says of a history, without anything of ours but the reading. */
export function ccusageSays(configDir: string, home: string, since: string, zone: string): Usage {
  const program = findCcusage('') as CcusageProgram
  const say = (words: string[]) =>
    JSON.parse(
      execFileSync(program.command[0], ['claude', ...words, '--json', '--offline'], {
        env: { HOME: home, CLAUDE_CONFIG_DIR: configDir },
        maxBuffer: 1 << 28,
      }).toString(),
    )
  return {
    blocks: readBlocks(say(['blocks']))!.blocks,
    days: readDaily(say(['daily', '--since', since.replaceAll('-', ''), '--timezone', zone]))!.days,
  }
}

/** One thing that happens at a time. `file` and `other` choose among the transcripts there are by then. */
export type Event =
  | { kind: 'work'; file: number; fresh: boolean; gaps: number[]; lines: number; model: number }
  | { kind: 'fork'; other: number; gaps: number[] }
  | { kind: 'repeatLater'; other: number; file: number }
  | { kind: 'late'; file: number; agoMs: number }
  | { kind: 'future'; file: number; aheadMs: number }
  | { kind: 'delete'; file: number }
  | { kind: 'setTimeBack'; file: number; byMs: number }
  | { kind: 'touch'; file: number }
  | { kind: 'rewrite'; file: number }
  | { kind: 'tornLine'; file: number }
  | { kind: 'none' }

export interface Step {
  /** Time that passes before it. */
  afterMs: number
  events: Event[]
  zone: string
  /** The measurement is made with a clock that is wrong by so much. */
  clockOffMs: number
}

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Sao_Paulo',
  'Pacific/Kiritimati',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Pacific/Pago_Pago',
  'Africa/Cairo',
]
const nearFiveHours = [5 * HOUR - 1, 5 * HOUR, 5 * HOUR + 1, 4 * HOUR + 59 * MINUTE, 5 * HOUR + MINUTE]
const gap = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 40 * MINUTE }) },
  { weight: 3, arbitrary: fc.integer({ min: HOUR, max: 5 * HOUR }) },
  { weight: 2, arbitrary: fc.constantFrom(...nearFiveHours) },
  { weight: 1, arbitrary: fc.integer({ min: 5 * HOUR, max: 20 * HOUR }) },
  // To the next full hour: blocks begin there.
  { weight: 2, arbitrary: fc.constant(-1) },
)
/** Counted from the newest: most of what happens, happens to the last three. */
const file = fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 2 }) }, { weight: 1, arbitrary: fc.nat({ max: 30 }) })
const gaps = (max: number) => fc.array(gap, { minLength: 1, maxLength: max })
const work = fc.record({
  kind: fc.constant('work' as const),
  file,
  fresh: fc.boolean(),
  gaps: gaps(6),
  lines: fc.integer({ min: 1, max: 3 }),
  model: fc.nat({ max: 9 }),
})
const shortWork = fc.record({
  kind: fc.constant('work' as const),
  file,
  fresh: fc.boolean(),
  gaps: fc.array(fc.integer({ min: 1, max: 10 * MINUTE }), { minLength: 1, maxLength: 4 }),
  lines: fc.integer({ min: 1, max: 3 }),
  model: fc.nat({ max: 9 }),
})
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 24, arbitrary: shortWork },
  { weight: 6, arbitrary: work },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fork' as const), other: file, gaps: gaps(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeatLater' as const), other: file, file }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('late' as const),
      file,
      agoMs: fc.oneof(fc.integer({ min: 0, max: 8 * HOUR }), fc.integer({ min: 0, max: 200 * HOUR })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('future' as const),
      file,
      aheadMs: fc.integer({ min: MINUTE, max: 40 * HOUR }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), file }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('setTimeBack' as const),
      file,
      byMs: fc.integer({ min: HOUR, max: 400 * HOUR }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('touch' as const), file }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rewrite' as const), file }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tornLine' as const), file }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'none' as const }) },
)
const mostly = <T>(usual: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other })

export const histories = fc.constantFrom(...ZONES).chain(zone =>
  fc.record({
    /** Sessions from before the first measurement, oldest first: they are most of the history, as in life. */
    before: fc.array(work, { minLength: 6, maxLength: 16 }),
    steps: fc.array(
      fc.record({
        afterMs: fc.oneof(
          { weight: 8, arbitrary: fc.integer({ min: 1, max: 40 * MINUTE }) },
          { weight: 2, arbitrary: fc.integer({ min: HOUR, max: 9 * HOUR }) },
          { weight: 1, arbitrary: fc.integer({ min: 12 * HOUR, max: 60 * HOUR }) },
        ),
        events: fc.array(event, { maxLength: 3 }),
        zone: mostly(zone, fc.constantFrom(...ZONES)),
        clockOffMs: mostly(0, fc.constantFrom(-30 * HOUR, -2 * HOUR, -1, HOUR)),
      }),
      { minLength: 3, maxLength: 8 },
    ),
  }),
)

/** Writes a history below `projectsDir` so that its last step is now: ccusage takes the time from the real clock. */
export function writer(projectsDir: string, now: number, steps: Step[]) {
  let at = now - steps.reduce((sum, step) => sum + step.afterMs, 0)
  const files: string[] = []
  let serial = 0
  const path = (name: string) => join(projectsDir, name)
  const write = (name: string, text: string, mtimeMs: number) => {
    mkdirSync(dirname(path(name)), { recursive: true })
    appendFileSync(path(name), text)
    utimesSync(path(name), mtimeMs / 1000, mtimeMs / 1000)
  }
  const fresh = () => {
    serial += 1
    const name =
      serial % 4 === 0
        ? `-home-p${serial % 3}/s${serial}/subagents/a.jsonl`
        : `-home-p${serial % 3}/${serial % 2 ? 's' : 'a'}${serial}.jsonl`
    files.push(name)
    return name
  }
  const chosen = (index: number) => files[files.length - 1 - (index % Math.max(1, files.length))] ?? fresh()
  const models = ['claude-sonnet-4-5-20250929', 'claude-haiku-4-5-20251001', 'a-model-without-price']
  const session = (name: string, gapsMs: number[], endsAt: number, lines: number, model: number) => {
    // Backwards from the end, so that the session is over when the step is.
    const times = [endsAt]
    for (const gapMs of gapsMs) {
      const last = times[0]!
      times.unshift(gapMs === -1 ? Math.floor((last - 1) / HOUR) * HOUR : last - gapMs)
    }
    let text = ''
    for (const time of times) {
      serial += 1
      for (let line = 1; line <= lines; line += 1) {
        const entry = { at: time - (lines - line) * 1500, id: `m${serial}`, output: line === lines ? 3000 + serial : 3 }
        text += lineOf({ ...entry, ...(models[model] && { model: models[model] }) })
      }
      text += promptLine(time)
    }
    write(name, text, endsAt)
  }
  const entriesOf = (name: string) => readFileSync(path(name), 'utf8').split(/(?<=\n)/)
  const happen = (event: Event) => {
    switch (event.kind) {
      case 'work':
        return session(event.fresh ? fresh() : chosen(event.file), event.gaps, at, event.lines, event.model)
      case 'fork': {
        const other = chosen(event.other)
        if (!statSync(path(other), { throwIfNoEntry: false })) return
        const name = fresh()
        write(name, entriesOf(other).join('').replaceAll('a-session', 'forked'), at)
        return session(name, event.gaps.slice(0, 1), at, 1, 5)
      }
      case 'repeatLater': {
        const other = chosen(event.other)
        if (!statSync(path(other), { throwIfNoEntry: false })) return
        const line = entriesOf(other).find(text => text.includes('"usage":{'))
        if (line)
          write(
            chosen(event.file),
            line.replace(/"timestamp":"[^"]+"/, `"timestamp":"${new Date(at).toISOString()}"`),
            at,
          )
        return
      }
      case 'late':
      case 'future': {
        const time = event.kind === 'late' ? at - event.agoMs : at + event.aheadMs
        serial += 1
        return write(chosen(event.file), lineOf({ at: time, id: `m${serial}` }), at)
      }
      case 'delete':
        return rmSync(path(chosen(event.file)), { force: true })
      case 'setTimeBack':
      case 'touch': {
        const stat = statSync(path(chosen(event.file)), { throwIfNoEntry: false })
        const time = event.kind === 'touch' ? at : (stat?.mtimeMs ?? 0) - event.byMs
        if (stat) utimesSync(path(chosen(event.file)), time / 1000, time / 1000)
        return
      }
      case 'rewrite': {
        const name = chosen(event.file)
        if (!statSync(path(name), { throwIfNoEntry: false })) return
        writeFileSync(path(name), entriesOf(name).slice(1).join(''))
        return utimesSync(path(name), at / 1000, at / 1000)
      }
      case 'tornLine':
        return write(chosen(event.file), lineOf({ at, id: `torn${serial}` }).slice(0, 120), at)
      case 'none':
    }
  }
  return {
    before(sessions: Array<Extract<Event, { kind: 'work' }>>) {
      for (const [index, { gaps: gapsMs, lines, model }] of sessions.entries()) {
        const endsAt = at - (sessions.length - index) * 7 * HOUR - (index % 3) * HOUR
        session(fresh(), gapsMs, endsAt, lines, model)
      }
    },
    /** @returns the time after it */
    step({ afterMs, events }: Step): number {
      at += afterMs
      for (const happening of events) happen(happening)
      return at
    },
  }
}
