import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())
const start = async () => {
  vigil = await scratchVigil({ count: 2, expiresInMin: 300, settings: 'failover: { enabled: true }' })
  await vigil.run('refresh-tokens')
}
const cli = [process.execPath, join(REPO, 'cli/vigil.ts')]
const run = (words: string[], env: Record<string, string> = {}) =>
  runProcess([...cli, ...words], { ...vigil.env, ...env })
const show = ['exec', '--', 'sh', '-c', 'echo "dir=$CLAUDE_CONFIG_DIR"']

/** A hook's call, with this on its stdin. */
function hook(input: string, env: Record<string, string> = {}): Promise<number | null> {
  return new Promise(resolve => {
    const child = spawn(cli[0]!, [...cli.slice(1), 'hook', 'stop-failure'], {
      env: { ...vigil.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.once('close', resolve)
    child.stdin.end(input)
  })
}
const left = () => (existsSync(vigil.paths.stopFailures) ? readdirSync(vigil.paths.stopFailures) : [])

describe('vigil exec', () => {
  it('starts a program in the current account, whatever is set around it, as `vigil accounts use` moves it', async () => {
    await start()
    expect((await run(show, { CLAUDE_CONFIG_DIR: '/elsewhere' })).stdout).toBe('dir=\n')
    expect(await run(['accounts', 'use', 'slot-2'])).toMatchObject({ code: 0 })
    expect(await run(show)).toMatchObject({ stdout: `dir=${vigil.dir(1)}\n`, stderr: '' })
    expect(readFileSync(vigil.paths.currentEnv, 'utf8')).toContain(vigil.dir(1))
    expect(readlinkSync(vigil.paths.currentLink)).toBe(vigil.dir(1))
  })
  it('is that program: its exit code, its end by a signal, its arguments', async () => {
    await start()
    expect(await run(['exec', '--', 'sh', '-c', 'exit 7'])).toMatchObject({ code: 7, stderr: '' })
    expect(await run(['exec', '--', 'sh', '-c', 'kill -TERM $$'])).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect((await run(['exec', '--', 'echo', '--version', '-x'])).stdout).toBe('--version -x\n')
    expect(await run(['exec', '--', 'no-such-program'])).toMatchObject({ code: 127 })
  })
  it('starts nothing where it cannot tell whose account is current, and says how to do without it', async () => {
    await start()
    appendFileSync(vigil.paths.accounts, 'current: [\n')
    const { code, stdout, stderr } = await run(show)
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toMatch(/^vigil exec: claude-sessions\.yaml .*to start it without Vigil: command sh\n$/s)
  })
})

describe('vigil hook stop-failure', () => {
  const said = (error: string, more = {}) =>
    JSON.stringify({ session_id: 's1', transcript_path: '/x', cwd: '/', error, ...more })
  it('puts a hit down for the account of the session, without a token in it', async () => {
    await start()
    const details = { error_details: 'limit of sk-ant-oat01-abcdefgh' }
    expect(await hook(said('rate_limit', details), { CLAUDE_CONFIG_DIR: vigil.dir(1) })).toBe(0)
    const [name] = left()
    const text = readFileSync(join(vigil.paths.stopFailures, name!), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ slot: 'slot-2', source: 'hook', session: 's1', resetsAt: null })
    expect(text).not.toContain('sk-ant-oat01-abcdefgh')
  })
  it.each([
    ['another failure', said('overloaded')],
    ['a 500', said('rate_limit', { error_details: 'API Error: 500 rate limit' })],
    ['no JSON', '{'],
    ['nothing', ''],
  ])('puts nothing down for %s, and ends with 0', async (_what, input) => {
    await start()
    expect(await hook(input)).toBe(0)
    expect(left()).toEqual([])
  })
})

it('vigil why failover tells what was decided and why', async () => {
  await start()
  for (const [n, utilization] of [100, 10].entries())
    vigil.standIn.setUsage(`user-${n + 1}@example.com`, {
      five_hour: { utilization, resets_at: new Date(Date.now() + 3_600_000).toISOString() },
    })
  await vigil.run('fetch-quota')
  await vigil.run('failover')
  const { code, stdout } = await run(['why', 'failover'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/swap \(spent\) since .*slot-1 has its five-hour window full; slot-2 has room/)
  expect(stdout).toMatch(/switch slot-2: swapped: /)
})

it('vigil failover --replay tells what other settings would have done, and refuses what it does not understand', async () => {
  await start()
  for (const [n, utilization] of [90, 10].entries())
    vigil.standIn.setUsage(`user-${n + 1}@example.com`, {
      five_hour: { utilization, resets_at: new Date(Date.now() + 3_600_000).toISOString() },
    })
  await vigil.run('fetch-quota')
  await vigil.run('watchdog')
  const played = (...words: string[]) => run(['failover', '--replay', ...words])
  expect((await played()).stdout).toMatch(/replayed from slot-1: 0 swaps/)
  expect((await played('--level', '80')).stdout).toMatch(/: 1 swap \(.*\n.*slot-1 -> slot-2: slot-1 has reached 80 %/)
  for (const level of ['high', '101']) expect(await played('--level', level)).toMatchObject({ code: 64 })
  expect(await played('--level', '100')).toMatchObject({ code: 0 })
  expect(await played('--strategy', 'random')).toMatchObject({ code: 64 })
})
