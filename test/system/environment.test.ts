// The surroundings that cron, launchd and people give a job: an empty environment, odd homes, a signal at a bad moment.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Finished, REPO, runProcess, type ScratchVigil } from '../support/scratch-vigil.ts'
import * as tools from './tools.ts'

const QUIET = { code: 0, signal: null, stdout: '', stderr: '' } satisfies Finished
const NODE = join(REPO, 'node_modules', '.bin', 'node')

/** `VIGIL_HOME=… env -i HOME=… PATH=/usr/bin:/bin node jobs/JOB.ts`, letter for letter, in that directory. */
function fromEmptyEnvironment(job: string, variables: Record<string, string>, cwd: string): Promise<Finished> {
  const words = Object.entries({ ...variables, PATH: '/usr/bin:/bin' }).map(([name, value]) => `${name}=${value}`)
  const program = cwd === REPO ? ['node_modules/.bin/node', `jobs/${job}.ts`] : [NODE, join(REPO, 'jobs', `${job}.ts`)]
  return runProcess(['/bin/sh', '-c', 'cd "$1"; shift; exec env -i "$@"', 'sh', cwd, ...words, ...program], {})
}

function recordIn(
  vigilHome: string,
  job: string,
): ReturnType<ScratchVigil['record']> & { ended_at: number | null; pid: number } {
  return JSON.parse(readFileSync(join(vigilHome, 'session-health', 'runs', `${job}.json`), 'utf8'))
}

function vigilHomeWith(lifetime: tools.Lifetime, vigil: ScratchVigil): string {
  const vigilHome = tools.sideFolder(lifetime)
  mkdirSync(join(vigilHome, 'config'))
  writeFileSync(join(vigilHome, 'config', 'vigil.yaml'), readFileSync(vigil.paths.settings))
  return vigilHome
}

const JOBS = ['fetch-quota', 'refresh-tokens'] as const

test.concurrent.for(JOBS)(
  '%s works from an empty environment, prints nothing and leaves a run record under VIGIL_HOME',
  async (job, lifetime) => {
    for (const cwd of [REPO, '/', tools.sideFolder(lifetime)]) {
      const vigil = await tools.scratch(lifetime)
      const VIGIL_HOME = vigilHomeWith(lifetime, vigil)
      const before = readdirSync(vigil.dir(0))
      expect(await fromEmptyEnvironment(job, { VIGIL_HOME, HOME: vigil.home }, cwd)).toEqual(QUIET)
      expect(recordIn(VIGIL_HOME, job)).toMatchObject({
        job,
        outcome: 'ok',
        exit_code: 0,
        ended_at: expect.any(Number),
      })
      expect(readdirSync(vigil.dir(0)), 'what is in ~/.claude').toEqual(before)
      if (cwd !== REPO && cwd !== '/') expect(readdirSync(cwd)).toEqual([])
      if (job === 'refresh-tokens') await tools.expectLoginWorks(vigil, 0, { siblings: false })
    }
  },
)

test.concurrent('VIGIL_HOME is ~/.claude where nobody says otherwise, whatever CLAUDE_CONFIG_DIR is', async lifetime => {
  const vigil = await tools.scratch(lifetime, { count: 2 })
  const CLAUDE_CONFIG_DIR = vigil.dir(1)
  for (const job of JOBS) {
    expect(await fromEmptyEnvironment(job, { HOME: vigil.home, CLAUDE_CONFIG_DIR }, '/')).toEqual(QUIET)
    expect(recordIn(vigil.dir(0), job)).toMatchObject({ outcome: 'ok' })
  }
  expect(existsSync(join(CLAUDE_CONFIG_DIR, 'session-health'))).toBe(false)
  await tools.expectLoginWorks(vigil, 0, { siblings: false })
  await tools.expectLoginWorks(vigil, 1, { siblings: false })
})

test.concurrent('a home with spaces, quotes and letters of other scripts in its name is a home like any other', async lifetime => {
  const under = join(tools.sideFolder(lifetime), `Jürgen's "new" home \u5bb6 \u{1f3e0} $HOME`)
  mkdirSync(under)
  const vigil = await tools.scratch(lifetime, { under, count: 2 })
  for (const job of JOBS) {
    expect(await fromEmptyEnvironment(job, { HOME: vigil.home }, under)).toEqual(QUIET)
    expect(recordIn(vigil.dir(0), job)).toMatchObject({ outcome: 'ok' })
  }
  await tools.expectLoginWorks(vigil, 0, { siblings: false })
  await tools.expectLoginWorks(vigil, 1, { siblings: false })
  const slots = Object.values((vigil.json(vigil.paths.mergedQuota) as { slots: object }).slots)
  expect(slots).toMatchObject([{ five_hour_util: 12 }, { five_hour_util: 12 }])
})

test.concurrent('where ~/.claude is a symlink, the login behind it is refreshed and the link stays', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  const real = join(tools.sideFolder(lifetime), 'claude')
  renameSync(vigil.dir(0), real)
  symlinkSync(real, vigil.dir(0))
  for (const job of JOBS) expect(await fromEmptyEnvironment(job, { HOME: vigil.home }, '/')).toEqual(QUIET)
  expect(realpathSync(vigil.dir(0))).toBe(realpathSync(real))
  expect(recordIn(real, 'refresh-tokens')).toMatchObject({ outcome: 'ok' })
  await tools.expectLoginWorks(vigil, 0, { siblings: false })
})

test.concurrent('where the credentials file is a symlink, as dotfile managers make them, the file behind it is written or left alone, and the link stays', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  const real = join(vigil.home, 'dotfiles')
  mkdirSync(real, { mode: 0o700 })
  const store = join(vigil.dir(0), '.credentials.json')
  renameSync(store, join(real, 'credentials.json'))
  symlinkSync(join(real, 'credentials.json'), store)
  const run = await vigil.run('refresh-tokens')
  expect(realpathSync(store)).toBe(join(realpathSync(real), 'credentials.json'))
  if (vigil.standIn.state().tokenPosts > 0) return tools.expectLoginWorks(vigil, 0, { siblings: false })
  expect(run.code).not.toBe(0)
  expect(vigil.record('refresh-tokens').accounts['slot-1']!.reason).toMatch(/link/)
})

interface Stopped {
  run: Finished
  tookMs: number
}

/** Runs the job, and sends it SIGTERM once it `isBusy`. */
async function terminate(vigil: ScratchVigil, job: string, isBusy: () => boolean | Promise<boolean>): Promise<Stopped> {
  let pid = 0
  const running = runProcess(tools.jobCommand(job), vigil.env, started => {
    pid = started
  })
  while (!(await isBusy())) await sleep(20)
  const since = performance.now()
  process.kill(pid, 'SIGTERM')
  const run = await running
  return { run, tookMs: performance.now() - since }
}

/** The run ended in time and by itself, and its record says so. */
function expectStopped({ run, tookMs }: Stopped, vigil: ScratchVigil, job: string): void {
  expect(tookMs).toBeLessThan(10_000)
  const record = recordIn(vigil.paths.vigilHome, job)
  expect(record.ended_at).toEqual(expect.any(Number))
  expect(record.outcome).not.toBe('ok')
  expect(JSON.stringify(record)).toMatch(/SIGTERM|stopped|terminated|interrupted/i)
  if (run.signal === null) {
    expect(run.code).not.toBe(0)
    expect(record.exit_code).toBe(run.code)
  } else expect(run.signal).toBe('SIGTERM')
  expect(run.stdout).toBe('')
}

test.concurrent('SIGTERM during a request that hangs ends refresh-tokens within 10 s, with a record, and the login survives', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  tools.addSiblings(vigil)
  vigil.standIn.fault({ endpoint: 'token', action: { kind: 'hang-before' } })
  const stopped = await terminate(vigil, 'refresh-tokens', () => vigil.standIn.state().tokenPosts === 1)
  expectStopped(stopped, vigil, 'refresh-tokens')
  expect(tools.claudeLocks(vigil).filter(existsSync)).toEqual([])
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  await tools.expectLoginWorks(vigil)
  tools.expectNothingLeft(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
})

test.concurrent('SIGTERM while the answer is on its way still has it stored, or keeps it for the next run', async lifetime => {
  for (const ms of [0, 20, 50]) {
    const vigil = await tools.scratch(lifetime)
    tools.addSiblings(vigil)
    vigil.standIn.fault({ endpoint: 'token', action: { kind: 'delay', ms } })
    const { tookMs } = await terminate(vigil, 'refresh-tokens', () => vigil.standIn.state().tokenPosts === 1)
    expect(tookMs).toBeLessThan(10_000)
    const before = vigil.standIn.state()
    expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
    const { rotations } = vigil.standIn.state()
    const entry = tools.registryEntry(vigil, 'slot-1')
    // Only where the answer had been given and never arrived is a /login needed, and then the account says so.
    if (entry.includes('inactive')) expect(entry).toContain('inactive_reason: refresh_interrupted')
    else {
      await tools.expectLoginWorks(vigil)
      expect(rotations - before.rotations).toBeLessThanOrEqual(1)
    }
    tools.expectNothingLeft(vigil)
  }
})

test.concurrent('SIGTERM during a request that hangs ends fetch-quota within 10 s, with a record', async lifetime => {
  const vigil = await tools.scratch(lifetime, { expiresInMin: 300 })
  vigil.standIn.fault({ endpoint: 'usage', action: { kind: 'hang-before' } })
  const stopped = await terminate(vigil, 'fetch-quota', () => vigil.standIn.state().usageGets === 1)
  expectStopped(stopped, vigil, 'fetch-quota')
  expect(await vigil.run('fetch-quota')).toEqual(QUIET)
})

test.concurrent("SIGTERM while waiting for Claude Code's lock ends refresh-tokens within 10 s, and the lock is left alone", async lifetime => {
  const vigil = await tools.scratch(lifetime)
  const lock = tools.claudeLocks(vigil)[0]!
  mkdirSync(lock)
  const beating = setInterval(() => tools.age(lock, 0), 500)
  lifetime.onTestFinished(() => clearInterval(beating))
  const since = performance.now()
  const started = () => existsSync(join(vigil.paths.runs, 'refresh-tokens.json')) && performance.now() - since > 1_500
  const stopped = await terminate(vigil, 'refresh-tokens', started)
  expectStopped(stopped, vigil, 'refresh-tokens')
  expect(existsSync(lock)).toBe(true)
  expect(vigil.standIn.state().tokenPosts).toBe(0)
})

test.concurrent('a job that was killed leaves a start without an end, and the next run says so', async lifetime => {
  const vigil = await tools.scratch(lifetime)
  vigil.standIn.fault({ endpoint: 'token', action: { kind: 'hang-before' } })
  let pid = 0
  const running = runProcess(tools.jobCommand('refresh-tokens'), vigil.env, started => {
    pid = started
  })
  await tools.until('the request was there', () => vigil.standIn.state().tokenPosts === 1)
  process.kill(pid, 'SIGKILL')
  await running
  expect(recordIn(vigil.paths.vigilHome, 'refresh-tokens')).toMatchObject({ pid, ended_at: null, exit_code: null })
  tools.removeClaudeLocks(vigil)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  const { unfinished_before } = recordIn(vigil.paths.vigilHome, 'refresh-tokens')
  expect(JSON.stringify(unfinished_before)).toContain(String(pid))
})

test.concurrent('npm start in an empty home shows a round on made-up accounts, exits 0 and writes nothing but a scratch folder of its own', async lifetime => {
  const HOME = tools.sideFolder(lifetime)
  const TMPDIR = tools.sideFolder(lifetime)
  const env = { HOME, TMPDIR, PATH: '/usr/bin:/bin' }
  const trace =
    'open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate,unlink,unlinkat,rmdir,chmod,fchmodat,utimensat'
  const run = await tools.traced([process.execPath, join(REPO, 'cli', 'start.ts')], env, { trace })
  expect(run.code, run.stderr).toBe(0)
  expect(run.stdout).toMatch(/three/)
  const written = run.calls
    .filter(({ name, text }) => !name.startsWith('open') || /O_CREAT|O_TRUNC|O_WRONLY|O_RDWR/.test(text))
    .flatMap(call => call.paths)
  expect(written.length, 'files that the round wrote').toBeGreaterThan(20)
  const elsewhere = written.filter(path => !path.startsWith(`${TMPDIR}/`) && !/^\/dev\/(null|tty)$/.test(path))
  expect([...new Set(elsewhere)]).toEqual([])
  expect(readdirSync(HOME), 'the home').toEqual([])
  expect(readdirSync(TMPDIR), 'what stays of the scratch folder').toEqual([])
  expect(
    tools.filesBelow(REPO).filter(path => /\.claude|session-health/.test(path)),
    'in the project',
  ).toEqual([])
})
