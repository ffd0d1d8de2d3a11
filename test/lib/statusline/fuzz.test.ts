// Whatever stands in stdin and in the files: there is a line, it comes at once, and it never shows an old figure as a new one.
import { readFileSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from '../../../lib/settings-defaults.ts'
import { gatherGlance, gitPath } from '../../../lib/statusline/glance.ts'
import { fitLines, segmentsOf } from '../../../lib/statusline/line.ts'
import { VERSION } from '../../../lib/timings.ts'
import { mutate, seeded } from '../../support/mutate.ts'
import { FOLDER, MIN, recorded, SESSION, statuslineHome } from '../../support/statusline-home.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const ROUNDS = 10_000
const home = join(homedir(), 'fuzz')
const { paths, write } = statuslineHome(home, NOW)
const told = recorded(NOW)
const answer = JSON.stringify([
  { usedPercent: 64, resetsAt: told.rate_limits.five_hour.resets_at * 1000 },
  { usedPercent: 98, resetsAt: told.rate_limits.seven_day.resets_at * 1000 },
  73,
])
const harvest = join(paths.harvest, `${SESSION}.json`)
write(paths.settings, 'quota: {}\n')
const { ino, size, mtimeNs, ctimeNs } = statSync(paths.settings, { bigint: true })
// Of how old figures may be nothing is said: with other limits other figures would be young.
const { statusline } = DEFAULT_SETTINGS
write(paths.parsedSettings, {
  version: VERSION,
  seal: `${ino} ${size} ${mtimeNs} ${ctimeNs}`,
  settings: { statusline: { ...statusline, lines: 2 } },
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function lineOf(input: string): string {
  let value: unknown = null
  try {
    value = JSON.parse(input)
  } catch {
    // As cli/statusline.ts takes it.
  }
  const gathered = gatherGlance({ paths, configDir: null, input: value, now: NOW })
  const space = { columns: null, lines: gathered.settings.lines, color: false, ascii: false }
  return fitLines(segmentsOf(gathered.glance, gathered.settings), space).join('\n')
}

interface Loose {
  [key: string]: never
}
const parse = (text: string): Loose => {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {} as Loose
  }
}
const isYoung = (at: unknown) => {
  const ms = typeof at === 'string' ? Date.parse(at) : at
  return typeof ms === 'number' && NOW - ms <= 10 * MIN && NOW - ms >= -2 * MIN
}

/** Every percentage that stands without a mark, of the two windows. */
function unmarked(line: string): number[] {
  const segments = [...line.matchAll(/(?:📅:|🕔:)\S*?(≥?)(\d+)%(⚠*)/gu)]
  for (const [whole, bound, , mark] of segments) expect([whole, bound === '≥']).toEqual([whole, mark === '⚠⚠'])
  return segments.filter(([, , , mark]) => mark === '').map(([, , percent]) => Number(percent))
}

/** By the files alone, without the code under test: which percentages may stand without a mark. */
function youngPercents(input: string): number[] {
  const told = parse(input)
  const memory = parse(read(harvest))
  const slot = (parse(read(paths.mergedQuota))['slots'] as Loose | undefined)?.['slot-1'] as Loose | undefined
  const cached = isYoung(slot?.['last_fetched']) ? [slot?.['five_hour_util'], slot?.['seven_day_util']] : []
  const limits = (told as Loose)?.['rate_limits'] as Record<string, { used_percentage?: unknown }> | undefined
  // A session that is known, with another answer than before, has just got it.
  const isNew = typeof memory?.['answer'] === 'string' && memory['answer'] !== answer
  const isOther = JSON.stringify(told) !== JSON.stringify(recordedTold)
  const fromStdin =
    isNew || isYoung(memory?.['measuredAt']) || (isOther && typeof memory?.['answer'] === 'string')
      ? [limits?.['five_hour']?.used_percentage, limits?.['seven_day']?.used_percentage]
      : []
  return [...cached, ...fromStdin].filter(value => typeof value === 'number').map(value => Math.floor(value as number))
}
const recordedTold = told

/** What was spent, without a mark, only from figures that are as young as their time to live asks. */
function isBillingYoung(): boolean {
  const { ttlMs, lastFetched } = parse(read(paths.billing)) as { ttlMs?: unknown; lastFetched?: unknown }
  const ttl = typeof ttlMs === 'number' && ttlMs >= 1 && ttlMs <= 60 * MIN ? ttlMs : MIN
  const at = typeof lastFetched === 'string' ? Date.parse(lastFetched) : lastFetched
  const freshForMs = Math.ceil(ttl / MIN) * MIN + 30_000 + 20_000 + 62_000
  return typeof at === 'number' && NOW - at <= freshForMs && NOW - at >= -2 * MIN
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // It is not there.
  }
}

const AGES = { young: NOW - MIN, old: NOW - 30 * MIN, ancient: NOW - 49 * 60 * MIN }
const FILES: Array<[string, string]> = [
  ['stdin', 'stdin'],
  ['the quota cache', paths.mergedQuota],
  ['billing', paths.billing],
  ['the registry', paths.parsedAccounts],
  ['alerts', paths.alerts],
  ['the watchdog', join(paths.runs, 'watchdog.json')],
  ['git', gitPath(paths, FOLDER)],
  ['the session', harvest],
  ['settings', paths.parsedSettings],
]

it('the settings that are damaged below are in force', () => {
  expect(lineOf(JSON.stringify(told)).split('\n')).toHaveLength(2)
})

describe.each(Object.entries(AGES))('figures that are %s', (age, measuredAt) => {
  it.each(FILES)(`with damage to %s`, (name, path) => {
    const { cache, billing } = statuslineHome(home, NOW)
    write(paths.billing, { ...billing, lastFetched: measuredAt })
    for (const slot of Object.values(cache.slots)) slot.last_fetched = measuredAt
    write(paths.mergedQuota, cache)
    write(harvest, { schema: 1, sessionId: SESSION, configDir: null, measuredAt, answer, windows: {} })
    const whole = name === 'stdin' ? JSON.stringify(told) : read(path)
    const random = seeded(FILES.findIndex(([known]) => known === name) * 1000 + age.length)
    for (let n = 0; n < ROUNDS / 3; n++) {
      const damaged = mutate(whole, random)
      if (name !== 'stdin') write(path, damaged)
      const input = name === 'stdin' ? damaged : JSON.stringify(told)
      const at = performance.now()
      const line = lineOf(input)
      const tookMs = performance.now() - at
      const seen = { damaged, line }
      if (line === '' || line.split('\n').some(part => part.trim() === '')) expect(seen).toBe('a line')
      if (/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/.test(line))
        expect(seen).toBe('without control characters')
      const young = youngPercents(input)
      for (const percent of unmarked(line)) if (!young.includes(percent)) expect({ ...seen, percent }).toBe('marked')
      const isSpent = /⌛:[^🌿👤🔔🐕]*?(?:\(\d+%\)|\$[\d./]+(?![\d./⚠]))/u.test(line)
      if (isSpent && !isBillingYoung()) expect(seen).toBe('spent, with its mark')
      expect(tookMs).toBeLessThan(1000)
    }
    if (name !== 'stdin') write(path, whole)
  })
})
