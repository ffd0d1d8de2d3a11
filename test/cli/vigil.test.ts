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
