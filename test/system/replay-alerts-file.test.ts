// alerts.json lost, broken, or not yet written after a send: a person hears something twice rather than never.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeConfigDir } from '../../sandbox/sample-accounts.ts'
import { both, type VirtualDays, virtualDays } from '../support/virtual-days.ts'

const MORNING = Date.parse('2030-02-08T09:00:00Z')

async function open(): Promise<VirtualDays> {
  const days = await virtualDays(MORNING, { count: 2 })
  onTestFinished(() => days.dispose())
  return days
}

describe('alerts.json', () => {
  it.each([
    ['is corrupt', (path: string) => writeFileSync(path, '{"schema":1,"stat'), ['alerts.json.corrupt-1896772560000']],
    ['is deleted', (path: string) => rmSync(path), []],
  ])('that %s is told once, and what is still so is told once more', async (_how, harm, aside) => {
    const days = await open()
    const { vigil } = days
    await days.live(10)
    vigil.standIn.revoke(vigil.logins[1]!.email)
    await days.live(5)
    const inactive = both('09:11', 'AccountInactive{slot-2} f1', '🟠 Vigil: Account inactive (slot-2)')
    expect(days.told().sort()).toEqual(inactive)
    harm(vigil.paths.alerts)
    await days.live(20)
    const subject = '🟠 Vigil: 2 alerts: Account inactive (slot-2), State reset'
    expect(days.told().sort()).toEqual(both('09:16', 'AccountInactive{slot-2} f1 + StateReset f1', subject))
    expect(readdirSync(vigil.paths.health).filter(name => name.includes('corrupt'))).toEqual(aside)
    writeConfigDir(vigil.dir(1), `${vigil.dir(1)}/.claude.json`, vigil.standIn.login(vigil.logins[1]!.email))
    await days.live(15)
    expect(days.told().sort()).toEqual(
      both('09:38', 'AccountInactive{slot-2} r', '✅ Vigil: Account inactive (slot-2)'),
    )
    // No id of the time before comes again: a receiver would take it for one that it knows.
    expect(new Set(days.mailIds()).size).toBe(3)
    expect(new Set(days.hookIds()).size).toBe(4)
  })
})

it('a watchdog that is killed before it hears that a mail is taken: the same one comes again, and nothing is lost', async () => {
  const days = await open()
  const { vigil } = days
  await days.live(5)
  vigil.standIn.revoke(vigil.logins[1]!.email)
  days.pass(1)
  await days.run('fetch-quota')
  let pid = 0
  days.answers.before250 = async () => {
    process.kill(pid, 'SIGKILL')
  }
  const killed = await days.run('watchdog', started => {
    pid = started
  })
  expect(killed.signal).toBe('SIGKILL')
  delete days.answers.before250
  await days.live(10)
  const told = days.told()
  const subject = 'mail 🟠 Vigil: Account inactive (slot-2)'
  expect(told.filter(words => words.includes('mail'))).toEqual([`09:06 ${subject}`, `09:07 ${subject}`])
  const [first, ...others] = days.mailIds()
  expect(others).toEqual([first])
  // Whether its answer was put down before the kill is a race; told twice, it is the same message.
  const hooked = told.filter(words => words.includes('hook')).map(words => words.slice('09:06 '.length))
  expect(new Set(hooked)).toEqual(new Set(['hook AccountInactive{slot-2} f1']))
})
