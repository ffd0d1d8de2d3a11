import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { appendLog, isRotationDue, rotate, rotateIfDue } from '../../../lib/store/runs.ts'
import { DAY_MS, LOG_MAX_BYTES } from '../../../lib/timings.ts'

let folder: string
let log: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-log-'))
  log = join(folder, 'watchdog.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const AT = Date.parse('2026-02-08T12:00:00Z')

describe('a line', () => {
  it('is JSON with its time, redacted, in a file that is closed to others', () => {
    appendLog(log, AT, 'warn', 'the token sk-ant-oat01-SECRET was refused', { slot: 'slot-1' })
    expect(JSON.parse(readFileSync(log, 'utf8'))).toEqual({
      time: '2026-02-08T12:00:00.000Z',
      level: 'warn',
      message: 'the token [redacted] was refused',
      slot: 'slot-1',
    })
    expect(statSync(log).mode & 0o777).toBe(0o600)
  })
})

describe('a rotation', () => {
  it.each([
    ['nothing in it', { size: 0, birthtimeMs: AT, mtimeMs: AT + 30 * DAY_MS }, false],
    ['as long as it may be', { size: LOG_MAX_BYTES, birthtimeMs: AT, mtimeMs: AT }, false],
    ['one byte longer', { size: LOG_MAX_BYTES + 1, birthtimeMs: AT, mtimeMs: AT }, true],
    ['lines of seven days', { size: 9, birthtimeMs: AT, mtimeMs: AT + 7 * DAY_MS }, false],
    ['lines of more', { size: 9, birthtimeMs: AT, mtimeMs: AT + 7 * DAY_MS + 1 }, true],
    ['no time of birth', { size: 9, birthtimeMs: 0, mtimeMs: AT }, false],
  ])('of a log with %s: %o', (_name, stat, due) => {
    expect(isRotationDue(stat)).toBe(due)
  })

  it('keeps five older ones, in their order, each 0600', () => {
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      writeFileSync(log, text, { mode: 0o600 })
      rotate(log)
    }
    const names = ['watchdog.log.1', 'watchdog.log.2', 'watchdog.log.3', 'watchdog.log.4', 'watchdog.log.5']
    expect(readdirSync(folder).sort()).toEqual(names)
    expect(names.map(name => readFileSync(join(folder, name), 'utf8'))).toEqual(['g', 'f', 'e', 'd', 'c'])
    expect(names.map(name => statSync(join(folder, name)).mode & 0o777)).toEqual(Array(5).fill(0o600))
  })

  it('is made where it is due and only there; a log that is not there, or no file, is let be', () => {
    expect(rotateIfDue(log)).toBe(false)
    expect(rotateIfDue(folder)).toBe(false)
    writeFileSync(log, 'x'.repeat(LOG_MAX_BYTES))
    expect(rotateIfDue(log)).toBe(false)
    writeFileSync(log, 'x'.repeat(LOG_MAX_BYTES + 1))
    expect(rotateIfDue(log)).toBe(true)
    expect(readdirSync(folder)).toEqual(['watchdog.log.1'])
  })
})
