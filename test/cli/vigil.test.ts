import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

let vigil: ScratchVigil
afterEach(() => vigil.dispose())
const cli = async (...words: string[]) => {
  vigil = await scratchVigil({ expiresInMin: 300 })
  return runProcess([join(REPO, 'bin', 'vigil'), ...words], vigil.env)
}

it.each([
  ['an unknown command', ['stauts'], /Did you mean status\?/],
  ['an unknown option', ['status', '--wrong'], /unknown option '--wrong'/],
  ['a missing word', ['run'], /missing required argument 'job'/],
  [
    'a job that does not exist',
    ['run', 'nope'],
    /there is no job "nope"; there are refresh-tokens, fetch-quota, fetch-billing/,
  ],
  ['a word that no group knows', ['alerts', 'bogus'], /there is no 'vigil alerts bogus'; there are list, ack/],
  ['a word that a command lacks', ['alerts', 'ack'], /\(see: vigil alerts ack --help\)/],
  ['an option of another job', ['run', 'fetch-quota', '--force'], /--force is known to fetch-billing only/],
  ['a scheduler for a part', ['install', '--hooks', '--cron'], /choose one of .*--alias, without a scheduler/],
  [
    'a scheduler that this machine lacks',
    ['install', process.platform === 'darwin' ? '--systemd' : '--launchd'],
    /there is no (systemctl|launchctl) here; without --(systemd|launchd), Vigil chooses/,
  ],
  ['an alias for no shell', ['install', '--alias='], /there is none for ""; say one of --alias=bash/],
])('%s is wrong usage: 64, and what to do', async (_name, words, said) => {
  const run = await cli(...words)
  expect(run.code).toBe(64)
  expect(run.stdout).toBe('')
  expect(run.stderr).toMatch(said)
})

it.each([['--help'], ['status', '--help'], ['run', '--help'], ['--version']])('%s %s is no error', async (...words) => {
  const run = await cli(...words.filter(Boolean))
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(run.stdout).not.toBe('')
})

it.each([
  [['log'], { HOME: '' }, 78, /^vigil log: the environment has .*\n {2}HOME is "", which is no absolute path/],
  [['install', '--dry-run'], { HOME: '' }, 78, /^vigil install: the environment has/],
  [['alerts', 'test'], { VIGIL_HOME: '/sys/no-place' }, 77, /^vigil alerts: E(PERM|ACCES)/],
])('%j says what stands in its way, and nothing of its inside', async (words, env, code, said) => {
  vigil = await scratchVigil()
  const run = await runProcess([join(REPO, 'bin', 'vigil'), ...words], { ...vigil.env, ...env })
  expect(run.code).toBe(code)
  expect(run.stderr).toMatch(said)
  expect(run.stderr).not.toMatch(/\n +at |node:|file:/)
})

it('tells of wrong settings wherever they are asked for', async () => {
  vigil = await scratchVigil({ settings: 'refresh: sometimes' })
  for (const words of [
    ['why', 'failover'],
    ['failover', '--replay'],
  ]) {
    const run = await runProcess([join(REPO, 'bin', 'vigil'), ...words], vigil.env)
    expect([words, run.code]).toEqual([words, 78])
    expect(run.stderr).toMatch(/^vigil (why|failover): vigil.yaml has 1 problem; .*\n {2}line 2: refresh has to be/)
    expect(run.stderr).not.toContain('at ')
  }
})

it.each(['alerts', 'accounts', 'doctor', 'log', 'status', 'help'])(
  '%s goes on where nobody reads on, and tells of a disk that is full',
  async word => {
    vigil = await scratchVigil()
    const sh = (script: string) => runProcess(['/bin/sh', '-c', script, join(REPO, 'bin', 'vigil'), word], vigil.env)
    const unread = await sh('{ "$0" "$1"; echo "code $?" >&2; } | :')
    expect(unread.stderr).toMatch(/^(vigil log: nothing was written.*\n)?code [01]\n$/)
    if (process.platform !== 'linux' || word === 'log' || word === 'help') return
    const full = await sh('"$0" "$1" >/dev/full')
    expect(full.code).toBe(1)
    expect(full.stderr).toBe(`vigil ${word}: the output could not be written: ENOSPC: no space left on device, write\n`)
  },
)

it('run shows the log of the job as it goes, and has its exit code', async () => {
  const run = await cli('run', 'fetch-quota')
  expect(run).toMatchObject({ code: 0, stdout: '' })
  expect(run.stderr).toContain('slot-1 ok: measured')
  expect(run.stderr).toContain('fetch-quota ok: 1 ok')
  expect(run.stderr).not.toContain('\u001b')
})

it('works through a link to it, from anywhere', async () => {
  vigil = await scratchVigil()
  const { symlinkSync } = await import('node:fs')
  symlinkSync(join(REPO, 'bin', 'vigil'), join(vigil.home, 'v'))
  expect(await runProcess(['/bin/sh', '-c', 'cd / && "$0" --version', join(vigil.home, 'v')], vigil.env)).toMatchObject(
    { code: 0 },
  )
})
