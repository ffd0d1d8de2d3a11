// SIGKILL at every step of a switch: the next run ends with the old or the new account, whole, and with one record.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readFailoverEvents } from '../../lib/store/history.ts'
import type { ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, strike } from './kill-points.ts'
import * as tools from './tools.ts'

const LANES = 2
const command = tools.jobCommand('failover')

/** The journal, the registry, current.env, the link, the state and the record; not what every job writes of itself. */
const OF_THE_SWITCH = /switch\.json|claude-sessions\.yaml|current|failover\.json|history\.sqlite/

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

/** Everything tells of one account, and a switch was recorded once where it was made, and never where it was not. */
async function judge(vigil: ScratchVigil): Promise<string> {
  expect(await vigil.run('failover')).toMatchObject({ code: 0, stderr: '' })
  const [, slot] = /^current: (\S+)/m.exec(vigil.registry())!
  const dir = vigil.dir(slot === 'slot-2' ? 1 : 0)
  expect(readFileSync(vigil.paths.currentEnv, 'utf8')).toContain(`VIGIL_SLOT='${slot}'`)
  expect(readlinkSync(vigil.paths.currentLink)).toBe(dir)
  expect(existsSync(vigil.paths.switching)).toBe(false)
  const made = readFailoverEvents(vigil.paths.history, 0)!.filter(({ event }) => event === 'switch')
  expect(made.map(({ reason }) => reason.split(':')[0])).toEqual(slot === 'slot-2' ? ['swapped'] : [])
  const state = vigil.json(vigil.paths.failover) as { lastSwap: { to: string } | null }
  expect(state.lastSwap?.to ?? 'slot-1').toBe(slot)
  return slot!
}

test('a switch that is killed at any step is finished by the next run, with one record', {
  timeout: 240_000,
}, async lifetime => {
  const failures: string[] = []
  const rows: string[] = []
  await tools.inParallel([...Array(LANES).keys()], LANES, async lane => {
    const { vigil, registry } = await prepare(lifetime)
    await vigil.run('failover')
    layOut(vigil, registry)
    const all = await recordSteps(vigil, command)
    const steps = all.filter(({ path }) => path === null || OF_THE_SWITCH.test(path))
    expect(steps.length, 'a switch has many steps').toBeGreaterThan(30)
    for (const [n, step] of steps.entries()) {
      if (n % LANES !== lane) continue
      const name = nameOf(step, vigil.home)
      layOut(vigil, registry)
      let verdict = 'FAILED'
      try {
        const killed = await strike(vigil, step, 'signal=SIGKILL', command)
        expect(killed.signal, 'it was struck').toBe('SIGKILL')
        verdict = await judge(vigil)
      } catch (error) {
        failures.push(`killed at ${name}: ${(error as Error).message.slice(0, 400)}`)
      }
      rows.push(`${String(n + 1).padStart(4)}  ${name.padEnd(70)} ${verdict}`)
    }
  })
  console.log(`failover: ${rows.length} kill points\n${rows.sort().join('\n')}`)
  expect(failures).toEqual([])
  expect(rows.filter(row => row.endsWith('slot-2')).length).toBeGreaterThan(20)
})
