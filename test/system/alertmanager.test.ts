// Our mirror against Debian's Alertmanager, as the settings open it: what it keeps, what it tells on, and what amtool sees.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, it, type TestContext } from 'vitest'
import { openDelivery, surroundingsOf } from '../../lib/channels/index.ts'
import { parseSettings } from '../../lib/settings-schema.ts'
import { state } from '../support/messages.ts'
import { startReceiver } from '../support/receiver.ts'
import { needs } from './tools.ts'

const SOON = { timeout: 60_000, interval: 100 }

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

/** @param webhook where it sends its notifications */
async function startAlertmanager(test: TestContext, webhook: string): Promise<string> {
  needs('prometheus-alertmanager', 'prometheus-alertmanager')
  const folder = mkdtempSync(join(homedir(), 'alertmanager-'))
  const config = join(folder, 'config.yml')
  writeFileSync(
    config,
    `route: { receiver: test, group_by: [alertname, slot], group_wait: 0s, group_interval: 1s, repeat_interval: 4h }
receivers: [{ name: test, webhook_configs: [{ url: "${webhook}", send_resolved: true }] }]
`,
  )
  const url = `http://127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=${new URL(url).host}`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: '/usr/bin:/bin', HOME: folder } },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', chunk => {
    said += chunk
  })
  const ended = new Promise<void>(resolve => child.on('exit', () => resolve()))
  test.onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const isReady = async () => (await fetch(`${url}/-/ready`).catch(() => null))?.ok ?? said
  await expect.poll(isReady, SOON).toBe(true)
  return url
}

it('two runs of the watchdog are one notification, and the end is another', async test => {
  const receiver = await startReceiver()
  test.onTestFinished(() => receiver.close())
  const url = await startAlertmanager(test, receiver.url)
  const home = mkdtempSync(join(homedir(), 'mirror-'))
  const paths = { home, logs: home }
  const around = surroundingsOf({ paths, childEnv: { HOME: home }, secretFromEnv: () => null })
  const yaml = `channels:\n  webhooks: [{ name: am, kind: alertmanager, url: "${url}" }]\n`
  const [mirror] = openDelivery(parseSettings(yaml), { ...around, hostname: 'box' }).mirrors
  const now = Date.now()
  const send = (changes: Parameters<typeof state>[0], at: number) =>
    mirror!.send([state({ since: now - 7_200_000, ...changes })], { signal: new AbortController().signal, now: at })
  const told = () => receiver.received.map(({ body }) => JSON.parse(body) as { status: string; alerts: unknown[] })
  const metric = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1])
  }

  expect(await send({ phase: 'pending' }, now)).toEqual({ outcome: 'accepted', detail: '0 alerts' })
  expect(await send({}, now)).toEqual({ outcome: 'accepted', detail: '1 alert' })
  await expect.poll(() => told().length, SOON).toBe(1)
  expect(await send({}, now + 60_000)).toMatchObject({ outcome: 'accepted' })
  // It has thought about the second one, twice, and found that it had told that already.
  const looks = await metric('alertmanager_nflog_queries_total')
  await expect.poll(() => metric('alertmanager_nflog_queries_total'), SOON).toBeGreaterThanOrEqual(looks + 2)
  expect(told()).toMatchObject([{ status: 'firing' }])
  expect(told()[0]!.alerts).toMatchObject([
    {
      status: 'firing',
      labels: { alertname: 'AccountInactive', severity: 'warning', slot: 'slot-2', service: 'vigil', instance: 'box' },
      annotations: { summary: 'The login of slot-2 is over', remedy: 'CLAUDE_CONFIG_DIR=~/.claude-work claude /login' },
    },
  ])
  // As an instant: it writes the same one with fewer digits where they end in 0.
  const [{ startsAt }] = told()[0]!.alerts as [{ startsAt: string }]
  expect(Date.parse(startsAt)).toBe(now - 7_200_000)

  const query = () => amtool(url, 'alert', 'query', 'alertname=AccountInactive') as { endsAt: string }[]
  expect(query().map(({ endsAt }) => Date.parse(endsAt))).toEqual([now + 60_000 + 5 * 60_000])

  const resolvedAt = Date.now()
  expect(await send({ phase: 'resolved', resolvedAt }, resolvedAt)).toMatchObject({ outcome: 'accepted' })
  await expect.poll(() => told().map(({ status }) => status), SOON).toEqual(['firing', 'resolved'])
  expect(query()).toEqual([])
})

it('what it does not understand is our fault, and is said', async test => {
  const receiver = await startReceiver((_request, response) => response.writeHead(400).end('bad start time'))
  test.onTestFinished(() => receiver.close())
  const home = mkdtempSync(join(homedir(), 'mirror-'))
  const around = surroundingsOf({ paths: { home, logs: home }, childEnv: {}, secretFromEnv: () => null })
  const yaml = `channels:\n  webhooks: [{ name: am, kind: alertmanager, url: "${receiver.url}" }]\n`
  const [mirror] = openDelivery(parseSettings(yaml), around).mirrors
  const context = { signal: new AbortController().signal, now: Date.now() }
  expect(await mirror!.send([state()], context)).toEqual({ outcome: 'refused', detail: 'HTTP 400 (bad start time)' })
})

function amtool(url: string, ...words: string[]): unknown {
  const args = [...words, `--alertmanager.url=${url}`, '--output=json']
  return JSON.parse(execFileSync('amtool', args, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', HOME: homedir() } }))
}
