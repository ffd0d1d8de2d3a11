import { utimesSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { JOB_REASONS } from '../../../lib/domain/account.ts'
import { figureOf, newerOf, type Seen } from '../../../lib/domain/freshness.ts'
import { DEFAULT_SETTINGS } from '../../../lib/settings-defaults.ts'
import { type Glance, gatherGlance, LOGIN_REASONS } from '../../../lib/statusline/glance.ts'
import { fitLines, type Segment, segmentsOf, widthOf } from '../../../lib/statusline/line.ts'
import {
  HOUR,
  MIN,
  recorded,
  type StatuslineHome,
  sampleAccounts,
  statuslineHome,
  writeRegistry,
} from '../../support/statusline-home.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const { quota, statusline } = DEFAULT_SETTINGS
const seen = (change: Partial<Seen> = {}): Seen => ({
  usedPercent: 50,
  resetsAt: NOW + HOUR,
  measuredAt: NOW,
  ...change,
})

describe('a figure', () => {
  it.each([
    ['of now is fresh', {}, 'fresh'],
    ['at fresh_for is fresh', { measuredAt: NOW - 10 * MIN }, 'fresh'],
    ['past fresh_for is stale', { measuredAt: NOW - 10 * MIN - 1 }, 'stale'],
    ['at unreliable_after is stale', { measuredAt: NOW - 60 * MIN }, 'stale'],
    ['past unreliable_after is unreliable', { measuredAt: NOW - 60 * MIN - 1 }, 'unreliable'],
    ['of nobody knows when is unreliable', { measuredAt: null }, 'unreliable'],
    ['of the future is unreliable', { measuredAt: NOW + 2 * MIN + 1 }, 'unreliable'],
    ['of the future within the tolerance is fresh', { measuredAt: NOW + 2 * MIN }, 'fresh'],
    ['is gone with its window', { resetsAt: NOW }, 'absent'],
    ['lasts to the end of its window', { resetsAt: NOW + 1 }, 'fresh'],
    [
      'that is unreliable and of a window without an end is no lower bound',
      { measuredAt: null, resetsAt: null },
      'absent',
    ],
    [
      'with a reset beyond its window has none',
      { measuredAt: null, resetsAt: NOW + 5 * HOUR + 10 * MIN + 1 },
      'absent',
    ],
  ])('%s', (_what, change, mark) => {
    expect(figureOf(seen(change), NOW, quota, 5 * HOUR).mark).toBe(mark)
  })
  it.each([
    ['of a later window', { resetsAt: NOW + 3 * HOUR, usedPercent: 1, measuredAt: NOW - HOUR }],
    ['of higher use in the same window, though it came earlier', { usedPercent: 60, measuredAt: NOW - HOUR }],
    ['that was measured later', { usedPercent: 50, measuredAt: NOW + 1 }],
  ])('is overtaken by one %s', (_what, change) => {
    expect(newerOf(seen(), seen(change), NOW)).toEqual(seen(change))
    expect(newerOf(seen(change), seen(), NOW)).toEqual(seen(change))
  })
  it('is not overtaken by one that is dated in the future', () => {
    expect(newerOf(seen(), seen({ usedPercent: 99, measuredAt: NOW + HOUR }), NOW)).toEqual(seen())
  })
})

describe('the line', () => {
  let home: StatuslineHome
  let n = 0
  beforeEach(() => {
    n += 1
    home = statuslineHome(join(homedir(), `glance-${n}`), NOW)
  })
  const bare = () => ({ ...recorded(NOW), rate_limits: undefined })
  const glance = (input: unknown = bare(), configDir: string | null = null): Glance =>
    gatherGlance({ paths: home.paths, configDir, input, now: NOW }).glance
  const line = (input: unknown = bare(), change = {}) => {
    const settings = { ...statusline, ...change }
    const ascii = settings.variant === 'ascii'
    return fitLines(segmentsOf(glance(input), settings), {
      columns: null,
      lines: settings.lines,
      color: false,
      ascii,
    }).join('\n')
  }
  const aged = (ms: number, change = {}) => {
    Object.assign(home.cache.slots['slot-1']!, { last_fetched: NOW - ms, ...change })
    home.write(home.paths.mergedQuota, home.cache)
  }

  it('marks what is stale, and what is unreliable as the least that it can be', () => {
    aged(11 * MIN)
    expect(line()).toContain('📅:97h(51%⚠)@')
    aged(61 * MIN)
    expect(line()).toContain('📅:97h(≥51%⚠⚠)@')
    aged(61 * MIN, { seven_day_resets_at: new Date(NOW - 1).toISOString() })
    expect(line()).toContain('📅:– ')
  })
  it('believes no flag and no time of the file: figures of 49 hours are unreliable', () => {
    aged(49 * HOUR, { is_fresh: true })
    expect(line()).toContain('📅:97h(≥51%⚠⚠)@')
    expect(gatherGlance({ paths: home.paths, configDir: null, input: bare(), now: NOW }).troubles).toEqual([
      'corrupt data: slot-1 is marked fresh beside old figures',
    ])
  })
  it('takes what the session was told, where the session is known', () => {
    const told = recorded(NOW)
    home.write(join(home.paths.harvest, `${told.session_id}.json`), {
      answer: 'another',
      measuredAt: NOW - HOUR,
      configDir: null,
    })
    expect(line(told)).toContain('📅:97h(98%)@')
  })
  it('knows of a session that it never met only that it is no younger than its transcript', () => {
    const told = { ...recorded(NOW), transcript_path: home.paths.billing }
    const written = (ms: number) => utimesSync(home.paths.billing, ms / 1000, ms / 1000)
    written(NOW - MIN)
    expect(line(told)).toContain('(98%)')
    written(NOW - 20 * MIN)
    expect(line(told)).toContain('(98%⚠)')
    expect(line({ ...told, transcript_path: '/gone' })).toContain('(≥98%⚠⚠)')
  })
  it('shows an account that needs /login, and leaves out one that a person paused', () => {
    const accounts = sampleAccounts(home.paths.home, 3)
    Object.assign(accounts[0]!, { status: 'inactive', inactiveReason: 'session_expired' })
    Object.assign(accounts[1]!, { status: 'inactive', inactiveReason: 'paused' })
    writeRegistry(home, accounts, 'slot-3')
    expect(line()).toContain('🔺slot-1→slot-3 1/2')
  })
  it('counts accounts that are used up out of the pool until their window ends', () => {
    Object.assign(home.cache.slots['slot-2']!, { five_hour_util: 100 })
    Object.assign(home.cache.slots['slot-3']!, {
      five_hour_util: 100,
      five_hour_resets_at: new Date(NOW).toISOString(),
    })
    home.write(home.paths.mergedQuota, home.cache)
    expect(glance().pool).toEqual({ usable: 2, all: 3 })
  })
  it('does without accounts when the registry was changed since it was parsed', () => {
    home.write(home.paths.accounts, 'current: slot-2\n')
    expect(glance()).toMatchObject({ account: null, pool: null, weekly: { mark: 'absent' } })
  })
  it('tells what fires and that the watchdog is silent', () => {
    const states = ['firing', 'recovering', 'pending'].map(phase => ({ phase, severity: 'warning' }))
    home.write(home.paths.alerts, { schema: 1, states, lastRunAt: NOW })
    expect(line()).toContain('🔔:2')
    home.write(join(home.paths.runs, 'watchdog.json'), { started_at: NOW - 5 * MIN })
    expect(line()).not.toContain('🐕')
    home.write(join(home.paths.runs, 'watchdog.json'), { started_at: NOW - 12 * MIN })
    home.write(home.paths.alerts, { schema: 1, states, lastRunAt: NOW - 12 * MIN })
    expect(line()).toMatch(/🔔:2⚠ .*🐕:silent 12m/)
    home.write(home.paths.alerts, '{')
    expect(line()).toContain('🔔:–')
  })
  it('shows a cost of yesterday as none of today', () => {
    home.write(home.paths.billing, { ...home.billing, day: '2026-11-19' })
    expect(line()).toMatch(/⌛:42m 🌿/)
  })
  it('has an ASCII and a Nerd Font form', () => {
    aged(61 * MIN)
    const ascii = line({ ...bare(), model: { display_name: 'Öpus' } }, { variant: 'ascii' })
    expect(ascii).toMatch(/^[\x20-\x7e]+$/)
    expect(ascii).toContain('wk:97h(>=51%!!)@')
    expect(line(bare(), { variant: 'nerd' })).toContain('\ue0a0 main+12*3')
  })
  it('stands on as many lines as are set, none of them empty', () => {
    for (const lines of [1, 2, 3])
      expect(
        line(bare(), { lines })
          .split('\n')
          .map(part => part !== ''),
      ).toEqual(Array(lines).fill(true))
  })
})

describe('what is too wide', () => {
  const segment = (name: string, text: string, weight: number, short = text): Segment =>
    ({ name, text, short, weight, colour: null }) as unknown as Segment
  const three = [segment('a', 'aaaa', 1, 'aa'), segment('b', 'bbbb', 3), segment('c', 'cccc', 2, 'c')]
  const fitted = (columns: number) => fitLines(three, { columns, lines: 1, color: false, ascii: false })[0]
  it.each([
    [14, 'aaaa bbbb cccc'],
    [13, 'aa bbbb cccc'],
    [12, 'aa bbbb cccc'],
    [11, 'aa bbbb c'],
    [9, 'aa bbbb c'],
    [8, 'bbbb c'],
    [5, 'bbbb'],
    [3, 'bb…'],
  ])('is shortened, then dropped, the least important first: %i columns', (columns, expected) => {
    expect(fitted(columns)).toBe(expected)
  })
  it('is measured in columns', () => {
    expect(['a', '🧠', '漢', '⚠', 'é', 'e\u0301'].map(widthOf)).toEqual([1, 2, 2, 1, 1, 1])
  })
})

it('the reasons that a job sets are those of the registry', () => {
  expect(LOGIN_REASONS).toEqual([...JOB_REASONS])
})
