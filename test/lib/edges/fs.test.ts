import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { beforeEach, describe, expect, it } from 'vitest'
import { readJson } from '../../../lib/edges/fs.ts'

const Schema = v.object({ n: v.number() })
let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(homedir(), 'json-')), 'x.json')
})

describe('reading a JSON file', () => {
  it('gives what is in it, tells absent from corrupt, and says what is wrong', () => {
    expect(readJson(path, Schema)).toEqual({ state: 'absent' })
    writeFileSync(path, '{"n":1}')
    expect(readJson(path, Schema)).toEqual({ state: 'present', value: { n: 1 } })
    writeFileSync(path, '{"n":')
    expect(readJson(path, Schema)).toEqual({ state: 'corrupt', detail: 'it is not JSON (5 characters)' })
    writeFileSync(path, '{"n":"1"}')
    expect(readJson(path, Schema)).toMatchObject({ state: 'corrupt', detail: expect.stringMatching(/^n: /) })
  })

  it.each([
    ['a directory', () => mkdirSync(path)],
    // A plain open would wait for a writer for ever.
    ['a FIFO', () => execFileSync('mkfifo', [path])],
    ['a socket', () => new Promise<void>(done => createServer().unref().listen(path, done))],
  ])('never waits for %s', async (_name, make) => {
    await make()
    expect(readJson(path, Schema)).toEqual({ state: 'corrupt', detail: 'it is no regular file' })
  })

  it('takes up to 64 MiB', () => {
    writeFileSync(path, '')
    truncateSync(path, 64 * 1024 * 1024)
    expect(readJson(path, Schema)).toEqual({ state: 'corrupt', detail: 'it is not JSON (67108864 characters)' })
    truncateSync(path, 64 * 1024 * 1024 + 1)
    expect(readJson(path, Schema)).toEqual({ state: 'corrupt', detail: 'it is 67108865 bytes long' })
  })
})
