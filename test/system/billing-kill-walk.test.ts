// SIGKILL at every step of fetch-billing: the cache is whole at every instant, the next run has the figures right with one
// measurement, and no ccusage of the killed run is left alive.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { BillingCache } from '../../lib/domain/billing.ts'
import { type CcusageTree, ccusageTree } from '../support/ccusage-tree.ts'
import type { ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, type Step, strike } from './kill-points.ts'
import * as tools from './tools.ts'

const LANES = 2
const PATIENT = { timeout: 600_000 }

/** One home with one stand-in, and the figures that stood there before each kill. */
interface Lane {
  vigil: ScratchVigil
  tree: CcusageTree
  command: string[]
  good: BillingCache
}

async function prepare(lifetime: tools.Lifetime): Promise<Lane> {
  const tree = ccusageTree()
  lifetime.onTestFinished(() => tree.dispose())
  const vigil = await tools.scratch(lifetime, { expiresInMin: 300 })
  vigil.env['PATH'] = tree.path
  const projects = join(vigil.dir(0), 'projects', '-p')
  mkdirSync(projects, { recursive: true })
  writeFileSync(join(projects, 'a.jsonl'), '{}\n')
  expect(await tree.bill(vigil)).toMatchObject({ code: 0, stderr: '' })
  const cache = read(vigil)
  const tenMinutesAgo = cache.lastFetched! - 600_000
  const good = { ...cache, lastFetched: tenMinutesAgo, last_attempt: { ...cache.last_attempt!, at: tenMinutesAgo } }
  good.byAccount['slot-1']!.measuredAt = tenMinutesAgo
  return { vigil, tree, command: [process.execPath, tree.job], good }
}

const read = (vigil: ScratchVigil): BillingCache => JSON.parse(readFileSync(vigil.paths.billing, 'utf8'))

/** The home as before: due figures of 1 $, and nothing else of any run but what settings and registry mean. */
function layOut({ vigil, tree, good }: Lane): void {
  for (const name of readdirSync(vigil.paths.health)) {
    if (name !== 'parsed') rmSync(join(vigil.paths.health, name), { recursive: true })
  }
  writeFileSync(vigil.paths.billing, JSON.stringify(good))
  tree.gate(true)
  tree.behave({ costUsd: 2 })
}

/** Every process that was started with the stand-in in its words: it itself, and the gate before it. */
function ccusages({ tree }: Lane): string[] {
  const words = (pid: string) => tools.ifThere(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const said = words(pid)
      return said.includes(tree.program) || said.includes(join(tree.job, '../../stand-in.mjs'))
    } catch {
      return false // ESRCH: it ended while it was looked at.
    }
  })
}

/** Reads the cache for as long as `act` takes: it is never torn, and its time moves only with its figures. */
async function watched<T>({ vigil, good }: Lane, act: () => Promise<T>): Promise<T> {
  const seen = new Map<number, number>()
  let going = true
  const reader = (async () => {
    while (going) {
      const { lastFetched, costTodayUsd } = read(vigil)
      seen.set(lastFetched!, costTodayUsd!)
      await sleep(1)
    }
  })()
  try {
    const result = await act()
    expect(seen.get(good.lastFetched!)).toBe(good.costTodayUsd)
    // Each measurement here has a cost of its own, so two times with one cost would be a time without new figures.
    expect(new Set(seen.values()).size).toBe(seen.size)
    return result
  } finally {
    going = false
    await reader
  }
}

/** What must hold after a kill: for the cache at once, for everything after the next run. Says how far the killed run came. */
async function judge(lane: Lane, startsBefore: number): Promise<string> {
  const { vigil, tree, good } = lane
  const left = read(vigil)
  const published = left.costTodayUsd === 2
  if (published) expect(left.lastFetched).toBeGreaterThan(good.lastFetched!)
  else expect(left).toEqual(good)
  const starts = tree.starts()
  tree.gate(true)
  tree.behave({ costUsd: 3 })
  const before = Date.now()
  expect(await tree.bill(vigil)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  const cache = read(vigil)
  if (published) expect(cache).toEqual(left)
  else expect(cache).toMatchObject({ costTodayUsd: 3, source: 'ccusage', isFresh: true, failures: 0 })
  if (!published) expect(cache.lastFetched).toBeGreaterThanOrEqual(before)
  // One measurement is two programs, daily and blocks.
  expect(tree.starts() - starts).toBe(published ? 0 : 2)
  expect(tree.mostAtOnce(startsBefore)).toBeLessThanOrEqual(1)
  expect(tree.alive()).toEqual([])
  await tools.until('nothing of ccusage is left', () => ccusages(lane).length === 0, 10_000)
  for (const path of tools.filesBelow(vigil.paths.health).filter(path => path.endsWith('.json')))
    expect(() => JSON.parse(readFileSync(path, 'utf8')), `${basename(path)} is whole`).not.toThrow()
  return published ? 'published' : 'measured anew'
}

test(
  'a run that is killed at any step leaves a whole cache, and the next run measures once',
  PATIENT,
  async lifetime => {
    const rows: Array<{ step: Step; text: string; verdict: string }> = []
    const failures: string[] = []
    const recordings: string[][] = []
    await tools.inParallel([...Array(LANES).keys()], LANES, async laneNumber => {
      const lane = await prepare(lifetime)
      const { vigil, tree, command } = lane
      // What settings and registry mean is kept only once the files are a little older.
      await sleep(3_000)
      await tree.bill(vigil)
      layOut(lane)
      const steps = await recordSteps(vigil, command)
      recordings[laneNumber] = steps.map(step => nameOf(step, vigil.home)).sort()
      for (const step of steps.filter(({ index }) => index % LANES === laneNumber)) {
        const name = nameOf(step, vigil.home)
        let verdict = 'FAILED'
        try {
          layOut(lane)
          const starts = tree.starts()
          await watched(lane, async () => {
            const killed = await strike(vigil, step, 'kill', command)
            expect(killed.signal, 'it was struck').toBe('SIGKILL')
            verdict = await judge(lane, starts)
          })
        } catch (error) {
          verdict = 'FAILED'
          failures.push(`killed at ${name}: ${(error as Error).message}`)
        }
        rows.push({ step, verdict, text: `${String(step.index + 1).padStart(4)}  ${name.padEnd(80)} ${verdict}` })
      }
    })
    rows.sort((a, b) => a.step.index - b.step.index)
    console.log(`fetch-billing: ${rows.length} kill points\n${rows.map(row => row.text).join('\n')}`)
    expect(recordings[1]).toEqual(recordings[0])
    expect(failures).toEqual([])
    expect(rows.length, 'a measurement has many steps').toBeGreaterThan(40)
    expect(rows.filter(({ step }) => step.path === null).length, 'two children are started').toBe(2)
    // Figures count from the moment at which the cache takes its place, and from no other.
    const verdicts = rows.map(({ verdict }) => verdict)
    const taken = rows.findIndex(({ step }) => step.name === 'rename' && step.path?.includes('.billing-shared.json.'))
    expect(verdicts).toEqual(rows.map((_, index) => (index > taken ? 'published' : 'measured anew')))
  },
)

test.for(['daily', 'blocks'] as const)(
  'a run that is killed while ccusage %s is at work: the next run ends it with its children before it measures',
  PATIENT,
  async (list, lifetime) => {
    const lane = await prepare(lifetime)
    const { vigil, tree } = lane
    layOut(lane)
    tree.behave({ costUsd: 2, waits: list, child: true })
    tree.gate(false)
    const starts = tree.starts()
    await watched(lane, async () => {
      let pid = 0
      const run = tree.bill(vigil, [], started => {
        pid = started
      })
      await tools.until(
        'it is at work',
        () => tree.alive().length === 2 && tree.starts() - starts === ['daily', 'blocks'].indexOf(list) + 1,
      )
      process.kill(pid, 'SIGKILL')
      await run
      expect(tree.alive(), 'it and its child have outlived the run').toHaveLength(2)
      expect(await judge(lane, starts)).toBe('measured anew')
    })
  },
)

test('a run that is killed before it lets ccusage begin: it never begins', PATIENT, async lifetime => {
  const lane = await prepare(lifetime)
  const { vigil, tree, command } = lane
  // The word is written to a socket, so it is sought by its number, which writes that wake a thread make another one now
  // and then. The first run is struck nowhere, and tells where it was this time.
  let nth = 10_000
  for (let tries = 0; tries < 60; tries += 1) {
    layOut(lane)
    const starts = tree.starts()
    const step: Step = { name: 'write', path: null, names: [], nth, index: 0 }
    const killed = await strike(vigil, step, 'kill', command)
    const writes = killed.calls.filter(call => call.tid === killed.pid)
    const words = writes.findIndex(call => call.text.includes('"go'))
    if (killed.signal === 'SIGKILL' && words >= 0 && words === writes.length - 1) {
      expect(tree.starts()).toBe(starts)
      const mark = JSON.parse(readFileSync(join(vigil.paths.ccusage, 'running.json'), 'utf8'))
      expect(mark).toMatchObject({ pid: expect.any(Number) })
      await tools.until('the gate has seen the end of its input', () => ccusages(lane).length === 0, 10_000)
      expect(await judge(lane, starts)).toBe('measured anew')
      return
    }
    nth = words >= 0 ? words + 1 : nth + 1
  }
  throw new Error('No run could be killed just there.')
})
