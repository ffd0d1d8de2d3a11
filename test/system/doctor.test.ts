// `vigil doctor` and the faults that take root to make: a disk with little room, files of somebody else.
import { execFileSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { doctorHome } from '../support/doctor-home.ts'
import { needsRoot, smallDisk } from './tools.ts'

test('a disk with little room for bytes, or for files', async lifetime => {
  const disk = smallDisk(lifetime, 300 * 1024)
  const { findings } = await doctorHome({ under: disk.path })
  expect((await findings()).said).toEqual([])
  const change = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, 'vigil-test', disk.path])
  change('size=80m')
  expect((await findings()).said).toEqual(['disk error the disk under session-health is nearly full'])
  change('size=300m,nr_inodes=900')
  expect((await findings()).said).toEqual(['disk error the disk under session-health takes hardly any more files'])
})

test('files and folders of somebody else', async () => {
  needsRoot('to give files away')
  const { vigil, findings } = await doctorHome()
  const config = join(vigil.home, '.claude', 'config')
  for (const path of [vigil.paths.settings, config, vigil.paths.history]) chownSync(path, 12345, 12345)
  const { said, stdout } = await findings()
  expect(said.toSorted()).toEqual([
    'permissions error ~/.claude/config belongs to somebody else',
    'permissions error ~/.claude/config/vigil.yaml belongs to somebody else',
    'permissions error ~/.claude/session-health/history.sqlite belongs to somebody else',
  ])
  expect(stdout).toContain('sudo chown 0 ~/.claude/config/vigil.yaml')
})
