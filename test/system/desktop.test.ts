// A notice on a real desktop, sent by a real cron: what runs there has no address of the bus, no locale and no display.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Message } from '../../lib/domain/alert.ts'
import { copyVigil, makeUser, startCron, startDesktop } from '../support/desktop.ts'
import { message, notice } from '../support/messages.ts'
import { needs, needsRoot } from './tools.ts'

/** As the watchdog sends: the channels of the default settings, opened from the environment as it is. */
const SCRIPT = `
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { openDelivery, surroundingsOf } from './vigil/lib/channels/index.ts'
import { loadAllSettings, readEnvironment } from './vigil/lib/settings.ts'

const environment = readEnvironment()
mkdirSync(environment.paths.logs, { recursive: true }) // As runJob does.
const settings = await loadAllSettings(environment.paths)
const [desktop] = openDelivery(settings, surroundingsOf(environment)).channels
const message = JSON.parse(readFileSync('message.json', 'utf8'))
const result = await desktop.send(message, { signal: new AbortController().signal, now: message.now })
writeFileSync('result.part', JSON.stringify({ ...result, bus: process.env.DBUS_SESSION_BUS_ADDRESS ?? null }))
renameSync('result.part', 'result.json')
`

it('a real cron entry shows a notice, and the next one takes its place', async test => {
  needsRoot('to make a user with a desktop of its own')
  for (const [program, from] of [
    ['cron', 'cron'],
    ['dunst', 'dunst'],
    ['Xvfb', 'xvfb'],
    ['dbus-daemon', 'dbus-daemon'],
    ['notify-send', 'libnotify-bin'],
    ['import', 'imagemagick'],
  ] as const) {
    needs(program, from)
  }
  const user = makeUser()
  test.onTestFinished(() => user.remove())
  const { node } = copyVigil(user)
  const script = join(user.home, 'send.ts')
  writeFileSync(script, SCRIPT)
  const path = (name: string) => join(user.home, name)
  const write = (one: Message) => writeFileSync(path('message.json'), JSON.stringify(one))
  const result = () => JSON.parse(readFileSync(path('result.json'), 'utf8'))
  const told = (changes: Parameters<typeof notice>[0]) => message([notice({ severity: 'critical', ...changes })])

  // Nobody is logged in yet.
  write(told({}))
  user.run([node, script])
  expect(result()).toMatchObject({ outcome: 'retry', detail: 'unavailable: nobody is logged in at the desktop' })

  const screen = await startDesktop(user, '700x320')
  rmSync(path('result.json'))
  const text = { ...notice().text, summary: '-u <b>slot-2</b> & C:\\new – needs a login' }
  write(told({ text }))
  execFileSync('crontab', ['-u', user.name, '-'], { input: `* * * * * cd ~ && ${node} ${script} >cron.out 2>&1\n` })
  test.onTestFinished(() => void execFileSync('crontab', ['-u', user.name, '-r']))
  const cron = startCron()
  test.onTestFinished(() => void cron?.kill())
  await expect.poll(() => existsSync(path('result.json')), { timeout: 150_000, interval: 250 }).toBe(true)
  execFileSync('crontab', ['-u', user.name, '-'], { input: '# Once was enough.\n' })
  expect(result()).toEqual({ outcome: 'unconfirmed', detail: 'handed to the desktop', bus: null })
  await expect.poll(() => screen.shown(), { timeout: 30_000 }).toBe(1)

  write(told({ text, kind: 'resolved', resolvedAt: message().now }))
  user.run([node, script])
  expect(result()).toMatchObject({ outcome: 'unconfirmed' })
  const other = notice({ key: 'AllInactive', name: 'AllInactive', labels: {} })
  write(message([other]))
  user.run([node, script])
  await expect.poll(() => screen.shown(), { timeout: 30_000 }).toBe(2)
  screen.takePicture(path('screen.png'))
  expect(
    Number(execFileSync('convert', [path('screen.png'), '-format', '%k', 'info:'], { encoding: 'utf8' })),
  ).toBeGreaterThan(50)
  const notices = screen.takeNotices()
  expect(notices.map(({ title }) => title).sort()).toEqual([
    '✅ Over: -u <b>slot-2</b> & C:\\new – needs a login',
    '🟠 The login of slot-2 is over',
  ])
  expect(notices.find(({ title }) => title.startsWith('✅'))!.body).toContain('It lasted 2 h 10 min')
})
