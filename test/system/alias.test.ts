// What the three shells make of the alias: interactive ones start `claude` in the current account, their scripts do not.
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { oddCheckout } from '../support/odd-checkout.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'
import * as tools from './tools.ts'

tools.needs('zsh', 'zsh')
tools.needs('fish', 'fish')

/** A home with two accounts, the second current, and a `claude` that says how it was started. */
async function open(lifetime: tools.Lifetime) {
  const vigil = await tools.scratch(lifetime, { count: 2, expiresInMin: 300 })
  mkdirSync(join(vigil.home, '.claude/config'), { recursive: true })
  writeFileSync(
    vigil.paths.accounts,
    'current: work\naccounts:\n  home: { config_dir: ~/.claude }\n  work: { config_dir: ~/.claude-0001 }\n',
  )
  mkdirSync(join(vigil.home, 'bin'))
  writeFileSync(
    join(vigil.home, 'bin/claude'),
    '#!/bin/sh\nprintf "dir=%s" "$CLAUDE_CONFIG_DIR"; printf " [%s]" "$@"; echo\nexit 3\n',
  )
  chmodSync(join(vigil.home, 'bin/claude'), 0o755)
  const env = { ...vigil.env, PATH: `${vigil.home}/bin:/usr/bin:/bin`, LANG: 'C.UTF-8', TERM: 'dumb' }
  return { vigil, env }
}

const said = (stdout: string) => stdout.split('\n').filter(line => line.startsWith('dir='))
// A line of its own: an alias counts from the line behind the one that it was read with.
const COMMAND = `claude --resume 'it is' '$HOME "x"'`
const WORDS = ` [--resume] [it is] [$HOME "x"]`

test.for([
  ['bash', 'plain'],
  ['zsh', 'plain'],
  ['fish', 'plain'],
  ['bash', 'odd'],
  ['zsh', 'odd'],
  ['fish', 'odd'],
] as const)('in %s, from a checkout whose path is %s', { timeout: 120_000 }, async ([shell, path], lifetime) => {
  const { vigil, env } = await open(lifetime)
  const root = path === 'odd' ? oddCheckout(vigil.home) : REPO
  const run = (...words: string[]) => runProcess(words, env)
  const cli = (...words: string[]) => run(join(root, 'bin/vigil'), ...words)
  const before = await run(shell, '-i', '-c', COMMAND)
  expect([said(before.stdout), before.code]).toEqual([[`dir=${WORDS}`], 3])

  expect(await cli('install', `--alias=${shell}`, '--yes')).toMatchObject({ code: 0, stderr: '' })
  const current = await run(shell, '-i', '-c', COMMAND)
  expect([said(current.stdout), current.code, current.stderr]).toEqual([
    [`dir=${vigil.dir(1)}${WORDS}`],
    3,
    before.stderr,
  ])
  expect(said((await run(shell, '-c', COMMAND)).stdout)).toEqual([`dir=${WORDS}`])

  if (path === 'odd') {
    // Where the checkout is away, Claude Code starts as it did before.
    renameSync(root, `${root} away`)
    const alone = await run(shell, '-i', '-c', COMMAND)
    expect([said(alone.stdout), alone.code, alone.stderr]).toEqual([[`dir=${WORDS}`], 3, before.stderr])
    renameSync(`${root} away`, root)
  }

  // Moved on, a shell that is open already follows.
  const moves = `claude 1\n'${root.replaceAll("'", shell === 'fish' ? "\\'" : "'\\''")}/bin/vigil' accounts use home\nclaude 2`
  const moved = await run(shell, '-i', '-c', moves)
  expect(said(moved.stdout)).toEqual([`dir=${vigil.dir(1)} [1]`, 'dir= [2]'])

  expect(await cli('uninstall', '--alias', '--yes')).toMatchObject({ code: 0, stderr: '' })
  expect(said((await run(shell, '-i', '-c', COMMAND)).stdout)).toEqual([`dir=${WORDS}`])
})

test('zsh finds it in the folder that ZDOTDIR names', { timeout: 120_000 }, async lifetime => {
  const { vigil, env } = await open(lifetime)
  const inFolder = { ...env, ZDOTDIR: join(vigil.home, 'zsh') }
  mkdirSync(inFolder.ZDOTDIR)
  const installed = await runProcess([join(REPO, 'bin/vigil'), 'install', '--alias=zsh', '--yes'], inFolder)
  expect(installed).toMatchObject({ code: 0, stderr: '' })
  expect(said((await runProcess(['zsh', '-i', '-c', 'claude x'], inFolder)).stdout)).toEqual([
    `dir=${vigil.dir(1)} [x]`,
  ])
})
