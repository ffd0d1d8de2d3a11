// `vigil install --hooks` as a person runs it, and the hook as Claude Code calls it.
import { spawn } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeSchedulers } from '../support/fake-schedulers.ts'
import { oddCheckout } from '../support/odd-checkout.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

let home: string
let n = 0
const OWN = `{
    "model": "opus",
    "hooks": { "StopFailure": [ {"matcher":"overloaded", "hooks":[{"type":"command","command":"~/mine.sh"}]} ],
               "Stop": [] }
}
`
const settings = (dir: string) => join(home, dir, 'settings.json')
const read = (dir: string) => readFileSync(settings(dir), 'utf8')
const env = (more: Record<string, string> = {}) => ({
  HOME: home,
  PATH: '/usr/bin:/bin',
  NODE_COMPILE_CACHE: join(REPO, 'node_modules/.cache/compile'),
  ...more,
})
const vigil = (...words: string[]) => runProcess([join(REPO, 'bin/vigil'), ...words], env())
const commandsIn = (text: string): string[] =>
  JSON.parse(text).hooks.StopFailure.flatMap(({ hooks }: { hooks: Array<{ command: string }> }) =>
    hooks.map(({ command }) => command),
  )
const spool = () => join(home, '.claude/session-health/stop-failures')

/** As Claude Code runs a hook: by sh, with its own environment. */
function call(command: string, more: Record<string, string>): Promise<{ code: number | null; said: string }> {
  return new Promise(resolve => {
    const child = spawn('/bin/sh', ['-c', command], { env: { HOME: home, ...more }, stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk))
    child.once('close', code => resolve({ code, said }))
    child.stdin.end(JSON.stringify({ session_id: 's1', transcript_path: '/x', cwd: '/', error: 'rate_limit' }))
  })
}

beforeEach(() => {
  n += 1
  home = join(homedir(), `hooks-${n}`)
  for (const dir of ['.claude/config', '.claude-work', '.claude-third']) mkdirSync(join(home, dir), { recursive: true })
  const slots = ['~/.claude', '~/.claude-work', '~/.claude-third'].map(
    (dir, k) => `  slot-${k + 1}: { config_dir: ${dir} }\n`,
  )
  writeFileSync(join(home, '.claude/config/claude-sessions.yaml'), `accounts:\n${slots.join('')}`)
  writeFileSync(settings('.claude'), OWN, { mode: 0o640 })
  writeFileSync(settings('.claude-third'), '{}')
})

describe('vigil install --hooks', () => {
  it('puts the hook into the settings of each account, shows it, and undoes it byte for byte', async () => {
    const installed = await vigil('install', '--hooks', '--yes')
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    expect(installed.stdout).toMatch(/^~\/\.claude\/settings\.json\n {2}- .*\n {2}\+ .*vigil'? hook stop-failure/)
    expect(installed.stdout).toContain('~/.claude-work/settings.json\n  + {\n')
    expect(installed.stdout).toContain(
      'Mind: failover is off; it counts once ~/.claude/config/vigil.yaml says: failover: { enabled: true }',
    )
    const [mine, ours] = commandsIn(read('.claude'))
    expect(mine).toBe('~/mine.sh')
    expect(ours).toMatch(/^'?\/.*\/bin\/vigil'? hook stop-failure$/)
    for (const dir of ['.claude-work', '.claude-third']) expect(commandsIn(read(dir))).toEqual([ours])
    expect(statSync(settings('.claude')).mode & 0o777).toBe(0o640)
    expect(statSync(settings('.claude-work')).mode & 0o777).toBe(0o600)

    const texts = ['.claude', '.claude-work', '.claude-third'].map(read)
    expect((await vigil('install', '--hooks', '--yes')).stdout).toMatch(/^The hook is in place already\.\n/)
    expect(['.claude', '.claude-work', '.claude-third'].map(read)).toEqual(texts)

    expect(await vigil('uninstall', '--hooks', '--yes')).toMatchObject({ code: 0, stderr: '' })
    expect([read('.claude'), read('.claude-third'), existsSync(settings('.claude-work'))]).toEqual([OWN, '{}', false])
    expect((await vigil('uninstall', '--hooks', '--yes')).stdout).toBe('No hook of ours is there.\n')
  })

  it('only shows with --dry-run, asks on a terminal alone, and does one thing at a time', async () => {
    expect((await vigil('install', '--hooks', '--dry-run')).stdout).toContain('Nothing was changed.')
    expect((await vigil('install', '--hooks')).code).toBe(64)
    expect(await vigil('install', '--hooks', '--statusline', '--yes')).toMatchObject({
      code: 64,
      stderr: 'vigil install: choose one of --statusline, --hooks and --alias\n',
    })
    expect([read('.claude'), existsSync(settings('.claude-work'))]).toEqual([OWN, false])
  })

  it.each([
    ['no JSON object', '{ // mine\n}', 'it is no JSON object; mend it first'],
    [
      'hooks that are no object',
      '{"hooks":[]}',
      'its "hooks" is no object, so Claude Code cannot read it; mend it first',
    ],
    [
      'all hooks switched off',
      '{"disableAllHooks":true}',
      'it says "disableAllHooks": true, so Claude Code would never call the hook; take that out first',
    ],
    ['no UTF-8', Buffer.from('{"a":"\u00ff"}', 'latin1'), 'it is no UTF-8'],
  ])('leaves settings alone that hold %s, says so, and goes on with the others', async (_what, text, reason) => {
    writeFileSync(settings('.claude'), text)
    const { code, stderr } = await vigil('install', '--hooks', '--yes')
    expect({ code, stderr }).toEqual({ code: 1, stderr: `vigil: ~/.claude/settings.json was left alone: ${reason}\n` })
    expect(readFileSync(settings('.claude'))).toEqual(Buffer.from(text))
    expect(commandsIn(read('.claude-work'))).toHaveLength(1)
  })

  it('leaves alone an account whose directory is gone, and a link that leads nowhere', async () => {
    rmSync(join(home, '.claude-third'), { recursive: true })
    symlinkSync(join(home, 'gone.json'), settings('.claude-work'))
    const { code, stderr } = await vigil('install', '--hooks', '--yes')
    expect(code).toBe(1)
    expect(stderr).toContain('~/.claude-work/settings.json was left alone: it is a link to what is not there\n')
    expect(stderr).toContain('~/.claude-third/settings.json was left alone: its folder is not there\n')
    expect(lstatSync(settings('.claude-work')).isSymbolicLink()).toBe(true)
  })

  it('writes through a link of a dotfile manager, once for two accounts that share it', async () => {
    const real = join(home, 'dotfiles.json')
    writeFileSync(real, '{ "a": 1 }\n')
    for (const dir of ['.claude-work', '.claude-third']) {
      rmSync(settings(dir), { force: true })
      symlinkSync(real, settings(dir))
    }
    await vigil('install', '--hooks', '--yes')
    expect(commandsIn(readFileSync(real, 'utf8'))).toHaveLength(1)
    expect(lstatSync(settings('.claude-work')).isSymbolicLink()).toBe(true)
    await vigil('uninstall', '--hooks', '--yes')
    expect(readFileSync(real, 'utf8')).toBe('{ "a": 1 }\n')
  })

  it('stands beside the status line, whichever goes first', async () => {
    for (const [first, second] of [
      ['--hooks', '--statusline'],
      ['--statusline', '--hooks'],
    ] as const) {
      for (const what of ['--hooks', '--statusline']) await vigil('install', what, '--yes')
      await vigil('uninstall', first, '--yes')
      await vigil('uninstall', second, '--yes')
      expect(read('.claude')).toBe(OWN)
    }
  })

  it('works from a checkout with any name, without node on the PATH, and goes with plain `vigil uninstall`, as the status line does', async () => {
    const root = oddCheckout(home)
    const fake = fakeSchedulers(home)
    const there = (...words: string[]) =>
      runProcess([join(root, 'bin/vigil'), ...words], env({ PATH: `${fake.bin}:/usr/bin:/bin` }))
    expect(await there('install', '--hooks', '--yes')).toMatchObject({ code: 0, stderr: '' })
    const [command] = commandsIn(read('.claude-work'))
    const called = await call(command!, { PATH: '/usr/bin:/bin', CLAUDE_CONFIG_DIR: join(home, '.claude-work') })
    expect(called).toEqual({ code: 0, said: '' })
    const [name] = readdirSync(spool())
    expect(JSON.parse(readFileSync(join(spool(), name!), 'utf8'))).toMatchObject({ slot: 'slot-2', source: 'hook' })

    // The checkout moved on: what another one put in is brought here, and taken out here.
    expect((await vigil('install', '--hooks', '--yes')).code).toBe(0)
    expect(commandsIn(read('.claude-work'))).toEqual([expect.stringContaining(join(REPO, 'bin/vigil'))])
    await there('install', '--hooks', '--yes')
    await there('install', '--statusline', '--yes')
    const gone = await there('uninstall', '--yes')
    expect(gone).toMatchObject({ code: 0, stderr: '' })
    expect(gone.stdout).toContain('~/.claude-third/settings.json\n  - {')
    expect([read('.claude'), read('.claude-third')]).toEqual([OWN, '{}'])
    expect(existsSync(settings('.claude-work')) && read('.claude-work')).toBe('{}\n')
    expect((await there('uninstall', '--yes')).stdout).toBe('Nothing of Vigil is installed here.\n')
  })

  it('is taken out also where nobody remembers what was there', async () => {
    await vigil('install', '--hooks', '--yes')
    rmSync(join(home, '.claude/session-health'), { recursive: true })
    await vigil('uninstall', '--hooks', '--yes')
    expect([read('.claude'), read('.claude-third'), read('.claude-work')]).toEqual([OWN, '{}', '{}\n'])
  })
})
