import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pathsFor } from '../../../lib/paths.ts'
import { claimKick, decideKick } from '../../../lib/statusline/afterwards.ts'
import { type Gathered, gatherGlance } from '../../../lib/statusline/glance.ts'
import { MIN, recorded, statuslineHome } from '../../support/statusline-home.ts'

const NOW = Date.parse('2026-11-20T12:00:30Z')

describe('a kick', () => {
  const { paths } = statuslineHome(join(homedir(), 'kick'), NOW)
  const all = gatherGlance({ paths, configDir: null, input: { ...recorded(NOW), rate_limits: null }, now: NOW })
  const old: Gathered['glance'] = {
    ...all.glance,
    fiveHour: { mark: 'absent' },
    weekly: { mark: 'stale', usedPercent: 1, resetsAt: null },
  }
  const stale = { ...all, glance: old }
  const records = (quota: unknown = { started_at: NOW - 10 * MIN, outcome: 'ok' }, billing: unknown = undefined) => ({
    'fetch-quota': quota,
    'fetch-billing': billing,
  })
  const why = (gathered: Gathered, seen = records()) => {
    const decision = decideKick(gathered, seen, NOW)
    return decision.do === 'kick' ? decision.job : decision.reason
  }
  it.each([
    ['is for stale figures', stale, records(), 'fetch-quota'],
    ['is not for fresh ones', all, records(), 'nothing is stale'],
    ['is not for a job that never ran', stale, records(undefined), 'fetch-quota'],
    ['waits for cron', stale, records({ started_at: NOW - 5 * MIN + 1, outcome: 'ok' }), 'it is not due'],
    ['comes when cron does not', stale, records({ started_at: NOW - 5 * MIN, outcome: 'ok' }), 'fetch-quota'],
    ['leaves a job that is at it', stale, records({ started_at: NOW - 4 * MIN, outcome: 'running' }), 'a job is at it'],
    [
      'takes one that is running for hours for killed',
      stale,
      records({ started_at: NOW - 60 * MIN, outcome: 'running' }),
      'fetch-quota',
    ],
    [
      'is not for an account that is inactive',
      { ...stale, glance: { ...old, account: { slot: 's', standing: 'needsLogin' as const, current: null } } },
      records(),
      'the account is inactive',
    ],
    ['is not made where the endpoint is off', { ...stale, sources: ['statusline'] }, records(), 'nothing is stale'],
    [
      'is for old billing too',
      { ...all, billingMark: 'stale' as const },
      records(null, { started_at: NOW - MIN, outcome: 'ok' }),
      'fetch-billing',
    ],
  ])('%s', (what, gathered, seen, expected) => {
    if (what.includes('never ran'))
      expect(why(gathered, { 'fetch-quota': undefined, 'fetch-billing': undefined })).toBe('jobs never ran')
    else expect(why(gathered, seen)).toBe(expected)
  })
  it('is claimed by one in a minute, also across its edge', () => {
    const { kicks } = pathsFor(join(homedir(), 'claims'), join(homedir(), 'claims', '.claude'))
    const place = { ...paths, kicks }
    const at = (now: number) => {
      const claimed = claimKick(place, now)
      // The file's own time is the machine's; here the clock is ours.
      for (const name of claimed ? [String(Math.floor(now / MIN))] : [])
        utimesSync(join(kicks, name), now / 1000, now / 1000)
      return claimed
    }
    expect([at(NOW), at(NOW), at(NOW + 29_999)]).toEqual([true, false, false])
    // 40 s later the next minute has begun, and is not long enough after it.
    expect(at(NOW + 40_000)).toBe(false)
    expect(at(NOW + 2 * MIN)).toBe(true)
    mkdirSync(kicks, { recursive: true })
    writeFileSync(join(kicks, '1'), '')
    utimesSync(join(kicks, '1'), 1, 1)
    expect(at(NOW + 30 * MIN)).toBe(true)
    expect(readdirSync(kicks)).not.toContain('1')
  })
})
