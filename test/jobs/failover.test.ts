import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readFailoverEvents } from '../../lib/store/history.ts'
import { type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())

const ON = 'channels: { desktop: { enabled: false } }\nfailover: { enabled: true }'
const used = (five: number) => ({
  five_hour: { utilization: five, resets_at: new Date(Date.now() + 3 * 3_600_000).toISOString() },
  seven_day: { utilization: 10, resets_at: new Date(Date.now() + 72 * 3_600_000).toISOString() },
})

/** Three logins with measured figures, slot-1 current and this far used. */
async function start(five = 100, settings = ON): Promise<void> {
  vigil = await scratchVigil({ count: 3, expiresInMin: 300, settings })
  const [first, second, third] = vigil.logins
  await vigil.run('refresh-tokens')
  for (const [login, percent] of [
    [first, five],
    [second, 20],
    [third, 40],
  ] as const)
    vigil.standIn.setUsage(login!.email, used(percent))
  expect(await vigil.run('fetch-quota')).toMatchObject({ code: 0 })
}
const failover = () => vigil.run('failover')
const current = () => /^current: (\S+)/m.exec(vigil.registry())![1]
const env = () => readFileSync(vigil.paths.currentEnv, 'utf8')
const events = () => readFailoverEvents(vigil.paths.history, 0)!.map(({ event, slot }) => `${event} ${slot}`.trim())
const switches = () => readFailoverEvents(vigil.paths.history, 0)!.filter(({ event }) => event === 'switch')
const state = () => vigil.json(vigil.paths.failover) as { lastSwap: unknown; standing: { do: string; code: string } }

describe('failover', () => {
  it('that is off does nothing and says nothing', async () => {
    await start(100, '')
    expect(await failover()).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(current()).toBe('slot-1')
    expect(existsSync(vigil.paths.failover) || existsSync(vigil.paths.currentEnv)).toBe(false)
    expect(vigil.standIn.state().profileGets).toBe(0)
  })

  it('makes the account with most room the current one, proves it, and puts everything down once', async () => {
    await start()
    const before = vigil.registry()
    expect(await failover()).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(vigil.registry()).toBe(before.replace('current: slot-1', 'current: slot-2'))
    expect(env()).toContain(`export CLAUDE_CONFIG_DIR='${vigil.dir(1)}'`)
    expect(readlinkSync(vigil.paths.currentLink)).toBe(vigil.dir(1))
    expect(vigil.standIn.state().profileGets).toBe(1)
    expect(existsSync(vigil.paths.switching)).toBe(false)
    expect(state().lastSwap).toMatchObject({ from: 'slot-1', to: 'slot-2' })
    expect(events()).toEqual(['swap spent slot-2', 'switch slot-2'])
    expect(vigil.record('failover').reason).toBe('1 swapped')
    await failover()
    expect(vigil.record('failover').reason).toBe('nothing to do')
    expect(current()).toBe('slot-2')
    expect(switches()).toHaveLength(1)
  })

  it('of the default account leaves CLAUDE_CONFIG_DIR unset', async () => {
    await start(10)
    await failover()
    expect(env()).toContain('\nunset CLAUDE_CONFIG_DIR\n')
    expect(state().standing).toMatchObject({ do: 'stay', code: 'room' })
  })

  it.each([
    ['another login', 'body'],
    ['a 500', 500],
    ['a 401', 401],
  ] as const)('puts everything back where the proof brings %s, and waits', async (_what, answer) => {
    await start()
    const before = vigil.registry()
    const body =
      answer === 'body' ? { account: { uuid: 'somebody-else' }, organization: { uuid: 'other' } } : { error: {} }
    vigil.standIn.fault({
      endpoint: 'profile',
      action: { kind: 'answer', status: answer === 'body' ? 200 : answer, body },
    })
    await failover()
    expect(vigil.registry()).toBe(before)
    expect(env()).toContain('unset CLAUDE_CONFIG_DIR')
    expect(readlinkSync(vigil.paths.currentLink)).toBe(vigil.dir(0))
    expect(existsSync(vigil.paths.switching)).toBe(false)
    expect(switches().map(({ reason }) => reason)).toEqual([expect.stringMatching(/^put_back: /)])
    await failover()
    expect(state().standing).toMatchObject({ do: 'stay', code: 'cooldown' })
    expect(vigil.standIn.state().profileGets).toBe(1)
  })

  it.each(['forward', 'back'] as const)('finishes a switch that was cut off on its way %s', async phase => {
    await start(10)
    const journal = { schema: 1, id: 'x', phase, at: Date.now(), from: 'slot-1', to: 'slot-2' }
    const rest = { reason: 'test', until: Date.now() + 60_000, window: null, failure: phase === 'back' ? 'no' : null }
    writeFileSync(vigil.paths.switching, JSON.stringify({ ...journal, ...rest }))
    await failover()
    expect(current()).toBe(phase === 'forward' ? 'slot-2' : 'slot-1')
    expect(existsSync(vigil.paths.switching)).toBe(false)
    expect(switches()).toHaveLength(1)
  })

  it('leaves to a person what a person chose meanwhile', async () => {
    await start(10)
    writeFileSync(vigil.paths.accounts, vigil.registry().replace('current: slot-1', 'current: slot-3'))
    const journal = { schema: 1, id: 'x', phase: 'forward', at: Date.now(), from: 'slot-1', to: 'slot-2' }
    writeFileSync(
      vigil.paths.switching,
      JSON.stringify({ ...journal, reason: 't', until: 0, window: null, failure: null }),
    )
    await failover()
    expect(current()).toBe('slot-3')
    expect(env()).toContain(vigil.dir(2))
    expect(switches()[0]?.reason).toMatch(/^overtaken/)
  })

  it('takes what a transcript says at once, each line once, and a 500 for nothing', async () => {
    await start(10)
    const folder = join(vigil.dir(0), 'projects', '-p')
    mkdirSync(folder, { recursive: true })
    const line = (apiErrorStatus: number) =>
      `${JSON.stringify({
        isApiErrorMessage: true,
        timestamp: new Date().toISOString(),
        sessionId: 's1',
        error: 'rate_limit',
        apiErrorStatus,
        message: { content: [{ type: 'text', text: `limit reached|${Math.floor(Date.now() / 1000) + 7200}` }] },
      })}\n`
    writeFileSync(join(folder, 's1.jsonl'), `{"type":"user"}\n${line(500)}`)
    await failover()
    expect(current()).toBe('slot-1')
    writeFileSync(join(folder, 's1.jsonl'), `{"type":"user"}\n${line(500)}${line(429)}`)
    await failover()
    expect(current()).toBe('slot-2')
    expect(events().filter(event => event.startsWith('hit'))).toEqual(['hit slot-1'])
  })

  it('takes what a status line was handed since the last measurement, as fetch-quota would', async () => {
    await start(10)
    mkdirSync(vigil.paths.harvest, { recursive: true })
    const at = Date.now()
    const told = (usedPercent: number, measuredAt: number, configDir: string | null = null) => {
      const windows = {
        five_hour: { usedPercent, resetsAt: at + 3 * 3_600_000 },
        seven_day: { usedPercent: 10, resetsAt: at + 72 * 3_600_000 },
      }
      const harvest = { schema: 1, sessionId: 's', configDir, measuredAt, answer: 'a', windows }
      writeFileSync(join(vigil.paths.harvest, `s${usedPercent}.json`), JSON.stringify(harvest))
    }
    told(98, at - 60_000)
    told(99, at, '/home/somebody/else')
    await failover()
    expect(current()).toBe('slot-1')
    told(96, Date.now())
    const before = vigil.json(join(vigil.paths.slots, 'slot-1.json'))
    await failover()
    expect(current()).toBe('slot-2')
    expect(vigil.json(join(vigil.paths.slots, 'slot-1.json'))).toEqual(before)
  })

  it('takes what the hook left, and removes it only then', async () => {
    await start(10)
    mkdirSync(vigil.paths.stopFailures)
    const at = Date.now()
    const hit = {
      slot: 'slot-1',
      source: 'hook',
      at,
      resetsAt: at + 3_600_000,
      session: 's',
      rule: 'r',
      excerpt: 'sk-ant-oat01-abcdefgh',
    }
    writeFileSync(join(vigil.paths.stopFailures, `${at}-1.json`), JSON.stringify(hit))
    await failover()
    expect(current()).toBe('slot-2')
    expect(readdirSync(vigil.paths.stopFailures)).toEqual([])
    expect(readFailoverEvents(vigil.paths.history, 0)![0]?.detail).toContain('[redacted]')
  })

  it('puts a file that is no good aside, and waits out a cooldown', async () => {
    await start()
    writeFileSync(vigil.paths.failover, '{')
    await failover()
    expect(current()).toBe('slot-1')
    expect(state().standing).toMatchObject({ code: 'cooldown' })
    expect(readdirSync(vigil.paths.health).filter(name => name.startsWith('failover.json.broken-'))).toHaveLength(1)
  })
})
