// The script that tells of a checkout that is gone, as the watchdog's line starts it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, utimesSync } from 'node:fs'
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
  expect(readdirSync(health).sort()).toEqual(['gone.seen', 'gone.sh', 'gone.told'])
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
