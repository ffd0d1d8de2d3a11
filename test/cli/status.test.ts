import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { beforeEach, expect, test } from 'vitest'
import { Status } from '../../lib/domain/status.ts'
import { readEnvironment } from '../../lib/settings.ts'

const root = join(import.meta.dirname, '../..')

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'cli-'))
})

/** The real command line in an environment of its own. */
function vigil(args: string[], env: Record<string, string> = {}) {
  const node = join(root, 'node_modules/.bin/node')
  return new Promise<{ exitCode: number; stdout: string; stderr: string }>(resolve => {
    const options = { env: { HOME: home, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...env } }
    execFile(node, [join(root, 'cli/vigil.ts'), ...args], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

function config(file: string, text: string): void {
  mkdirSync(join(home, '.claude/config'), { recursive: true })
  writeFileSync(join(home, '.claude/config', file), text)
}

test('a newcomer is told what to do, with exit code 0, and nothing is written', async () => {
  const { exitCode, stdout, stderr } = await vigil(['status'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(/^○ empty {2}no Claude Code login was found\n {9}run: claude \/login\n/)
  expect(readdirSync(home)).toEqual([])
})

test('--json prints the status by its schema, and nothing else', async () => {
  const { exitCode, stdout, stderr } = await vigil(['status', '--json'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const status = v.parse(Status, JSON.parse(stdout))
  expect(status.pool.verdict).toBe('empty')
  expect(Math.abs(status.checked_at - Date.now())).toBeLessThan(60_000)
})

test.each([
  ['vigil.yaml', 'refresh: maybe\n'],
  ['claude-sessions.yaml', 'accounts: 5\n'],
])('a wrong %s ends with exit code 78, and the screen is there all the same', async (file, text) => {
  config(file, text)
  for (const flag of [[], ['--json']]) {
    const { exitCode, stdout } = await vigil(['status', ...flag])
    expect(exitCode).toBe(78)
    expect(stdout).toContain(`${file} has 1 problem`)
    expect(stdout).toContain('refresh-tokens')
  }
})

test('an environment without a home is said in one sentence, with exit code 78', async () => {
  const { exitCode, stdout, stderr } = await vigil(['status'], { HOME: 'relative' })
  expect({ exitCode, stdout }).toEqual({ exitCode: 78, stdout: '' })
  expect(stderr).toMatch(/^vigil status: the environment has \d problem/)
  expect(stderr).not.toContain('at ')
})

test('a pipe gets no colours, unless they are asked for, and NO_COLOR has the last word', async () => {
  expect((await vigil(['status'])).stdout).not.toContain('\x1b')
  expect((await vigil(['status'], { FORCE_COLOR: '1' })).stdout).toContain('\x1b[')
  expect((await vigil(['status'], { FORCE_COLOR: '1', NO_COLOR: '1' })).stdout).not.toContain('\x1b')
})

test('without a UTF-8 locale everything is ASCII', async () => {
  expect((await vigil(['status'], { LANG: 'C' })).stdout).toMatch(/^[\n\x20-\x7e]+$/)
})

/** The command line as one of a shell's, with its output where `rest` sends it. */
function inShell(rest: string) {
  return new Promise<{ exitCode: number; stderr: string }>(resolve => {
    const options = { env: { HOME: home, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' } }
    const command = `"${join(root, 'node_modules/.bin/node')}" "${join(root, 'cli/vigil.ts')}" status --json ${rest}`
    execFile('/bin/sh', ['-c', command], options, (error, _stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stderr })
    })
  })
}

test('a reader that leaves early is no failure', async () => {
  expect(await inShell('| true')).toEqual({ exitCode: 0, stderr: '' })
})

test.runIf(existsSync('/dev/full'))('output that has no room is a failure, in one sentence', async () => {
  const { exitCode, stderr } = await inShell('> /dev/full')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^vigil status: the output could not be written: ENOSPC.*\n$/)
})

test('COLUMNS says how wide a pipe is', async () => {
  const { stdout } = await vigil(['status'], { COLUMNS: '40' })
  expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(40)
})

test.each([
  [{}, { color: 'auto', columns: null, utf8: false }],
  [{ NO_COLOR: '' }, { color: 'auto' }],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, { color: 'never' }],
  [{ FORCE_COLOR: '1' }, { color: 'always' }],
  [{ FORCE_COLOR: '0' }, { color: 'never' }],
  [{ TERM: 'dumb' }, { color: 'never' }],
  [{ COLUMNS: '120' }, { columns: 120 }],
  [{ COLUMNS: '0' }, { columns: null }],
  [{ COLUMNS: 'wide' }, { columns: null }],
  [{ LANG: 'de_DE.UTF-8' }, { utf8: true }],
  [{ LANG: 'de_DE.utf8', LC_ALL: 'C' }, { utf8: false }],
  [{ LANG: 'C', LC_CTYPE: 'C.UTF-8' }, { utf8: true }],
  [{ LANG: 'en_US.ISO-8859-1' }, { utf8: false }],
])('what %j says of the terminal', (env, terminal) => {
  expect(readEnvironment({ HOME: '/home/user', ...env }).terminal).toMatchObject(terminal)
})
