import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import type { FaultAction, StandInLogin } from '../../sandbox/stand-in.ts'
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
  [key: string]: unknown
  observation: { measuredAt: number }
  requests: { requestedAt: number[]; blockedUntil: number | null }
}
/** Moves an account's memory into the past, as if that much time had gone by. */
const age = (minutes: number, n = 1) =>
  editSlot(n, file => {
    if (file.observation) file.observation.measuredAt -= minutes * 60_000
    file.requests.requestedAt = file.requests.requestedAt.map(at => at - minutes * 60_000)
    if (file.requests.blockedUntil) file.requests.blockedUntil -= minutes * 60_000
  })
const usage = (action: FaultAction) => vigil.standIn.fault({ endpoint: 'usage', action })
const refusedForEver: FaultAction = { kind: 'answer', status: 401, body: { error: { type: 'authentication_error' } } }
const percent = (used: number) => ({ five_hour: { utilization: used, resets_at: null }, seven_day: null })
const identityFile = (n: number) => join(n === 0 ? vigil.home : vigil.dir(n), '.claude.json')
/** A /login in the n-th directory; of what `.claude.json` names, `as` is another's. */
const logIn = (n: number, email: string, as: Partial<StandInLogin> = {}) =>
  writeConfigDir(vigil.dir(n), identityFile(n), { ...vigil.standIn.login(email), ...as })
/** The n-th directory's `.claude.json` names this login, whatever its store holds. */
const claim = (n: number, login: Partial<StandInLogin>) => {
  const { accountUuid, email: emailAddress, organizationUuid } = { ...vigil.logins[n]!, ...login }
  writeFileSync(identityFile(n), JSON.stringify({ oauthAccount: { accountUuid, emailAddress, organizationUuid } }))
}
/** An accounts file with a slot for each of the first directories, by hand: what is found by itself leaves copies out. */
const register = (...lines: string[]) => {
  mkdirSync(dirname(vigil.paths.accounts), { recursive: true })
  const entries = lines.map((more, n) => `  slot-${n + 1}:\n    config_dir: ${vigil.dir(n)}\n${more}`)
  writeFileSync(vigil.paths.accounts, `accounts:\n${entries.join('')}`)
}
const PAUSED = '    status: inactive\n    inactive_reason: paused\n'
const editSlot = (n: number, change: (file: SlotJson) => void) => {
  const file = JSON.parse(readFileSync(slotFile(n), 'utf8')) as SlotJson
  change(file)
  writeFileSync(slotFile(n), JSON.stringify(file))
}

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
    expect(outcome()!.reason).toMatch(/^fresh for \d+ s more; 1 request in the last hour$/)
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
    await start({ count: 2 })
    writeConfigDir(vigil.dir(1), identityFile(1), vigil.logins[0]!)
    register('', '')
    await vigil.run('fetch-quota')
    expect(vigil.standIn.state().usageGets).toBe(1)
    expect(outcome('slot-2')).toMatchObject({ outcome: 'shared' })
    expect(slot(2)).toMatchObject({ five_hour_util: 12, is_fresh: true })
  })
  it('are not asked for where the settings do not name the endpoint as a source, and the log says so', async () => {
    await start({ count: 2, expiresInMin: -5, settings: 'quota: { sources: [statusline] }' })
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ usageGets: 0, tokenPosts: 0 })
    expect(outcome()).toEqual({
      outcome: 'off',
      reason: 'quota.sources does not name oauth: no request is made',
      failure: null,
    })
    expect(vigil.log('fetch-quota')).toContain('slot-2 off: quota.sources does not name oauth')
  })
  it.each([
    ['a directory in its place', (path: string) => mkdirSync(path, { recursive: true })],
    ['no way to read it', (path: string) => symlinkSync(path, path)],
  ])('of an account whose slot cannot be used (%s) cost the other accounts nothing', async (_name, spoil) => {
    await start({ count: 3 })
    mkdirSync(vigil.paths.slots, { recursive: true, mode: 0o700 })
    spoil(slotFile(2))
    expect((await vigil.run('fetch-quota')).code).toBe(1)
    expect([1, 2, 3].map(n => outcome(`slot-${n}`)!.outcome)).toEqual(['ok', 'failed', 'ok'])
    expect(outcome('slot-2')!.failure).not.toBeNull()
    expect([1, 2, 3].map(n => slot(n).five_hour_util)).toEqual([12, null, 12])
    expect(vigil.standIn.state().usageGets).toBe(2)
  })
})

describe('whose figures they are', () => {
  it('one person with two organizations has two quotas', async () => {
    await start({ count: 2 })
    claim(1, { accountUuid: vigil.logins[0]!.accountUuid })
    vigil.standIn.setUsage('user-1@example.com', percent(10))
    vigil.standIn.setUsage('user-2@example.com', percent(97))
    await vigil.run('fetch-quota')
    expect([slot(1).five_hour_util, slot(2).five_hour_util]).toEqual([10, 97])
    logIn(1, 'user-2@example.com', { accountUuid: vigil.logins[0]!.accountUuid, organizationUuid: 'a third one' })
    usage({ kind: 'answer', status: 500, body: '' })
    await vigil.run('fetch-quota')
    expect([slot(1).five_hour_util, slot(2).five_hour_util]).toEqual([10, null])
  })
  it('tokens of another organization than .claude.json names: no twin, and nobody by name', async () => {
    await start({ count: 2 })
    claim(1, vigil.logins[0]!)
    register('', '    email: user-1@example.com\n')
    vigil.standIn.setUsage('user-1@example.com', percent(10))
    vigil.standIn.setUsage('user-2@example.com', percent(97))
    for (const round of ['asks', 'has nothing to do']) {
      await vigil.run('fetch-quota')
      expect([round, slot(1).five_hour_util, slot(2).five_hour_util]).toEqual([round, 10, 97])
      expect([slot(1)['email'], slot(2)['email']]).toEqual(['user-1@example.com', null])
    }
    expect(vigil.standIn.state().usageGets).toBe(2)
    expect(vigil.log('fetch-quota').match(/holds the tokens of another organization/g)).toHaveLength(1)
    claim(1, vigil.logins[1]!)
    usage({ kind: 'answer', status: 500, body: '' })
    await vigil.run('fetch-quota')
    expect(slot(2)).toMatchObject({ five_hour_util: null, email: 'user-2@example.com' })
  })
  it('a .claude.json that lags behind a /login gets none of the new figures, and its old ones are gone', async () => {
    await start({ count: 2 })
    await vigil.run('fetch-quota')
    vigil.standIn.setUsage('user-1@example.com', percent(97))
    logIn(1, 'user-1@example.com', { accountUuid: 'lag', email: 'lag@example.com' })
    claim(1, vigil.logins[1]!)
    age(10, 2)
    await vigil.run('fetch-quota')
    expect(slot(2)).toMatchObject({ five_hour_util: 97, email: null })
    expect(JSON.parse(readFileSync(slotFile(2), 'utf8')).observation).toMatchObject({
      accountUuid: null,
      organizationUuid: vigil.logins[0]!.organizationUuid,
    })
  })
  it('somebody who logs in while the answer is under way gets none of it; the next run measures', async () => {
    await start({
      count: 2,
      onRequest: ({ endpoint, email }) => {
        if (endpoint === 'usage' && email === 'user-2@example.com' && !switched)
          logIn(1, 'user-1@example.com', { accountUuid: 'new', email: 'new@example.com' })
        if (email === 'user-2@example.com') switched = true
      },
    })
    let switched = false
    vigil.standIn.setUsage('user-2@example.com', percent(97))
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(outcome('slot-2')).toMatchObject({ outcome: 'login_changed', failure: null })
    expect(slot(2)).toMatchObject({ five_hour_util: null, email: 'new@example.com' })
    await vigil.run('fetch-quota')
    expect(slot(2)).toMatchObject({ five_hour_util: 12 })
  })
  it('somebody who logs in instead is named by his own e-mail, not by the one that stands in the accounts file', async () => {
    await start()
    await vigil.run('fetch-quota')
    expect(vigil.registry()).toContain('user-1@example.com')
    logIn(0, 'user-1@example.com', { accountUuid: 'other', email: 'other@example.com' })
    await vigil.run('fetch-quota')
    expect(slot()).toMatchObject({ email: 'other@example.com', five_hour_util: 12 })
    expect((vigil.json(vigil.paths.hotSwapQuota) as Merged['slots'])['slot-1']!['email']).toBe('other@example.com')
  })
  it('figures without an owner are shown until it is known whose login it is', async () => {
    await start()
    register('')
    rmSync(identityFile(0))
    await vigil.run('fetch-quota')
    expect(slot()).toMatchObject({ five_hour_util: 12 })
    logIn(0, 'user-1@example.com')
    usage({ kind: 'answer', status: 500, body: '' })
    await vigil.run('fetch-quota')
    expect(slot()).toMatchObject({ five_hour_util: null, last_fetched: null })
    await vigil.run('fetch-quota')
    expect(slot()).toMatchObject({ five_hour_util: 12 })
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

describe('the budget of a login', () => {
  const block = (file: SlotJson) => {
    file.requests.blockedUntil = Date.now() + 3 * 3_600_000
  }
  it('counts for the second try after a 401 too: the token is renewed, the request is left to the next run', async () => {
    await start()
    await vigil.run('fetch-quota')
    age(10)
    editSlot(1, file => {
      file.requests.requestedAt = Array.from({ length: 19 }, (_, n) => Date.now() - 30 * 60_000 + n)
    })
    vigil.standIn.expireAccessToken('user-1@example.com')
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, usageGets: 2 })
    expect(outcome()).toMatchObject({
      outcome: 'budget',
      reason: expect.stringMatching(/^the token was renewed; budget 20\/h used/),
    })
  })
  it('holds through whichever slot it is asked, a paused one counts too', async () => {
    await start({ count: 2 })
    writeConfigDir(vigil.dir(1), identityFile(1), vigil.logins[0]!)
    register('', '')
    usage({ kind: 'answer', status: 429, headers: { 'retry-after': '3600' }, body: '' })
    await vigil.run('fetch-quota')
    register(PAUSED, '')
    await vigil.run('fetch-quota')
    expect(outcome('slot-2')).toMatchObject({ outcome: 'blocked' })
    editSlot(1, file => {
      file.requests.blockedUntil = null
      file.requests.requestedAt = Array.from({ length: 20 }, (_, n) => Date.now() - 30 * 60_000 + n)
    })
    await vigil.run('fetch-quota')
    expect(outcome('slot-2')).toMatchObject({ outcome: 'budget' })
    expect(vigil.standIn.state().usageGets).toBe(1)
  })
  it('is not used twice for figures that are fresh in a paused slot', async () => {
    await start({ count: 2 })
    writeConfigDir(vigil.dir(1), identityFile(1), vigil.logins[0]!)
    register('', '')
    await vigil.run('fetch-quota')
    register(PAUSED, '')
    await vigil.run('fetch-quota')
    expect(outcome('slot-2')).toMatchObject({ outcome: 'fresh' })
    expect(slot(2)).toMatchObject({ five_hour_util: 12, is_fresh: true })
  })
  it('is not inherited by who logs in instead, however the first request of that one ends', async () => {
    await start({ count: 2 })
    await vigil.run('fetch-quota')
    editSlot(2, file => {
      block(file)
      file.requests.requestedAt = Array.from({ length: 20 }, (_, n) => Date.now() - 30 * 60_000 + n)
    })
    logIn(1, 'user-2@example.com', { accountUuid: 'new', email: 'new@example.com' })
    for (const reason of ['500', 'ok']) {
      if (reason === '500') usage({ kind: 'answer', status: 500, body: '' })
      await vigil.run('fetch-quota')
      expect(outcome('slot-2')).toMatchObject({ outcome: reason === '500' ? 'failed' : 'ok' })
    }
    expect((JSON.parse(readFileSync(slotFile(2), 'utf8')) as SlotJson).requests).toMatchObject({
      requestedAt: { length: 2 },
      blockedUntil: null,
    })
  })
  it('is kept from files of older versions, which name no owner', async () => {
    await start()
    await vigil.run('fetch-quota')
    age(10)
    editSlot(1, file => {
      delete file['owner']
      block(file)
    })
    await vigil.run('fetch-quota')
    expect(outcome()).toMatchObject({ outcome: 'blocked' })
    expect(slot()).toMatchObject({ five_hour_util: 12 })
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
  it.each([
    [29 * 60_000, 1],
    [30 * 60_000, 2],
  ])(
    'that are refused for ever are rotated again only 30 min after: %i ms -> %i rotations',
    async (agoMs, rotations) => {
      await start()
      vigil.standIn.fault({ endpoint: 'usage', times: Number.POSITIVE_INFINITY, action: refusedForEver })
      await vigil.run('fetch-quota')
      expect(vigil.standIn.state().rotations).toBe(1)
      const file = join(vigil.paths.logins, 'slot-1.json')
      const state = JSON.parse(readFileSync(file, 'utf8')) as { refreshedAt: number }
      writeFileSync(file, JSON.stringify({ ...state, refreshedAt: Date.now() - agoMs }))
      for (let n = 0; n < 3; n++) expect((await vigil.run('fetch-quota')).code).toBe(75)
      expect(vigil.standIn.state().rotations).toBe(rotations)
      expect(outcome()).toMatchObject({
        outcome: 'unauthorized',
        reason: expect.stringMatching(/renewed \d+ min ago; it is not renewed again within 30 min$/),
        failure: 'temporary',
      })
    },
  )
  it('that somebody else renewed while they were refused are used as they are', async () => {
    let renewed = false
    await start({
      onRequest: ({ endpoint }) => {
        if (endpoint !== 'usage' || renewed) return
        renewed = true
        vigil.standIn.expireAccessToken('user-1@example.com')
        logIn(0, 'user-1@example.com')
      },
    })
    expect((await vigil.run('fetch-quota')).code).toBe(0)
    expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 0, usageGets: 2 })
    expect(slot()).toMatchObject({ five_hour_util: 12 })
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
  it('one that a killed run left behind the other is made good, though nothing is due', async () => {
    await start()
    await vigil.run('fetch-quota')
    const good = readFileSync(vigil.paths.hotSwapQuota, 'utf8')
    writeFileSync(vigil.paths.hotSwapQuota, good.replace('"five_hour_util": 12', '"five_hour_util": 3'))
    await vigil.run('fetch-quota')
    expect(readFileSync(vigil.paths.hotSwapQuota, 'utf8')).toBe(good)
    expect(outcome()).toMatchObject({ outcome: 'fresh' })
  })
  it('figures under a name or as a text that nobody can read are a change to report, not fresh figures', async () => {
    await start()
    vigil.standIn.setUsage('user-1@example.com', {
      five_hour: { used_percentage: 37 },
      seven_day: { utilization: '26' },
    })
    expect((await vigil.run('fetch-quota')).code).toBe(1)
    expect(outcome()).toMatchObject({ outcome: 'changed', failure: 'bug' })
    expect(slot()).toMatchObject({ is_fresh: false, last_fetched: null })
  })
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

it('asks for three hundred accounts over kept connections, and says nothing', async () => {
  await start({ count: 300 })
  expect(await vigil.run('fetch-quota')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  expect(vigil.standIn.state().usageGets).toBe(300)
})
