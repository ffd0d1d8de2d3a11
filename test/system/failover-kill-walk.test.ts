// SIGKILL at every step of a switch, and of putting one back: the next run ends with one account, whole, and with one record.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readFailoverEvents } from '../../lib/store/history.ts'
import type { ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, type Step, strike } from './kill-points.ts'
import * as tools from './tools.ts'

const LANES = 2
const MINUTE = 60_000
const command = tools.jobCommand('failover')

/** The journal, the registry, current.env, the link, the state and the record; not what every job writes of itself. */
const OF_THE_SWITCH = /switch\.json|claude-sessions\.yaml|current|failover\.json|history\.sqlite/

interface State {
  lastSwap: { to: string } | null
  lastTryAt: number
  refused: Record<string, number>
  standing: { do: string; reason: string }
}
const stateOf = (vigil: ScratchVigil) => vigil.json(vigil.paths.failover) as State

async function prepare(lifetime: tools.Lifetime): Promise<{ vigil: ScratchVigil; registry: string }> {
  const settings = 'channels: { desktop: { enabled: false } }\nfailover: { enabled: true }'
  const vigil = await tools.scratch(lifetime, { count: 2, expiresInMin: 300, settings })
  await vigil.run('refresh-tokens')
  for (const [n, utilization] of [100, 10].entries()) {
    const resets_at = new Date(Date.now() + 3 * 3_600_000).toISOString()
    vigil.standIn.setUsage(tools.email(n), { five_hour: { utilization, resets_at } })
  }
  await vigil.run('fetch-quota')
  // What settings and registry mean is kept only once the files are a little older.
  await sleep(3_000)
  return { vigil, registry: vigil.registry() }
}

function layOut(vigil: ScratchVigil, registry: string): void {
  for (const name of readdirSync(vigil.paths.health))
    if (OF_THE_SWITCH.test(name)) rmSync(join(vigil.paths.health, name), { recursive: true })
  for (const name of readdirSync(join(vigil.paths.settings, '..')))
    if (name.endsWith('.vigil-tmp')) rmSync(join(vigil.paths.settings, '..', name))
  if (vigil.registry() !== registry) writeFileSync(vigil.paths.accounts, registry)
}

/** Runs once more. Everything tells of one account, and nothing is left to be finished. @returns which account */
async function finish(vigil: ScratchVigil): Promise<string> {
  expect(await vigil.run('failover')).toMatchObject({ code: 0, stderr: '' })
  const [, slot] = /^current: (\S+)/m.exec(vigil.registry())!
  expect(readFileSync(vigil.paths.currentEnv, 'utf8')).toContain(`VIGIL_SLOT='${slot}'`)
  expect(readlinkSync(vigil.paths.currentLink)).toBe(vigil.dir(slot === 'slot-2' ? 1 : 0))
  expect(existsSync(vigil.paths.switching)).toBe(false)
  expect(stateOf(vigil).lastSwap?.to ?? 'slot-1').toBe(slot)
  return slot!
}

/** How the switches that were recorded ended. */
function recorded(vigil: ScratchVigil): string[] {
  const made = readFailoverEvents(vigil.paths.history, 0)!.filter(({ event }) => event === 'switch')
  return made.map(({ reason }) => reason.split(':')[0]!)
}

interface Walk {
  name: string
  ready?: (vigil: ScratchVigil) => void
  choose: (steps: Step[]) => Step[]
  atLeast: number
  judge: (vigil: ScratchVigil) => Promise<string>
}

/** @returns a row for each kill, which ends with what became of it */
async function walk(lifetime: tools.Lifetime, { name, ready, choose, atLeast, judge }: Walk): Promise<string[]> {
  const failures: string[] = []
  const rows: string[] = []
  await tools.inParallel([...Array(LANES).keys()], LANES, async lane => {
    const { vigil, registry } = await prepare(lifetime)
    ready?.(vigil)
    await vigil.run('failover')
    layOut(vigil, registry)
    const all = await recordSteps(vigil, command)
    const steps = choose(all.filter(({ path }) => path === null || OF_THE_SWITCH.test(path)))
    expect(steps.length, 'it has many steps').toBeGreaterThan(atLeast)
    for (const [n, step] of steps.entries()) {
      if (n % LANES !== lane) continue
      const where = nameOf(step, vigil.home)
      layOut(vigil, registry)
      let verdict = 'FAILED'
      try {
        const killed = await strike(vigil, step, 'kill', command)
        expect(killed.signal, 'it was struck').toBe('SIGKILL')
        verdict = await judge(vigil)
      } catch (error) {
        failures.push(`killed at ${where}: ${(error as Error).message.slice(0, 400)}`)
      }
      rows.push(`${String(n + 1).padStart(4)}  ${where.padEnd(70)} ${verdict}`)
    }
  })
  console.log(`${name}: ${rows.length} kill points\n${rows.sort().join('\n')}`)
  expect(failures).toEqual([])
  return rows
}

test('a switch that is killed at any step is finished by the next run, with one record', {
  timeout: 240_000,
}, async lifetime => {
  const rows = await walk(lifetime, {
    name: 'failover',
    choose: steps => steps,
    atLeast: 30,
    // A switch was recorded once where it was made, and never where it was not.
    judge: async vigil => {
      const slot = await finish(vigil)
      expect(recorded(vigil)).toEqual(slot === 'slot-2' ? ['swapped'] : [])
      return slot
    },
  })
  expect(rows.filter(row => row.endsWith('slot-2')).length).toBeGreaterThan(20)
})

test('a switch whose proof fails is put back by the next run, killed at any step of it, and not tried again', {
  timeout: 240_000,
}, async lifetime => {
  const rows = await walk(lifetime, {
    name: 'failover, put back',
    ready: vigil =>
      vigil.standIn.fault({
        endpoint: 'profile',
        times: Number.POSITIVE_INFINITY,
        action: {
          kind: 'answer',
          status: 200,
          body: { account: { uuid: 'somebody-else' }, organization: { uuid: 'another' } },
        },
      }),
    // From the question whose login it is.
    choose: steps => steps.slice(steps.findIndex(({ path }) => path === null)),
    atLeast: 20,
    judge: async vigil => {
      expect(await finish(vigil)).toBe('slot-1')
      expect(recorded(vigil)).toEqual(['put_back'])
      await expectNoSecondTry(vigil)
      return 'slot-1'
    },
  })
  expect(rows.length).toBeGreaterThan(20)
})

/** The cooldown is over, the figures are good, and still the account is left alone until its refusal ends. */
async function expectNoSecondTry(vigil: ScratchVigil): Promise<void> {
  const asked = vigil.standIn.state().profileGets
  const state = stateOf(vigil)
  expect(state.refused['slot-2']! - Date.now()).toBeGreaterThan(20 * MINUTE)
  writeFileSync(vigil.paths.failover, JSON.stringify({ ...state, lastTryAt: state.lastTryAt - 6 * MINUTE }))
  expect(await finish(vigil)).toBe('slot-1')
  expect(stateOf(vigil).standing).toMatchObject({ do: 'blocked', reason: expect.stringContaining('proven to be') })
  expect(vigil.standIn.state().profileGets).toBe(asked)
  expect(recorded(vigil)).toEqual(['put_back'])
}
