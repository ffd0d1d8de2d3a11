// Two who want alerts.json at one moment: two watchdogs, and a person's command beside one.
import { expect, it, onTestFinished } from 'vitest'
import type { AlertsFile } from '../../lib/domain/alert.ts'
import { inactive, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const NOON = Date.parse('2030-02-08T12:00:00Z')
const FINE = { code: 0, signal: null, stdout: '', stderr: '' }

async function open(count: number): Promise<VirtualDays> {
  const days = await virtualDays(NOON, { count })
  onTestFinished(() => days.dispose())
  return days
}
const look = async (days: VirtualDays) => {
  days.pass(1)
  return days.vigil.run('watchdog', days.env())
}

/** The mail server keeps its 250 back: the watchdog is in the middle of its work until it lets go. */
function hold(days: VirtualDays) {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  days.answers.before250 = () => {
    reached.resolve()
    return opened.promise
  }
  return { reached: reached.promise, letGo: () => opened.resolve() }
}

it('of two watchdogs one works, and the other leaves', async () => {
  const days = await open(2)
  inactive(days.vigil, 1)
  const { reached, letGo } = hold(days)
  const first = look(days)
  await reached
  expect(await days.vigil.run('watchdog', days.env())).toEqual(FINE)
  expect(days.vigil.log('watchdog')).toContain('another run is at it: watchdog, pid ')
  letGo()
  expect(await first).toEqual(FINE)
  expect(days.told()).toHaveLength(2)
})

it('a silence that is made while the watchdog sends waits for it, and neither loses what the other wrote', async () => {
  const days = await open(3)
  inactive(days.vigil, 1)
  const { reached, letGo } = hold(days)
  const run = look(days)
  await reached
  const silence = days.command('alerts', 'silence', 'AccountInactive{slot-3}')
  // Long enough to come to the lock. If it is not, the two are merely one after the other.
  await new Promise(resolve => setTimeout(resolve, 400))
  letGo()
  expect(await run).toEqual(FINE)
  expect(await silence).toMatchObject({ code: 0, stderr: '' })
  const { silences, states, outbox } = days.vigil.json(days.vigil.paths.alerts) as AlertsFile
  expect(silences.map(({ match }) => match)).toEqual(['AccountInactive{slot-3}'])
  expect(Object.keys(states[0]!.told).sort()).toEqual(['email', 'hook'])
  expect(outbox).toEqual([])
  days.told()
  inactive(days.vigil, 1, 2)
  await look(days)
  expect(days.told()).toEqual([])
})
