import { describe, expect, it } from 'vitest'
import { alive, badKeys, billingOf, factOf, HOUR_MS, jobSeen, MINUTE_MS, NOW, sightOf, verdicts } from './sights.ts'

const problem = { lines: ['line 3: unknown key quotas'], remedy: '${EDITOR:-vi} ~/.claude/config/vigil.yaml' }
const MERGED = 'CacheCorrupt{merged-quota-cache.json}'

describe('SettingsWrong', () => {
  it('gives every line and what opens the file', () => {
    expect(factOf(sightOf({ settingsProblem: problem }), 'SettingsWrong{vigil.yaml}')).toMatchObject({
      verdict: 'bad',
      severity: 'critical',
      text: {
        summary: 'vigil.yaml has 1 problem, and no job works until it is mended',
        details: ['line 3: unknown key quotas'],
        remedy: '${EDITOR:-vi} ~/.claude/config/vigil.yaml',
      },
    })
  })
  it('knows the two files apart, and ends when each can be used', () => {
    expect(badKeys(sightOf({ accounts: [], registryProblem: problem }))).toEqual([
      'SettingsWrong{claude-sessions.yaml}',
    ])
    expect(verdicts(sightOf(), 'SettingsWrong')).toEqual({
      'SettingsWrong{vigil.yaml}': 'ok',
      'SettingsWrong{claude-sessions.yaml}': 'ok',
    })
  })
})

describe('CacheCorrupt', () => {
  const trouble = { file: 'slots/slot-1.json', what: 'slots/slot-1.json is corrupt', remedy: 'vigil run fetch-quota' }
  it('is told of each file for itself', () => {
    const other = { file: 'runs/fetch-quota.json', what: 'x', remedy: null }
    expect(badKeys(sightOf({ troubles: [trouble, other] }))).toEqual([
      'CacheCorrupt{slots/slot-1.json}',
      'CacheCorrupt{runs/fetch-quota.json}',
    ])
    expect(factOf(sightOf({ troubles: [trouble] }), 'CacheCorrupt{slots/slot-1.json}').text).toMatchObject({
      summary: 'slots/slot-1.json is corrupt',
      remedy: 'vigil run fetch-quota',
    })
  })
  it('ends when the file is good or gone, and is unknown where nobody looked', () => {
    const states = [alive('CacheCorrupt', { file: 'slots/slot-1.json' })]
    expect(verdicts(sightOf({ states }), 'CacheCorrupt')).toEqual({ 'CacheCorrupt{slots/slot-1.json}': 'ok' })
    expect(verdicts(sightOf({ states, accounts: [], registryProblem: problem }), 'CacheCorrupt')).toEqual({
      'CacheCorrupt{slots/slot-1.json}': 'unknown',
    })
  })
  const flagged = (kind: 'lied' | 'outlived', ageMs: number, succeededAgoMs: number) =>
    sightOf({
      falseFresh: [{ slot: 'slot-1', kind, ageMs }],
      jobs: [jobSeen('fetch-quota', { last_success_at: NOW - succeededAgoMs })],
    })
  it.each([
    ['a mark that lied', flagged('lied', 49 * HOUR_MS, 49 * HOUR_MS), true],
    ['one that its job left when it stopped', flagged('outlived', 49 * HOUR_MS, 49 * HOUR_MS), false],
    ['one that stands a moment', flagged('outlived', 11 * MINUTE_MS, 0), false],
    ['one that stands 1 ms longer beside a job that succeeds', flagged('outlived', 11 * MINUTE_MS + 1, 0), true],
  ])('fresh beside old figures: %s', (_name, sight, expected) => {
    expect(badKeys(sight).includes(MERGED)).toBe(expected)
  })
  it('is told once for a file with several troubles', () => {
    const troubles = [{ file: 'merged-quota-cache.json', what: 'x', remedy: null }]
    expect(badKeys({ ...flagged('lied', HOUR_MS, 0), troubles })).toEqual([MERGED])
  })
  it.each([
    ['was false when it was written', { last_attempt: { at: NOW, outcome: 'ok', reason: '' } }, HOUR_MS, true],
    ['has outlived its figures and its job', { last_attempt: null }, HOUR_MS, false],
    ['stays although the job succeeds', { last_attempt: null }, 0, true],
    ['stands beside no figure', { lastFetched: null, last_attempt: null }, HOUR_MS, true],
  ] as const)('of billing, a mark that %s', (_name, change, succeededAgoMs, expected) => {
    const billing = billingOf({ lastFetched: NOW - 30 * MINUTE_MS, ...change, isFresh: true }, 'stale')
    const jobs = [jobSeen('fetch-billing', { last_success_at: NOW - succeededAgoMs })]
    expect(badKeys(sightOf({ billing, jobs })).includes('CacheCorrupt{billing-shared.json}')).toBe(expected)
  })
})

describe('DiskLow', () => {
  const MB = 1024 * 1024
  it.each([
    [50 * MB - 1, 100 * MB, 'bad'],
    [50 * MB, 100 * MB, 'ok'],
    [50 * MB + 1, 100 * MB, 'ok'],
    [100 * MB - 1, 10_000 * MB, 'bad'],
    [100 * MB, 10_000 * MB, 'ok'],
    [0, 100 * MB, 'bad'],
  ])('%i of %i bytes free: %s', (freeBytes, totalBytes, expected) => {
    expect(factOf(sightOf({ disk: { freeBytes, totalBytes } }), 'DiskLow').verdict).toBe(expected)
  })
  it('is unknown where the disk cannot be asked', () => {
    expect(factOf(sightOf({ disk: null }), 'DiskLow').verdict).toBe('unknown')
  })
})
