// SIGKILL at every step of a refresh: the next run has the login working, without replaying a token.
import { cpSync, existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Finished, runProcess, type ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, type Step, strike } from './kill-points.ts'
import type { Traced } from './tools.ts'
import * as tools from './tools.ts'

const LANES = 2
/** A walk is hundreds of runs; on a machine that has other things to do they take their time. */
const PATIENT = { timeout: 900_000 }

interface Counts {
  tokenPosts: number
  replays: number
}

/** What the stand-in counted since `before`. */
function since(vigil: ScratchVigil, before: Counts): Counts {
  const { tokenPosts, replays } = vigil.standIn.state()
  return { tokenPosts: tokenPosts - before.tokenPosts, replays: replays - before.replays }
}

const QUIET = { code: 0, signal: null, stdout: '', stderr: '' } satisfies Finished

/** The next two runs, which nothing disturbs. */
async function runTwice(vigil: ScratchVigil): Promise<void> {
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
}

async function expectRecovered(vigil: ScratchVigil): Promise<void> {
  await tools.expectLoginWorks(vigil)
  tools.expectNothingLeft(vigil)
  tools.expectNoTornFile(vigil.home)
  expect(tools.registryEntry(vigil, 'slot-1')).toContain('status: active')
  expect(tools.registryEntry(vigil, 'slot-1')).not.toContain('inactive')
}

function expectInterrupted(vigil: ScratchVigil): void {
  expect(tools.registryEntry(vigil, 'slot-1')).toMatch(
    /status: inactive\n.*inactive_reason: refresh_interrupted\n.*inactive_since: /,
  )
  tools.expectNothingLeft(vigil)
  tools.expectNoTornFile(vigil.home)
}

/** The steps between the request's leaving and the answer's being on disk; a kill there loses the answer for good. */
function lossySteps(steps: Step[]): Set<number> {
  const sent = steps.findIndex(step => step.path === null && /^(write|writev|sendto|sendmsg)$/.test(step.name))
  const answerKept = steps.findIndex(
    step => step.index > sent && step.path?.endsWith('.journal') && /^p?write/.test(step.name),
  )
  expect(sent, 'a step that sends the request').toBeGreaterThan(0)
  expect(answerKept, 'a step that writes the answer into the journal').toBeGreaterThan(sent)
  return new Set(steps.slice(sent + 1, answerKept + 1).map(step => step.index))
}

interface Row {
  step: Step
  verdict: string
  text: string
}

/** The first thread is the one that speaks to the network. */
const ownCalls = (run: Traced, name: string) => run.calls.filter(call => call.tid === run.pid && call.name === name)

/** Kills a run at that step, set up anew until it is struck there and nowhere else. */
async function killAt(vigil: ScratchVigil, step: Step, setUp: Walk['setUp']): Promise<Counts> {
  let { nth } = step
  for (let attempt = 0; attempt < 30; attempt++) {
    await setUp(vigil)
    const before = vigil.standIn.state()
    const killed = await strike(vigil, { ...step, nth }, 'kill')
    const calls = ownCalls(killed, step.name)
    if (killed.signal === 'SIGKILL' && (step.path !== null || calls.at(-1)?.network)) return before
    // A write to a socket is found by its number alone, and Node's threads wake each other by writes whose number is not
    // always the same: it is sought where it was this time, or further on.
    if (step.name === 'write') nth = calls.findIndex(call => call.network) + 1 || nth + 1
  }
  throw new Error(`No run could be killed at ${nameOf(step, vigil.home)}.`)
}

interface Walk {
  title: string
  /** Where to begin: what comes before that is the same as in another walk, and one over it is enough. */
  from: 'the start' | 'the first lock' | 'the request'
  /** Prepares what is then run and killed; run once more for each kill point. */
  setUp: (vigil: ScratchVigil) => unknown
  /** What must hold after a kill at `step` and two undisturbed runs; says it in a word. Throws where it does not hold. */
  judge: (vigil: ScratchVigil, step: Step, steps: Step[], counted: Counts) => Promise<string>
}

function beginning(steps: Step[], from: Walk['from']): number {
  if (from === 'the start') return 0
  const isFirst = (step: Step) =>
    from === 'the request'
      ? step.name === 'connect'
      : step.name === 'mkdir' && step.path?.endsWith('/.oauth_refresh.lock')
  const index = steps.findIndex(isFirst)
  expect(index, `where ${from} is`).toBeGreaterThan(0)
  return index
}

/** Kills a run at each of its steps, each time from the same beginning, and prints a table of them. */
async function walk(lifetime: tools.Lifetime, { title, from, setUp, judge }: Walk): Promise<Row[]> {
  const rows: Row[] = []
  const failures: string[] = []
  const recordings: string[][] = []
  await tools.inParallel([...Array(LANES).keys()], LANES, async lane => {
    const vigil = await tools.scratch(lifetime)
    await setUp(vigil)
    const steps = await recordSteps(vigil)
    // Sorted, for two that are begun at once come in either order.
    const onFiles = steps
      .filter(step => step.path !== null)
      .map(step => nameOf(step, vigil.home))
      .sort()
    recordings[lane] = onFiles
    for (const step of steps.slice(beginning(steps, from))) {
      const name = nameOf(step, vigil.home)
      if ((step.path === null ? 0 : onFiles.indexOf(name) % LANES) !== lane) continue
      let verdict = 'FAILED'
      try {
        const before = await killAt(vigil, step, setUp)
        tools.expectNoTornFile(vigil.home)
        tools.removeClaudeLocks(vigil)
        if (from === 'the start') await runTwice(vigil)
        else expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
        verdict = await judge(vigil, step, steps, since(vigil, before))
      } catch (error) {
        failures.push(`killed at ${name}: ${(error as Error).message}`)
      }
      rows.push({ step, verdict, text: `${String(step.index + 1).padStart(4)}  ${name.padEnd(90)} ${verdict}` })
    }
  })
  // A step that only one of them makes might have been nobody's.
  const inAll = (name: string) => recordings.every(recording => recording.includes(name))
  expect(
    recordings.flat().filter(name => !inAll(name)),
    'steps that only one lane recorded',
  ).toEqual([])
  rows.sort((a, b) => a.step.index - b.step.index)
  console.log(`${title}: ${rows.length} kill points\n${rows.map(row => row.text).join('\n')}`)
  expect(failures).toEqual([])
  return rows
}

const judgeRefresh: Walk['judge'] = async (vigil, step, steps, counted) => {
  if (lossySteps(steps).has(step.index)) {
    expectInterrupted(vigil)
    // The stored token was tried once and never again.
    expect(counted).toEqual({ tokenPosts: 2, replays: 1 })
    return 'refresh_interrupted'
  }
  await expectRecovered(vigil)
  expect(counted).toEqual({ tokenPosts: 1, replays: 0 })
  return 'works'
}

test.concurrent(
  'a first run that is killed at any system call leaves a login that the next run has working, without a replay',
  PATIENT,
  async lifetime => {
    const rows = await walk(lifetime, {
      title: 'A first run in a new home',
      from: 'the start',
      setUp: vigil => {
        tools.loginAgain(vigil, 0, { emptyHome: true })
      },
      judge: judgeRefresh,
    })
    expect(rows.length, 'a refresh has many steps').toBeGreaterThan(50)
    const lossy = rows.filter(row => row.verdict !== 'works').map(row => row.text)
    expect(lossy.length, `steps that lose an answer: ${lossy.join(', ')}`).toBeLessThanOrEqual(2)
  },
)

/** What a killed run left bears its process id: always the same one, so that the step that removes it is found again. */
function giveOneProcessId(vigil: ScratchVigil): void {
  for (const path of tools.filesBelow(vigil.home).filter(path => path.endsWith('.vigil-tmp'))) {
    renameSync(path, path.replace(/\.\d+(?=\.\d+\.vigil-tmp$)/, '.99999999'))
  }
}

test.concurrent(
  'a run that finishes what a killed one left can itself be killed at any system call',
  PATIENT,
  async lifetime => {
    const left = new Map<ScratchVigil, string>()
    const rows = await walk(lifetime, {
      title: 'A run that finds an answer in the journal',
      from: 'the first lock',
      async setUp(vigil) {
        // Once per lane; afterwards the files as they were left are laid out again, for the stand-in's part is over.
        const kept = left.get(vigil) ?? join(tools.sideFolder(lifetime), 'home')
        if (!left.has(vigil)) {
          tools.loginAgain(vigil, 0, { emptyHome: true })
          const steps = await recordSteps(vigil)
          const storing = steps.findLast(step => step.name === 'mkdir' && step.path?.endsWith('/.storage-write.lock'))
          await killAt(vigil, storing!, () => tools.loginAgain(vigil, 0, { emptyHome: true }))
          tools.removeClaudeLocks(vigil)
          giveOneProcessId(vigil)
          cpSync(vigil.home, kept, { recursive: true })
          left.set(vigil, kept)
        }
        tools.removeAllBut(vigil.paths.settings, vigil.home)
        cpSync(kept, vigil.home, { recursive: true, filter: path => !path.endsWith('/config/vigil.yaml') })
        expect(tools.journals(vigil).length, 'a journal to be finished').toBe(1)
      },
      async judge(vigil, _step, _steps, counted) {
        await expectRecovered(vigil)
        expect(counted).toEqual({ tokenPosts: 0, replays: 0 })
        return 'works'
      },
    })
    expect(rows.length).toBeGreaterThan(25)
  },
)

test.concurrent(
  'a run that finds a request without an answer tries it anew and can itself be killed at any system call',
  PATIENT,
  async lifetime => {
    const rows = await walk(lifetime, {
      title: 'A run that finds an intent in the journal, whose request never left',
      from: 'the first lock',
      async setUp(vigil) {
        const connecting = connects.get(vigil) ?? (await firstConnect(vigil))
        connects.set(vigil, connecting)
        await killAt(vigil, connecting, () => tools.loginAgain(vigil, 0, { emptyHome: true }))
        tools.removeClaudeLocks(vigil)
        expect(tools.journals(vigil).length, 'a journal to be finished').toBe(1)
        giveOneProcessId(vigil)
      },
      judge: judgeRefresh,
    })
    expect(rows.filter(row => row.verdict !== 'works').length).toBeLessThanOrEqual(2)
  },
)

const connects = new Map<ScratchVigil, Step>()

async function firstConnect(vigil: ScratchVigil): Promise<Step> {
  tools.loginAgain(vigil, 0, { emptyHome: true })
  return (await recordSteps(vigil)).find(step => step.name === 'connect')!
}

test.concurrent(
  'a run that learns that the login is over can be killed at any system call, and a person is told all the same',
  PATIENT,
  async lifetime => {
    await walk(lifetime, {
      title: 'A run whose login was ended at Anthropic',
      from: 'the request',
      setUp(vigil) {
        tools.loginAgain(vigil, 0, { emptyHome: true })
        vigil.standIn.revoke(tools.email(0))
      },
      async judge(vigil, _step, _steps, counted) {
        const entry = tools.registryEntry(vigil, 'slot-1')
        expect(entry).toMatch(/status: inactive\n.*inactive_reason: \w+\n.*inactive_since: /)
        tools.expectNothingLeft(vigil)
        expect(counted.replays).toBe(0)
        expect(counted.tokenPosts).toBeLessThanOrEqual(2)
        return /inactive_reason: (\w+)/.exec(entry)![1]!
      },
    })
  },
)

/** Runs the job, ended by SIGKILL as soon as `isTime`. */
async function killWhen(vigil: ScratchVigil, isTime: () => boolean): Promise<void> {
  let pid = 0
  const run = runProcess(tools.jobCommand('refresh-tokens'), vigil.env, started => {
    pid = started
  })
  await tools.until('the request was there', isTime)
  process.kill(pid, 'SIGKILL')
  expect((await run).signal).toBe('SIGKILL')
}

test.concurrent('killed when the request has arrived but is not processed, the login survives', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  tools.addSiblings(vigil)
  vigil.standIn.fault({ endpoint: 'token', action: { kind: 'hang-before' } })
  await killWhen(vigil, () => vigil.standIn.state().tokenPosts === 1)
  tools.removeClaudeLocks(vigil)
  await runTwice(vigil)
  await expectRecovered(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, rotations: 1, replays: 0 })
})

test.concurrent('killed when the request was processed and the answer never came, the account is inactive: refresh_interrupted, until a /login', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  tools.addSiblings(vigil)
  vigil.standIn.fault({ endpoint: 'token', action: { kind: 'hang-after' } })
  await killWhen(vigil, () => vigil.standIn.state().rotations === 1)
  tools.removeClaudeLocks(vigil)
  await runTwice(vigil)
  expectInterrupted(vigil)
  await vigil.run('refresh-tokens')
  expect(vigil.standIn.state(), 'tried once, never again').toMatchObject({ tokenPosts: 2, replays: 1 })

  tools.loginAgain(vigil, 0, { expiresInMs: 8 * 3600_000 })
  await runTwice(vigil)
  await expectRecovered(vigil)
  expect(vigil.standIn.state().tokenPosts).toBe(2)
})

test.concurrent('a connection that ends without an answer is like a kill: tried once more by the next run, never again', async lifetime => {
  for (const [kind, survives] of [
    ['drop-before', true],
    ['drop-after', false],
  ] as const) {
    const vigil = await tools.scratch(lifetime)
    tools.addSiblings(vigil)
    vigil.standIn.fault({ endpoint: 'token', action: { kind } })
    const run = await vigil.run('refresh-tokens')
    expect(run.code, kind).toBe(75)
    expect(tools.registryEntry(vigil, 'slot-1'), 'nobody knows yet').toContain('status: active')
    await runTwice(vigil)
    if (survives) await expectRecovered(vigil)
    else expectInterrupted(vigil)
    expect(vigil.standIn.state(), kind).toMatchObject({ tokenPosts: 2, replays: survives ? 0 : 1 })
  }
})

const HELD_AT = [
  'mkdir .storage-write.lock',
  'rename .credentials.json',
  'rmdir .storage-write.lock',
  'rmdir .oauth_refresh.lock',
]

test.concurrent("Claude Code's locks that a killed run left behind are taken over by the next run that needs them", async lifetime => {
  await tools.inParallel(HELD_AT, HELD_AT.length, async heldAt => {
    const vigil = await tools.scratch(lifetime)
    const setUp = () => {
      tools.loginAgain(vigil, 0, { emptyHome: true })
    }
    setUp()
    const [name, file] = heldAt.split(' ') as [string, string]
    const steps = await recordSteps(vigil)
    const step = steps.findLast(step => step.name === name && step.names.includes(join(vigil.dir(0), file)))
    const before = await killAt(vigil, step!, setUp)
    const held = tools.claudeLocks(vigil).filter(existsSync)
    expect(held.length, `locks left behind at ${heldAt}`).toBeGreaterThan(0)
    for (const lock of held) tools.age(lock, 5 * 60_000)
    await runTwice(vigil)
    await expectRecovered(vigil)
    expect(since(vigil, before)).toEqual({ tokenPosts: 1, replays: 0 })

    // Eight hours later all three are needed again.
    tools.becomeDue(vigil)
    await runTwice(vigil)
    await expectRecovered(vigil)
    expect(since(vigil, before)).toEqual({ tokenPosts: 2, replays: 0 })
    expect(tools.claudeLocks(vigil).filter(existsSync), heldAt).toEqual([])
  })
})
