// What a shell is told to complete, and the help of every command on a narrow terminal.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

const env = { HOME: process.env['HOME']!, PATH: '/usr/bin:/bin' }
const vigil = (words: string[], more: Record<string, string> = {}) =>
  runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), ...words], { ...env, ...more })
/** With a shell of its own each time: what it would offer after these words. */
const offered = async (script: string, ...words: string[]) => {
  const line = `${script}\nCOMP_WORDS=(vigil "$@"); COMP_CWORD=$#; _vigil; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { code, stdout, stderr } = await runProcess(['/bin/bash', '--norc', '-u', '-c', line, 'bash', ...words], env)
  expect([code, stderr]).toEqual([0, ''])
  return stdout.split('\n').filter(Boolean)
}

describe('completion', () => {
  let bash: string
  beforeAll(async () => {
    bash = (await vigil(['completion', 'bash'])).stdout
  })
  it.each([
    [['st'], ['status', 'statusline']],
    [
      ['accounts', ''],
      ['list', 'add', 'pause', 'resume', 'use', '--help'],
    ],
    [['accounts', 'a'], ['add']],
    [['alerts', 'silence', '--f'], ['--for']],
    [
      ['run', 'fetch'],
      ['fetch-quota', 'fetch-billing'],
    ],
    [['run', '--force', 'jan'], ['janitor']],
    [['log', 'watchdog', '--s'], ['--since']],
    [
      ['doctor', '--'],
      ['--json', '--fix', '--help'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    [['nonsense'], []],
  ])('in bash offers behind %j: %j', async (words, expected) => {
    expect(await offered(bash, ...words)).toEqual(expected)
  })
  it.skipIf(!existsSync('/usr/bin/shellcheck'))('in bash is clean shell', async () => {
    const { writeFileSync } = await import('node:fs')
    const path = join(env.HOME, 'completion.bash')
    writeFileSync(path, bash)
    expect(await runProcess(['/usr/bin/shellcheck', '-s', 'bash', path], env)).toMatchObject({ code: 0, stdout: '' })
  })
  it.each(['zsh', 'fish'])('in %s knows every command, option and job, each quote closed', async shell => {
    const { code, stdout } = await vigil(['completion', shell])
    expect(code).toBe(0)
    for (const word of ['accounts', 'resume', 'silence', 'completion', 'watchdog', 'dry-run', 'follow', 'fish'])
      expect(stdout).toContain(word)
    // Both take ' as sh does, but for fish's \\'.
    const quotes = stdout.replaceAll("'\\''", '').replaceAll("\\'", '').match(/'/g) ?? []
    expect(quotes.length % 2).toBe(0)
  })
  it('of another shell is wrong usage', async () => {
    expect(await vigil(['completion', 'tcsh'])).toEqual({
      code: 64,
      signal: null,
      stdout: '',
      stderr: 'vigil completion: there is none for "tcsh"; there are bash, zsh, fish\n',
    })
  })
})

describe('help', () => {
  it('of every command fits into 40 columns, says what it does, and is no error', async () => {
    const script = (await vigil(['completion', 'bash'])).stdout
    const paths = [...script.matchAll(/^ {4}'([a-z ]*)'\) words=/gm)].map(([, path]) =>
      path!.split(' ').filter(Boolean),
    )
    expect(paths.length).toBeGreaterThan(20)
    for (const path of paths) {
      const { code, stdout, stderr } = await vigil([...path, '--help'], { COLUMNS: '40' })
      expect([path, code, stderr]).toEqual([path, 0, ''])
      expect(stdout).toMatch(/^Usage: vigil/)
      for (const line of stdout.split('\n')) expect([path, line, line.length <= 40]).toEqual([path, line, true])
      expect(stdout).not.toContain('default: false')
    }
  })
})
