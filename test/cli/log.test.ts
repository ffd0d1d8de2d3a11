// `vigil log`, over files as the jobs and cron leave them.
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { REPO, runProcess, scratchVigil } from '../support/scratch-vigil.ts'

const NOW = Date.now()
const MINUTE = 60_000
const line = (minutesAgo: number, message: string) =>
  `${JSON.stringify({ time: new Date(NOW - minutesAgo * MINUTE).toISOString(), level: 'info', message })}\n`

async function open() {
  const vigil = await scratchVigil()
  onTestFinished(() => vigil.dispose())
  const { paths } = vigil
  mkdirSync(paths.logs, { recursive: true })
  writeFileSync(join(paths.health, 'token-refresh.log'), line(5, 'slot-1 fresh'))
  writeFileSync(join(paths.logs, 'watchdog.log.1'), line(30, 'one') + line(20, 'two'))
  writeFileSync(join(paths.logs, 'watchdog.log'), line(300, 'long ago') + line(4, 'three'))
  writeFileSync(join(paths.logs, 'cron.err'), '/bin/sh: 1: node: not found sk-ant-oat01-SECRET\n')
  writeFileSync(join(paths.logs, 'notes.txt'), 'not a log\n')
  const env = { ...vigil.env, TZ: 'UTC', FORCE_COLOR: '' }
  const command = [process.execPath, join(REPO, 'cli/vigil.ts'), 'log']
  return { paths, env, command, log: (...words: string[]) => runProcess([...command, ...words], env) }
}
const messages = (stdout: string) => stdout.split('\n').map(text => text.split(' ').slice(3).join(' ').trim())

it('shows all jobs by time, what was rotated away and what a shell said; plain where it is piped, and no token', async () => {
  const { log } = await open()
  const { code, stdout, stderr } = await log()
  expect([code, stderr]).toEqual([0, ''])
  expect(messages(stdout)).toEqual([
    'one',
    'two',
    'slot-1 fresh',
    'three',
    expect.stringContaining('node: not found'),
    '',
  ])
  expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d watchdog +one\n/)
  expect(stdout).not.toMatch(/SECRET|\u001b|long ago|not a log/)
})
it('shows one job, as far back as it is asked for', async () => {
  const { log } = await open()
  expect(messages((await log('watchdog', '--since', '25m')).stdout)).toEqual(['two', 'three', ''])
  expect(messages((await log('watchdog', '--since', '1d')).stdout)).toEqual(['long ago', 'one', 'two', 'three', ''])
  expect(messages((await log('refresh-tokens')).stdout)).toEqual(['slot-1 fresh', ''])
  expect((await log('cron.err')).stdout).toContain('until')
})
it('says so where nothing was written', async () => {
  const { log } = await open()
  const { code, stdout, stderr } = await log('fetch-quota')
  expect([code, stdout]).toEqual([0, ''])
  expect(stderr).toBe('vigil log: nothing was written in the last 2h; try --since 7d\n')
})
it.each([
  [['nope'], /there is no log of "nope"; there are refresh-tokens, fetch-quota/],
  [['--since', 'yesterday'], /--since is "yesterday"; write a time such as 30m/],
  [['watchdog', 'more'], /too many arguments/],
])('%j is wrong usage', async (words, said) => {
  const { log } = await open()
  const { code, stdout, stderr } = await log(...words)
  expect([code, stdout]).toEqual([64, ''])
  expect(stderr).toMatch(said)
})
it('follows what comes, over a rotation, and ends with Ctrl-C', async () => {
  const { paths, env, command } = await open()
  const [program, ...words] = [...command, 'watchdog', '--follow', '--since', '10m']
  const child = spawn(program!, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  let shown = ''
  child.stdout.on('data', chunk => {
    shown += chunk
  })
  const seen = async (text: string) => {
    for (let tries = 0; !shown.includes(text) && tries < 1000; tries++)
      await new Promise(resolve => setTimeout(resolve, 20))
    expect(shown).toContain(text)
  }
  const current = join(paths.logs, 'watchdog.log')
  await seen('three')
  appendFileSync(current, line(3, 'four'))
  await seen('four')
  appendFileSync(current, line(2, 'five'))
  renameSync(current, `${current}.1`)
  writeFileSync(current, line(1, 'six'))
  await seen('six')
  expect(messages(shown)).toEqual(['three', 'four', 'five', 'six', ''])
  child.kill('SIGINT')
  await new Promise(resolve => child.once('exit', resolve))
})
