// The review that began this project: ccusage takes 35 s, 40 s, 59 s, 61 s; its holder is killed; the cache is fresh, a
// cooldown is on, fresh figures are asked for by hand. Here the real job runs in this process, where time is virtual, and
// ccusage is a real child that answers when its gate is opened. No test waits, and none depends on how fast it is.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BillingCache } from '../../lib/domain/billing.ts'
import { tryLock } from '../../lib/edges/kernel-lock.ts'
import { DEFAULT_SETTINGS } from '../../lib/settings-defaults.ts'
import { BILLING_WAIT_MS, CCUSAGE_KILL_GRACE_MS, checkTimings, JOB_DEADLINE_MS } from '../../lib/timings.ts'
import { type CcusageTree, ccusageTree } from '../support/ccusage-tree.ts'
import { type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

const stage = vi.hoisted(() => ({ program: '', atSave: () => undefined as unknown }))
vi.mock('../../lib/sources/ccusage-program.ts', () => ({
  findCcusage: () => ({ kind: 'found', command: [stage.program], version: 'stand-in' }),
}))
vi.mock('../../lib/store/billing.ts', async original => {
  const real = await original<typeof import('../../lib/store/billing.ts')>()
  const saveBilling: typeof real.saveBilling = async (paths, cache) => {
    stage.atSave()
    await real.saveBilling(paths, cache)
    stage.atSave()
  }
  return { ...real, saveBilling }
})

const NOON = Date.parse('2026-11-20T12:00:00Z')
const SECOND = 1000
const MINUTE = 60 * SECOND
const realTimeout = globalThis.setTimeout
const aMoment = () => new Promise(done => realTimeout(done, 5))

let tree: CcusageTree
let vigil: ScratchVigil
let saves: boolean[]
let callers = 0

beforeAll(() => {
  tree = ccusageTree()
  stage.program = tree.program
})
afterAll(() => tree.dispose())
beforeEach(() => {
  tree.gate(true)
  saves = []
  stage.atSave = () => {
    const lock = tryLock(join(vigil.paths.locks, 'fetch-billing.lock'), { job: 'a look', now: NOON })
    saves.push(!lock.held)
    if (lock.held) lock.release()
  }
  // A failing job says so on stderr, for cron; here that is only noise.
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  // A job ends its process when what it left behind lingers; this process is not only the job's.
  vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never)
})
afterEach(async () => {
  expect(saves.filter(held => !held)).toEqual([])
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  tree.gate(true)
  process.exitCode = undefined
  await vigil.dispose()
})

async function start(settings = ''): Promise<void> {
  vigil = await scratchVigil({ expiresInMin: 300, settings })
  const path = join(vigil.dir(0), 'projects', '-p', 'a.jsonl')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '{}\n')
  for (const [name, value] of Object.entries({ ...vigil.env, VIGIL_HOME: '' })) vi.stubEnv(name, value)
  vi.useFakeTimers({ now: NOON, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance', 'hrtime'] })
}

const billing = () => vigil.json(vigil.paths.billing) as BillingCache
const record = () => vigil.record('fetch-billing')
const log = () => vigil.log('fetch-billing')
const waiting = () => (log().match(/waiting for another run/g) ?? []).length
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const until = async (isSo: () => boolean) => {
  while (!isSo()) await aMoment()
}
const started = (count: number) => until(() => tree.starts() >= count)

/** One caller: the job itself, as cron or a person starts it. Settles when it has left the lock. */
function call(words: string[] = []): { ended: Promise<unknown>; isOver: () => boolean } {
  callers += 1
  let over = false
  process.argv.push(...words)
  const began = vigil.log('fetch-billing').length
  const ended = import(/* @vite-ignore */ `../../jobs/fetch-billing.ts?caller=${callers}`).finally(() => {
    over = true
  })
  const heard = until(() => over || log().length > began).then(() => {
    process.argv.splice(process.argv.length - words.length, words.length)
  })
  return { ended: heard.then(() => ended), isOver: () => over }
}

/** A caller that comes while another one is at it. */
async function comeToo(words: string[] = []): Promise<ReturnType<typeof call>> {
  const before = waiting()
  const caller = call(words)
  await until(() => waiting() === before + 1)
  return caller
}

/** Lets virtual time go on, as slowly as the children need it, until all of them are done. */
async function settle(...all: Array<ReturnType<typeof call>>): Promise<void> {
  while (!all.every(caller => caller.isOver())) {
    await pass(10)
    await aMoment()
  }
  await Promise.all(all.map(caller => caller.ended))
}

/** What a caller meets. Leaves good figures of 1 $ behind. */
const STATES = {
  'the cache is due': async () => {
    await pass(6 * MINUTE)
    return []
  },
  'the cache is fresh, and fresh figures are asked for by hand': async () => {
    await pass(10 * SECOND)
    return ['--force']
  },
  'a cooldown is on after a failure, and fresh figures are asked for by hand': async () => {
    await pass(6 * MINUTE)
    tree.behave({ output: 'exit1' })
    await call().ended
    expect(billing()).toMatchObject({ failures: 1, costTodayUsd: 1 })
    await pass(10 * SECOND)
    return ['--force']
  },
} as const
const STATE_NAMES = Object.keys(STATES) as Array<keyof typeof STATES>

/** Good figures of 1 $, then the state; from now on ccusage would say 7 $, once its gate is open. */
async function meet(state: keyof typeof STATES): Promise<{ words: string[]; good: BillingCache; before: number }> {
  tree.behave({ costUsd: 1, nowMs: NOON })
  await call().ended
  const words = await STATES[state]()
  tree.behave({ costUsd: 7, nowMs: Date.now() })
  tree.gate(false)
  return { words: [...words], good: billing(), before: tree.starts() }
}

describe.each([35, 40, 59])('ccusage takes %i s', seconds => {
  it.each(STATE_NAMES)('while %s: all callers end with its figures, and it ran once', async state => {
    await start()
    const { words, before } = await meet(state)
    const beganAt = Date.now()
    const holder = call(words)
    await started(before + 1)
    const second = await comeToo()
    const third = await comeToo(['--force'])
    for (const mark of [35, 40, 59].filter(mark => mark <= seconds)) {
      await pass(beganAt + mark * SECOND - Date.now())
      await aMoment()
      expect([holder, second, third].map(caller => caller.isOver())).toEqual([false, false, false])
      expect(tree.starts()).toBe(before + 1)
    }
    tree.gate(true)
    await until(() => holder.isOver())
    expect(billing()).toMatchObject({ costTodayUsd: 7, lastFetched: beganAt, isFresh: true, failures: 0 })
    const figures = billing()
    await settle(holder, second, third)
    // Two programs make one measurement: daily and blocks.
    expect(tree.starts()).toBe(before + 2)
    expect(tree.mostAtOnce(before)).toBe(1)
    expect(billing()).toEqual(figures)
    expect(record()).toMatchObject({ outcome: 'ok', exit_code: 0, totals: { fetched: 2, waited: 2 } })
  })
})

describe('ccusage takes 61 s', () => {
  it.each(STATE_NAMES)(
    'while %s: it is ended at 60 s, none begins beside it, and the earlier figures stand with their own time',
    async state => {
      await start()
      const { words, good, before } = await meet(state)
      const beganAt = Date.now()
      const holder = call(words)
      await started(before + 1)
      const second = await comeToo()
      const third = await comeToo(['--force'])
      await pass(beganAt + 61 * SECOND - Date.now())
      await aMoment()
      // It does not heed the signal, so it is still there, and so is everybody who waits for it.
      expect(tree.alive()).toHaveLength(1)
      expect([holder, second, third].map(caller => caller.isOver())).toEqual([false, false, false])
      tree.gate(true)
      await settle(holder, second, third)
      expect(tree.starts()).toBe(before + 1)
      expect(billing()).toMatchObject({
        costTodayUsd: 1,
        lastFetched: NOON,
        failures: good.failures + 1,
        source: 'ccusage',
        isFresh: state.includes('fresh,'),
        last_attempt: { outcome: 'failed' },
      })
      expect(log()).toContain(
        'ccusage daily was ended after 60 s; its earlier figures of today stand, with their own time',
      )
      expect(record()).toMatchObject({ totals: { fetched: 1, timed_out: 1, waited: 2 } })
    },
  )
  it('and never comes to an end: it is killed with its children after the grace, and only then the lock is free', async () => {
    await start()
    const { before } = await meet('the cache is due')
    tree.behave({ child: true })
    const beganAt = Date.now()
    const holder = call()
    await started(before + 1)
    await until(() => tree.alive().length === 2)
    const second = await comeToo()
    await pass(beganAt + 60 * SECOND + CCUSAGE_KILL_GRACE_MS - 1 - Date.now())
    await aMoment()
    expect(tree.alive()).toHaveLength(2)
    expect([holder.isOver(), second.isOver()]).toEqual([false, false])
    await settle(holder, second)
    await until(() => tree.alive().length === 0)
    expect(tree.starts()).toBe(before + 1)
    expect(record()).toMatchObject({ totals: { timed_out: 1, waited: 1 } })
    expect(billing()).toMatchObject({ costTodayUsd: 1, lastFetched: NOON })
  })
})

describe.each([35, 40, 59, 61])('the holder is killed after %i s', seconds => {
  it.each(STATE_NAMES)('while %s: the next caller ends its ccusage first and measures once', async state => {
    await start()
    const { words, before } = await meet(state)
    let pid = 0
    const holder = tree.bill(vigil, ['--force'], started => {
      pid = started
    })
    await started(before + 1)
    const beganAt = Date.now()
    const second = await comeToo(words)
    const third = await comeToo()
    await pass(beganAt + seconds * SECOND - Date.now())
    expect([second.isOver(), third.isOver(), tree.alive().length]).toEqual([false, false, 1])
    const left = tree.alive()
    process.kill(pid, 'SIGKILL')
    await holder
    const killedAt = Date.now()
    while (tree.starts() < before + 2) {
      await pass(10)
      await aMoment()
    }
    expect(tree.alive()).not.toContain(left[0])
    tree.gate(true)
    await settle(second, third)
    expect(tree.starts()).toBe(before + 3)
    expect(tree.mostAtOnce(before)).toBe(1)
    expect(log()).toMatch(/ended ccusage \(pid \d+\), which a killed run had left behind/)
    expect(billing()).toMatchObject({ costTodayUsd: 7, isFresh: true, failures: 0 })
    expect(billing().lastFetched).toBeGreaterThanOrEqual(killedAt)
    expect(record()).toMatchObject({ outcome: 'ok', totals: { fetched: 2 } })
  })
})

describe('what once went wrong and cannot any more', () => {
  it('a cooldown that refused fresh data: figures that are due are measured, though somebody asked a second ago', async () => {
    await start()
    tree.behave({ costUsd: 1, nowMs: NOON })
    await call().ended
    await pass(NOON + 4.5 * MINUTE - SECOND - Date.now())
    await call().ended
    expect(record().counters).toEqual({ skipped_fresh: 1 })
    await pass(NOON + 4.5 * MINUTE - Date.now())
    tree.behave({ costUsd: 2, nowMs: Date.now() })
    await call().ended
    expect(billing()).toMatchObject({ costTodayUsd: 2, lastFetched: NOON + 4.5 * MINUTE, isFresh: true })
    expect(record().counters).toMatchObject({ fetched: 1 })
  })
  it('a lock that aged out while ccusage still ran: however old its files are, nobody begins beside it', async () => {
    await start('billing: { ccusage_timeout: 4m }')
    const { before } = await meet('the cache is due')
    const beganAt = Date.now()
    const holder = call()
    await started(before + 1)
    const second = await comeToo(['--force'])
    for (const name of readdirSync(vigil.paths.locks)) utimesSync(join(vigil.paths.locks, name), 1, 1)
    await pass(beganAt + 239 * SECOND - Date.now())
    const third = await comeToo(['--force'])
    expect([holder, second, third].map(caller => caller.isOver())).toEqual([false, false, false])
    tree.gate(true)
    await settle(holder, second, third)
    expect(tree.starts()).toBe(before + 2)
    expect(billing()).toMatchObject({ costTodayUsd: 7, isFresh: true })
  })
  it('a cache that was written after the lock was let go: it is held before and after each writing', async () => {
    await start()
    const { before } = await meet('the cache is due')
    const holder = call()
    await started(before + 1)
    const second = await comeToo()
    tree.gate(true)
    await settle(holder, second)
    // Of two measurements; one that only waited writes nothing.
    expect(saves).toEqual([true, true, true, true])
  })
  it('a fallback that lost the freshness of good data: what was measured today stands before what was typed in', async () => {
    await start('billing: { budget_usd: { daily: 10 } }')
    writeFileSync(vigil.paths.subscription, 'cost_today_usd: 9\n')
    utimesSync(vigil.paths.subscription, NOON / 1000 - 3600, NOON / 1000 - 3600)
    const { before } = await meet('the cache is fresh, and fresh figures are asked for by hand')
    const holder = call(['--force'])
    await started(before + 1)
    await pass(61 * SECOND)
    tree.gate(true)
    await settle(holder)
    expect(billing()).toMatchObject({ source: 'ccusage', costTodayUsd: 1, lastFetched: NOON, isFresh: true })
    expect(billing()).toMatchObject({ ttlMs: 5 * MINUTE, budgetUsedPercent: 10, block: { costUsd: 1 } })
  })
  it('a waiter that gave up first: it waits longer than the longest ccusage with its grace', () => {
    const billing = { ...DEFAULT_SETTINGS.billing, ccusageTimeoutMs: BILLING_WAIT_MS - CCUSAGE_KILL_GRACE_MS }
    expect(checkTimings({ ...DEFAULT_SETTINGS, billing }).map(({ path }) => path)).toEqual([
      ['billing', 'ccusage_timeout'],
    ])
    expect(BILLING_WAIT_MS).toBeLessThan(JOB_DEADLINE_MS['fetch-billing'])
  })
})
