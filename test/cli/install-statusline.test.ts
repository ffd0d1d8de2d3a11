import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

let home: string
let n = 0
const OWN =
  '{\n    "model": "opus",\n    "statusLine": {"type":"command","command":"~/mine.sh"},\n    "hooks": { }\n}\n'
const settings = (dir: string) => join(home, dir, 'settings.json')
const read = (dir: string) => readFileSync(settings(dir), 'utf8')
const vigil = (...words: string[]) =>
  runProcess([join(REPO, 'bin/vigil'), ...words], {
    HOME: home,
    PATH: '/usr/bin:/bin',
    NODE_COMPILE_CACHE: join(REPO, 'node_modules/.cache/compile'),
  })

beforeEach(() => {
  n += 1
  home = join(homedir(), `install-${n}`)
  for (const dir of ['.claude/config', '.claude-work']) mkdirSync(join(home, dir), { recursive: true })
  const accounts = 'accounts:\n  slot-1: { config_dir: ~/.claude }\n  slot-2: { config_dir: ~/.claude-work }\n'
  writeFileSync(join(home, '.claude/config/claude-sessions.yaml'), accounts)
  writeFileSync(settings('.claude'), OWN, { mode: 0o640 })
})

describe('vigil install --statusline', () => {
  it('puts the command into the settings of each account, shows it, and undoes it byte for byte', async () => {
    const installed = await vigil('install', '--statusline', '--yes')
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    expect(installed.stdout).toContain(
      '~/.claude/settings.json\n  -     "statusLine": {"type":"command","command":"~/mine.sh"},\n  +     "statusLine": {',
    )
    const { statusLine, ...rest } = JSON.parse(read('.claude'))
    expect(rest).toEqual({ model: 'opus', hooks: {} })
    expect(statusLine.command).toMatch(/\/bin\/vigil'? statusline$/)
    expect(JSON.parse(read('.claude-work')).statusLine).toEqual(statusLine)
    expect(statSync(settings('.claude')).mode & 0o777).toBe(0o640)
    const line = await runProcess(['/bin/sh', '-c', statusLine.command], {
      HOME: home,
      PATH: '/usr/bin:/bin',
      COLUMNS: '80',
    })
    expect(line).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('🧠') })
    expect((await vigil('install', '--statusline', '--yes')).stdout).toBe('The status line is in place already.\n')
    expect(await vigil('uninstall', '--statusline', '--yes')).toMatchObject({ code: 0, stderr: '' })
    expect(read('.claude')).toBe(OWN)
    expect(existsSync(settings('.claude-work'))).toBe(false)
  })
  it('only shows with --dry-run, and asks on a terminal alone', async () => {
    expect((await vigil('install', '--statusline', '--dry-run')).stdout).toContain('Nothing was changed.')
    expect((await vigil('install', '--statusline')).code).toBe(64)
    expect(read('.claude')).toBe(OWN)
  })
  it('leaves settings alone that are no JSON, and says so', async () => {
    writeFileSync(settings('.claude'), '{ // mine\n}')
    const { code, stderr } = await vigil('install', '--statusline', '--yes')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'vigil: ~/.claude/settings.json was left alone: it is no JSON object; mend it first\n',
    })
    expect(read('.claude')).toBe('{ // mine\n}')
  })
  it('says nothing of being in place where every one was left alone', async () => {
    for (const dir of ['.claude', '.claude-work']) writeFileSync(settings(dir), 'mine')
    expect(await vigil('install', '--statusline', '--yes')).toMatchObject({ code: 1, stdout: '' })
  })
  it('shows no line that nobody wrote where the file had no end', async () => {
    writeFileSync(join(home, '.bashrc'), 'alias l=ls')
    const { stdout } = await vigil('install', '--alias=bash', '--dry-run')
    expect(stdout).toContain('  + # <<< vigil <<<\n\nNothing was changed.')
  })
  it('writes through a link of a dotfile manager, once for two accounts that share it', async () => {
    const real = join(home, 'dotfiles.json')
    writeFileSync(real, '{}\n')
    symlinkSync(real, settings('.claude-work'))
    await vigil('install', '--statusline', '--yes')
    expect(JSON.parse(readFileSync(real, 'utf8')).statusLine.type).toBe('command')
    await vigil('uninstall', '--statusline', '--yes')
    expect(readFileSync(real, 'utf8')).toBe('{}\n')
  })
  it.each(['', ' \n', '{}', '{\n}\n', '{ }'])(
    'of a file that holds nothing, %j, it leaves the same nothing',
    async text => {
      writeFileSync(settings('.claude'), text)
      await vigil('install', '--statusline', '--yes')
      expect(JSON.parse(read('.claude')).statusLine.type).toBe('command')
      expect(await vigil('uninstall', '--statusline', '--yes')).toMatchObject({ code: 0, stderr: '' })
      expect(read('.claude')).toBe(text)
    },
  )
  it('takes out only what is ours', async () => {
    await vigil('install', '--statusline', '--yes')
    writeFileSync(settings('.claude'), OWN.replace('mine', 'newer'))
    await vigil('uninstall', '--statusline', '--yes')
    expect(read('.claude')).toBe(OWN.replace('mine', 'newer'))
  })
})

it('vigil statusline --help is help, as everywhere', async () => {
  for (const word of ['--help', '-h']) {
    const { code, stdout } = await vigil('statusline', word)
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'Usage: vigil statusline [--preview]'])
  }
})

it('vigil statusline --preview shows all states', async () => {
  const { code, stdout } = await vigil('statusline', '--preview')
  expect(code).toBe(0)
  for (const sign of ['(98%⚠)', '(≥98%⚠⚠)', '🔺slot-1→slot-2 2/3', '🕔:–', '🔔:2', '🐕:silent 12m', 'wk:97h(98%!)'])
    expect(stdout).toContain(sign)
})
