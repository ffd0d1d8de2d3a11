import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import type { CcusageProgram } from '../../../lib/domain/ccusage.ts'
import { askBlocks, askDaily, type CcusageRun, readBlocks, readDaily } from '../../../lib/sources/ccusage.ts'
import { findCcusage } from '../../../lib/sources/ccusage-program.ts'
import { lineOf } from '../../support/histories.ts'
import { REPO } from '../../support/scratch-vigil.ts'

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-ccusage-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A run in a folder with an empty history, of a shell script in ccusage's place or of the real one. */
function runOf(script: string | null, more: Partial<CcusageRun> = {}): CcusageRun {
  const folder = scratch()
  mkdirSync(join(folder, 'config/projects/-p'), { recursive: true })
  mkdirSync(join(folder, 'work/home'), { recursive: true })
  const path = join(folder, 'stand-in')
  if (script !== null) writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 })
  return {
    program: script === null ? (findCcusage('') as CcusageProgram) : { kind: 'found', command: [path], version: '0' },
    configDir: join(folder, 'config'),
    workDir: join(folder, 'work'),
    deadlineMs: 20_000,
    signal: new AbortController().signal,
    ...more,
  }
}

const fixture = (name: string) => JSON.parse(readFileSync(join(REPO, 'test/fixtures/ccusage', name), 'utf8')) as unknown

describe('blocks', () => {
  it('are understood as recorded', () => {
    expect(readBlocks(fixture('v20.0.24-blocks-active.json'))?.blocks).toEqual([
      {
        startsAt: Date.parse('2026-11-20T11:00:00.000Z'),
        endsAt: Date.parse('2026-11-20T16:00:00.000Z'),
        isGap: false,
        isActive: true,
        entries: 179,
        tokens: 14_217_949,
        costUsd: 9.334370850000003,
        models: ['claude-haiku-4-5-20251001', 'claude-opus-4-5-20251101', 'claude-sonnet-4-5-20250929'],
        burnRateUsdPerHour: 3.036575833440642,
        projectedCostUsd: 13.08,
      },
    ])
  })
  it('without a cost are unknown, not free', () => {
    const [block] = readBlocks(fixture('v20.0.24-blocks-active-no-cost.json'))!.blocks
    expect([block!.costUsd, block!.projectedCostUsd]).toEqual([null, null])
  })
  it('may be none', () => {
    expect(readBlocks(fixture('v20-empty-projects-blocks.json'))?.blocks).toEqual([])
  })
  it.each([
    ['nothing', null],
    ['another list', { sessions: [] }],
    ['a block without a time', { blocks: [{ isGap: false }] }],
    ['a cost in words', { blocks: [{ ...firstBlock(), costUSD: '9.33' }] }],
    ['a negative count', { blocks: [{ ...firstBlock(), entries: -1 }] }],
    ['a time that is none', { blocks: [{ ...firstBlock(), endTime: 'soon' }] }],
  ])('are refused whole for %s', (_what, json) => {
    expect(readBlocks(json)).toBeNull()
  })
  it('keep what we do not know to themselves', () => {
    expect(readBlocks({ blocks: [{ ...firstBlock(), usageLimitResetTime: 'x', next: {} }] })?.blocks).toHaveLength(1)
  })
})

function firstBlock(): Record<string, unknown> {
  return (fixture('v20.0.24-blocks-active.json') as { blocks: Array<Record<string, unknown>> }).blocks[0]!
}

describe('days', () => {
  it('are understood as recorded', () => {
    const days = readDaily(fixture('v20.0.24-claude-daily.json'))!.days
    expect(days[0]).toEqual({ date: '2026-08-23', costUsd: 10.53872925, tokens: 12_360_867, unpricedModels: [] })
  })
  const row = {
    modelName: 'm',
    cost: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheCreationTokens: 0,
    cacheReadTokens: 1,
  }
  const daily = (...modelBreakdowns: unknown[]) => ({
    daily: [{ date: '2026-11-20', totalCost: 1, totalTokens: 5, modelBreakdowns }],
  })
  it.each([
    ['with tokens, priced 0', row, ['m']],
    ['without tokens', { ...row, cacheReadTokens: 0 }, []],
    ['with a price', { ...row, cost: 0.0001 }, []],
    ['with no word of a cost', { ...row, cost: undefined }, []],
  ])('name a model %s', (_what, breakdown, expected) => {
    expect(readDaily(daily(breakdown))?.days[0]?.unpricedModels).toEqual(expected)
  })
  it('without a cost are unknown', () => {
    expect(
      readDaily({ daily: [{ date: '2026-11-20', totalTokens: 5, modelBreakdowns: [] }] })?.days[0]?.costUsd,
    ).toBeNull()
  })
  it.each([
    ['nothing', null],
    ['a date in words', { daily: [{ date: 'Friday', totalCost: 1, totalTokens: 5, modelBreakdowns: [] }] }],
  ])('are refused for %s', (_what, json) => {
    expect(readDaily(json)).toBeNull()
  })
})

describe('a ccusage that does ill', () => {
  test.each([
    ['torn output', 'printf \'{"blocks":[{"id":\'', 'wrongOutput', /answered with 17 characters/],
    ['no output', 'exit 0', 'wrongOutput', /answered with 0 characters/],
    ['other JSON', 'echo \'{"totals":{}}\'', 'wrongOutput', /nothing of it is used/],
    ['more than it can have to say', 'head -c 33554433 /dev/zero', 'wrongOutput', /more than 32 MB/],
    [
      'exit 1 and a word',
      'echo noise >&2; echo "it broke" >&2; exit 1',
      'failed',
      /^ccusage blocks exited with 1: it broke$/,
    ],
    ['exit 3 without a word', 'exit 3', 'failed', /^ccusage blocks exited with 3$/],
    ['a good list and exit 1', 'echo \'{"blocks":[]}\'; exit 1', 'failed', /exited with 1/],
    ['a signal', 'kill -9 $$', 'failed', /was killed/],
  ])('by %s gives no figures', async (_what, script, kind, reason) => {
    expect(await askBlocks(runOf(script))).toEqual({ kind, reason: expect.stringMatching(reason) })
  })

  test('and hangs, with a grandchild that ignores SIGTERM, is ended at the deadline with it', async () => {
    const folder = scratch()
    const script = `(trap '' TERM; sleep 60 & echo $! > ${folder}/pid; wait) & sleep 60`
    const from = performance.now()
    const answer = await askBlocks(runOf(script, { deadlineMs: 1000 }))
    expect(answer).toEqual({ kind: 'timedOut', reason: 'ccusage blocks was ended after 1 s' })
    expect(performance.now() - from).toBeLessThan(10_000)
    const pid = Number(readFileSync(`${folder}/pid`, 'utf8'))
    for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await new Promise(done => setTimeout(done, 20))
    expect(isAlive(pid)).toBe(false)
  })

  test('is ended with the run', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 300)
    expect((await askBlocks(runOf('sleep 60', { signal: abort.signal }))).kind).toBe('aborted')
  })

  test('and is not there is a failure that names it', async () => {
    const run = runOf('exit 0')
    rmSync(run.program.command[0])
    expect(await askBlocks(run)).toEqual({
      kind: 'failed',
      reason: expect.stringContaining('cannot be started (ENOENT)'),
    })
  })

  test('leaves what it said in a file', async () => {
    const run = runOf('echo "a long story" >&2; exit 1')
    await askBlocks(run)
    expect(readFileSync(join(run.workDir, 'stderr.log'), 'utf8')).toBe('a long story\n')
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false // No such process.
  }
  return process.platform !== 'linux' || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

describe('what ccusage is started with', () => {
  const tell = 'printf \'%s\\n\' "$*" > "$HOME/args"; env > "$HOME/env"; echo \'{"daily":[]}\''
  test('is the history, no network, no configuration, the zone', async () => {
    const run = runOf(tell)
    expect(await askDaily(run, '2026-11-13', 'Europe/Berlin')).toEqual({ kind: 'figures', days: [] })
    expect(readFileSync(join(run.workDir, 'home/args'), 'utf8')).toBe(
      `claude daily --since 20261113 --timezone Europe/Berlin --json --offline --config ${run.workDir}/no-config.json\n`,
    )
  })
  test('is UTC by the one name that needs no zone data', async () => {
    const run = runOf(tell)
    await askDaily(run, '2026-11-13', 'Etc/UTC')
    expect(readFileSync(join(run.workDir, 'home/args'), 'utf8')).toContain('--timezone UTC ')
  })
  test('is an environment of three, with a home of ours', async () => {
    const run = runOf(tell)
    await askDaily(run, '2026-11-13', 'UTC')
    const env = readFileSync(join(run.workDir, 'home/env'), 'utf8').split('\n')
    // The shell that stands in adds PWD and the like itself.
    expect(env.filter(line => line !== '' && !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)).sort()).toEqual([
      `CLAUDE_CONFIG_DIR=${run.configDir}`,
      `HOME=${run.workDir}/home`,
      'NO_COLOR=1',
    ])
  })
  test('on a leash, the mark is there while it runs and gone after', async () => {
    const leash = { path: join(scratch(), 'leash'), now: Date.now() }
    const run = runOf(`cat ${leash.path} > "$HOME/mark"; echo $$ > "$HOME/pid"; echo '{"blocks":[]}'`, { leash })
    expect((await askBlocks(run)).kind).toBe('figures')
    const mark = JSON.parse(readFileSync(join(run.workDir, 'home/mark'), 'utf8')) as { pid: number }
    expect(mark.pid).toBe(Number(readFileSync(join(run.workDir, 'home/pid'), 'utf8')))
    expect(existsSync(leash.path)).toBe(false)
  })
  test('a zone that the system does not know is refused: ccusage would take another without a word', async () => {
    expect(await askDaily(runOf(tell), '2026-11-13', 'Nowhere/Land')).toEqual({
      kind: 'noZoneData',
      reason: expect.stringContaining('install tzdata'),
    })
  })
  test('no projects folder is no logs yet, and starts nothing', async () => {
    const run = runOf('echo started > "$HOME/started"')
    rmSync(join(run.configDir, 'projects'), { recursive: true })
    expect((await askBlocks(run)).kind).toBe('noLogs')
    expect(existsSync(join(run.workDir, 'home/started'))).toBe(false)
  })
})

describe('the real ccusage', () => {
  const at = Date.now() - 60_000
  test('says nothing of an empty history', async () => {
    expect(await askBlocks(runOf(null))).toEqual({ kind: 'figures', blocks: [] })
    expect(await askDaily(runOf(null), '2026-01-01', 'UTC')).toEqual({ kind: 'figures', days: [] })
  })
  test('counts a message once, at its price, and one of an unknown model as 0', async () => {
    const run = runOf(null)
    // 7 in, 500 into the cache, 9,000 out of it, 1,000 out at 5, 6.25, 0.50 and 25 $ a million.
    const line = lineOf({ at, id: 'a' })
    const unpriced = lineOf({ at, id: 'b', model: 'a-model-without-price' })
    writeFileSync(join(run.configDir, 'projects/-p/s.jsonl'), line + line + unpriced)
    const daily = await askDaily(run, '2026-01-01', 'UTC')
    const date = new Date(at).toISOString().slice(0, 10)
    expect(daily).toEqual({
      kind: 'figures',
      days: [{ date, costUsd: expect.closeTo(0.03266, 6), tokens: 21_014, unpricedModels: ['a-model-without-price'] }],
    })
    const blocks = await askBlocks(run)
    expect(blocks).toMatchObject({ blocks: [{ isActive: true, isGap: false, entries: 2, tokens: 21_014 }] })
  })
  test('reads no configuration of the user', async () => {
    const run = runOf(null)
    writeFileSync(join(run.configDir, 'projects/-p/s.jsonl'), lineOf({ at, id: 'a' }))
    // By this mode every entry would cost what it says itself: nothing.
    writeFileSync(join(run.configDir, 'ccusage.json'), '{"defaults":{"mode":"display"}}')
    const daily = await askDaily(run, '2026-01-01', 'UTC')
    expect(daily).toMatchObject({ days: [{ costUsd: expect.closeTo(0.03266, 6) }] })
  })
})

describe('finding ccusage', () => {
  const native = `@ccusage/ccusage-${process.platform}-${process.arch}`
  /** A node_modules with ccusage, and with its native part if told so. */
  function installed(mode: number | null): { from: string; program: string } {
    const root = scratch()
    const put = (path: string, text: string, bits = 0o644) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text, { mode: bits })
    }
    put('node_modules/ccusage/package.json', '{"version":"20.0.20"}')
    if (mode !== null) {
      put(`node_modules/${native}/package.json`, '{"version":"20.0.20"}')
      put(`node_modules/${native}/bin/ccusage`, '#!/bin/sh\n', mode)
    }
    return { from: join(root, 'lib/sources/x.ts'), program: join(root, 'node_modules', native, 'bin/ccusage') }
  }
  function onPath(): string {
    const folder = scratch()
    writeFileSync(join(folder, 'ccusage'), '#!/bin/sh\n', { mode: 0o755 })
    return folder
  }

  it('takes the pinned native program, not the launcher before it', () => {
    const found = findCcusage('')
    expect(found).toEqual({
      kind: 'found',
      command: [join(REPO, 'node_modules', native, 'bin/ccusage')],
      version: '20.0.20',
    })
    const said = execFileSync((found as CcusageProgram).command[0], ['--version'], { env: {} }).toString()
    expect(said).toBe('ccusage 20.0.20\n')
  })
  it('prefers it to one on the PATH, and makes it executable: npm does not', () => {
    const { from, program } = installed(0o644)
    expect(findCcusage(onPath(), from)).toMatchObject({ kind: 'found', command: [program] })
    expect(statSync(program).mode & 0o777).toBe(0o755)
  })
  it('names a missing native part and its mend', () => {
    expect(findCcusage('', installed(null).from)).toEqual({
      kind: 'missingNative',
      reason: `ccusage's native part for ${process.platform}-${process.arch} is missing: npm ci`,
    })
  })
  it('names a native part without its program', () => {
    const { from, program } = installed(0o644)
    rmSync(program)
    expect(findCcusage('', from)).toMatchObject({ kind: 'missingNative', reason: expect.stringContaining('npm ci') })
  })
  it('takes the one on the PATH where there is none of ours, known by its size and time', () => {
    const folder = onPath()
    const empty = join(scratch(), 'x.ts')
    const found = findCcusage(`:/nowhere:${folder}`, empty)
    expect(found).toMatchObject({ kind: 'found', command: [join(folder, 'ccusage')] })
    copyFileSync('/bin/true', join(folder, 'ccusage'))
    expect((findCcusage(folder, empty) as CcusageProgram).version).not.toBe((found as CcusageProgram).version)
    expect(findCcusage(folder, installed(null).from)).toMatchObject({ command: [join(folder, 'ccusage')] })
  })
  it('takes nothing from the PATH that cannot be run', () => {
    const folder = onPath()
    chmodSync(join(folder, 'ccusage'), 0o644)
    mkdirSync(join(folder, 'other/ccusage'), { recursive: true })
    expect(findCcusage(`${folder}:${folder}/other`, join(scratch(), 'x.ts'))).toEqual({
      kind: 'notFound',
      reason: 'ccusage is neither in node_modules nor on the PATH: npm ci',
    })
  })
})
