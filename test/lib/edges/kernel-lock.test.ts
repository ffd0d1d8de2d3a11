import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readHolder, tryLock, waitForLock } from '../../../lib/edges/kernel-lock.ts'
import { runProcess } from '../../support/scratch-vigil.ts'

const me = { job: 'test', now: 1_795_000_000_000 }
const place = () => join(mkdtempSync(join(homedir(), 'lock-')), 'a.lock')
const module = new URL('../../../lib/edges/kernel-lock.ts', import.meta.url).href
const program = (code: string) => `import { tryLock, waitForLock } from '${module}'; import fs from 'node:fs'; ${code}`
const run = (code: string) =>
  runProcess([process.execPath, '--input-type=module', '-e', program(code)], { PATH: '/usr/bin:/bin' })

it('lets one in, names it to the next, and lets the next in after release', () => {
  const path = place()
  const first = tryLock(path, me)
  expect(first.held).toBe(true)
  const second = tryLock(path, me)
  expect(second).toMatchObject({ held: false, holder: { pid: process.pid, job: 'test', since: me.now } })
  if (first.held) first.release()
  expect(tryLock(path, me).held).toBe(true)
})

it('is let go by the kernel when its holder is killed', async () => {
  const path = place()
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      program(`tryLock('${path}', { job: 'victim', now: 1 }); console.log('held'); setInterval(() => {}, 1000)`),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  expect(tryLock(path, me)).toMatchObject({ held: false, holder: { job: 'victim', pid: child.pid } })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(tryLock(path, me).held).toBe(true)
})

it('has one holder at a time among many processes, some of which are killed while they hold it', async () => {
  const path = place()
  const inside = `${path}.inside`
  // Each marks its stay by a file that must not be there yet; one that is killed says so first, still holding the lock.
  const stay = `
    const lock = await waitForLock('${path}', { job: 'p', now: 1 }, 60000)
    if (!lock.held) { console.log('never'); process.exit() }
    if (fs.existsSync('${inside}')) { if (fs.readFileSync('${inside}', 'utf8') !== 'dying') console.log('violation'); fs.unlinkSync('${inside}') }
    fs.writeFileSync('${inside}', String(process.pid), { flag: 'wx' })
    await new Promise(done => setTimeout(done, 5))
    if (process.pid % 3 === 0) { fs.writeFileSync('${inside}', 'dying'); process.kill(process.pid, 'SIGKILL') }
    fs.unlinkSync('${inside}'); lock.release(); console.log('in')`
  const ends = await Promise.all(Array.from({ length: 16 }, () => run(stay)))
  expect(ends.map(end => end.stdout.trim()).filter(said => said !== 'in' && said !== '')).toEqual([])
  expect(ends.some(end => end.stdout.includes('in'))).toBe(true)
})

it('gives up waiting when told to', async () => {
  const path = place()
  tryLock(path, me)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 20)
  expect((await waitForLock(path, me, 60_000, stop.signal)).held).toBe(false)
})

it('does not need its info file, whole or at all', () => {
  const path = place()
  const held = tryLock(path, me)
  writeFileSync(`${path}.info`, '{"pid":')
  expect(tryLock(path, me)).toEqual({ held: false, holder: null })
  expect(readHolder(path)).toBeNull()
  if (held.held) held.release()
})

it('says so when the place cannot hold a lock', () => {
  expect(() => tryLock('/nowhere/a.lock', me)).toThrow(/lock \/nowhere\/a.lock cannot be used|unable to open/)
  expect(existsSync('/nowhere')).toBe(false)
})

it('keeps the lock file empty: nothing but a lock', () => {
  const path = place()
  tryLock(path, me)
  expect(readFileSync(path, 'utf8')).toBe('')
})
