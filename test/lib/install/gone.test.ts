// The script that tells of a checkout that is gone, as the watchdog's line starts it.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { REPO } from '../../support/scratch-vigil.ts'

let home: string
let health: string
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'gone-'))
  health = join(home, '.claude', 'session-health')
  mkdirSync(health, { recursive: true })
  copyFileSync(join(REPO, 'deploy', 'gone.sh'), join(health, 'gone.sh'))
})

const run = () => {
  const env = { HOME: home, PATH: '/usr/bin:/bin' }
  const options = { env, encoding: 'utf8' } as const
  const { status, stdout } = spawnSync('/bin/sh', [join(health, 'gone.sh'), join(home, 'vigil')], options)
  expect(status).toBe(1)
  return stdout
}
/** Plays the time that passes. */
const age = (name: string, minutes: number) => {
  const then = new Date(Date.now() - minutes * 60_000)
  utimesSync(join(health, name), then, then)
}

it('tells at the second time in a row, once, and again after four hours', () => {
  expect(run()).toBe('')
  age('gone.seen', 1)
  expect(run()).toContain('Vigil is gone. No login is looked after any more: what was in ~/vigil is not there')
  age('gone.seen', 1)
  age('gone.told', 238)
  expect(run()).toBe('')
  age('gone.told', 241)
  expect(run()).toContain('Vigil is gone')
  expect(readdirSync(health).sort()).toEqual(['gone.seen', 'gone.sh', 'gone.since', 'gone.told'])
})

it('says nothing of node that was away for a moment, and tells a second loss anew', () => {
  run()
  age('gone.seen', 4)
  expect(run()).toBe('')
  age('gone.seen', 1)
  expect(run()).toContain('Vigil is gone')
  age('gone.seen', 4)
  expect(run()).toBe('')
  expect(existsSync(join(health, 'gone.told'))).toBe(false)
  age('gone.seen', 1)
  expect(run()).toContain('Vigil is gone')
})

it('keeps since when the checkout is gone, over a sleep too, until the watchdog has run again', () => {
  const since = () => Math.round((Date.now() - statSync(join(health, 'gone.since')).mtimeMs) / 60_000)
  mkdirSync(join(health, 'runs'))
  writeFileSync(join(health, 'runs/watchdog.json'), '')
  age('runs/watchdog.json', 600)
  run()
  expect(since()).toBe(0)
  age('gone.since', 590)
  age('gone.seen', 400)
  run()
  age('gone.seen', 1)
  run()
  expect(since()).toBe(590)
  age('runs/watchdog.json', 5)
  run()
  expect(since()).toBe(0)
})

it('knows since when, also where no watchdog ever ran', () => {
  run()
  age('gone.since', 7)
  age('gone.seen', 1)
  run()
  expect(Math.round((Date.now() - statSync(join(health, 'gone.since')).mtimeMs) / 60_000)).toBe(7)
})
