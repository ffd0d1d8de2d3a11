// runtime-state.yaml after real runs of the watchdog, in virtual time.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { inactive, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const NOON = Date.parse('2030-02-08T12:00:00Z')

async function open(): Promise<VirtualDays> {
  const days = await virtualDays(NOON, { count: 2 })
  onTestFinished(() => days.dispose())
  return days
}
const look = async (days: VirtualDays, minutes = 1) => {
  days.pass(minutes)
  expect((await days.vigil.run('watchdog', days.env())).code).toBe(0)
  const { runtimeState } = days.vigil.paths
  const text = readFileSync(runtimeState, 'utf8')
  return { ino: statSync(runtimeState).ino, state: parse(text) as Record<string, unknown>, text }
}

it('has everything at one look: accounts, figures, jobs, alerts; closed to others, without a token or a home', async () => {
  const days = await open()
  inactive(days.vigil)
  await days.run('fetch-quota')
  inactive(days.vigil, 1)
  const { state, text } = await look(days)
  expect(state).toMatchObject({
    schema: 1,
    written_at: '2030-02-08T12:01:00.000Z',
    pool: { verdict: 'degraded' },
    current: 'slot-1',
    accounts: {
      'slot-1': {
        config_dir: '~/.claude',
        standing: 'active',
        figures: 'fresh',
        'five-hour': { used_percent: expect.any(Number) },
      },
      'slot-2': {
        standing: 'inactive',
        reason: 'session_expired',
        since: '2030-02-08T11:30:00.000Z',
        remedy: 'CLAUDE_CONFIG_DIR=~/.claude-0001 claude /login',
      },
    },
    jobs: { 'refresh-tokens': 'never', 'fetch-quota': 'ok', watchdog: 'ok' },
    alerts: [{ key: 'AccountInactive{slot-2}', severity: 'warning', since: '2030-02-08T11:30:00.000Z' }],
    failover: { enabled: false },
  })
  expect(text).not.toMatch(/sk-ant-|vigil-home-/)
  expect(statSync(days.vigil.paths.runtimeState).mode & 0o777).toBe(0o600)
})

it('is written anew only when something else than a time has changed', async () => {
  const days = await open()
  inactive(days.vigil)
  await days.run('fetch-quota')
  const first = await look(days)
  expect((await look(days)).ino).toBe(first.ino)
  inactive(days.vigil, 1)
  const second = await look(days)
  expect(second.ino).not.toBe(first.ino)
  expect(second.state).toMatchObject({ accounts: { 'slot-2': { standing: 'inactive' } } })
  expect((await look(days)).ino).toBe(second.ino)
  inactive(days.vigil)
  await look(days)
  // It is over: the alert went away, and later its recovery.
  const last = await look(days, 3)
  expect(JSON.stringify(last.state['alerts'])).not.toContain('AccountInactive')
})

it('is written anew where only something of the accounts has changed', async () => {
  const days = await open()
  inactive(days.vigil)
  await days.run('fetch-quota')
  const first = await look(days)
  const { accounts } = days.vigil.paths
  writeFileSync(accounts, readFileSync(accounts, 'utf8').replace('current: slot-1', 'current: slot-2'))
  const second = await look(days)
  expect([first.state['current'], second.state['current']]).toEqual(['slot-1', 'slot-2'])
})

it('comes back when somebody removed it, also where nothing else happened', async () => {
  const days = await open()
  inactive(days.vigil)
  await days.run('fetch-quota')
  await look(days)
  await look(days)
  rmSync(days.vigil.paths.runtimeState)
  expect((await look(days)).state).toMatchObject({ accounts: { 'slot-1': { standing: 'active' } } })
})

it('that cannot be written is a line in the log, and no alert is late for it', async () => {
  const days = await open()
  inactive(days.vigil, 1)
  const { runtimeState } = days.vigil.paths
  mkdirSync(runtimeState, { recursive: true })
  days.pass(1)
  expect((await days.vigil.run('watchdog', days.env())).code).toBe(0)
  expect(days.told().sort()[0]).toContain('AccountInactive{slot-2} f1')
  expect(days.vigil.log('watchdog')).toContain('runtime-state.yaml could not be written')
})
