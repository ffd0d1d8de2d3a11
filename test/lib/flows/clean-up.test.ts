// The janitor over folders with files of all kinds, ours and foreign.
import {
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CleanupStep, type Leftover, planCleanup } from '../../../lib/domain/cleanup.ts'
import { planRound } from '../../../lib/flows/clean-up.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { appendHistory, countOldHistory, readRuns, removeOldHistory } from '../../../lib/store/history.ts'
import { applyStep } from '../../../lib/store/leftovers.ts'
import { DAY_MS, HOUR_MS } from '../../../lib/timings.ts'

const NOW = Date.parse('2026-02-08T12:00:00Z')
let home: string
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-clean-'))
  paths = pathsFor(home, join(home, '.claude'))
  for (const folder of [paths.health, paths.logs, paths.slots, paths.runs, paths.harvest, paths.git, paths.locks])
    mkdirSync(folder, { recursive: true })
  mkdirSync(dirname(paths.accounts), { recursive: true })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function put(path: string, ageMs: number, content: string | object = 'x'): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  utimesSync(path, (NOW - ageMs) / 1000, (NOW - ageMs) / 1000)
  return path
}
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const session = (n: number, ageMs: number) =>
  put(join(paths.health, `${id(n)}.json`), ageMs, { schema: 1, session_id: id(n) })
const LINE = `${JSON.stringify({ time: '2026-02-01T00:00:00.000Z', level: 'info', message: 'm' })}\n`
/** A process that is certainly not there. */
const GONE = 4_190_000
const planned = () =>
  planRound(paths, NOW)
    .steps.map(({ do: what, file }) => `${what} ${relative(paths.vigilHome, file.path)}`)
    .sort()
const apply = (steps: CleanupStep[]) => steps.filter(applyStep).length

describe('the plan', () => {
  it('takes what is ours by name and by what is in it, and old', () => {
    session(1, 7 * DAY_MS)
    session(2, 7 * DAY_MS + 1000)
    put(join(paths.harvest, `${id(3)}.json`), 8 * DAY_MS, { schema: 1, answer: '[]', measuredAt: 1 })
    put(join(paths.git, '0123456789abcdef.json'), 8 * DAY_MS, { schema: 1, folder: '/x', measuredAt: 1 })
    put(join(paths.health, `.billing-shared.json.${GONE}.1.vigil-tmp`), HOUR_MS + 1000)
    put(join(paths.slots, `.a.json.${GONE}.1.vigil-tmp`), HOUR_MS - 1000)
    put(join(paths.runs, `.a.json.${process.pid}.1.vigil-tmp`), 2 * HOUR_MS)
    put(join(paths.runs, `.b.json.${process.pid}.1.vigil-tmp`), 2 * DAY_MS)
    put(join(dirname(paths.accounts), `.claude-sessions.yaml.${GONE}.7.vigil-tmp`), 2 * HOUR_MS)
    put(join(paths.logs, 'watchdog.log.1'), 15 * DAY_MS, LINE)
    put(join(paths.logs, 'watchdog.log.2'), 13 * DAY_MS, LINE)
    put(join(paths.health, 'token-refresh.log.1'), 15 * DAY_MS, LINE)
    put(join(paths.logs, 'channel-mail.stderr.2'), 15 * DAY_MS)
    put(join(paths.logs, 'cron.err'), 0, 'x'.repeat(1024 * 1024 + 1))
    put(join(paths.logs, 'git-state.err.2'), 15 * DAY_MS)
    put(join(paths.health, `alerts.json.corrupt-${NOW - 60 * DAY_MS - 1}`), 0)
    put(join(paths.health, `history.sqlite.broken-${NOW - 60 * DAY_MS}-wal`), 0)
    expect(planned()).toEqual(
      [
        'remove config/.claude-sessions.yaml.4190000.7.vigil-tmp',
        `remove session-health/${id(2)}.json`,
        'remove session-health/.billing-shared.json.4190000.1.vigil-tmp',
        `remove session-health/alerts.json.corrupt-${NOW - 60 * DAY_MS - 1}`,
        'remove session-health/git/0123456789abcdef.json',
        `remove session-health/harvest/${id(3)}.json`,
        'remove session-health/logs/channel-mail.stderr.2',
        'remove session-health/logs/git-state.err.2',
        'remove session-health/logs/watchdog.log.1',
        `remove session-health/runs/.b.json.${process.pid}.1.vigil-tmp`,
        'remove session-health/token-refresh.log.1',
        'rotate session-health/logs/cron.err',
      ].sort(),
    )
  })

  it('never takes a cache, a lock, a journal, what lies beside a login, or what only has a name like ours', () => {
    const year = 365 * DAY_MS
    for (const path of [paths.mergedQuota, paths.billing, paths.hotSwapQuota, paths.alerts]) put(path, year, '{}')
    put(join(paths.locks, 'watchdog.lock'), year)
    put(join(paths.locks, `.x.${GONE}.1.vigil-tmp`), year)
    put(join(paths.refreshing, 'a.json'), year, '{}')
    put(join(home, '.claude', '.vigil-refresh-0123456789abcdef.journal'), year)
    put(join(home, '.claude', `.vigil-refresh-0123456789abcdef.journal.${GONE}.1.vigil-tmp`), year)
    put(join(home, '.claude', `..credentials.json.${GONE}.1.vigil-tmp`), year)
    put(join(home, '.claude', `${id(1)}.json`), year, { schema: 1, session_id: id(1) })
    put(join(paths.health, `${id(2)}.json`), year, { schema: 1, session_id: id(3) })
    put(join(paths.health, `${id(4)}.json`), year, { schema: 2, session_id: id(4) })
    put(join(paths.health, `${id(5)}.json`), year, '{"schema":1,"session_id"')
    put(join(paths.health, 'mine.json'), year, { schema: 1, session_id: 'mine' })
    put(join(paths.harvest, `${id(6)}.json`), year, { schema: 1, other: 1 })
    put(join(paths.harvest, `${id(7)}.json`), year, { schema: 2, answer: '' })
    put(join(paths.git, 'aaaaaaaaaaaaaaaa.json'), year, { folder: '/x', measuredAt: 1 })
    put(join(paths.git, 'README.json'), year, { schema: 1, folder: '/x', measuredAt: 1 })
    put(join(paths.logs, 'watchdog.log.1'), year, 'no line of ours\n')
    put(join(paths.logs, 'notes.txt.1'), year)
    put(join(paths.logs, 'watchdog.log'), year, `${LINE.repeat(20_000)}`)
    put(join(paths.health, 'old.vigil-tmp'), year)
    put(join(dirname(paths.accounts), `.vigil.yaml.${GONE}.1.vigil-tmp`), year)
    put(join(paths.health, 'alerts.json.corrupt-yesterday'), year)
    mkdirSync(join(paths.health, `.dir.${GONE}.1.vigil-tmp`))
    expect(planned()).toEqual([])
  })

  it('follows no link, of a file or of a folder', () => {
    const outside = put(join(home, 'outside', `${id(1)}.json`), 365 * DAY_MS, { schema: 1, session_id: id(1) })
    symlinkSync(outside, join(paths.health, `${id(1)}.json`))
    rmSync(paths.harvest, { recursive: true })
    put(join(home, 'outside', `${id(2)}.json`), 365 * DAY_MS, { schema: 1, answer: '' })
    symlinkSync(join(home, 'outside'), paths.harvest)
    const old = (NOW - 365 * DAY_MS) / 1000
    const link = join(paths.slots, `.a.json.${GONE}.1.vigil-tmp`)
    symlinkSync(outside, link)
    lutimesSync(link, old, old)
    const folder = join(paths.slots, `.b.json.${GONE}.1.vigil-tmp`)
    mkdirSync(folder)
    utimesSync(folder, old, old)
    expect(planned()).toEqual([])
  })

  it('keeps the 100 latest sessions, and 20 MB of rotated logs, the latest', () => {
    const file = (kind: Leftover['kind'], n: number, bytes: number): Leftover => ({
      kind,
      path: `${kind}-${n}`,
      bytes,
      changedAt: NOW - n * 1000,
      ino: n,
      held: false,
    })
    const sessions = Array.from({ length: 102 }, (_, n) => file('session', n, 10)).reverse()
    const logs = [file('rotatedLog', 1, 15e6), file('rotatedLog', 2, 5.9e6), file('rotatedLog', 3, 1e6)]
    expect(planCleanup([...sessions, ...logs], NOW).map(({ file: { path } }) => path)).toEqual([
      'session-100',
      'session-101',
      'rotatedLog-3',
    ])
  })

  it('lets be what a clock that was wrong has dated in the future', () => {
    session(1, -400 * DAY_MS)
    expect(planned()).toEqual([])
  })
})

describe('a step', () => {
  it('is not done to another file than was planned', () => {
    const path = session(1, 8 * DAY_MS)
    const { steps } = planRound(paths, NOW)
    put(path, 0, { schema: 1, session_id: id(1), new: true })
    expect(apply(steps)).toBe(0)
    expect(existsSync(path)).toBe(true)
    rmSync(path)
    expect(apply(steps)).toBe(0)
  })
  it('begins cron.err anew and keeps what it said', () => {
    const path = put(join(paths.logs, 'cron.err'), 0, 'x'.repeat(1024 * 1024 + 1))
    expect(apply(planRound(paths, NOW).steps)).toBe(1)
    expect(existsSync(path)).toBe(false)
    expect(readFileSync(`${path}.1`).length).toBe(1024 * 1024 + 1)
  })
})

it('of history only what is older than is kept goes', () => {
  const run = (startedAt: number) => ({
    job: 'watchdog',
    runId: String(startedAt),
    startedAt,
    endedAt: null,
    outcome: 'ok',
  })
  // Old at the janitor's time, not yet when they were written.
  const entries = { figures: [], runs: [run(NOW - 61 * DAY_MS), run(NOW - 59 * DAY_MS)], alerts: [] }
  appendHistory(paths.history, entries, NOW - 50 * DAY_MS)
  expect(countOldHistory(paths.history, NOW)).toBe(1)
  expect(removeOldHistory(paths.history, NOW)).toBe(1)
  expect(readRuns(paths.history, 0)?.map(({ startedAt }) => startedAt)).toEqual([NOW - 59 * DAY_MS])
  expect(countOldHistory(join(paths.health, 'none.sqlite'), NOW)).toBe(0)
})

describe('over 10,000 files', () => {
  /** Every path below the home, with what tells one content from another. */
  const everything = () =>
    new Map(
      readdirSync(home, { recursive: true, encoding: 'utf8' })
        .map(name => [name, lstatSync(join(home, name))] as const)
        .filter(([, stat]) => stat.isFile())
        .map(([name, stat]) => [name, stat.ino] as const),
    )

  it('exactly the plan goes, also where a run was killed midway', () => {
    for (let n = 0; n < 1000; n++) {
      session(n, n * HOUR_MS)
      put(join(paths.health, `${id(50_000 + n)}.json`), 30 * DAY_MS, { title: 'of another program' })
      put(join(paths.harvest, `${id(n)}.json`), n * HOUR_MS, { schema: 1, answer: 'a', measuredAt: 1 })
      put(join(paths.git, `${n.toString(16).padStart(16, '0')}.json`), n * HOUR_MS, {
        schema: 1,
        folder: `/${n}`,
        measuredAt: 1,
      })
      put(join(paths.git, `${n}.txt`), 30 * DAY_MS)
      put(join(paths.slots, `.slot-${n}.json.${GONE}.${n}.vigil-tmp`), n * 10_000)
      put(join(paths.slots, `slot-${n}.json`), 30 * DAY_MS, '{}')
      put(join(paths.logs, `a${n}.stderr.1`), n * HOUR_MS, 'y'.repeat(50))
      put(join(paths.health, `note-${n}.md`), 30 * DAY_MS)
      put(join(home, '.claude', `.credentials.json.${GONE}.${n}.vigil-tmp`), 30 * DAY_MS)
    }
    const before = everything()
    const { steps, unseen } = planRound(paths, NOW)
    expect(unseen).toEqual([])
    const going = new Set(steps.map(({ file }) => relative(home, file.path)))
    const byKind = Object.groupBy(steps, ({ file }) => file.kind)
    expect(Object.fromEntries(Object.entries(byKind).map(([kind, of]) => [kind, of.length]))).toEqual({
      session: 900, // 100 are kept, all of them younger than a week.
      harvest: 1000 - 169, // Of 0 to 168 hours.
      git: 1000 - 169,
      temp: 1000 - 361, // Of 0 to 3,600 s.
      rotatedLog: 1000 - 337, // Of 0 to 336 hours.
    })
    // The first run is killed somewhere in the middle; the second makes a plan of its own.
    expect(apply(steps.slice(0, 1234))).toBe(1234)
    const second = planRound(paths, NOW).steps
    expect(new Set(second.map(({ file }) => relative(home, file.path)))).toEqual(
      new Set(steps.slice(1234).map(({ file }) => relative(home, file.path))),
    )
    apply(second)
    const after = everything()
    expect([...before.keys()].filter(name => !after.has(name)).sort()).toEqual([...going].sort())
    expect([...after].filter(([name, ino]) => before.get(name) !== ino)).toEqual([])
    expect(planRound(paths, NOW).steps).toEqual([])
  })
})
