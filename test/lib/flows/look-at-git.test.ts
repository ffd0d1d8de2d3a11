import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lookAtGit, readGitStatus } from '../../../lib/flows/look-at-git.ts'
import { pathsFor } from '../../../lib/paths.ts'
import { gitPath } from '../../../lib/statusline/glance.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const paths = pathsFor(homedir(), join(homedir(), '.claude'))
const look = async (folder: string) => {
  await lookAtGit(folder, { paths, childEnv: { PATH: '/usr/bin:/bin', HOME: homedir() }, now: NOW })
  return JSON.parse(readFileSync(gitPath(paths, folder), 'utf8'))
}

describe('a repository', () => {
  it('is known by its branch and what is staged and changed, and is left as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-git-'))
    const git = (...words: string[]) =>
      execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@example.com', ...words], { cwd: folder })
    git('init', '-q', '-b', 'main')
    writeFileSync(join(folder, 'a'), '1')
    git('add', 'a')
    git('commit', '-qm', 'one')
    writeFileSync(join(folder, 'a'), '2')
    writeFileSync(join(folder, 'b'), '1')
    writeFileSync(join(folder, 'unseen'), '1')
    git('add', 'b')
    // Then git would like to note in its index that nothing changed, under its lock.
    utimesSync(join(folder, 'b'), 1, 1)
    const index = readFileSync(join(folder, '.git/index'))
    mkdirSync(join(folder, 'deep'))
    expect(await look(join(folder, 'deep'))).toMatchObject({ branch: 'main', staged: 1, changed: 1, measuredAt: NOW })
    expect(readFileSync(join(folder, '.git/index'))).toEqual(index)
    git('checkout', '-q', '--detach')
    expect((await look(folder)).branch).toMatch(/^[0-9a-f]{7}$/)
  })
  it('runs no program that its own settings name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-git-'))
    execFileSync('git', ['init', '-q', '-b', 'x'], { cwd: folder })
    const trace = join(folder, 'ran')
    execFileSync('git', ['config', 'core.fsmonitor', `touch ${trace}; true`], { cwd: folder })
    expect(await look(folder)).toMatchObject({ branch: 'x' })
    expect(() => readFileSync(trace)).toThrow('ENOENT')
  })
  it('that is none is told as none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-git-'))
    expect(await look(folder)).toMatchObject({ branch: null })
  })
})

it('git says it in lines', () => {
  const lines = [
    '# branch.oid 0123456789abcdef',
    '# branch.head (detached)',
    '1 M. N... 1',
    '1 .M N... 1',
    '2 RM N... 1',
    'u UU N... 1',
    '? new',
  ]
  expect(readGitStatus(lines.join('\n'))).toEqual({ branch: '0123456', staged: 2, changed: 3 })
})
