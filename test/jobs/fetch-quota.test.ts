import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import type { FaultAction } from '../../sandbox/stand-in.ts'
import { type ScratchOptions, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())

const start = async (options: ScratchOptions = {}) => {
  vigil = await scratchVigil({ expiresInMin: 300, ...options })
  return vigil
}
interface Merged {
  ts: number
  current: string
  slots: Record<
    string,
    {
      [key: string]: unknown
      last_fetched: number
      is_fresh: boolean
      five_hour_util: number | null
      last_attempt: { at: number; outcome: string }
    }
  >
}
const merged = () => vigil.json(vigil.paths.mergedQuota) as Merged
const slot = (n = 1) => merged().slots[`slot-${n}`]!
const outcome = (name = 'slot-1') => vigil.record('fetch-quota').accounts[name]
const slotFile = (n = 1) => join(vigil.paths.slots, `slot-${n}.json`)
interface SlotJson {
  observation: { measuredAt: number }
  requests: { requestedAt: number[]; blockedUntil: number | null }
}
/** Moves an account's memory into the past, as if that much time had gone by. */
const age = (minutes: number, n = 1) => {
  const file = JSON.parse(readFileSync(slotFile(n), 'utf8')) as SlotJson
  if (file.observation) file.observation.measuredAt -= minutes * 60_000
  file.requests.requestedAt = file.requests.requestedAt.map(at => at - minutes * 60_000)
  if (file.requests.blockedUntil) file.requests.blockedUntil -= minutes * 60_000
  writeFileSync(slotFile(n), JSON.stringify(file))
}
const usage = (action: FaultAction) => vigil.standIn.fault({ endpoint: 'usage', action })

describe('figures', () => {
  it('are fetched for every account and published in both caches', async () => {
    await start({ count: 3 })
    const before = Date.now()
    expect(await vigil.run('fetch-quota')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(Object.keys(merged().slots)).toEqual(['slot-1', 'slot-2', 'slot-3'])
    expect(slot()).toMatchObject({
      email: 'user-1@example.com',
      status: 'active',
      five_hour_util: 12,
      seven_day_util: 40,
      source: 'oauth',
      is_fresh: true,
      last_attempt: { outcome: 'ok' },
    })
    expect(slot().last_fetched).toBeGreaterThanOrEqual(before)
    expect(Math.abs(merged().ts * 1000 - Date.now())).toBeLessThan(60_000)
    const flat = vigil.json(vigil.paths.hotSwapQuota) as Record<string, Record<string, unknown>>
    expect(flat['slot-2']).toMatchObject({
      email: 'user-2@example.com',
      five_hour_util: 12,
      is_fresh: true,
      config_dir: vigil.dir(1),
    })
    expect(flat['slot-2']!['daily_reset_time']).toMatch(/^\d\d:\d\d$/)
  })
  it('are asked for as Claude Code asks, under our own name', async () => {
    await start()
    await vigil.run('fetch-quota')
    const recorded = JSON.parse(
      readFileSync(new URL('../fixtures/http/claude-code-2.1.197-oauth-requests.json', import.meta.url), 'utf8'),
    ).requests[1]
    const sent = vigil.standIn.requests[0]!
    for (const header of ['accept', 'content-type', 'anthropic-beta'])
      expect(sent.headers[header]).toBe(recorded.headers[header])
    expect(sent.headers['user-agent']).toMatch(/^vigil\/\d/)
  })
  it('that are fresh are not fetched again, and the log says for how long', async () => {
    await start()
    await vigil.run('fetch-quota')
    await vigil.run('fetch-quota')
    expect(vigil.standIn.state().usageGets).toBe(1)
    expect(outcome()!.reason).toMatch(/^fresh for \d+ s more; 1 requests in the last hour$/)
    expect(vigil.log('fetch-quota')).toMatch(/fresh for \d+ s more/)
  })
  it('keep their own time when the next fetch fails, and stop being fresh', async () => {
    await start()
    await vigil.run('fetch-quota')
    age(11)
    const { last_fetched: measured } = {
      last_fetched: (JSON.parse(readFileSync(slotFile(), 'utf8')) as SlotJson).observation.measuredAt,
    }
    usage({ kind: 'answer', status: 500, body: 'rate limit exceeded' })
    expect((await vigil.run('fetch-quota')).code).toBe(75)
    expect(slot()).toMatchObject({
      last_fetched: measured,
      five_hour_util: 12,
      is_fresh: false,
      last_attempt: { outcome: 'failed' },
    })
  })
  it('of a window that has been reset are unknown, never zero', async () => {
    await start()
    const past = new Date(Date.now() - 1000).toISOString()
    vigil.standIn.setUsage('user-1@example.com', {
      five_hour: { utilization: 99, resets_at: past },
      seven_day: { utilization: 5, resets_at: null },
    })
    await vigil.run('fetch-quota')
    expect(slot()).toMatchObject({
      five_hour_util: null,
      five_hour_resets_at: null,
      seven_day_util: 5,
      weekly_budget_remaining_hours: null,
    })
  })
  it('of another person who logged in to the same directory do not take the place of the old ones', async () => {
    await start({ count: 2 })
    await vigil.run('fetch-quota')
    writeConfigDir(vigil.dir(1), join(vigil.dir(1), '.claude.json'), {
      ...vigil.logins[1]!,
      accountUuid: 'someone-else',
      email: 'else@example.com',
    })
    usage({ kind: 'answer', status: 500, body: '' })
    await vigil.run('fetch-quota')
    expect(slot(2)).toMatchObject({ five_hour_util: null, last_fetched: null, is_fresh: false })
    expect(slot(1)).toMatchObject({ five_hour_util: 12 })
  })
  it('of one login in two directories are asked for once and stand in both', async () => {
    await start()
    writeConfigDir(join(vigil.home, '.claude-copy'), join(vigil.home, '.claude-copy', '.claude.json'), vigil.logins[0]!)
    await vigil.run('fetch-quota')
    expect(vigil.standIn.state().usageGets).toBe(1)
    expect(outcome('slot-2')).toMatchObject({ outcome: 'shared' })
    expect(slot(2)).toMatchObject({ five_hour_util: 12, is_fresh: true })
  })
})

describe('the request budget', () => {
  it('ends at 20 an hour and account, failed requests included', async () => {
    await start()
    vigil.standIn.fault({
      endpoint: 'usage',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'answer', status: 500, body: '' },
    })
    for (let n = 0; n < 22; n++) await vigil.run('fetch-quota')
    expect(vigil.standIn.state().usageGets).toBe(20)
    expect(outcome()).toMatchObject({
      outcome: 'budget',
      reason: expect.stringMatching(/^budget 20\/h used, free in \d+ s; 20 requests in the last hour$/),
    })
  })
  it.each([
    ['0', 4.9, 5.1],
    ['3600', 59.9, 60.1],
  ])('rests after a 429 with Retry-After: %s', async (retryAfter, stillMin, freeMin) => {
    await start()
    usage({
      kind: 'answer',
      status: 429,
      headers: { 'retry-after': retryAfter },
      body: { error: { type: 'rate_limit_error' } },
    })
    expect((await vigil.run('fetch-quota')).code).toBe(75)
    age(stillMin)
    await vigil.run('fetch-quota')
    expect(outcome()).toMatchObject({ outcome: 'blocked' })
    age(freeMin - stillMin)
    await vigil.run('fetch-quota')
    expect(outcome()).toMatchObject({ outcome: 'ok' })
  })
})

describe('tokens', () => {
  it('that the API refuses are renewed once through the same transaction, and the request tried once more', async () => {
    await start()
    vigil.standIn.expireAccessToken('user-1@example.com')
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, usageGets: 2, replays: 0 })
    expect(slot()).toMatchObject({ five_hour_util: 12 })
  })
  it('are not renewed a second time when the new one is refused too', async () => {
    await start()
    vigil.standIn.fault({
      endpoint: 'usage',
      times: 9,
      action: { kind: 'answer', status: 401, body: { error: { type: 'authentication_error' } } },
    })
    expect((await vigil.run('fetch-quota')).code).toBe(75)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, usageGets: 2 })
  })
  it('that are known to be expired are never asked with', async () => {
    await start({ expiresInMin: -5 })
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, usageGets: 1 })
    await vigil.dispose()
    await start({ expiresInMin: -5, settings: 'refresh: off' })
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 0, usageGets: 0 })
    expect(outcome()).toMatchObject({ outcome: 'off' })
  })
  it('of a login that is over: a fact, not a failure; and figures again by themselves after /login', async () => {
    await start()
    vigil.standIn.revoke('user-1@example.com')
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.registry()).toContain('inactive_reason: session_expired')
    expect(slot()).toMatchObject({ status: 'inactive', five_hour_util: null })
    writeConfigDir(vigil.dir(0), join(vigil.home, '.claude.json'), vigil.standIn.login('user-1@example.com'))
    await vigil.run('fetch-quota')
    expect(vigil.registry()).toContain('status: active')
    expect(slot()).toMatchObject({ status: 'active', five_hour_util: 12 })
  })
  it('without user:profile are told apart from log-outs', async () => {
    await start()
    usage({ kind: 'answer', status: 403, body: { error: { type: 'permission_error' } } })
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(outcome()).toMatchObject({ outcome: 'no_profile_scope' })
    expect(vigil.registry()).toContain('status: active')
  })
  it('in a store that others may read are not used', async () => {
    await start()
    chmodSync(join(vigil.dir(0), '.credentials.json'), 0o640)
    expect((await vigil.run('fetch-quota')).code).toBe(77)
    expect(vigil.standIn.state().usageGets).toBe(0)
  })
})

describe('answers that bring no figures', () => {
  it.each([
    ['a page of an edge', { kind: 'garbage' } as FaultAction, 'changed', 1],
    ['a list', { kind: 'answer', status: 200, body: '[]' } as FaultAction, 'changed', 1],
    ['a cut body', { kind: 'truncate', bytes: 9 } as FaultAction, 'failed', 75],
    ['a body without end', { kind: 'huge', bytes: 1_000_000 } as FaultAction, 'failed', 75],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' } as FaultAction, 'changed', 1],
    ['a dropped connection', { kind: 'drop-before' } as FaultAction, 'failed', 75],
  ])('%s', async (_name, action, expected, code) => {
    await start()
    usage(action)
    expect((await vigil.run('fetch-quota')).code).toBe(code)
    expect(outcome()).toMatchObject({ outcome: expected })
    expect(slot()).toMatchObject({
      five_hour_util: null,
      last_fetched: null,
      is_fresh: false,
      last_attempt: { outcome: expected },
    })
  })
})

describe('caches that lie', () => {
  it('a fresh flag beside old figures is logged as corrupt, counted, and gone after the merge', async () => {
    await start()
    await vigil.run('fetch-quota')
    const cache = merged()
    cache.slots['slot-1']!.last_fetched -= 49 * 3_600_000
    writeFileSync(vigil.paths.mergedQuota, JSON.stringify(cache))
    age(49 * 60)
    vigil.standIn.fault({ endpoint: 'usage', action: { kind: 'answer', status: 500, body: '' } })
    await vigil.run('fetch-quota')
    expect(vigil.log('fetch-quota')).toMatch(
      /corrupt data: slot-1 was marked fresh beside figures of 2940 min; the mark was false when written/,
    )
    expect(vigil.record('fetch-quota').counters).toMatchObject({ false_fresh_lied: 1 })
    expect(slot().is_fresh).toBe(false)
  })
  it.each(['', '{"schema":1', '{"schema":2,"ts":1,"current":null,"slots":{}}'])(
    'one that reads %j is built anew from the slots',
    async text => {
      await start()
      await vigil.run('fetch-quota')
      writeFileSync(vigil.paths.mergedQuota, text)
      expect((await vigil.run('fetch-quota')).code).toBe(0)
      expect(vigil.log('fetch-quota')).toContain('merged-quota-cache.json is corrupt')
      expect(slot()).toMatchObject({ five_hour_util: 12 })
    },
  )
  it('a corrupt slot is measured anew and said', async () => {
    await start()
    await vigil.run('fetch-quota')
    writeFileSync(slotFile(), '{"schema":1,')
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.log('fetch-quota')).toContain('slots/slot-1.json is corrupt')
    expect(slot()).toMatchObject({ five_hour_util: 12 })
  })
})

it('leaves a paused account alone', async () => {
  await start()
  await vigil.run('fetch-quota')
  writeFileSync(vigil.paths.accounts, vigil.registry().replace('status: active', 'status: inactive'))
  age(10)
  await vigil.run('fetch-quota')
  expect(outcome()).toMatchObject({ outcome: 'paused' })
  expect(vigil.standIn.state().usageGets).toBe(1)
})

it('finds no login: says so, exits 0 and leaves a record', async () => {
  await start({ count: 0 })
  expect(await vigil.run('fetch-quota')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  expect(vigil.record('fetch-quota')).toMatchObject({ outcome: 'ok', reason: 'nothing to do' })
  expect(vigil.log('fetch-quota')).toContain('no Claude Code login was found')
})
