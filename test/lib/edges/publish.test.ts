import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PublishError, publish } from '../../../lib/edges/fs.ts'
import { reserve } from '../../../lib/edges/reserve.ts'
import { runProcess } from '../../support/scratch-vigil.ts'

const scratch = () => mkdtempSync(join(homedir(), 'publish-'))
const module = new URL('../../../lib/edges/fs.ts', import.meta.url).href

describe('publishing a file', () => {
  it('puts it there whole, private, with nothing beside it', async () => {
    const dir = scratch()
    await publish(join(dir, 'a.json'), 'content', { durable: true })
    expect(readFileSync(join(dir, 'a.json'), 'utf8')).toBe('content')
    expect(statSync(join(dir, 'a.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['a.json'])
  })
  it('replaces the real file behind a link, and keeps the link', async () => {
    const dir = scratch()
    mkdirSync(join(dir, 'real'))
    writeFileSync(join(dir, 'real', 'a'), 'old')
    symlinkSync(join('real', 'a'), join(dir, 'a'))
    await publish(join(dir, 'a'), 'new')
    expect(readFileSync(join(dir, 'real', 'a'), 'utf8')).toBe('new')
    expect(readdirSync(dir).sort()).toEqual(['a', 'real'])
  })
  it('leaves the old one as it was when the disk takes only a part', async () => {
    const dir = scratch()
    const path = join(dir, 'a.json')
    writeFileSync(path, 'old')
    // A file-size limit of 64 KiB cuts the write short, as a full disk does; SIGXFSZ is ignored by node.
    const code = `import { publish } from '${module}'; try { await publish('${path}', 'x'.repeat(100016)); console.log('written') } catch (error) { console.log(error.name, error.code) }`
    const run = await runProcess(
      ['/bin/bash', '-c', `ulimit -f 64; exec "${process.execPath}" --input-type=module -e "$0"`, code],
      { PATH: '/usr/bin:/bin' },
    )
    expect(run.stdout.trim()).toBe('PublishError EFBIG')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(dir)).toEqual(['a.json'])
  })
  it('says which file and why, and has the code of the cause', async () => {
    const error = await publish('/nowhere/a.json', 'x').catch(caught => caught)
    expect(error).toBeInstanceOf(PublishError)
    expect(error.message).toMatch(/^a.json was not written: ENOENT/)
    expect(error.code).toBe('ENOENT')
  })
  it('shows a reader a whole file at every instant, under many writers', async () => {
    const dir = scratch()
    const path = join(dir, 'a.json')
    await publish(path, JSON.stringify({ writer: -1, fill: '' }))
    let running = true
    const writers = Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; n < 25; n++) await publish(path, JSON.stringify({ writer, fill: 'x'.repeat(20_000 + n) }))
      }),
    ).then(() => {
      running = false
    })
    let reads = 0
    while (running) {
      expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('fill')
      reads += 1
      await new Promise(resolve => setImmediate(resolve))
    }
    await writers
    expect(reads).toBeGreaterThan(10)
    expect(readdirSync(dir)).toEqual(['a.json'])
  })
})

describe('a reservation', () => {
  it('takes its space before, and becomes the file at commit', async () => {
    const dir = scratch()
    writeFileSync(join(dir, 'a'), 'old')
    const reservation = await reserve(join(dir, 'a'), 5000)
    const [staging] = readdirSync(dir).filter(name => name !== 'a')
    expect(statSync(join(dir, staging!)).blocks * 512).toBeGreaterThanOrEqual(5000)
    expect(readFileSync(join(dir, 'a'), 'utf8')).toBe('old')
    await reservation.commit('new')
    reservation.discard()
    expect(readFileSync(join(dir, 'a'), 'utf8')).toBe('new')
    expect(readdirSync(dir)).toEqual(['a'])
  })
  it('gives its space back unused', async () => {
    const dir = scratch()
    const reservation = await reserve(join(dir, 'a'), 10)
    reservation.discard()
    expect(readdirSync(dir)).toEqual([])
    await expect(reservation.commit('late')).rejects.toThrow('was given back')
    expect(existsSync(join(dir, 'a'))).toBe(false)
  })
  it('is refused in a folder that takes no file', async () => {
    const dir = join(scratch(), 'gone')
    await expect(reserve(join(dir, 'a'), 10)).rejects.toBeInstanceOf(PublishError)
    mkdirSync(dir)
    chmodSync(dir, 0o700)
    ;(await reserve(join(dir, 'a'), 10)).discard()
  })
})
