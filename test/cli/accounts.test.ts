// `vigil accounts`, as a process, over logins as Claude Code leaves them.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { tryLock } from '../../lib/edges/kernel-lock.ts'
import { REPO, runProcess, scratchVigil } from '../support/scratch-vigil.ts'

/** Two logins in the registry, a third one that is not. */
async function open(registry: string | null = TEXT) {
  const vigil = await scratchVigil({ count: 3, expiresInMin: 300 })
  onTestFinished(() => vigil.dispose())
  if (registry !== null) writeFileSync(vigil.paths.accounts, registry, { mode: 0o600 })
  const accounts = (...words: string[]) =>
    runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), 'accounts', ...words], vigil.env)
  return { vigil, accounts, text: () => readFileSync(vigil.paths.accounts, 'utf8') }
}
const TEXT = `# mine
current: slot-1
accounts:
  slot-1:
    config_dir: ~/.claude      # first
  slot-2:
    config_dir: ~/.claude-0001
    status: active
`
const wrong = (code: number, words: RegExp | string) => ({ code, stdout: '', stderr: expect.stringMatching(words) })

describe('list', () => {
  it('shows each with its standing, its directory and what to do', async () => {
    const gone = 'inactive\n    inactive_reason: session_expired\n    inactive_since: 2026-02-08T12:36:00Z'
    const { accounts } = await open(TEXT.replace('active', gone))
    const { code, stdout } = await accounts()
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\* slot-1 {2}active\n {4}~\/\.claude\n {2}slot-2 {2}inactive\n/)
    expect(stdout).toMatch(
      / {4}~\/\.claude-0001, session_expired, .* ago\n {4}run: CLAUDE_CONFIG_DIR=~\/\.claude-0001 claude \/login/,
    )
    expect(stdout).toContain('directory of its own: CLAUDE_CONFIG_DIR=~/.claude-work claude /login\n')
    expect(JSON.parse((await accounts('list', '--json')).stdout).accounts).toHaveLength(2)
  })
  it('names no directory for one more login that another one has', async () => {
    const taken = TEXT.replace('.claude-0001', '.claude-work').replace('~/.claude  ', '~/.claude-3  ')
    const { accounts } = await open(taken)
    expect((await accounts()).stdout).toContain('directory of its own: CLAUDE_CONFIG_DIR=~/.claude-4 claude /login\n')
  })
  it('says where no list is there yet, and what is wrong with one', async () => {
    const none = await open(null)
    expect((await none.accounts()).stdout).toContain('vigil run refresh-tokens')
    const broken = await open('accounts: 3\n')
    expect(await broken.accounts()).toMatchObject(wrong(78, /line 1: .*has to be a section/))
  })
})

describe('pause and resume', () => {
  it('leave a login alone, and look after it again, with every comment kept', async () => {
    const { accounts, text, vigil } = await open()
    expect(await accounts('pause', 'slot-1')).toMatchObject({ code: 0, stderr: '' })
    expect(text()).toMatch(
      /config_dir: ~\/\.claude {6}# first\n {4}status: inactive\n {4}inactive_reason: paused\n {4}inactive_since: 2/,
    )
    await vigil.run('refresh-tokens')
    expect(text()).toContain('inactive_reason: paused')
    expect(await accounts('pause', 'slot-1')).toMatchObject({
      code: 0,
      stdout: 'Nothing to do: slot-1 is paused already.\n',
    })
    expect(await accounts('resume', 'slot-1')).toMatchObject({ code: 0, stdout: 'slot-1 is active again.\n' })
    expect(text()).toBe(TEXT.replace('# first\n', '# first\n    status: active\n'))
    expect(await accounts('resume', 'slot-1')).toMatchObject({ code: 0, stdout: 'Nothing to do: slot-1 is active.\n' })
  })
  it('resume brings no login back that is over', async () => {
    const before = TEXT.replace('status: active', 'status: inactive\n    inactive_reason: logged_out')
    const { accounts, text } = await open(before)
    expect(await accounts('resume', 'slot-2')).toMatchObject(
      wrong(1, /slot-2 is not paused: .*logged_out.*run: CLAUDE_CONFIG_DIR=~\/\.claude-0001 claude \/login/),
    )
    expect(text()).toBe(before)
  })
  it('of a slot that is not there is wrong usage; where the file is held for long, try later', async () => {
    const { accounts, vigil } = await open()
    expect(await accounts('pause', 'slot-9')).toMatchObject(wrong(64, /no slot "slot-9"; there are slot-1, slot-2/))
    mkdirSync(vigil.paths.locks, { recursive: true })
    const lock = tryLock(join(vigil.paths.locks, 'accounts-file.lock'), { job: 'test', now: Date.now() })
    if (!lock.held) throw new Error('held')
    expect(await accounts('pause', 'slot-1')).toMatchObject(wrong(75, /test .* has been at it for too long/))
    lock.release()
  })
})

describe('use', () => {
  it('moves current, and says how to start a session there', async () => {
    const { accounts, text } = await open()
    const { code, stdout } = await accounts('use', 'slot-2')
    expect([code, stdout]).toEqual([
      0,
      'slot-2 is current. A session with it: CLAUDE_CONFIG_DIR=~/.claude-0001 claude\n',
    ])
    expect(text()).toBe(TEXT.replace('current: slot-1', 'current: slot-2'))
    expect((await accounts('use', 'slot-2')).stdout).toContain('Nothing to do')
  })
})

describe('add', () => {
  it('puts a login in under the next free name, or the one it is given', async () => {
    const { accounts, text, vigil } = await open()
    const { code, stdout, stderr } = await accounts('add', vigil.dir(2))
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Never copy a login')
    expect(text().startsWith(TEXT)).toBe(true)
    expect(text().slice(TEXT.length)).toMatch(
      /^ {2}slot-3:\n {4}email: \S+\n {4}config_dir: ~\/\.claude-0002\n {4}status: active\n$/,
    )
    expect((await accounts('add', '~/.claude-0002')).stdout).toBe(
      'Nothing to do: ~/.claude-0002 is the directory of slot-3 already.\n',
    )
    expect((await vigil.run('refresh-tokens')).code).toBe(0)
  })
  it('writes the first list where there is none', async () => {
    const { accounts, text, vigil } = await open(null)
    expect((await accounts('add', vigil.dir(2), '--slot', 'spare')).code).toBe(0)
    expect(text()).toContain('current: spare\n')
  })
  it.each([
    [
      'a copy of another one',
      (dir: string, home: string) => cpSync(join(home, '.claude-0001'), dir, { recursive: true }),
      1,
      /holds the same login as ~\/\.claude-0001, and renewing both would end that login/,
    ],
    [
      'a copy of ~/.claude, which names nobody',
      (dir: string, home: string) => {
        mkdirSync(dir)
        const blob = JSON.parse(readFileSync(join(home, '.claude/.credentials.json'), 'utf8'))
        blob.claudeAiOauth.refreshToken = 'sk-ant-ort01-OLDER'
        writeFileSync(join(dir, '.credentials.json'), JSON.stringify(blob), { mode: 0o600 })
      },
      1,
      /most likely a copy of ~\/\.claude/,
    ],
    [
      'no directory',
      () => undefined,
      1,
      /~\/\.claude-new is not there; .*run: CLAUDE_CONFIG_DIR=~\/\.claude-new claude \/login/,
    ],
    ['one without a login', (dir: string) => mkdirSync(dir), 1, /holds no Claude login/],
    [
      'one that is open to others',
      (dir: string, home: string) => {
        cpSync(join(home, '.claude-0002'), dir, { recursive: true })
        writeFileSync(join(dir, '.credentials.json'), '{}', { mode: 0o644 })
        rmSync(join(dir, '.credentials.json'))
        writeFileSync(join(dir, '.credentials.json'), '{}', { mode: 0o644 })
      },
      77,
      /is open to others .*chmod 600/,
    ],
  ])('refuses %s', async (_name, make, code, words) => {
    const { accounts, text, vigil } = await open()
    make(join(vigil.home, '.claude-new'), vigil.home)
    const run = await accounts('add', '~/.claude-new')
    expect(run).toMatchObject(wrong(code, words))
    expect(run.stderr).not.toMatch(/sk-ant|vigil-home/)
    expect(text()).toBe(TEXT)
  })
  it('refuses a name that is taken, or is none', async () => {
    const { accounts, vigil } = await open()
    expect(await accounts('add', vigil.dir(2), '--slot', 'SLOT-1')).toMatchObject(wrong(64, /a slot SLOT-1 already/))
    expect(await accounts('add', vigil.dir(2), '--slot', '../x')).toMatchObject(wrong(64, /is no name for a slot/))
    expect(await accounts('add')).toMatchObject(wrong(64, /missing required argument 'dir'/))
  })
})
