// The janitor as a process of its own.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { REPO, runProcess, scratchVigil } from '../support/scratch-vigil.ts'

const NOW = Date.now()
const DAY = 86_400_000
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

async function open(sessions: number) {
  const vigil = await scratchVigil()
  onTestFinished(() => vigil.dispose())
  const { health } = vigil.paths
  mkdirSync(health, { recursive: true })
  for (let n = 0; n < sessions; n++) {
    const path = join(health, `${id(n)}.json`)
    writeFileSync(path, JSON.stringify({ schema: 1, session_id: id(n) }))
    utimesSync(path, (NOW - 8 * DAY) / 1000, (NOW - 8 * DAY) / 1000)
  }
  writeFileSync(join(health, 'mine.txt'), 'x')
  const left = () => readdirSync(health).filter(name => /^0{8}-/.test(name)).length
  const cli = (...words: string[]) => runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), ...words], vigil.env)
  return { vigil, left, cli, health }
}

it('shows its plan, and changes nothing by that', async () => {
  const { vigil, left, cli } = await open(2)
  const { code, stdout, stderr } = await cli('run', 'janitor', '--dry-run')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toBe(
    [0, 1]
      .map(n => `remove session-health/${id(n)}.json (64 B): of a session that was not seen for 7 days\n`)
      .join('')
      .concat('128 B would be free again; nothing was changed\n'),
  )
  expect(left()).toBe(2)
  expect(existsSync(vigil.paths.runs)).toBe(false)
})

it('then does it, in an empty environment, says so in its log, and is quiet', async () => {
  const { vigil, left, cli, health } = await open(2)
  expect(await vigil.run('janitor')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  expect(left()).toBe(0)
  expect(existsSync(join(health, 'mine.txt'))).toBe(true)
  expect(vigil.record('janitor')).toMatchObject({ outcome: 'ok', counters: { removed: 2, freed_bytes: 128 } })
  expect(vigil.log('janitor')).toContain('2 files: of a session that was not seen for 7 days')
  expect((await cli('run', 'janitor', '--dry-run')).stdout).toBe('nothing to clean up\n')
})

it('works without usable settings too, and says that they are wrong', async () => {
  const { vigil, left } = await open(1)
  vigil.settings('nonsense: true')
  expect((await vigil.run('janitor')).code).toBe(78)
  expect(left()).toBe(0)
})

it('that is killed midway goes on with the next run', async () => {
  const { vigil, left } = await open(3000)
  const child = spawn(process.execPath, [join(REPO, 'jobs/janitor.ts')], { env: vigil.env, stdio: 'inherit' })
  const gone = new Promise(resolve => child.once('exit', resolve))
  while (left() === 3000 && child.exitCode === null) await new Promise(resolve => setImmediate(resolve))
  child.kill('SIGKILL')
  await gone
  expect((await vigil.run('janitor')).code).toBe(0)
  expect(left()).toBe(0)
  expect(vigil.record('janitor')).toMatchObject({ outcome: 'ok' })
})

it.each([
  ['watchdog', /--dry-run is known to janitor only/],
  ['nope', /there is no job "nope"/],
])('--dry-run of %s is wrong usage, and runs nothing', async (job, said) => {
  const { vigil, cli } = await open(0)
  const { code, stderr } = await cli('run', job, '--dry-run')
  expect(code).toBe(64)
  expect(stderr).toMatch(said)
  expect(existsSync(vigil.paths.runs)).toBe(false)
})
