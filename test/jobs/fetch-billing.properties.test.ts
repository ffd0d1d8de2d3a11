// Whatever the order of crashes, time-outs, sources, clock steps and readings: lastFetched never moves without new figures,
// and no reader judges old figures fresh. The recipe, its flows, its store and the reader are the real ones, on real files;
// only ccusage and the process around the recipe are played. Every figure that is ever measured or typed in has a value of
// its own, so that the figures themselves tell an oracle when they were measured.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { BillingCache } from '../../lib/domain/billing.ts'
import { emptySlot } from '../../lib/domain/slot.ts'
import { localDate } from '../../lib/domain/spend.ts'
import { lookAtBilling } from '../../lib/flows/look-at-billing.ts'
import type { SpendOptions, SpendResult } from '../../lib/flows/measure-spend.ts'
import type { Run } from '../../lib/job.ts'
import { type Paths, pathsFor } from '../../lib/paths.ts'
import { DEFAULT_SETTINGS } from '../../lib/settings-defaults.ts'
import { readBilling } from '../../lib/store/billing.ts'

type Work = (run: Run) => Promise<void>
const stage = vi.hoisted(() => ({
  recipes: [] as unknown[],
  measure: (_: unknown): unknown => undefined,
  crash: 'never' as Crash,
}))
vi.mock('../../lib/job.ts', () => ({ runJob: async (_: string, work: unknown) => stage.recipes.push(work) }))
vi.mock('../../lib/flows/measure-spend.ts', () => ({
  measureSpend: async (options: unknown) => stage.measure(options),
}))
vi.mock('../../lib/store/billing.ts', async original => {
  const real = await original<typeof import('../../lib/store/billing.ts')>()
  const saveBilling: typeof real.saveBilling = async (paths, cache) => {
    if (stage.crash === 'before saving') throw new Killed()
    await real.saveBilling(paths, cache)
    if (stage.crash === 'after saving') throw new Killed()
  }
  return { ...real, saveBilling }
})
class Killed extends Error {}

type Crash = 'never' | 'while measuring' | 'before saving' | 'after saving'
type Outcome = 'figures' | 'timedOut' | 'failed' | 'wrongOutput'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const EVENING = Date.parse('2026-11-20T21:30:00Z')
const SLOTS = ['slot-1', 'slot-2'] as const
const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone
/** What a measurement costs is its number, in an account's own digits; what is typed in ends in a half. */
const UNIT = { 'slot-1': 1, 'slot-2': 1000 } as const

interface Measured {
  at: number
  day: string
  rate: number
  blockEndsAt: number
}

let force: Work
let normal: Work
beforeAll(async () => {
  await import('../../jobs/fetch-billing.ts')
  process.argv.push('--force')
  await import('../../jobs/fetch-billing.ts?by-hand' as string)
  process.argv.pop()
  ;[normal, force] = stage.recipes as [Work, Work]
})

const root = mkdtempSync(join(tmpdir(), 'vigil-billing-properties-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let homes = 0

/** One machine over time, with an oracle that knows when every figure came to be. */
class World {
  now = EVENING
  readonly paths: Paths
  readonly measured = { 'slot-1': new Map<number, Measured>(), 'slot-2': new Map<number, Measured>() }
  readonly typed = new Map<number, number>()
  readonly paid = new Map<number, number>()
  serial = 0
  measurements = 0
  before: BillingCache | null = null
  readonly home: string

  constructor() {
    homes += 1
    this.home = join(root, String(homes))
    this.paths = pathsFor(this.home, join(this.home, '.claude'))
    for (const slot of SLOTS) mkdirSync(join(this.home, `.${slot}`, 'projects'), { recursive: true })
    for (const path of [this.paths.accounts, join(this.paths.locks, 'x')]) mkdirSync(dirname(path), { recursive: true })
    mkdirSync(this.paths.slots, { recursive: true })
    const entries = SLOTS.map(slot => `  ${slot}: { config_dir: ~/.${slot}, status: active }`)
    writeFileSync(this.paths.accounts, `current: slot-1\naccounts:\n${entries.join('\n')}\n`)
  }

  async run({ byHand, waitedMs, crash, accounts, takesMs }: Turn): Promise<void> {
    stage.crash = crash
    const begunAt = this.now
    const requestedAt = begunAt - waitedMs
    const attemptAt = this.before?.last_attempt?.at ?? Number.NEGATIVE_INFINITY
    const seen = this.measurements
    stage.measure = raw => this.measure(raw as SpendOptions, accounts, crash, takesMs)
    try {
      await (byHand ? force : normal)(this.asRun(requestedAt))
      this.judgeFlag()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
    if (attemptAt >= requestedAt && attemptAt <= begunAt) expect(this.measurements, 'single flight').toBe(seen)
    this.judge(this.measurements > seen)
  }

  async outage(runs: number, everyMs: number): Promise<void> {
    const failed = { outcome: 'failed' as const, rate: 0 }
    for (let n = 0; n < runs; n += 1) {
      await this.run({ byHand: true, waitedMs: 0, crash: 'never', accounts: [failed, failed], takesMs: SECOND })
      this.now += everyMs
    }
  }

  measure(options: SpendOptions, accounts: Turn['accounts'], crash: Crash, takesMs: number): SpendResult {
    const slot = options.key as (typeof SLOTS)[number]
    const { outcome, rate } = accounts[SLOTS.indexOf(slot)]!
    this.measurements += 1
    this.serial += 1
    const at = this.now
    this.now += outcome === 'timedOut' ? 62 * SECOND : takesMs
    if (crash === 'while measuring' && slot === 'slot-2') throw new Killed()
    if (outcome !== 'figures') return { kind: outcome, reason: 'as the test has it' }
    const day = localDate(options.now, options.zone)
    const block = { at, day, rate, blockEndsAt: at + HOUR }
    this.measured[slot].set(this.serial, block)
    return {
      kind: 'figures',
      mode: 'full',
      reason: '',
      files: { read: 1, of: 1 },
      bytes: { read: 1, of: 1 },
      audit: null,
      spend: {
        today: day,
        todayUsd: this.serial * UNIT[slot],
        days: { [day]: this.serial * UNIT[slot] },
        unpricedModels: [],
        block: {
          startsAt: new Date(at).toISOString(),
          endsAt: new Date(block.blockEndsAt).toISOString(),
          costUsd: 1,
          remainingMinutes: 60,
          burnRateUsdPerHour: rate,
          projectedCostUsd: 1,
          tokens: 1,
          models: [],
        },
      },
    }
  }

  typeIn(wrong: boolean): void {
    this.serial += 1
    const usd = this.serial + 0.5
    writeFileSync(this.paths.subscription, wrong ? 'cost_today_usd: much\n' : `cost_today_usd: ${usd}\n`)
    utimesSync(this.paths.subscription, this.now / SECOND, this.now / SECOND)
    this.typed.set(usd, this.now)
  }

  observePaid(agoMs: number): void {
    this.serial += 1
    const configDir = join(this.home, '.slot-1')
    const observation = {
      measuredAt: this.now - agoMs,
      source: 'oauth' as const,
      accountUuid: null,
      organizationUuid: null,
      windows: [],
      extraUsage: { enabled: true, used: this.serial, limit: null, currency: 'USD' },
    }
    writeFileSync(
      join(this.paths.slots, 'slot-1.json'),
      JSON.stringify({ ...emptySlot('slot-1', configDir), observation }),
    )
    this.paid.set(this.serial, observation.measuredAt)
  }

  cache(): BillingCache | null {
    const reading = readBilling(this.paths)
    expect(reading.state).not.toBe('corrupt')
    return reading.state === 'present' ? reading.value : null
  }

  /** By the figures alone: when the oldest of them was measured. */
  truth(cache: BillingCache): { at: number | null; day: string | null } {
    for (const slot of SLOTS) {
      const own = cache.byAccount[slot]
      if (own) expect(own.measuredAt).toBe(this.measured[slot].get(own.costTodayUsd! / UNIT[slot])!.at)
    }
    for (const paid of Object.values(cache.paid)) expect(paid.measuredAt).toBe(this.paid.get(paid.usedUsd!))
    const { source, costTodayUsd: usd } = cache
    if (source === 'ccusage') {
      const parts = SLOTS.map(slot => cache.byAccount[slot]!.costTodayUsd!)
      expect(usd).toBe(parts[0]! + parts[1]!)
      const origins = SLOTS.map((slot, index) => this.measured[slot].get(parts[index]! / UNIT[slot])!)
      return { at: Math.min(...origins.map(({ at }) => at)), day: origins.map(({ day }) => day).sort()[0]! }
    }
    if (source === 'subscription' && usd !== null)
      return { at: this.typed.get(usd)!, day: localDate(this.typed.get(usd)!, ZONE) }
    expect(usd).toBeNull()
    if (source === 'oauth')
      return { at: Math.min(...Object.values(cache.paid).map(({ measuredAt }) => measuredAt)), day: null }
    return { at: source === null ? null : cache.lastFetched, day: null }
  }

  /** The longest that figures may be called fresh: their life by the rate at which money went, and what a next run takes. */
  freshForMs(cache: BillingCache): number {
    const rate = SLOTS.reduce((total, slot) => {
      const own = cache.byAccount[slot]
      const origin = own && this.measured[slot].get(own.costTodayUsd! / UNIT[slot])!
      return total + (origin && origin.blockEndsAt > cache.last_attempt!.at ? origin.rate : 0)
    }, 0)
    return (rate < 1 ? 5 : rate > 5 ? 1 : 2) * MINUTE + 30 * SECOND + 20 * SECOND + 62 * SECOND
  }

  judge(measured: boolean): void {
    const cache = this.cache()
    if (cache === null) {
      expect(this.before, 'a cache never vanishes').toBeNull()
      return
    }
    const { at } = this.truth(cache)
    expect(cache.lastFetched).toBe(at)
    if (this.before !== null) {
      const figuresOf = ({ source, costTodayUsd, paid }: BillingCache) => JSON.stringify([source, costTodayUsd, paid])
      if (figuresOf(cache) === figuresOf(this.before)) expect(cache.lastFetched).toBe(this.before.lastFetched)
      if (!measured) expect({ ...cache, isFresh: null }).toEqual({ ...this.before, isFresh: null })
    }
    this.before = cache
    this.look()
  }

  /** What any reader sees at this moment. */
  look(): void {
    const cache = this.cache()
    if (cache === null) return
    const { billing, problems } = lookAtBilling(this.paths, DEFAULT_SETTINGS, this.now, true)
    const truth = this.truth(cache)
    const ageMs = truth.at === null ? Number.POSITIVE_INFINITY : this.now - truth.at
    const { state } = billing!.freshness
    if (state === 'fresh') {
      expect(ageMs).toBeLessThanOrEqual(this.freshForMs(cache))
      expect(ageMs).toBeGreaterThanOrEqual(-2 * MINUTE)
    } else if (ageMs >= 0) {
      // Nor is a reader told that fresh ones are old.
      expect(ageMs).toBeGreaterThan(this.freshForMs(cache))
    }
    if (ageMs > HOUR) expect(['unreliable', 'absent']).toContain(state)
    if (ageMs > HOUR && truth.at !== null) expect(problems.length).toBeGreaterThan(0)
    if (billing!.cost_today_usd !== null) expect(truth.day).toBe(localDate(this.now, ZONE))
  }

  /** Older readers believe the flag, so no run that came to its end leaves one on old figures. */
  judgeFlag(): void {
    const cache = this.cache()!
    if (!cache.isFresh) return
    const { at } = this.truth(cache)
    expect(this.now - at!).toBeLessThanOrEqual(this.freshForMs(cache))
  }

  asRun(requestedAt: number): Run {
    return {
      job: 'fetch-billing',
      settings: DEFAULT_SETTINGS,
      settingsError: null,
      paths: this.paths,
      environment: { childEnv: {} } as Run['environment'],
      now: this.now,
      requestedAt,
      begun: Promise.resolve(),
      clock: () => this.now,
      signal: new AbortController().signal,
      log: () => undefined,
      report: () => undefined,
      count: () => undefined,
    }
  }
}

interface Turn {
  byHand: boolean
  waitedMs: number
  crash: Crash
  accounts: Array<{ outcome: Outcome; rate: number }>
  takesMs: number
}
type Step =
  | ({ do: 'run' } & Turn)
  | { do: 'outage'; runs: number; everyMs: number }
  | { do: 'pass'; ms: number }
  | { do: 'typeIn'; wrong: boolean }
  | { do: 'paid'; agoMs: number }

const account = fc.record({
  outcome: fc.constantFrom<Outcome>('figures', 'figures', 'figures', 'timedOut', 'failed', 'wrongOutput'),
  rate: fc.constantFrom(0, 2, 9),
})
const turn = fc.record({
  do: fc.constant('run' as const),
  byHand: fc.boolean(),
  waitedMs: fc.constantFrom(0, 0, 0, 1, 30 * SECOND, 4 * MINUTE),
  crash: fc.constantFrom<Crash>('never', 'never', 'never', 'while measuring', 'before saving', 'after saving'),
  accounts: fc.array(account, { minLength: 2, maxLength: 2 }),
  takesMs: fc.integer({ min: 0, max: 30 * SECOND }),
})
const pass = fc.record({
  do: fc.constant('pass' as const),
  ms: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 * MINUTE }) },
    { weight: 4, arbitrary: fc.integer({ min: MINUTE, max: 20 * MINUTE }) },
    { weight: 1, arbitrary: fc.integer({ min: HOUR, max: 9 * HOUR }) },
    { weight: 1, arbitrary: fc.integer({ min: -HOUR, max: -1 }) },
  ),
})
/** Failures in a row, after which a run leaves off for minutes. */
const outage = fc.record({
  do: fc.constant('outage' as const),
  runs: fc.integer({ min: 2, max: 5 }),
  everyMs: fc.integer({ min: 1, max: MINUTE }),
})
const typeIn = fc.record({ do: fc.constant('typeIn' as const), wrong: fc.constantFrom(false, false, false, true) })
const paid = fc.record({ do: fc.constant('paid' as const), agoMs: fc.integer({ min: 0, max: 20 * MINUTE }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: turn },
  { weight: 5, arbitrary: pass },
  { weight: 1, arbitrary: outage },
  { weight: 1, arbitrary: typeIn },
  { weight: 1, arbitrary: paid },
)

describe('whatever the order of crashes, time-outs and sources', () => {
  it('lastFetched never moves without new figures, and no reader judges old figures fresh', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async steps => {
        const world = new World()
        for (const step of steps) {
          if (step.do === 'run') await world.run(step)
          else if (step.do === 'outage') await world.outage(step.runs, step.everyMs)
          else if (step.do === 'typeIn') world.typeIn(step.wrong)
          else if (step.do === 'paid') world.observePaid(step.agoMs)
          else world.now += step.ms
          world.look()
        }
        rmSync(world.home, { recursive: true })
      }),
      { numRuns: 600 },
    )
  })
})
