import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())

const script = join(REPO, 'test/support/scripts/odd-job.ts')
const odd = (...args: string[]) => runProcess([process.execPath, script, ...args], vigil.env)
const record = () => vigil.record('fetch-quota')
const begun = async (behaviour: string) => {
  for (let tries = 0; tries < 600 && !vigil.log('fetch-quota').includes(`begun ${behaviour}`); tries++) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
/** Starts one that hangs and gives it time to be in its work. */
const startHanging = async (behaviour: string, ...args: string[]) => {
  const child = spawn(process.execPath, [script, behaviour, ...args], { env: vigil.env, stdio: 'ignore' })
  await begun(behaviour)
  return child
}

describe('every run leaves a record', () => {
  it('of a good end', async () => {
    vigil = await scratchVigil()
    expect(await odd('good')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(record()).toMatchObject({
      job: 'fetch-quota',
      outcome: 'ok',
      exit_code: 0,
      streak: { kind: 'ok', count: 1 },
    })
    await odd('good')
    expect(record()).toMatchObject({ streak: { kind: 'ok', count: 2 }, unfinished_before: null })
  })
  it.each([
    ['throw', 'out of ideas'],
    ['throw-later', 'thrown outside'],
    ['reject-later', 'rejected outside'],
  ])('of an end by %s, said on stderr too, without a token', async (behaviour, words) => {
    vigil = await scratchVigil()
    const run = await odd(behaviour)
    expect(run.code).toBe(1)
    expect(run.stderr).toContain(words)
    expect(record()).toMatchObject({ outcome: 'crashed', failure: 'bug', reason: expect.stringContaining(words) })
    expect(run.stderr + JSON.stringify(record()) + vigil.log('fetch-quota')).not.toContain('THROWN')
  })
  it('in which no full home path stands: an alert is made of it', async () => {
    vigil = await scratchVigil()
    await odd('no-file')
    expect(record()).toMatchObject({
      reason: expect.stringContaining("ENOENT: no such file or directory, open '~/.claude/session-health/none'"),
      accounts: { 'slot-1': { reason: 'nothing at ~/.claude/session-health/none' } },
    })
    expect(JSON.stringify(record())).not.toContain(vigil.home)
  })
  it('of a kill: a start without an end, which the next run counts as a failure', async () => {
    vigil = await scratchVigil()
    const child = await startHanging('hang')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(record()).toMatchObject({ outcome: 'running', ended_at: null })
    const killed = record()['run_id']
    await odd('throw')
    expect(record()).toMatchObject({ unfinished_before: { run_id: killed }, streak: { kind: 'failed', count: 2 } })
  })
  it('of a corrupt predecessor: it is replaced, and the log says so', async () => {
    vigil = await scratchVigil()
    await odd('good')
    writeFileSync(join(vigil.paths.runs, 'fetch-quota.json'), '{"schema":1,')
    expect((await odd('good')).code).toBe(0)
    expect(vigil.log('fetch-quota')).toContain('the last run record was corrupt')
  })
})

describe('an end from outside', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s is heeded at once and recorded', async signal => {
    vigil = await scratchVigil()
    const child = await startHanging('heed')
    child.kill(signal)
    expect((await once(child, 'exit'))[0]).toBe(75)
    expect(record()).toMatchObject({ outcome: 'terminated', reason: `told to stop by ${signal}` })
  })
  it('SIGTERM ends a job within 10 s that does not heed it', async () => {
    vigil = await scratchVigil()
    const child = await startHanging('hang')
    const at = performance.now()
    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).toBe(75)
    expect(performance.now() - at).toBeLessThan(10_000)
    expect(record()).toMatchObject({ outcome: 'terminated' })
  })
  it('the deadline ends it with 124', async () => {
    vigil = await scratchVigil()
    expect(await odd('heed', '200')).toMatchObject({ code: 124 })
    expect(record()).toMatchObject({ outcome: 'timeout', exit_code: 124 })
  })
})

describe('one run at a time', () => {
  it('a second one is quiet, good, and says who is at it', async () => {
    vigil = await scratchVigil()
    const child = await startHanging('hang')
    expect(await odd('good')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(vigil.log('fetch-quota')).toContain(`another run is at it: fetch-quota, pid ${child.pid}, since `)
    expect(record()).toMatchObject({ outcome: 'running', pid: child.pid })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await odd('good')).code).toBe(0)
    expect(record()).toMatchObject({ outcome: 'ok' })
  })
  it('one whose work can never end keeps its lock, though nothing refers to that work any more', async () => {
    vigil = await scratchVigil()
    const child = await startHanging('hang-as-garbage')
    await begun('hang-as-garbage and collected')
    await odd('good')
    expect(vigil.log('fetch-quota')).toContain(`another run is at it: fetch-quota, pid ${child.pid}, since `)
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  it('one that overstays so hard that it cannot end itself is ended by the next', async () => {
    vigil = await scratchVigil()
    // Its own timers never run while it spins; its deadline is long past by the time the next one looks.
    const child = await startHanging('spin', '-60000')
    expect((await odd('good')).code).toBe(0)
    expect(child.signalCode ?? child.exitCode).not.toBeNull()
    expect(record()).toMatchObject({
      outcome: 'ok',
      unfinished_before: { run_id: expect.stringContaining(String(child.pid)) },
    })
  })
  it('a process that merely has the pid of a dead holder is left in peace', async () => {
    vigil = await scratchVigil()
    await odd('good')
    const info = join(vigil.paths.locks, 'fetch-quota.lock.info')
    writeFileSync(
      info,
      JSON.stringify({ ...JSON.parse(readFileSync(info, 'utf8')), pid: process.pid, overdueAtMonotonicMs: 1 }),
    )
    expect((await odd('good')).code).toBe(0)
  })
})

describe('the folder', () => {
  it('is private, whatever the umask, also when it was there and open', async () => {
    vigil = await scratchVigil()
    await odd('good')
    chmodSync(vigil.paths.health, 0o755)
    await odd('good')
    expect(statSync(vigil.paths.health).mode & 0o777).toBe(0o700)
    expect(statSync(join(vigil.paths.runs, 'fetch-quota.json')).mode & 0o777).toBe(0o600)
  })
  it('that cannot be made is said on stderr, with an exit code', async () => {
    vigil = await scratchVigil()
    writeFileSync(join(vigil.home, 'file'), '')
    const run = await runProcess([process.execPath, script, 'good'], {
      ...vigil.env,
      VIGIL_HOME: join(vigil.home, 'file', 'x'),
    })
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/^vigil fetch-quota: .*ENOTDIR/)
  })
  it('is not made at all when VIGIL_HOME makes no sense', async () => {
    vigil = await scratchVigil()
    const run = await runProcess([process.execPath, script, 'good'], { ...vigil.env, VIGIL_HOME: 'relative' })
    expect(run.code).toBe(78)
    expect(existsSync(join(REPO, 'relative'))).toBe(false)
  })
})

it('begins a new log where the old one has grown too long, before it says anything', async () => {
  vigil = await scratchVigil()
  mkdirSync(vigil.paths.logs, { recursive: true })
  const log = join(vigil.paths.logs, 'fetch-quota.log')
  writeFileSync(log, `${'x'.repeat(1024 * 1024)}\n`)
  await odd('good')
  expect(statSync(`${log}.1`).size).toBe(1024 * 1024 + 1)
  expect(vigil.log('fetch-quota')).toMatch(/^\{"time":.*begun good/)
})
