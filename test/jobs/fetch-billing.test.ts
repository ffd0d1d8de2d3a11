import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BillingCache } from '../../lib/domain/billing.ts'
import { type CcusageTree, ccusageTree } from '../support/ccusage-tree.ts'
import { type ScratchOptions, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let tree: CcusageTree
let vigil: ScratchVigil
beforeAll(() => {
  tree = ccusageTree()
})
afterAll(() => tree.dispose())
beforeEach(() => tree.behave({}))
afterEach(() => vigil.dispose())

let before = 0
const start = async (options: ScratchOptions = {}) => {
  vigil = await scratchVigil({ expiresInMin: 300, ...options })
  for (let n = 0; n < (options.count ?? 1); n++) transcript(n)
  before = tree.starts()
  return vigil
}
const transcript = (n: number) => {
  const path = join(vigil.dir(n), 'projects', '-p', 'a.jsonl')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '{}\n')
}
const runs = () => tree.starts() - before
const billing = () => vigil.json(vigil.paths.billing) as BillingCache
const record = () => vigil.record('fetch-billing')
const edit = (change: (cache: BillingCache) => void) => {
  const cache = billing()
  change(cache)
  writeFileSync(vigil.paths.billing, JSON.stringify(cache))
}
const age = (ms: number) =>
  edit(cache => {
    cache.lastFetched! -= ms
    cache.last_attempt!.at -= ms
    for (const account of Object.values(cache.byAccount)) account.measuredAt -= ms
  })

describe('figures', () => {
  it('of day, block and week are published with their source and time', async () => {
    await start({ settings: 'billing: { budget_usd: { daily: 10, block: 4, weekly: 100 } }' })
    tree.behave({ costUsd: 2.5, burnRate: 3 })
    const at = Date.now()
    expect(await tree.bill(vigil)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(billing()).toMatchObject({
      schema: 1,
      source: 'ccusage',
      isFresh: true,
      ttlMs: 120_000,
      costTodayUsd: 2.5,
      budgetUsd: 10,
      budgetUsedPercent: 25,
      block: { costUsd: 2.5, burnRateUsdPerHour: 3, projectedCostUsd: 5, tokens: 10, models: ['claude-opus-4-8'] },
      byAccount: { 'slot-1': { costTodayUsd: 2.5 } },
      last_attempt: { outcome: 'ok' },
    })
    expect(billing().budgets.block).toEqual({ limitUsd: 4, usedUsd: 2.5, usedPercent: 62.5, projectedPercent: 125 })
    expect(billing().lastFetched).toBeGreaterThanOrEqual(at)
    expect(record().counters).toMatchObject({ fetched: 1, full_runs: 1 })
  })
  it('of several accounts add up; transcripts that two share are counted once', async () => {
    await start({ count: 3 })
    rmSync(join(vigil.dir(2), 'projects'), { recursive: true })
    symlinkSync(join(vigil.dir(1), 'projects'), join(vigil.dir(2), 'projects'))
    tree.behave({ costUsd: 2 })
    await tree.bill(vigil)
    expect(billing().costTodayUsd).toBe(4)
    expect(record().accounts['slot-3']).toMatchObject({ outcome: 'shared' })
  })
  it('are 0 where nothing was ever written, and nothing is started for it', async () => {
    await start()
    rmSync(join(vigil.dir(0), 'projects'), { recursive: true })
    expect((await tree.bill(vigil)).code).toBe(0)
    expect(billing()).toMatchObject({ costTodayUsd: 0, block: null })
    expect(runs()).toBe(0)
  })
  it('of paid use come from what fetch-quota measured', async () => {
    await start()
    await vigil.run('fetch-quota')
    await tree.bill(vigil)
    expect(billing().paid['slot-1']).toMatchObject({ usedUsd: 12.34, limitUsd: 50 })
    expect(billing().sources.map(({ source, outcome }) => [source, outcome])).toEqual([
      ['oauth', 'ok'],
      ['ccusage', 'ok'],
    ])
  })
})

describe('a run within the TTL', () => {
  it('starts nothing and says for how long', async () => {
    await start()
    await tree.bill(vigil)
    const started = runs()
    expect((await tree.bill(vigil)).code).toBe(0)
    expect(runs()).toBe(started)
    expect(vigil.log('fetch-billing')).toMatch(/skip: fresh for \d+ s more/)
    expect(record()).toMatchObject({ counters: { skipped_fresh: 1 }, totals: { fetched: 1, skipped_fresh: 1 } })
  })
  it('measures again once the TTL of the burn rate is over: 1 min when the money runs', async () => {
    await start()
    tree.behave({ burnRate: 9 })
    await tree.bill(vigil)
    age(31_000)
    await tree.bill(vigil)
    expect(record().counters).toMatchObject({ fetched: 1 })
  })
  it('measures at once when asked for by hand, cache fresh and all', async () => {
    await start()
    await tree.bill(vigil)
    tree.behave({ costUsd: 9 })
    await tree.bill(vigil, ['--force'])
    expect(billing().costTodayUsd).toBe(9)
  })
  it('takes back a fresh flag that has outlived its figures, without touching them', async () => {
    await start()
    await tree.bill(vigil)
    tree.behave({ output: 'exit1' })
    age(6 * 60_000)
    await tree.bill(vigil)
    edit(cache => {
      cache.isFresh = true
      cache.lastFetched! -= 10 * 60_000
    })
    const figures = billing().lastFetched
    await tree.bill(vigil)
    expect(record().counters).toMatchObject({ skipped_backoff: 1 })
    expect(billing()).toMatchObject({ isFresh: false, lastFetched: figures, costTodayUsd: 1 })
  })
})

describe('a measurement that fails', () => {
  it.each([
    ['exit1', /ccusage daily exited with 1: it went wrong/],
    ['torn', /daily answered with \d+ characters/],
    ['wrong', /nothing of it is used/],
    ['huge', /more than 32 MB/],
  ] as const)('%s: the good figures stand with their own time', async (output, reason) => {
    await start()
    await tree.bill(vigil)
    age(6 * 60_000)
    const good = billing()
    tree.behave({ output })
    const run = await tree.bill(vigil)
    expect(run.code).toBe(75)
    expect(run.stderr).toMatch(reason)
    expect(billing()).toMatchObject({
      lastFetched: good.lastFetched,
      costTodayUsd: 1,
      source: 'ccusage',
      failures: 1,
      last_attempt: { outcome: 'failed' },
    })
  })
  it('leaves nothing torn, and no figures where there were none', async () => {
    await start()
    tree.behave({ output: 'torn' })
    await tree.bill(vigil)
    expect(billing()).toMatchObject({
      costTodayUsd: null,
      lastFetched: null,
      source: null,
      isFresh: false,
      budgetUsedPercent: null,
    })
  })
  it('falls to what a person typed in, for as long as that holds', async () => {
    await start()
    tree.behave({ output: 'exit1' })
    writeFileSync(vigil.paths.subscription, 'cost_today_usd: 7.5\ncost_week_usd: 30\n')
    const hourAgo = Date.now() / 1000 - 3600
    utimesSync(vigil.paths.subscription, hourAgo, hourAgo)
    await tree.bill(vigil)
    expect(billing()).toMatchObject({ source: 'subscription', costTodayUsd: 7.5, costWeekUsd: 30, isFresh: false })
    expect(Math.abs(billing().lastFetched! - hourAgo * 1000)).toBeLessThan(2)
    utimesSync(vigil.paths.subscription, hourAgo - 3 * 3600 - 1, hourAgo - 3 * 3600 - 1)
    await tree.bill(vigil, ['--force'])
    expect(billing()).toMatchObject({ source: null, costTodayUsd: null })
    expect(billing().sources.at(-1)).toMatchObject({
      source: 'subscription',
      reason: 'subscription.yaml is 4 h old; it holds for 4 h',
    })
  })
  it('says what is wrong with what a person typed in', async () => {
    await start()
    tree.behave({ output: 'exit1' })
    writeFileSync(vigil.paths.subscription, 'cost_today_usd: lots\nweekly: 5\n')
    await tree.bill(vigil)
    expect(billing().sources.at(-1)!.reason).toContain('cost_today_usd is no amount')
    expect(billing().sources.at(-1)!.reason).toContain('weekly')
  })
  it('is ended at its deadline with its children, and told as timed out', async () => {
    await start({ settings: 'billing: { ccusage_timeout: 1s }' })
    tree.gate(false)
    try {
      const run = await tree.bill(vigil)
      expect(run.code).toBe(75)
      expect(record().counters).toMatchObject({ timed_out: 1 })
      expect(record().accounts['slot-1']).toMatchObject({
        outcome: 'timedOut',
        reason: expect.stringContaining('was ended after'),
      })
    } finally {
      tree.gate(true)
    }
  })
  it('without any ccusage names the mend', async () => {
    await start()
    const run = await vigil.run('fetch-billing', {})
    expect([0, 1]).toContain(run.code)
    expect(record().accounts['slot-1']!.outcome).toMatch(/ok|no_logs|missingNative|notFound/)
  })
  it('of a cache that is corrupt is a measurement anew', async () => {
    await start()
    await tree.bill(vigil)
    writeFileSync(vigil.paths.billing, '{"schema":1,')
    expect((await tree.bill(vigil)).code).toBe(0)
    expect(vigil.log('fetch-billing')).toContain('billing-shared.json is corrupt')
    expect(billing()).toMatchObject({ costTodayUsd: 1 })
  })
})

describe('single flight', () => {
  const waiting = async (count: number) => {
    while ((vigil.log('fetch-billing').match(/waiting for another run/g) ?? []).length < count)
      await new Promise(done => setTimeout(done, 50))
  }
  it.each([10, 50])(
    'of %i at once one measures, all end well with the same fresh figures, and the file is whole at every instant',
    async count => {
      await start()
      await tree.bill(vigil)
      age(10 * 60_000)
      const first = runs()
      tree.behave({ costUsd: 3 })
      tree.gate(false)
      let reading = true
      let reads = 0
      const reader = (async () => {
        while (reading) {
          expect(JSON.parse(readFileSync(vigil.paths.billing, 'utf8'))).toHaveProperty('schema', 1)
          reads += 1
          await new Promise(done => setTimeout(done, 1))
        }
      })()
      const all = Array.from({ length: count }, () => tree.bill(vigil))
      await tree.started(before + first + 1)
      await waiting(count - 1)
      tree.gate(true)
      const ends = await Promise.all(all)
      reading = false
      await reader
      expect(ends.map(end => end.code)).toEqual(Array.from({ length: count }, () => 0))
      // Two programs make one measurement: daily and blocks.
      expect(runs() - first).toBe(2)
      expect(tree.mostAtOnce(before)).toBe(1)
      expect(billing()).toMatchObject({ costTodayUsd: 3, isFresh: true })
      expect(record().totals).toMatchObject({ fetched: 2, waited: count - 1 })
      expect(reads).toBeGreaterThan(10)
    },
    180_000,
  )
  it('names the holder with pid, since and the session it works for', async () => {
    await start()
    tree.gate(false)
    vigil.env['VIGIL_SESSION_ID'] = 'session-7'
    let pid = 0
    const first = tree.bill(vigil, [], started => {
      pid = started
    })
    await tree.started(before + 1)
    const second = tree.bill(vigil)
    await waiting(1)
    tree.gate(true)
    await Promise.all([first, second])
    expect(vigil.log('fetch-billing')).toContain(`waiting for another run: fetch-billing, pid ${pid}, since `)
    expect(vigil.log('fetch-billing')).toContain('for session session-7')
  })
  it('does not measure again after a failure that was waited for', async () => {
    await start()
    tree.behave({ output: 'exit1' })
    tree.gate(false)
    const first = tree.bill(vigil)
    await tree.started(before + 1)
    const second = tree.bill(vigil, ['--force'])
    await waiting(1)
    tree.gate(true)
    await Promise.all([first, second])
    expect(runs()).toBe(1)
    expect(record().counters).toMatchObject({ waited: 1 })
  })
  it('ends what a killed holder left running even where it measures nothing itself', async () => {
    await start()
    await tree.bill(vigil)
    tree.gate(false)
    let pid = 0
    const first = tree.bill(vigil, ['--force'], started => {
      pid = started
    })
    await tree.started(before + 3)
    process.kill(pid, 'SIGKILL')
    await first
    expect(tree.alive()).toHaveLength(1)
    try {
      await tree.bill(vigil)
      expect(record().counters).toEqual({ skipped_fresh: 1 })
      expect(tree.alive()).toEqual([])
    } finally {
      tree.gate(true)
    }
  })
  it('ends what a killed holder left running before it starts another', async () => {
    await start()
    tree.gate(false)
    let pid = 0
    const first = tree.bill(vigil, [], started => {
      pid = started
    })
    await tree.started(before + 1)
    process.kill(pid, 'SIGKILL')
    await first
    const second = tree.bill(vigil)
    await tree.started(before + 2)
    tree.gate(true)
    expect((await second).code).toBe(0)
    expect(vigil.log('fetch-billing')).toMatch(/ended ccusage \(pid \d+\), which a killed run had left behind/)
    expect(tree.mostAtOnce(before)).toBe(1)
    expect(billing()).toMatchObject({ costTodayUsd: 1, isFresh: true })
  })
})
