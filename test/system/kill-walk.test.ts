// SIGKILL at every step of a refresh: the next run has the login working, without replaying a token.
import { cpSync, existsSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Finished, runProcess, type ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, type Step, strike } from './kill-points.ts'
import * as tools from './tools.ts'

const LANES = 2

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
  expect(tools.registryEntry(vigil, 'slot-1')).toMatch(/status: inactive\n.*inactive_reason: refresh_interrupted\n.*inactive_since: /)
  tools.expectNothingLeft(vigil)
  tools.expectNoTornFile(vigil.home)
}

/** The steps between the request's leaving and the answer's being on disk; a kill there loses the answer for good. */
function lossySteps(steps: Step[]): Set<number> {
  const sent = steps.findIndex(step => step.path === null && /^(write|writev|sendto|sendmsg)$/.test(step.name))
  const answerKept = steps.findIndex(
    step => step.index > sent && step.path?.includes('/journal/') && /^p?write/.test(step.name),
  )
  expect(sent, 'a step that sends the request').toBeGreaterThan(0)
  expect(answerKept, 'a step that writes the answer into the journal').toBeGreaterThan(sent)
  return new Set(steps.slice(sent + 1, answerKept + 1).map(step => step.index))
}

interface Row {
  step: Step
  text: string
}

function report(title: string, rows: Row[]): void {
  const lines = rows.sort((a, b) => a.step.index - b.step.index).map(row => row.text)
  console.log(`${title}: ${lines.length} kill points\n${lines.join('\n')}`)
}

/** A call on a socket is found by its number alone, which the runtime's own calls may shift by a few. */
function attempts(step: Step): Step[] {
  const shifts = step.path === null ? [0, -1, 1, -2, 2, -3, 3, -4, 4] : [0, 0, 0]
  return shifts.map(shift => ({ ...step, nth: step.nth + shift })).filter(step => step.nth > 0)
}

/** Kills a run at that step, set up anew until it is struck there and nowhere else. */
async function killAt(vigil: ScratchVigil, step: Step, setUp: () => void): Promise<Counts> {
  for (const attempt of attempts(step)) {
    setUp()
    const before = vigil.standIn.state()
    const killed = await strike(vigil, attempt, 'signal=SIGKILL')
    const struck = killed.calls.findLast(call => call.name === step.name)
    if (killed.signal === 'SIGKILL' && struck?.network === (step.path === null)) return before
  }
  throw new Error(`No run could be killed at ${nameOf(step, vigil.home)}.`)
}

test('a first run that is killed at any system call leaves a login that the next run has working, without a replay', async () => {
  const rows: Row[] = []
  const lossy: string[] = []
  const failures: string[] = []
  await tools.inParallel([...Array(LANES).keys()], LANES, async lane => {
    const vigil = await tools.scratch()
    const setUp = () => {
      tools.loginAgain(vigil, 0, { emptyHome: true })
    }
    setUp()
    const steps = await recordSteps(vigil)
    const losing = lossySteps(steps)
    for (const step of steps.filter(step => step.index % LANES === lane)) {
      const name = nameOf(step, vigil.home)
      let verdict = 'works'
      try {
        const before = await killAt(vigil, step, setUp)
        tools.expectNoTornFile(vigil.home)
        tools.removeClaudeLocks(vigil)
        await runTwice(vigil)
        if (losing.has(step.index)) {
          verdict = 'refresh_interrupted'
          lossy.push(name)
          expectInterrupted(vigil)
          expect(since(vigil, before)).toEqual({ tokenPosts: 2, replays: 1 })
        } else {
          await expectRecovered(vigil)
          expect(since(vigil, before)).toEqual({ tokenPosts: 1, replays: 0 })
        }
      } catch (error) {
        verdict = 'FAILED'
        failures.push(`killed at ${name}: ${(error as Error).message}`)
      }
      rows.push({ step, text: `${String(step.index + 1).padStart(4)}  ${name.padEnd(90)} ${verdict}` })
    }
  })
  report('A first run', rows)
  expect(failures).toEqual([])
  expect(rows.length, 'a refresh has many steps').toBeGreaterThan(50)
  expect(lossy.length, `steps that lose an answer: ${lossy.join(', ')}`).toBeLessThanOrEqual(2)
})
