// SIGKILL at every step of a status line that has everything to do, as Claude Code's next trigger does it: no torn file, no
// lock left, nobody left running, and the next line does what is still due.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { gitPath } from '../../lib/statusline/glance.ts'
import type { ScratchVigil } from '../support/scratch-vigil.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'
import { recorded, SESSION } from '../support/statusline-home.ts'
import { nameOf, recordSteps, strike } from './kill-points.ts'
import * as tools from './tools.ts'

test('a killed status line leaves whole files, no lock and nobody', { timeout: 600_000 }, async lifetime => {
  const vigil = await tools.scratch(lifetime, { expiresInMin: 300 })
  await vigil.run('fetch-quota')
  await vigil.run('watchdog')
  const input = join(vigil.home, 'stdin.json')
  const told = { ...recorded(Date.now()), cwd: undefined, workspace: undefined }
  // Without a repository: the recording would follow the child, whose own end is walked by chance below.
  writeFileSync(input, JSON.stringify(told))
  const node = `"${process.execPath}" "${join(REPO, 'cli/statusline.ts')}"`
  const command = ['/bin/sh', '-c', `exec ${node} < "${input}"`]
  layOut(vigil)
  const steps = (await recordSteps(vigil, command)).filter(({ path }) => !path?.includes('compile-cache'))
  expect(steps.map(step => nameOf(step, vigil.home)).join('\n')).toMatch(/harvest[\s\S]*session-health\/\.d2ea0b1e/)
  for (const step of steps) {
    layOut(vigil)
    await strike(vigil, step, 'kill', command)
    const where = nameOf(step, vigil.home)
    expectWhole(vigil, where)
    const { code, stderr } = await runProcess(command, vigil.env)
    expect([where, code, stderr]).toEqual([where, 0, ''])
    const harvest = JSON.parse(readFileSync(join(vigil.paths.harvest, `${SESSION}.json`), 'utf8'))
    expect([where, harvest.windows.seven_day.usedPercent]).toEqual([where, 98])
  }
  writeFileSync(input, JSON.stringify({ ...told, cwd: vigil.home }))
  for (let n = 0; n < 60; n++) {
    layOut(vigil)
    // At any moment of its 50 ms, and of the start of its child.
    await runProcess(command, vigil.env, pid => setTimeout(() => endIt(pid), n))
    expect(await runProcess(command, vigil.env)).toMatchObject({ code: 0, stderr: '' })
  }
  await expect.poll(() => left(vigil), { timeout: 60_000 }).toEqual([])
  expectWhole(vigil, 'at some moment')
  expect(JSON.parse(readFileSync(gitPath(vigil.paths, vigil.home), 'utf8'))).toMatchObject({ branch: null })
})

function endIt(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was done already.
  }
}

function expectWhole(vigil: ScratchVigil, where: string): void {
  for (const path of filesOf(vigil)) {
    // A staging file of a killed line may be torn: the janitor knows it by its name.
    if (path.endsWith('.json')) expect([where, path, isJson(path)]).toEqual([where, path, true])
  }
}

/** As if no status line had ever run, with figures that are old and a job that is overdue. */
function layOut(vigil: ScratchVigil): void {
  for (const folder of [vigil.paths.harvest, vigil.paths.git, vigil.paths.kicks])
    rmSync(folder, { recursive: true, force: true })
  rmSync(join(vigil.paths.health, `${SESSION}.json`), { force: true })
}

function filesOf(vigil: ScratchVigil): string[] {
  return readdirSync(vigil.paths.health, { recursive: true, encoding: 'utf8' })
    .map(name => join(vigil.paths.health, name))
    .filter(path => statSync(path).isFile())
}

function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, 'utf8'))
    return true
  } catch {
    return false // Torn.
  }
}

/** Processes of ours that are still at it: they end by themselves. */
function left(vigil: ScratchVigil): string[] {
  return readdirSync('/proc')
    .filter(pid => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter(pid => {
      const words = tools.ifThere(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
      return words.includes('git-state') && words.includes(vigil.home)
    })
}
