import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import type { CcusageProgram } from '../../../lib/domain/ccusage.ts'
import { DAYS_KEPT, type LocalSpend, localDate, shiftDate, spendOf } from '../../../lib/domain/spend.ts'
import { type Measured, measureSpend, type SpendOptions } from '../../../lib/flows/measure-spend.ts'
import { findCcusage } from '../../../lib/sources/ccusage-program.ts'
import type { SpendState } from '../../../lib/store/spend-state.ts'
import { ccusageSays, lineOf, promptLine } from '../../support/histories.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * A history of 20 days, one session a day at noon UTC or so, and one of today that goes on. Today began 9 h ago, by the
 * choice of a zone: ccusage goes by the real clock, and the tests must not depend on the hour they run at.
 */
function account(folder = 'config', parent = tmpdir()) {
  const root = mkdtempSync(join(parent, 'vigil-spend-'))
  const work = mkdtempSync(join(tmpdir(), 'vigil-spend-work-'))
  onTestFinished(() => {
    rmSync(root, { recursive: true })
    rmSync(work, { recursive: true })
  })
  const configDir = join(root, folder)
  const projectsDir = join(configDir, 'projects')
  const now = Date.now()
  const hours = new Date(now).getUTCHours()
  // It is 09:00 to 09:59 there. Etc/GMT-9 is UTC+9; there is no UTC-13.
  const offset = hours > 21 ? 33 - hours : 9 - hours
  const zone = offset === 0 ? 'UTC' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`
  const logged: string[] = []
  let serial = 0
  const write = (path: string, times: number[], mtimeMs = times.at(-1)!) => {
    let text = ''
    for (const at of times) {
      serial += 1
      text += promptLine(at) + lineOf({ at, id: `m${serial}`, output: 1000 + serial })
    }
    append(path, text, mtimeMs)
  }
  const append = (path: string, text: string, mtimeMs: number) => {
    mkdirSync(dirname(join(projectsDir, path)), { recursive: true })
    appendFileSync(join(projectsDir, path), text)
    utimesSync(join(projectsDir, path), mtimeMs / 1000, mtimeMs / 1000)
  }
  for (let back = 20; back >= 1; back -= 1) {
    const noon = now - back * DAY - 4 * HOUR
    write(`-p${back % 3}/old${back}.jsonl`, [noon, noon + 20 * MINUTE, noon + 50 * MINUTE])
  }
  write('-p0/today.jsonl', [now - 40 * MINUTE, now - 20 * MINUTE])
  const options = (more: Partial<SpendOptions> = {}): SpendOptions => ({
    key: 'slot-1',
    projectsDir,
    workDir: join(work, 'slot-1'),
    now,
    zone,
    deadlineMs: 30_000,
    signal: new AbortController().signal,
    log: (level, message) => logged.push(`${level} ${message}`),
    narrowFromBytes: 0,
    ...more,
  })
  return {
    root,
    projectsDir,
    narrow: join(work, 'slot-1/narrow/projects'),
    statePath: join(work, 'slot-1/state.json'),
    now,
    zone,
    logged,
    write,
    append,
    options,
    /** Measures, and holds it against ccusage over the whole history. */
    async measure(more: Partial<SpendOptions> = {}): Promise<Measured> {
      const given = options(more)
      const result = await measureSpend(given)
      if (result.kind !== 'figures') throw new Error(`${result.kind}: ${result.reason}`)
      const since = shiftDate(localDate(given.now, given.zone), 1 - DAYS_KEPT)
      // By a name without a comma, at which ccusage would cut.
      const plain = mkdtempSync(join(work, 'plain-'))
      symlinkSync(projectsDir, join(plain, 'projects'))
      const truth = spendOf(ccusageSays(plain, plain, since, given.zone), [], given.now, given.zone)
      expect(rounded(withoutProjection(result.spend))).toEqual(rounded(withoutProjection(truth)))
      const [projected, expected] = [result.spend.block?.projectedCostUsd, truth.block?.projectedCostUsd]
      if (projected != null || expected != null) {
        const aMinuteUsd = (truth.block?.burnRateUsdPerHour ?? 0) / 60
        expect(Math.abs(projected! - expected!)).toBeLessThanOrEqual(aMinuteUsd + 0.011)
      }
      return result
    },
  }
}

/** A projection reckons with the whole minutes left: one may have ended between two measurements. */
function withoutProjection(spend: LocalSpend): LocalSpend {
  return { ...spend, block: spend.block && { ...spend.block, projectedCostUsd: null } }
}

/** Sums may differ in their last bits. */
function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, item) =>
    typeof item === 'number' ? Math.round(item * 1e6) / 1e6 : item,
  )
}

/** Every byte and time below a folder. */
function imageOf(folder: string): Record<string, [string, number]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.jsonl'))
  return Object.fromEntries(
    files.map(name => [name, [readFileSync(join(folder, name), 'utf8'), statSync(join(folder, name)).mtimeMs]]),
  )
}

describe('after a full run', () => {
  it('the next is narrow and reads the part that counts', async () => {
    const { measure } = account()
    const first = await measure()
    expect([first.mode, first.reason]).toEqual(['full', 'nothing is known of an earlier full run'])
    expect(first.files).toEqual({ read: 21, of: 21 })
    expect(first.audit?.equal).toBe(true)
    const second = await measure()
    expect([second.mode, second.files.of, second.audit]).toEqual(['narrow', 21, null])
    expect(second.files.read).toBeLessThanOrEqual(2)
    expect(second.bytes.read).toBeLessThan(second.bytes.of / 8)
    expect(withoutProjection(second.spend)).toEqual(withoutProjection(first.spend))
  })

  it('what is written since is seen by narrow runs: in the same session, in a new one, in a subagent of it', async () => {
    const { measure, write, now } = account()
    await measure()
    write('-p0/today.jsonl', [now - 10 * MINUTE])
    const first = await measure()
    write('-p9/new.jsonl', [now - 9 * MINUTE, now - 8 * MINUTE])
    const second = await measure()
    write('-p9/new/subagents/agent-1.jsonl', [now - 7 * MINUTE])
    const third = await measure()
    expect([first.mode, second.mode, third.mode]).toEqual(['narrow', 'narrow', 'narrow'])
    expect(third.spend.todayUsd).toBeGreaterThan(second.spend.todayUsd!)
    expect(second.spend.todayUsd).toBeGreaterThan(first.spend.todayUsd!)
  })

  it('a narrow run starts ccusage twice, a full one that prepares it four times', async () => {
    const { measure, options, root } = account()
    const real = findCcusage('') as CcusageProgram
    const path = join(root, 'counted')
    writeFileSync(path, `#!/bin/sh\necho "$2" >> ${root}/starts\nexec ${real.command[0]} "$@"\n`, { mode: 0o700 })
    const program: CcusageProgram = { ...real, command: [path] }
    const starts = async () => {
      rmSync(join(root, 'starts'), { force: true })
      await measureSpend(options({ program }))
      return readFileSync(join(root, 'starts'), 'utf8').trim().split('\n')
    }
    expect(await starts()).toEqual(['daily', 'blocks', 'daily', 'blocks'])
    expect(await starts()).toEqual(['daily', 'blocks'])
    expect((await measure({ program })).mode).toBe('narrow')
  })
})

describe('a transcript of today whose own time was set back before it was ever seen', () => {
  it('counts by its lines', async () => {
    const { measure, write, now } = account()
    write('-p0/restored.jsonl', [now - HOUR, now - 5 * DAY], now - 9 * DAY)
    expect((await measure()).audit?.equal).toBe(true)
    expect((await measure()).mode).toBe('narrow')
  })
})

describe('use round the clock', () => {
  it('for ten days is one chain of blocks, of which a narrow run reads the last day', async () => {
    const { measure, write, now } = account()
    for (let back = 60; back >= 0; back -= 1)
      write(`-c/s${back}.jsonl`, [now - back * 4 * HOUR, now - back * 4 * HOUR + 1])
    await measure()
    const { mode, files, spend } = await measure()
    expect(mode).toBe('narrow')
    expect(files.read).toBeLessThan(15)
    expect(spend.block).not.toBeNull()
  })

  it.each([
    ['just under', 5 * HOUR - 1],
    ['exactly', 5 * HOUR],
    ['just over', 5 * HOUR + 1],
  ])('with a silence of %s 5 h has the same block', async (_what, silenceMs) => {
    const { measure, write, now } = account()
    write('-c/a.jsonl', [now - 30 * HOUR, now - 26 * HOUR, now - 22 * HOUR, now - 18 * HOUR, now - 14 * HOUR])
    write('-c/b.jsonl', [now - 14 * HOUR + silenceMs, now - 5 * HOUR, now - HOUR])
    await measure()
    expect((await measure()).mode).toBe('narrow')
    write('-c/b.jsonl', [now - MINUTE])
    expect((await measure()).mode).toBe('narrow')
  })
})

describe('a session that began before the cut', () => {
  it('is given without its earlier entries, and followed as it grows', async () => {
    const { measure, write, now, narrow, projectsDir } = account()
    const times = Array.from({ length: 40 }, (_, index) => now - (40 - index) * HOUR + 7 * MINUTE)
    write('-p0/long.jsonl', times)
    await measure()
    const first = await measure()
    expect(first.mode).toBe('narrow')
    const part = readFileSync(join(narrow, '-p0/long.jsonl'), 'utf8')
    expect(part.length).toBeGreaterThan(0)
    expect(readFileSync(join(projectsDir, '-p0/long.jsonl'), 'utf8').endsWith(part)).toBe(true)
    expect(statSync(join(narrow, '-p0/long.jsonl')).nlink).toBe(1)
    write('-p0/long.jsonl', [now - MINUTE])
    const second = await measure()
    expect(second.mode).toBe('narrow')
    expect(second.spend.todayUsd).toBeGreaterThan(first.spend.todayUsd!)
  })

  it('may have them in any order', async () => {
    const { measure, write, now, narrow } = account()
    // The cut lies between 9 h and 29 h ago.
    write('-p0/mixed.jsonl', [now - 60 * HOUR, now - HOUR, now - 61 * HOUR, now - 2 * HOUR, now - 62 * HOUR], now)
    await measure()
    expect((await measure()).mode).toBe('narrow')
    const times = [...readFileSync(join(narrow, '-p0/mixed.jsonl'), 'utf8').matchAll(/"usage":.*"timestamp":"([^"]+)/g)]
    expect(times.map(([, time]) => Date.parse(time!))).toEqual([now - HOUR, now - 2 * HOUR])
  })

  it('whose last line is still being written is counted when it is whole', async () => {
    const { measure, append, now } = account()
    await measure()
    const line = lineOf({ at: now - MINUTE, id: 'slow' })
    append('-p0/today.jsonl', line.slice(0, 100), now)
    const before = await measure()
    append('-p0/today.jsonl', line.slice(100), now + 1)
    const after = await measure()
    expect([before.mode, after.mode]).toEqual(['narrow', 'narrow'])
    expect(after.spend.todayUsd).toBeGreaterThan(before.spend.todayUsd!)
  })
})

describe('a full run is made', () => {
  type Account = ReturnType<typeof account>
  const cases: Array<[string, string | RegExp, (account: Account) => Partial<SpendOptions> | undefined]> = [
    [
      'after an old session was taken up again',
      'a transcript from before the cut was written to',
      ({ write, now }) => void write('-p1/old10.jsonl', [now - MINUTE]),
    ],
    [
      'after an old session was deleted',
      'a transcript from before the cut is gone',
      ({ projectsDir }) => void unlinkSync(join(projectsDir, '-p1/old10.jsonl')),
    ],
    [
      'after the time of an old session was set back',
      'a transcript from before the cut was written to',
      ({ projectsDir }) => void utimesSync(join(projectsDir, '-p1/old10.jsonl'), 1e9, 1e9),
    ],
    [
      'after an old session was restored as it was',
      'a transcript from before the cut was written to',
      ({ projectsDir }) => {
        const path = join(projectsDir, '-p1/old10.jsonl')
        const { mtimeMs } = statSync(path)
        writeFileSync(`${path}.new`, readFileSync(path))
        utimesSync(`${path}.new`, mtimeMs / 1000, mtimeMs / 1000)
        renameSync(`${path}.new`, path)
      },
    ],
    [
      'after a session from another machine arrived',
      '3 entries from before the cut were added',
      ({ write, now }) => {
        const then = now - 3 * DAY
        write('-p1/arrived.jsonl', [then, then + 1, then + 2])
      },
    ],
    [
      'after an entry of the night came late',
      /1 entries from before (today|the cut) were added/,
      ({ write, now }) => void write('-p0/today.jsonl', [now - 11 * HOUR], now),
    ],
    [
      'after a session was forked with all that was said before',
      '3 entries from before the cut were added',
      ({ append, projectsDir, now }) => {
        const text = readFileSync(join(projectsDir, '-p1/old10.jsonl'), 'utf8').replaceAll('a-session', 'forked')
        append('-p1/forked.jsonl', text + lineOf({ at: now - MINUTE, id: 'after-the-fork' }), now)
      },
    ],
    [
      'after an old message was told again with a new time',
      'a message from before today was told again',
      account => toldAgain(account, '-p1/a-later-one.jsonl'),
    ],
    [
      'after today’s session was deleted',
      'a transcript of late is gone',
      ({ projectsDir }) => void unlinkSync(join(projectsDir, '-p0/today.jsonl')),
    ],
    [
      'after today’s session was rewritten, longer than it was',
      'a transcript of late was rewritten',
      ({ projectsDir, now }) => {
        const path = join(projectsDir, '-p0/today.jsonl')
        const text = readFileSync(path, 'utf8')
        writeFileSync(path, lineOf({ at: now - MINUTE, id: 'other' }) + text.slice(text.indexOf('\n') + 1))
      },
    ],
    [
      'after today’s session was cut short',
      'a transcript of late was rewritten',
      ({ projectsDir }) => {
        const path = join(projectsDir, '-p0/today.jsonl')
        writeFileSync(path, readFileSync(path, 'utf8').slice(0, 400))
      },
    ],
    ['in another zone', /^the time zone is Asia\/Kathmandu now, was /, () => ({ zone: 'Asia/Kathmandu' })],
    [
      'with another ccusage',
      'ccusage is another than at the last full run',
      () => ({ program: { ...(findCcusage('') as CcusageProgram), version: 'another' } }),
    ],
    [
      'after the clock was set back',
      'the clock was set back behind the last full run',
      ({ now }) => ({ now: now - 1 }),
    ],
    ['when a person asks for it', 'asked for', () => ({ force: 'full' })],
    [
      'after its state was torn',
      'nothing is known of an earlier full run',
      ({ statePath }) => void writeFileSync(statePath, '{"schema":1,'),
    ],
  ]
  it.each(cases)('%s, and the next is narrow again', async (_when, reason, happen) => {
    const given = account()
    await given.measure()
    expect((await given.measure()).mode).toBe('narrow')
    const more = happen(given) ?? {}
    const after = await given.measure(more)
    expect([after.mode, after.reason]).toEqual(['full', expect.stringMatching(reason)])
    expect(
      (
        await given.measure({
          ...more,
          ...(more.force && { now: given.now + 1, force: undefined }),
        } as Partial<SpendOptions>)
      ).mode,
    ).toBe('narrow')
  })

  it('each time while ccusage counts a message from before the cut that was told again after it', async () => {
    const given = account()
    await given.measure()
    // ccusage takes the first of two that are equal, by the names of their files.
    toldAgain(given, '-p1/z-later-one.jsonl')
    expect((await given.measure()).reason).toBe('a message from before today was told again')
    const next = await given.measure()
    expect([next.reason, next.audit]).toEqual(['messages from before the cut are repeated after it', null])
    expect(given.logged).toEqual([])
    expect((await given.measure({ force: 'full' })).reason).toBe('asked for')
  })

  it('when ccusage does not find in the narrow folder what has to be there', async () => {
    const { measure, root } = account()
    await measure()
    const real = findCcusage('') as CcusageProgram
    const path = join(root, 'blind')
    const blind = `case "$CLAUDE_CONFIG_DIR $2" in */narrow\\ blocks) echo '{"blocks":[]}';; *) exec ${real.command[0]} "$@";; esac`
    writeFileSync(path, `#!/bin/sh\n${blind}\n`, { mode: 0o700 })
    const { mode, reason } = await measure({ program: { ...real, command: [path] } })
    expect([mode, reason]).toEqual(['full', 'the first block after the cut is gone'])
    expect((await measure()).mode).toBe('narrow')
  })

  it('for each small history, which is not worth more', async () => {
    const { measure, narrow } = account()
    await measure()
    expect(existsSync(narrow)).toBe(true)
    const { mode, reason } = await measure({ narrowFromBytes: 1 << 20 })
    expect([mode, reason, existsSync(narrow)]).toEqual(['full', 'the history is small', false])
  })

  it('where nearly everything is of today', async () => {
    const { measure, write, now } = account()
    write(
      '-p0/busy.jsonl',
      Array.from({ length: 400 }, (_, index) => now - HOUR + index),
    )
    await measure()
    expect((await measure()).reason).toBe('most of the history is of late')
  })

  it('with a log of what is corrupt', async () => {
    const { measure, statePath, logged } = account()
    await measure()
    writeFileSync(statePath, '{}')
    await measure()
    expect(logged).toEqual([expect.stringMatching(/^warn slot-1: ccusage's state is corrupt and made anew/)])
  })

  it('and its figures are given although nothing can be prepared', async () => {
    const { measure, statePath, logged } = account()
    mkdirSync(join(dirname(statePath), 'narrow'), { recursive: true })
    writeFileSync(join(dirname(statePath), 'narrow/projects'), 'in the way')
    const { mode } = await measure()
    expect([mode, logged]).toEqual(['full', [expect.stringMatching(/^warn slot-1: no narrow run is prepared: /)]])
  })
})

/** An old session's messages in another file, at a time of today. */
function toldAgain({ append, projectsDir, now }: ReturnType<typeof account>, path: string): undefined {
  const text = readFileSync(join(projectsDir, '-p1/old10.jsonl'), 'utf8')
  append(path, text.replace(/"timestamp":"[^"]+"/g, `"timestamp":"${new Date(now - MINUTE).toISOString()}"`), now)
}

describe('after days without use', () => {
  it('a message of the last day that is told again today is counted where ccusage counts it', async () => {
    const { measure, append, projectsDir, now } = account()
    // Four days ago was the last use, so the narrow part begins there.
    for (const back of [3, 2, 1]) rmSync(join(projectsDir, `-p${back % 3}/old${back}.jsonl`))
    rmSync(join(projectsDir, '-p0/today.jsonl'))
    await measure()
    expect((await measure()).mode).toBe('narrow')
    const line = readFileSync(join(projectsDir, '-p1/old4.jsonl'), 'utf8').split('\n')[1]!
    const again = line.replace(/"timestamp":"[^"]+"/, `"timestamp":"${new Date(now - MINUTE).toISOString()}"`)
    append('-p1/a-later-one.jsonl', `${again}\n`, now)
    expect((await measure()).reason).toBe('a message from before today was told again')
  })
})

describe('the first run of a day', () => {
  it('is full and audits the narrow one beside it', async () => {
    const { measure, now } = account()
    await measure({ now: now - DAY })
    const { mode, reason, audit } = await measure()
    expect([mode, reason, audit?.equal]).toEqual(['full', expect.stringMatching(/^\d{4}-\d\d-\d\d has begun$/), true])
    expect(audit!.narrow.days.length).toBeGreaterThan(0)
    expect(rounded(audit!.narrow)).toEqual(rounded(audit!.full))
    expect((await measure()).mode).toBe('narrow')
  })

  it('leaves nothing of the day before to the narrow runs after it', async () => {
    const { measure, write, now } = account()
    write('-p0/long.jsonl', [now - 60 * HOUR, now - 40 * HOUR, now - 25 * HOUR])
    await measure({ now: now - DAY })
    write('-p0/long.jsonl', [now - DAY])
    expect((await measure({ now: now - DAY + 1 })).mode).toBe('narrow')
    write('-p0/long.jsonl', [now - HOUR])
    const [first, second] = [await measure(), await measure()]
    expect([first.mode, first.audit?.equal, second.mode]).toEqual(['full', true, 'narrow'])
  })

  it('tells a difference with both figures, loudly, gives the full ones, and begins anew', async () => {
    const { measure, now, statePath, logged } = account()
    await measure({ now: now - DAY })
    const state = JSON.parse(readFileSync(statePath, 'utf8')) as SpendState
    const today = state.recent.find(known => known.path === '-p0/today.jsonl')!
    state.recent = state.recent.filter(known => known !== today)
    state.past.push([today.path, today.size, today.mtimeMs, today.ino, null, ''])
    writeFileSync(statePath, JSON.stringify(state))
    const { audit, spend } = await measure()
    expect(audit?.equal).toBe(false)
    expect(audit!.full.days.at(-1)?.costUsd).toBeCloseTo(spend.todayUsd!, 6)
    expect(audit!.narrow.days.some(day => day.date === spend.today)).toBe(false)
    expect(logged).toEqual(['error slot-1: narrow and full run of ccusage differ'])
    expect((await measure()).mode).toBe('narrow')
  })
})

describe('a transcript that grows while it is measured', () => {
  it('is no difference', async () => {
    const { measure, options, root, projectsDir, now } = account()
    const real = findCcusage('') as CcusageProgram
    const path = join(root, 'busy')
    const line = lineOf({ at: now - MINUTE, id: 'growing' })
    writeFileSync(join(root, 'line'), line)
    // Another message before each start of ccusage.
    const grow = `sed "s/growing/growing-$$/g" ${root}/line >> ${projectsDir}/-p0/today.jsonl`
    writeFileSync(path, `#!/bin/sh\n${grow}\nexec ${real.command[0]} "$@"\n`, { mode: 0o700 })
    const program: CcusageProgram = { ...real, command: [path] }
    for (const at of [now - DAY, now]) {
      const result = await measureSpend(options({ program, now: at }))
      expect(result).toMatchObject({ kind: 'figures', mode: 'full', audit: { equal: true } })
    }
    expect(await measureSpend(options({ program }))).toMatchObject({ mode: 'narrow' })
    expect((await measure({ program: real })).mode).toBe('narrow')
  })
})

describe('the transcripts', () => {
  it('are never written to, whatever is done with the folder of links', async () => {
    const { measure, write, now, projectsDir, narrow } = account()
    write('-p0/long.jsonl', [now - 50 * HOUR, now - 30 * HOUR, now - HOUR])
    const image = imageOf(projectsDir)
    await measure({ now: now - DAY })
    await measure()
    await measure({ zone: 'Pacific/Kiritimati' })
    await measure({ force: 'full' })
    for (const name of readdirSync(narrow, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.jsonl')) appendFileSync(`${join(narrow, name)}.x.jsonl`, 'left by somebody')
    await measure()
    expect(imageOf(projectsDir)).toEqual(image)
    expect(readdirSync(narrow, { recursive: true, encoding: 'utf8' }).filter(name => name.includes('.x.'))).toEqual([])
  })

  it('are linked, not copied, and let go when they no longer matter', async () => {
    const { measure, projectsDir, narrow, now } = account()
    await measure({ now: now - 2 * DAY })
    const there = () =>
      readdirSync(narrow, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.jsonl'))
    const before = there()
    await measure()
    const after = there()
    expect(after).toContain('-p0/today.jsonl')
    expect(statSync(join(narrow, '-p0/today.jsonl')).ino).toBe(statSync(join(projectsDir, '-p0/today.jsonl')).ino)
    expect(before.some(name => !after.includes(name))).toBe(true)
    for (const name of before.filter(gone => !after.includes(gone)))
      expect(statSync(join(projectsDir, name)).nlink).toBe(1)
  })

  it('on another file system are copied, and followed', async context => {
    if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(tmpdir()).dev) return context.skip()
    const { measure, write, now, narrow } = account('config', '/dev/shm')
    await measure()
    const first = await measure()
    const copied = statSync(join(narrow, '-p0/today.jsonl'))
    const second = await measure()
    expect(statSync(join(narrow, '-p0/today.jsonl')).ino).toBe(copied.ino)
    write('-p0/today.jsonl', [now - MINUTE])
    const third = await measure()
    expect([first.mode, second.mode, third.mode]).toEqual(['narrow', 'narrow', 'narrow'])
    expect([copied.nlink, copied.mode & 0o777]).toEqual([1, 0o600])
  })

  it('that a killed run left half copied are copied again', async () => {
    const { measure, write, now, narrow } = account()
    write('-p0/long.jsonl', [now - 50 * HOUR, now - 30 * HOUR, now - HOUR, now - MINUTE])
    await measure()
    const path = join(narrow, '-p0/long.jsonl')
    const whole = readFileSync(path)
    unlinkSync(path)
    writeFileSync(path, whole.subarray(0, 100))
    unlinkSync(join(narrow, '-p0/today.jsonl'))
    expect((await measure()).mode).toBe('narrow')
    expect(readFileSync(path)).toEqual(whole)
    // Of the right length, but never finished: the time is set last.
    writeFileSync(path, whole.toString().replace(/msg_/g, 'gsm_'))
    expect((await measure()).mode).toBe('narrow')
    expect(readFileSync(path)).toEqual(whole)
  })

  it('behind symbolic links do not count, as with ccusage', async () => {
    const { measure, root, projectsDir, write, now } = account()
    const other = account()
    other.write('-x/s.jsonl', [now - MINUTE])
    symlinkSync(join(other.projectsDir, '-x'), join(projectsDir, '-linked'))
    symlinkSync(join(other.projectsDir, '-x/s.jsonl'), join(projectsDir, '-p0/linked.jsonl'))
    writeFileSync(join(projectsDir, '-p0/.jsonl'), lineOf({ at: now - MINUTE, id: 'no-extension' }))
    writeFileSync(join(projectsDir, '-p0/s.JSONL'), lineOf({ at: now - MINUTE, id: 'other-extension' }))
    await measure()
    write('-p0/today.jsonl', [now - MINUTE])
    const { mode, files } = await measure()
    expect([mode, files.of]).toEqual(['narrow', 21])
    expect(existsSync(root)).toBe(true)
  })

  it('may lie in a folder with a comma, which ccusage would cut', async () => {
    const { measure } = account('config, of mine')
    await measure()
    expect((await measure()).mode).toBe('narrow')
  })

  it('with names that are no UTF-8 are left to ccusage', async () => {
    const { measure, projectsDir, now } = account()
    writeFileSync(
      Buffer.concat([Buffer.from(`${projectsDir}/-p0/odd`), Buffer.from([0xff]), Buffer.from('.jsonl')]),
      lineOf({ at: now - MINUTE, id: 'odd' }),
    )
    await measure()
    expect((await measure()).reason).toBe('1 names are no UTF-8')
  })
})

describe('there are no figures', () => {
  test('without logs', async () => {
    const { options, projectsDir } = account()
    expect((await measureSpend(options({ projectsDir: `${projectsDir}-none` }))).kind).toBe('noLogs')
  })
  test('without ccusage', async () => {
    const { options } = account()
    const program = findCcusage('', '/nowhere/x.ts')
    expect(program.kind).toBe('notFound')
    expect((await measureSpend(options())).kind).toBe('figures')
  })
  test.each([
    ['timedOut', 'sleep 60', 700],
    ['wrongOutput', 'echo hello', 20_000],
    ['failed', 'exit 9', 20_000],
  ])('when ccusage gives %s, in a full as in a narrow run', async (kind, script, deadlineMs) => {
    const { options, root } = account()
    const path = join(root, 'ill')
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 })
    const { version } = findCcusage('') as CcusageProgram
    const ill = options({ program: { kind: 'found', command: [path], version }, deadlineMs })
    expect((await measureSpend(ill)).kind).toBe(kind)
    await measureSpend(options())
    expect((await measureSpend(ill)).kind).toBe(kind)
    expect(await measureSpend(options())).toMatchObject({ kind: 'figures', mode: 'narrow' })
  })
  test('when its two lists together take longer than the deadline', async () => {
    const { options, root } = account()
    const real = findCcusage('') as CcusageProgram
    const path = join(root, 'slow')
    writeFileSync(path, `#!/bin/sh\nsleep 1.2\nexec ${real.command[0]} "$@"\n`, { mode: 0o700 })
    const result = await measureSpend(options({ program: { ...real, command: [path] }, deadlineMs: 2200 }))
    expect(result).toEqual({ kind: 'timedOut', reason: expect.stringContaining('ccusage blocks was ended after') })
  })
  test('after the run was told to stop', async () => {
    const { options } = account()
    expect((await measureSpend(options({ signal: AbortSignal.abort() }))).kind).toBe('aborted')
  })
})
