// The channels as the settings open them, against servers and programs on this machine.
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openDelivery, type Surroundings, surroundingsOf } from '../../../lib/channels/index.ts'
import { redact } from '../../../lib/edges/redact.ts'
import { parseSettings } from '../../../lib/settings-schema.ts'
import { message, NOW, notice, state, ZONE } from '../../support/messages.ts'
import { type Receiver, startReceiver } from '../../support/receiver.ts'

const context = () => ({ signal: new AbortController().signal, now: NOW })
let receiver: Receiver | null = null
afterEach(async () => {
  await receiver?.close()
  receiver = null
})

function surroundings(changes: Partial<Surroundings> = {}): Surroundings {
  const home = mkdtempSync(join(homedir(), 'delivery-'))
  const childEnv = { HOME: home, PATH: '/usr/bin:/bin' }
  const paths = { home, logs: home }
  const around = surroundingsOf({ paths, childEnv, secretFromEnv: name => (name === 'TOKEN' ? 'tok-from-env' : null) })
  return { ...around, hostname: 'box', timeZone: ZONE, ...changes }
}
function open(yaml: string, around = surroundings()) {
  return openDelivery(parseSettings(`channels:\n  desktop: { enabled: false }\n${yaml}`), around)
}
const only = (yaml: string, around?: Surroundings) => open(yaml, around).channels[0]!
const hook = (words: string) => `  webhooks: [{ name: hook, ${words} }]\n`

describe('a webhook', () => {
  it('that answers 204 has accepted, once, with the id of the message', async () => {
    receiver = await startReceiver((_request, response) => response.writeHead(204).end())
    const channel = only(hook(`kind: discord, url: "${receiver.url}/api/webhooks/1/x"`))
    expect(await channel.send(message(), context())).toEqual({ outcome: 'accepted', detail: 'HTTP 204' })
    expect(receiver.received).toHaveLength(1)
    expect(receiver.received[0]).toMatchObject({ method: 'POST', path: '/api/webhooks/1/x' })
    expect(receiver.received[0]!.headers['idempotency-key']).toBe('AccountInactive{slot-2}#1234#f1@phone')
  })
  it.each([
    [202, {}, '', { outcome: 'accepted', detail: 'HTTP 202' }],
    [
      302,
      { location: 'http://127.0.0.1:1/' },
      '',
      { outcome: 'refused', detail: 'HTTP 302: it redirects, which is never followed; set its final URL' },
    ],
    [400, {}, 'invalid_payload', { outcome: 'refused', detail: 'HTTP 400 (invalid_payload)' }],
    [401, {}, '<html>no</html>', { outcome: 'refused', detail: 'HTTP 401' }],
    [404, {}, '', { outcome: 'refused', detail: 'HTTP 404' }],
    [408, {}, '', { outcome: 'retry', detail: 'HTTP 408', retryAfterMs: null }],
    [425, {}, '', { outcome: 'retry', detail: 'HTTP 425', retryAfterMs: null }],
    [429, { 'retry-after': '17' }, '', { outcome: 'retry', detail: 'HTTP 429', retryAfterMs: 17_000 }],
    [500, {}, '', { outcome: 'retry', detail: 'HTTP 500', retryAfterMs: null }],
    [
      503,
      { 'retry-after': 'Tue, 24 Nov 2026 15:12:00 GMT' },
      '',
      { outcome: 'retry', detail: 'HTTP 503', retryAfterMs: 120_000 },
    ],
  ])('that answers %d %j %j is judged by it', async (status, headers, body, result) => {
    receiver = await startReceiver((_request, response) => response.writeHead(status, headers).end(body))
    const channel = only(hook(`kind: json, url: "${receiver.url}/x"`))
    expect(await channel.send(message(), context())).toEqual(result)
    expect(receiver.received).toHaveLength(1)
  })
  it('that is not there is tried again', async () => {
    receiver = await startReceiver()
    const { url } = receiver
    await receiver.close()
    const result = await only(hook(`kind: json, url: "${url}/secret-path"`)).send(message(), context())
    expect(result).toMatchObject({ outcome: 'retry', retryAfterMs: null })
    expect(result.detail).toContain('ECONNREFUSED')
    expect(result.detail).not.toContain('secret-path')
  })
  it('that never answers is given up with the run', async () => {
    receiver = await startReceiver(() => stop.abort())
    const stop = new AbortController()
    const channel = only(hook(`kind: json, url: "${receiver.url}/x"`))
    expect(await channel.send(message(), { signal: stop.signal, now: NOW })).toEqual({
      outcome: 'retry',
      detail: 'the run was told to stop',
      retryAfterMs: null,
    })
  })
  it('that drops a message in the middle of its answer is tried again', async () => {
    receiver = await startReceiver((_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('x')
      response.destroy()
    })
    const result = await only(hook(`kind: json, url: "${receiver.url}/x"`)).send(message(), context())
    expect(result.outcome).toBe('retry')
  })
  it('sends both words to PagerDuty where an alert fired and is over, and stops at a refusal', async () => {
    let answers = [202, 202]
    receiver = await startReceiver((_request, response) => response.writeHead(answers.shift()!).end('{}'))
    const channel = only(hook(`kind: pagerduty, token: "env:TOKEN", url: "${receiver.url}/v2/enqueue"`))
    const combined = message([notice({ kind: 'combined', resolvedAt: NOW })])
    expect((await channel.send(combined, context())).outcome).toBe('accepted')
    expect(receiver.received.map(({ body }) => JSON.parse(body).event_action)).toEqual(['trigger', 'resolve'])
    expect(JSON.parse(receiver.received[0]!.body).routing_key).toBe('tok-from-env')
    answers = [400]
    expect((await channel.send(combined, context())).outcome).toBe('refused')
    expect(receiver.received).toHaveLength(3)
  })
  it('never gets a token that this machine knows, nor a line that was smuggled in', async () => {
    receiver = await startReceiver()
    const text = { ...notice().text, summary: 'it said sk-ant-oat01-abcdefgh\nRun: rm -rf ~ \u202e' }
    await only(hook(`kind: json, url: "${receiver.url}/x"`)).send(message([notice({ text })]), context())
    expect(JSON.parse(receiver.received[0]!.body).alerts[0].summary).toBe('it said [redacted] Run: rm -rf ~')
  })
})

describe('a secret', () => {
  it('comes from a file of ours, and only from one that is closed to others', async () => {
    receiver = await startReceiver()
    const around = surroundings()
    const channel = only(hook('kind: slack, url: "file:~/hook"'), around)
    writeFileSync(join(around.home, 'hook'), `${receiver.url}/services/T0/B0/verysecret\n`)
    chmodSync(join(around.home, 'hook'), 0o644)
    expect(await channel.send(message(), context())).toEqual({
      outcome: 'refused',
      detail: 'its url cannot be had: ~/hook is open to others (mode 644); run: chmod 600 ~/hook',
    })
    chmodSync(join(around.home, 'hook'), 0o600)
    await channel.send(message(), context())
    expect(receiver.received[0]!.path).toBe('/services/T0/B0/verysecret')
  })
  it('is hidden from then on', async () => {
    receiver = await startReceiver()
    const channel = only(hook(`kind: json, url: "${receiver.url}/x", token: "cmd:printf %s cmd-made-secret"`))
    await channel.send(message(), context())
    expect(receiver.received[0]!.headers['authorization']).toBe('Bearer cmd-made-secret')
    expect(redact('it is cmd-made-secret')).toBe('it is [redacted]')
  })
  it.each([
    ['env:NONE', 'the environment has no NONE; cron passes on only what the crontab itself sets'],
    ['file:~/none', '~/none is not there'],
    ['cmd:exit 3', 'its cmd: exited with 3'],
    ['cmd:printf "a\\nb"', 'what its cmd: printed holds more than one line'],
    ['cmd:true', 'what its cmd: printed is empty'],
  ])('%s that cannot be had is a channel that refuses', async (spec, reason) => {
    const channel = only(hook(`kind: slack, url: '${spec}'`))
    expect(await channel.send(message(), context())).toEqual({
      outcome: 'refused',
      detail: `its url cannot be had: ${reason}`,
    })
  })
  it('keeps no other channel from sending', async () => {
    receiver = await startReceiver()
    const yaml = `  webhooks:\n    - { name: a, kind: slack, url: "env:NONE" }\n    - { name: b, kind: json, url: "${receiver.url}" }\n`
    const results = await Promise.all(open(yaml).channels.map(channel => channel.send(message(), context())))
    expect(results.map(({ outcome }) => outcome)).toEqual(['refused', 'accepted'])
  })
  it('never goes out unencrypted, and nothing connects', async () => {
    const around = surroundings({ secretFromEnv: () => 'http://hooks.invalid/services/x' })
    expect(await only(hook('kind: slack, url: "env:URL"'), around).send(message(), context())).toEqual({
      outcome: 'refused',
      detail: 'hooks.invalid would get a secret unencrypted; use https (EHOSTREFUSED)',
    })
  })
})

describe('a program', () => {
  const script = (around: Surroundings, text: string) => {
    writeFileSync(join(around.home, 'tell'), `#!/bin/sh\n${text}\n`, { mode: 0o700 })
    return only('  exec: [{ name: lamp, command: [~/tell, "a b", "$HOME"] }]\n', around)
  }
  it('gets the alert on stdin, its words as they are, and nothing of our environment', async () => {
    const around = surroundings()
    const channel = script(around, 'cat >"$HOME/got"; printf "%s|" "$@" >"$HOME/args"; env >"$HOME/env"')
    expect(await channel.send(message(), context())).toEqual({ outcome: 'accepted', detail: 'it exited with 0' })
    const got = (name: string) => readFileSync(join(around.home, name), 'utf8')
    expect(JSON.parse(got('got')).alerts[0].key).toBe('AccountInactive{slot-2}')
    expect(got('args')).toBe('a b|$HOME|')
    const names = got('env')
      .trim()
      .split('\n')
      .map(line => line.split('=')[0])
    expect(names.filter(name => !['HOME', 'PATH', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name!))).toEqual([])
  })
  it.each([
    ['exit 75', 'retry', 'it exited with 75'],
    ['echo no lamp >&2; exit 1', 'refused', 'it exited with 1: no lamp'],
    ['kill -9 $$', 'refused', 'it was killed'],
  ])('that does "%s" is judged by it', async (text, outcome, detail) => {
    expect(await script(surroundings(), text).send(message(), context())).toMatchObject({ outcome, detail })
  })
  it('that is not there is refused, without a path', async () => {
    const channel = only('  exec: [{ name: lamp, command: [~/none] }]\n')
    expect(await channel.send(message(), context())).toEqual({
      outcome: 'refused',
      detail: '~/none cannot be started (ENOENT); mend channels.exec',
    })
  })
  it('that hangs is ended with all that it started', async () => {
    const { runExec } = await import('../../../lib/channels/exec.ts')
    const around = surroundings()
    script(around, 'sleep 600 & echo $! >"$HOME/pid"; wait')
    const options = { ...around, stderrPath: join(around.home, 'err'), signal: context().signal, deadlineMs: 300 }
    const result = await runExec(['~/tell'], message(), options)
    expect(result).toMatchObject({ outcome: 'retry', detail: 'it was ended after 0.3 s' })
    const pid = readFileSync(join(around.home, 'pid'), 'utf8').trim()
    const isGone = () => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
    await expect.poll(isGone, { timeout: 20_000 }).toBe(true)
  })
})

describe('a mirror', () => {
  it('tells every peer, and is content with one', async () => {
    receiver = await startReceiver()
    const yaml = hook(`kind: alertmanager, peers: ["${receiver.url}/", "http://127.0.0.1:1/am"], token: "env:TOKEN"`)
    const { channels, mirrors } = open(yaml)
    expect(channels).toEqual([])
    const result = await mirrors[0]!.send([state()], context())
    expect(result).toMatchObject({ outcome: 'accepted' })
    expect(result.detail).toMatch(/^1 of 2 peers failed: .*ECONNREFUSED/)
    expect(receiver.received[0]).toMatchObject({ path: '/api/v2/alerts' })
    expect(receiver.received[0]!.headers['authorization']).toBe('Bearer tok-from-env')
  })
  it('is asked whether it is there where nothing fires', async () => {
    receiver = await startReceiver()
    const { mirrors } = open(hook(`kind: alertmanager, url: "${receiver.url}"`))
    const pending = [state({ phase: 'pending' })]
    expect(await mirrors[0]!.send(pending, context())).toEqual({ outcome: 'accepted', detail: '0 alerts' })
    expect(receiver.received[0]!.body).toBe('[]')
    await receiver.close()
    expect(await mirrors[0]!.send(pending, context())).toMatchObject({ outcome: 'retry' })
  })
})

describe("a dead man's switch", () => {
  it('hears of start and end with one run id', async () => {
    receiver = await startReceiver()
    const { deadMan } = openDelivery(
      parseSettings(`dead_man: { watchdog: "${receiver.url}/uuid", jobs: { fetch-quota: "${receiver.url}/other" } }`),
      surroundings(),
    )
    await deadMan.watchdog!('start', 'run-1', '', context())
    await deadMan.watchdog!('fail', 'run-1', 'why: sk-ant-oat01-abcdefgh', context())
    await deadMan.jobs['fetch-quota']!('success', 'run-2', '', context())
    const paths = receiver.received.map(({ path }) => path)
    const rid = /rid=(.*)/.exec(paths[0]!)![1]
    expect(paths.slice(0, 2)).toEqual([`/uuid/start?rid=${rid}`, `/uuid/fail?rid=${rid}`])
    expect(paths[2]).toMatch(/^\/other\?rid=/)
    expect(receiver.received[1]!.body).toBe('why: [redacted]')
  })
})
