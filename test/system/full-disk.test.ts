// Disks that are full, files that may not grow, directories that may not be written, writes that fail or lie: a refresh
// then fails with a clear error, and costs neither a token nor half a file.
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Finished, runProcess, type ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, type Step, strike } from './kill-points.ts'
import * as tools from './tools.ts'

const QUIET = { code: 0, signal: null, stdout: '', stderr: '' } satisfies Finished
/** A walk is hundreds of runs; on a machine that has other things to do they take their time. */
const PATIENT = { timeout: 900_000 }
const DISK_FULL = /ENOSPC|no space left|disk is full/i

/** What a person can find out about that run: its record, where one could be written, and stderr, which cron mails. */
function said(vigil: ScratchVigil, run: Finished): string {
  return `${run.stderr}\n${tools.textIfThere(join(vigil.paths.runs, 'refresh-tokens.json'))}`
}

function expectFailed(run: Finished): void {
  expect(run.signal).toBeNull()
  expect([1, 75, 77]).toContain(run.code)
  expect(run.stdout).toBe('')
}

/** Once the fault is gone: the next run and the one after it, and a login that works. */
async function expectRecovers(vigil: ScratchVigil): Promise<void> {
  tools.expectNoTornFile(vigil.home)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  await tools.expectLoginWorks(vigil)
  tools.expectNothingLeft(vigil)
  tools.expectNoTornFile(vigil.home)
  expect(tools.registryEntry(vigil, 'slot-1')).toContain('status: active')
}

test.concurrent('on a disk that is full no request goes out, the error names it, and the next run is as if nothing had been', async lifetime => {
  const disk = tools.smallDisk(lifetime, 2048)
  const vigil = await tools.scratch(lifetime, { under: disk.path })
  tools.addSiblings(vigil)
  const before = vigil.credentials(0)
  disk.fill()
  const run = await vigil.run('refresh-tokens')
  expectFailed(run)
  expect(said(vigil, run)).toMatch(DISK_FULL)
  expect(vigil.standIn.state().tokenPosts).toBe(0)
  expect(vigil.credentials(0)).toEqual(before)
  disk.empty()
  await expectRecovers(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, replays: 0 })
})

test.concurrent('on a disk that fills up between two runs it is the same', async lifetime => {
  const disk = tools.smallDisk(lifetime, 2048)
  const vigil = await tools.scratch(lifetime, { under: disk.path })
  tools.addSiblings(vigil)
  expect(await vigil.run('refresh-tokens')).toEqual(QUIET)
  tools.becomeDue(vigil)
  disk.fill()
  const run = await vigil.run('refresh-tokens')
  expectFailed(run)
  expect(said(vigil, run)).toMatch(DISK_FULL)
  expect(vigil.standIn.state().tokenPosts).toBe(1)
  disk.empty()
  await expectRecovers(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
})

test.concurrent('a disk that fills up while the request is on its way costs no token: room for the answer was taken before', async lifetime => {
  for (const pages of [0, 1, 2, 3, 5]) {
    const disk = tools.smallDisk(lifetime, 2048)
    const vigil = await tools.scratch(lifetime, {
      under: disk.path,
      onRequest: ({ endpoint }) => {
        if (endpoint === 'token') disk.fill(pages)
      },
    })
    tools.addSiblings(vigil)
    const run = await vigil.run('refresh-tokens')
    const where = `${pages} pages free`
    expect(vigil.standIn.state(), where).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
    await tools.expectLoginWorks(vigil)
    // What is freed by the refresh itself may be enough for its record; where it is not, the record or stderr says so.
    if (run.code !== 0) expectFailed(run)
    expect(said(vigil, run), where).toMatch(run.code === 0 ? /refreshed/ : DISK_FULL)
    disk.empty()
    await expectRecovers(vigil)
    expect(vigil.standIn.state(), where).toMatchObject({ tokenPosts: 1, replays: 0 })
  }
})

test.concurrent('a disk that stays full from the request on, whatever is freed, costs no token and is named in an error', async lifetime => {
  const disk = tools.smallDisk(lifetime, 2048)
  let greedy: NodeJS.Timeout | undefined
  lifetime.onTestFinished(() => clearInterval(greedy))
  const vigil = await tools.scratch(lifetime, {
    under: disk.path,
    onRequest: ({ endpoint }) => {
      if (endpoint !== 'token') return
      disk.fill()
      greedy = setInterval(() => disk.fill(), 1)
    },
  })
  tools.addSiblings(vigil)
  // Slow enough for whatever is freed to be taken by the other at once.
  const run = await tools.traced(tools.jobCommand('refresh-tokens'), vigil.env, {
    trace: 'unlink,unlinkat',
    inject: 'unlink,unlinkat:delay_exit=100000',
  })
  clearInterval(greedy)
  tools.expectNoTornFile(vigil.home)
  await tools.expectLoginWorks(vigil)
  expectFailed(run)
  expect(said(vigil, run)).toMatch(DISK_FULL)
  disk.empty()
  await expectRecovers(vigil)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 1, rotations: 1, replays: 0 })
})

test.concurrent(
  'a disk that becomes full at any moment of the run costs no token and tears no file',
  PATIENT,
  async lifetime => {
    const codes: string[] = []
    await tools.inParallel([...Array(40).keys()], 2, async pages => {
      const disk = tools.smallDisk(lifetime, 2048)
      const vigil = await tools.scratch(lifetime, { under: disk.path })
      tools.addSiblings(vigil)
      disk.fill(pages)
      const run = await vigil.run('refresh-tokens')
      const where = `${pages} pages free`
      tools.expectNoTornFile(vigil.home)
      const { tokenPosts, rotations } = vigil.standIn.state()
      if (run.code === 0) expect({ tokenPosts, rotations }, where).toEqual({ tokenPosts: 1, rotations: 1 })
      else {
        expectFailed(run)
        expect(said(vigil, run), where).toMatch(DISK_FULL)
      }
      if (tokenPosts > 0) await tools.expectLoginWorks(vigil)
      codes[pages] = `${tokenPosts === 0 ? 'no request' : 'refreshed'}, exit ${run.code}`
      disk.empty()
      await expectRecovers(vigil)
      expect(vigil.standIn.state(), where).toMatchObject({ tokenPosts: 1, replays: 0 })
    })
    console.log(`4 KiB pages free before the run:\n${codes.map((code, pages) => `${pages} ${code}`).join('\n')}`)
    expect(codes[0]).toContain('no request')
    expect(codes.at(-1)).toBe('refreshed, exit 0')
  },
)

test.concurrent('a disk that becomes full at any moment of fetch-quota tears no file, and the figures come with the next run', async lifetime => {
  const codes: string[] = []
  await tools.inParallel([...Array(16).keys()], 2, async pages => {
    const disk = tools.smallDisk(lifetime, 2048)
    const vigil = await tools.scratch(lifetime, { under: disk.path, expiresInMin: 300 })
    disk.fill(pages)
    const run = await vigil.run('fetch-quota')
    if (run.code !== 0) expectFailed(run)
    tools.expectNoTornFile(vigil.home)
    codes[pages] = `exit ${run.code}`
    disk.empty()
    expect(await vigil.run('fetch-quota')).toEqual(QUIET)
    tools.expectNoTornFile(vigil.home)
    expect(vigil.json(vigil.paths.mergedQuota)).toMatchObject({
      slots: { 'slot-1': { five_hour_util: 12, is_fresh: true } },
    })
    expect(vigil.standIn.state().tokenPosts).toBe(0)
  })
  console.log(`4 KiB pages free before fetch-quota:\n${codes.map((code, pages) => `${pages} ${code}`).join('\n')}`)
  expect(codes[0]).toBe('exit 1')
  expect(codes.at(-1)).toBe('exit 0')
})

interface Walk {
  title: string
  steps: (step: Step) => boolean
  /** strace's injection at that step. */
  fault: (step: Step) => string
}

/** Lets each step of a refresh fail once, each time from the same beginning. */
async function walk(lifetime: tools.Lifetime, { title, steps: isWanted, fault }: Walk): Promise<void> {
  const rows: { step: Step; text: string }[] = []
  const failures: string[] = []
  await tools.inParallel([0, 1], 2, async lane => {
    const vigil = await tools.scratch(lifetime)
    tools.loginAgain(vigil, 0, { emptyHome: true })
    const steps = (await recordSteps(vigil)).filter(step => step.path !== null && isWanted(step))
    for (const step of steps.filter((_, index) => index % 2 === lane)) {
      const name = nameOf(step, vigil.home)
      let verdict = 'FAILED'
      try {
        tools.loginAgain(vigil, 0, { emptyHome: true })
        const before = vigil.standIn.state()
        const run = await strike(vigil, step, fault(step))
        expect(
          run.calls.some(call => call.text.includes('(INJECTED)')),
          'the fault struck',
        ).toBe(true)
        expect(run.signal).toBeNull()
        tools.expectNoTornFile(vigil.home)
        if (run.code === 0) await tools.expectLoginWorks(vigil)
        else expectFailed(run)
        tools.removeClaudeLocks(vigil) // where removing one is what failed: ten minutes later it is an abandoned one
        await expectRecovers(vigil)
        const after = vigil.standIn.state()
        expect(after.replays - before.replays, 'replays').toBe(0)
        expect(after.tokenPosts - before.tokenPosts, 'requests').toBe(1)
        verdict = `exit ${run.code}`
      } catch (error) {
        failures.push(`${fault(step)} at ${name}: ${(error as Error).message}`)
      }
      rows.push({ step, text: `${String(step.index + 1).padStart(4)}  ${name.padEnd(90)} ${verdict}` })
    }
  })
  rows.sort((a, b) => a.step.index - b.step.index)
  console.log(`${title}: ${rows.length} points\n${rows.map(row => row.text).join('\n')}`)
  expect(failures).toEqual([])
  expect(rows.length).toBeGreaterThan(8)
}

test.concurrent(
  'a write, flush, rename or directory that fails, wherever in the run, costs no token and tears no file',
  PATIENT,
  async lifetime => {
    await walk(lifetime, {
      title: 'Each step fails once',
      steps: () => true,
      fault: step => (/sync/.test(step.name) ? 'error=EIO' : 'error=ENOSPC'),
    })
  },
)

test.concurrent(
  'a write that claims success and wrote nothing, wherever in the run, costs no token and tears no file',
  PATIENT,
  async lifetime => {
    await walk(lifetime, {
      title: 'Each write is swallowed once',
      steps: step => /write/.test(step.name),
      fault: () => 'retval=7',
    })
  },
)

test.concurrent('a limit on file sizes costs no token and tears no file', async lifetime => {
  const outcomes: string[] = []
  // Blocks of 512 bytes: an empty file, the sizes of records and stores, and around the 64 KiB of a journal.
  await tools.inParallel([0, 1, 2, 3, 4, 8, 9, 10, 11, 16, 64, 100, 127, 128, 129], 2, async blocks => {
    const vigil = await tools.scratch(lifetime)
    tools.addSiblings(vigil)
    const { HOME, PATH } = vigil.env // without the compile cache, which would be cut short too
    const command = ['/bin/sh', '-c', `ulimit -f ${blocks}; exec "$@"`, 'sh', ...tools.jobCommand('refresh-tokens')]
    const run = await runProcess(command, { HOME: HOME!, PATH: PATH! })
    const where = `ulimit -f ${blocks}`
    expect(run.signal, where).toBeNull()
    tools.expectNoTornFile(vigil.home)
    const { tokenPosts } = vigil.standIn.state()
    if (run.code !== 0) {
      expectFailed(run)
      expect(said(vigil, run), where).toMatch(/EFBIG|too large|file size|short write|read back/i)
    }
    if (tokenPosts > 0) await tools.expectLoginWorks(vigil)
    outcomes[blocks] = `${tokenPosts === 0 ? 'no request' : 'refreshed'}, exit ${run.code}`
    await expectRecovers(vigil)
    expect(vigil.standIn.state(), where).toMatchObject({ tokenPosts: 1, replays: 0 })
  })
  console.log(
    Object.entries(outcomes)
      .map(([blocks, outcome]) => `ulimit -f ${blocks}: ${outcome}`)
      .join('\n'),
  )
  expect(outcomes[0]).toContain('no request')
  expect(outcomes[129]).toBe('refreshed, exit 0')
})

/** Vigil's own files stand elsewhere, so that only Claude Code's directory is struck. */
function ownHome(lifetime: tools.Lifetime, vigil: ScratchVigil): { VIGIL_HOME: string; record: () => string } {
  const VIGIL_HOME = tools.sideFolder(lifetime)
  mkdirSync(join(VIGIL_HOME, 'config'))
  writeFileSync(join(VIGIL_HOME, 'config', 'vigil.yaml'), readFileSync(vigil.paths.settings))
  return {
    VIGIL_HOME,
    record: () => readFileSync(join(VIGIL_HOME, 'session-health', 'runs', 'refresh-tokens.json'), 'utf8'),
  }
}

test.concurrent('a read-only config directory: no request for it, an error that names it, and the other account has its turn', async lifetime => {
  const vigil = await tools.scratch(lifetime, { count: 2 })
  tools.addSiblings(vigil, 0)
  tools.addSiblings(vigil, 1)
  const { VIGIL_HOME, record } = ownHome(lifetime, vigil)
  const { writable } = tools.readOnly(lifetime, vigil.dir(0))
  const run = await vigil.run('refresh-tokens', { VIGIL_HOME })
  expectFailed(run)
  expect(JSON.parse(record())['accounts']['slot-1'].reason).toMatch(/EROFS|read-only/i)
  expect(record()).toContain('.claude')
  expect(tools.loginState(vigil, 0).tokenPosts).toBe(0)
  await tools.expectLoginWorks(vigil, 1)

  writable()
  expect(await vigil.run('refresh-tokens', { VIGIL_HOME })).toEqual(QUIET)
  await tools.expectLoginWorks(vigil, 0)
  expect(vigil.standIn.state()).toMatchObject({ tokenPosts: 2, replays: 0 })
})

test.concurrent('a config directory that an ordinary user may not write to: no request, an error that names it', async lifetime => {
  tools.needsRoot('to become an ordinary user')
  const NOBODY = 65534
  const vigil = await tools.scratch(lifetime)
  const { VIGIL_HOME, record } = ownHome(lifetime, vigil)
  const everything = [vigil.home, VIGIL_HOME].flatMap(dir => [
    dir,
    ...readdirSync(dir, { recursive: true }).map(name => join(dir, String(name))),
  ])
  for (const path of everything) chownSync(path, NOBODY, NOBODY)
  chmodSync(vigil.dir(0), 0o500)
  const run = () =>
    runProcess(
      [
        '/usr/bin/setpriv',
        `--reuid=${NOBODY}`,
        `--regid=${NOBODY}`,
        '--clear-groups',
        ...tools.jobCommand('refresh-tokens'),
      ],
      { HOME: vigil.home, PATH: '/usr/bin:/bin', VIGIL_HOME },
    )
  const failed = await run()
  expectFailed(failed)
  expect(record()).toMatch(/EACCES|permission denied/i)
  expect(record()).toContain('.claude')
  expect(vigil.standIn.state().tokenPosts).toBe(0)

  chmodSync(vigil.dir(0), 0o700)
  expect(await run()).toEqual(QUIET)
  await tools.expectLoginWorks(vigil, 0, { siblings: false })
})

test.concurrent('a full disk is told once, and what was promised before is remembered', async lifetime => {
  const disk = tools.smallDisk(lifetime, 80 * 1024)
  const received: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      for (const { key } of JSON.parse(body).alerts) received.push(key)
      response.end('ok')
    })
  }).listen(0, '127.0.0.1')
  lifetime.onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const settings = `channels: { desktop: { enabled: false }, webhooks: [ { name: hook, kind: json, url: "${url}" } ] }`
  const vigil = await tools.scratch(lifetime, { under: disk.path, settings })
  expect((await vigil.run('watchdog')).code).toBe(0)
  expect(received).not.toContain('DiskLow')
  disk.fill()
  for (let n = 0; n < 4; n++) await vigil.run('watchdog')
  expect(received.filter(key => key === 'DiskLow')).toEqual(['DiskLow'])
  tools.expectNoTornFile(vigil.home)
})
