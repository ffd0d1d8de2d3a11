import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { typedIn } from '../../../lib/flows/typed-in-billing.ts'
import type { Run } from '../../../lib/job.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'

let home: string
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-typed-in-'))
  paths = pathsFor(home, join(home, '.claude'))
})
afterEach(() => rmSync(home, { recursive: true }))

/** Local times, since a day is a local one. */
const typedAt = (time: string) => {
  mkdirSync(dirname(paths.subscription), { recursive: true })
  writeFileSync(paths.subscription, 'cost_today_usd: 7\ncost_week_usd: 30\n')
  utimesSync(paths.subscription, new Date(time), new Date(time))
}
const readAt = (time: string) =>
  typedIn({ paths, now: Date.parse(time), log: () => undefined } as unknown as Run, time.slice(0, 10))

describe('what a person typed in', () => {
  it.each([
    ['the same day', '2026-11-20T20:00:00', '2026-11-20T23:59:59', 7, 30],
    ['after midnight', '2026-11-20T23:59:59', '2026-11-21T00:00:00', null, 30],
    ['after the midnight that begins a week', '2026-11-22T23:59:59', '2026-11-23T00:00:00', null, null],
    ['on the Monday itself', '2026-11-23T00:00:00', '2026-11-23T03:00:00', 7, 30],
  ] as const)('read on %s', async (_name, typed, read, costTodayUsd, costWeekUsd) => {
    typedAt(typed)
    const { billing, report } = await readAt(read)
    expect(billing).toMatchObject({ costTodayUsd, costWeekUsd, measuredAt: Date.parse(typed), source: 'subscription' })
    expect(report).toMatchObject({ outcome: 'ok', measuredAt: Date.parse(typed) })
  })
  it.each([
    ['4 h after', '2026-11-20T16:00:00.000', 'ok'],
    ['a moment later', '2026-11-20T16:00:00.001', 'none'],
  ])('holds for four hours: %s', async (_name, read, outcome) => {
    typedAt('2026-11-20T12:00:00')
    expect((await readAt(read)).report.outcome).toBe(outcome)
  })
})
