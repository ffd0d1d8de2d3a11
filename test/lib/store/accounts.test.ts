import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { lstat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StandingChange } from '../../../lib/domain/accounts-text.ts'
import type * as publishing from '../../../lib/edges/fs.ts'
import { tryLock } from '../../../lib/edges/kernel-lock.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { SettingsError } from '../../../lib/settings-defaults.ts'
import { readRegistry } from '../../../lib/store/accounts.ts'
import { setStanding, writeFirstRegistry } from '../../../lib/store/change-accounts.ts'

/** What an editor does while a change is under way: called when the new text is on the disk but not in place. */
const editor = vi.hoisted(() => ({ save: () => {} }))
vi.mock('../../../lib/edges/fs.ts', async original => {
  const real = await original<typeof publishing>()
  return {
    ...real,
    publish: async (path: string, ...rest: [string, publishing.PublishOptions?]) => {
      await real.publish(path, ...rest)
      if (path.endsWith('.vigil-tmp')) editor.save()
    },
  }
})

const root = join(import.meta.dirname, '../../..')
const node = join(root, 'node_modules/.bin/node')
const NOW = Date.parse('2026-02-08T12:36:00Z')
const ACTIVE: StandingChange = { status: 'active' }
const EXPIRED: StandingChange = { status: 'inactive', reason: 'session_expired', since: '2026-02-08T12:36:00.000Z' }
const TEXT = `current: slot-1
accounts:
  slot-1:
    config_dir: ~/.claude   # mine
    status: active
  slot-2:
    config_dir: ~/.claude-2
    status: inactive
    inactive_reason: paused
  slot-3:
    config_dir: ~/.claude-3
    status: inactive
    inactive_reason: session_expired
    inactive_since: 2026-02-07T00:00:00Z
`
const SLOT_1_EXPIRED = TEXT.replace(
  'status: active\n',
  'status: inactive\n    inactive_reason: session_expired\n    inactive_since: 2026-02-08T12:36:00.000Z\n',
)

let paths: Paths
let parsedCopy: string
beforeEach(() => {
  const home = mkdtempSync(join(homedir(), 'accounts-'))
  paths = pathsFor(home, join(home, '.claude'))
  parsedCopy = join(paths.health, 'parsed', 'claude-sessions.json')
  mkdirSync(join(paths.vigilHome, 'config'), { recursive: true })
})
afterEach(() => {
  editor.save = () => {}
})
const write = (text: string | Buffer) => writeFileSync(paths.accounts, text)
const text = () => readFileSync(paths.accounts, 'utf8')
const dirOf = (slot: string) => join(paths.home, slot === 'slot-1' ? '.claude' : slot.replace('slot', '.claude'))
const set = (slot: string, change: StandingChange, configDir = dirOf(slot)) =>
  setStanding(paths, 'refresh-tokens', NOW, slot, configDir, change)
const names = () => readdirSync(join(paths.vigilHome, 'config'))
const slots = async () => (await readRegistry(paths))!.accounts.map(account => account.slot)

describe('reading the registry', () => {
  it('gives null where there is none, and writes nothing', async () => {
    expect(await readRegistry(paths)).toBeNull()
    expect(existsSync(paths.health)).toBe(false)
  })

  it('tells every problem of one that is wrong', async () => {
    write('current: 7\naccounts:\n  slot-1:\n    config_dir: a\n')
    const error = (await readRegistry(paths).catch(caught => caught)) as SettingsError
    expect(error).toBeInstanceOf(SettingsError)
    expect(error.problems).toHaveLength(2)
    expect(error.message).toMatch(/^claude-sessions.yaml has 2 problems; nothing was changed:/)
  })

  it('does not take one that was here and is gone for a home without accounts', async () => {
    write(TEXT)
    await readRegistry(paths)
    rmSync(paths.accounts)
    const gone =
      'it was here and is gone; put it back, or, to have Vigil find the logins anew, remove ~/.claude/session-health/parsed/claude-sessions.json'
    await expect(readRegistry(paths)).rejects.toThrow(gone)
    await expect(readRegistry(paths, 'leave')).rejects.toThrow(SettingsError)
    await expect(writeFirstRegistry(paths, 'test', NOW, [])).rejects.toThrow(gone)
    expect(names()).toEqual([])
    rmSync(parsedCopy)
    expect(await readRegistry(paths)).toBeNull()
  })

  it.each([
    ['a link to it', () => symlinkSync('.claude-2', join(paths.home, '.claude-3'))],
    ['a link to a folder above it', () => symlinkSync('..', join(paths.home, '.claude-2', 'up'))],
  ])(
    'finds two accounts in one directory by %s, with the line, also when the parsed copy knows better',
    async (_name, link) => {
      mkdirSync(join(paths.home, '.claude-2'))
      const text = TEXT.replace('~/.claude-3', _name === 'a link to it' ? '~/.claude-3' : '~/.claude-2/up/.claude-2')
      write(text)
      expect(await slots()).toEqual(['slot-1', 'slot-2', 'slot-3'])
      link()
      for (const spoil of [() => undefined, () => rmSync(parsedCopy)]) {
        spoil()
        const error = (await readRegistry(paths).catch(caught => caught)) as SettingsError
        expect(error.problems).toEqual([
          'line 11: accounts.slot-3.config_dir is that of slot-2 too; every account needs a directory of its own',
        ])
      }
    },
  )

  it.each([
    [
      'it is a directory',
      () => mkdirSync(paths.accounts),
      'it is no regular file; see what it is with: ls -ld ~/.claude/',
    ],
    ['it is a FIFO', () => execFileSync('mkfifo', [paths.accounts]), 'it is no regular file; see what it is with: ls'],
    [
      'it leads nowhere',
      () => symlinkSync('/nowhere', paths.accounts),
      'is a link that leads nowhere; mend or remove it',
    ],
    ['it is no UTF-8', () => write(Buffer.from('# caf\xe9\n', 'latin1')), 'it is not UTF-8 text; save it as UTF-8'],
  ])('says why it cannot be used: %s', async (_name, make, problem) => {
    make()
    await expect(readRegistry(paths)).rejects.toThrow(problem)
    await expect(set('slot-1', EXPIRED)).rejects.toThrow(SettingsError)
    await expect(writeFirstRegistry(paths, 'test', NOW, [])).rejects.toThrow(SettingsError)
  })
})

describe('the parsed copy', () => {
  const readCopy = () => JSON.parse(readFileSync(parsedCopy, 'utf8'))
  /** A copy that is told from the file by an e-mail address, so that one sees which of the two answered. */
  const mark = (change: object = {}) => {
    const copy = readCopy()
    copy.registry.accounts[0].email = 'copy@example.com'
    writeFileSync(parsedCopy, JSON.stringify({ ...copy, ...change }))
  }
  const answeredByCopy = async () => (await readRegistry(paths))!.accounts[0]!.email === 'copy@example.com'

  it('answers while the file is the same, and is private', async () => {
    write(TEXT)
    const registry = await readRegistry(paths)
    expect(readCopy()).toMatchObject({ schema: 2, home: paths.home, source: TEXT, registry })
    expect(statSync(parsedCopy).mode & 0o777).toBe(0o600)
    expect(statSync(join(paths.health, 'parsed')).mode & 0o777).toBe(0o700)
    mark()
    expect(await answeredByCopy()).toBe(true)
  })

  it('never answers for a changed file, also of the same size and time', async () => {
    write(TEXT)
    const { atime, mtime, size } = statSync(paths.accounts)
    await readRegistry(paths)
    mark()
    write(TEXT.replace('~/.claude-3', '~/.claude-4'))
    utimesSync(paths.accounts, atime, mtime)
    expect(statSync(paths.accounts)).toMatchObject({ size, mtime })
    expect((await readRegistry(paths))!.accounts).toMatchObject([
      { email: null },
      {},
      { configDir: `${paths.home}/.claude-4` },
    ])
    expect(readCopy().source).toContain('~/.claude-4')
  })

  it.each([
    ['of another version', { version: '0.0.0' }],
    ['for another home', { home: '/home/you' }],
    ['of a later schema', { schema: 3 }],
    ['whose accounts are none', { registry: { current: null, accounts: [{ slot: '../x' }] } }],
    ['without a registry', { registry: undefined }],
  ])('is not believed and written anew: %s', async (_name, change) => {
    write(TEXT)
    await readRegistry(paths)
    mark(change)
    expect(await answeredByCopy()).toBe(false)
    mark()
    expect(await answeredByCopy()).toBe(true)
  })

  it.each([
    ['torn', () => writeFileSync(parsedCopy, '{"schema": 1, "sour')],
    ['empty', () => writeFileSync(parsedCopy, '')],
    [
      'a directory',
      () => {
        rmSync(parsedCopy)
        mkdirSync(parsedCopy)
      },
    ],
    [
      'below a file',
      () => {
        rmSync(join(paths.health, 'parsed'), { recursive: true })
        writeFileSync(join(paths.health, 'parsed'), '')
      },
    ],
  ])('does not matter when it is %s', async (_name, spoil) => {
    write(TEXT)
    await readRegistry(paths)
    spoil()
    expect(await slots()).toEqual(['slot-1', 'slot-2', 'slot-3'])
  })

  it('is not written for a registry that is wrong', async () => {
    write('accounts: []\n')
    await expect(readRegistry(paths)).rejects.toThrow(SettingsError)
    expect(existsSync(parsedCopy)).toBe(false)
  })

  it('spares a start the YAML parser', async () => {
    write(TEXT)
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve(name, context, next) { loaded.push(name); return next(name, context) } })
      const { readRegistry } = await import(${JSON.stringify(join(root, 'lib/store/accounts.ts'))})
      const registry = await readRegistry(JSON.parse(process.argv[1]))
      console.log(JSON.stringify({ yaml: loaded.includes('yaml'), accounts: registry.accounts.length }))`
    const run = async () => {
      const { stdout } = await promisify(execFile)(node, ['--input-type=module', '-e', script, JSON.stringify(paths)])
      return JSON.parse(stdout)
    }
    expect(await run()).toEqual({ yaml: true, accounts: 3 })
    expect(await run()).toEqual({ yaml: false, accounts: 3 })
  })
})

describe('setting the standing of an account', () => {
  it('changes its lines and leaves nothing else behind', async () => {
    write(TEXT)
    expect(await set('slot-1', EXPIRED)).toBe('changed')
    expect(text()).toBe(SLOT_1_EXPIRED)
    expect(names()).toEqual(['claude-sessions.yaml'])
    expect((await readRegistry(paths))!.accounts[0]).toMatchObject({
      status: 'inactive',
      inactiveReason: 'session_expired',
      inactiveSince: '2026-02-08T12:36:00.000Z',
    })
    expect(await set('slot-1', ACTIVE)).toBe('changed')
    expect(text()).toBe(TEXT)
  })

  it.each([
    ['slot-1', ACTIVE, 'unchanged'],
    ['slot-2', ACTIVE, 'pausedByPerson'],
    ['slot-2', EXPIRED, 'pausedByPerson'],
    ['slot-3', { ...EXPIRED, since: '2026-02-07T00:00:00Z' }, 'unchanged'],
    // It has been so since the 7th: the same thing seen again later is no news.
    ['slot-3', EXPIRED, 'unchanged'],
    ['slot-4', EXPIRED, 'noSuchSlot'],
  ] as const)('%s to %j is %s, and the file is not touched', async (slot, change, expected) => {
    write(TEXT)
    const before = statSync(paths.accounts)
    expect(await set(slot, change)).toBe(expected)
    expect(statSync(paths.accounts)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
  })

  it.each([
    ['another reason', { ...EXPIRED, reason: 'no_login' }],
    ['an earlier beginning', { ...EXPIRED, since: '2026-02-06T23:59:59Z' }],
  ])('an inactive one takes %s', async (_name, change) => {
    write(TEXT)
    expect(await set('slot-3', change as StandingChange)).toBe('changed')
    expect((await readRegistry(paths))!.accounts[2]).toMatchObject({
      inactiveSince: (change as { since: string }).since,
    })
  })

  it('is no such slot where there is no registry, and none is made', async () => {
    expect(await set('slot-1', EXPIRED)).toBe('noSuchSlot')
    expect(names()).toEqual([])
  })

  it('leaves a slot alone that a person gave another directory meanwhile', async () => {
    write(TEXT.replace('~/.claude   #', '~/.claude-other   #'))
    expect(await set('slot-1', EXPIRED)).toBe('noSuchSlot')
    expect(await set('slot-1', EXPIRED, join(paths.home, '.claude-other'))).toBe('changed')
  })

  it('never writes what the next run would refuse', async () => {
    write(TEXT)
    await expect(set('slot-1', { ...EXPIRED, since: 'now' } as StandingChange)).rejects.toThrow(
      'inactive_since is no time',
    )
    expect(text()).toBe(TEXT)
  })

  it('leaves a file alone that it cannot change, and says so', async () => {
    const shared =
      'accounts:\n  a: &a\n    config_dir: ~/a\n    status: active\n  b:\n    <<: *a\n    config_dir: ~/b\n'
    write(shared)
    await expect(set('a', EXPIRED)).rejects.toThrow('claude-sessions.yaml was left as it is')
    expect(text()).toBe(shared)
  })

  it.each([0o600, 0o644, 0o640])('keeps the mode %o, whatever the umask', async mode => {
    write(TEXT)
    chmodSync(paths.accounts, mode)
    const script = `
      process.umask(0o077)
      const { setStanding } = await import(${JSON.stringify(join(root, 'lib/store/change-accounts.ts'))})
      console.log(await setStanding(JSON.parse(process.argv[1]), 'test', 0, 'slot-1', process.argv[2], ${JSON.stringify(EXPIRED)}))`
    const words = ['--input-type=module', '-e', script, JSON.stringify(paths), dirOf('slot-1')]
    const { stdout } = await promisify(execFile)(node, words)
    expect(stdout).toBe('changed\n')
    expect(statSync(paths.accounts).mode & 0o777).toBe(mode)
    expect(text()).toBe(SLOT_1_EXPIRED)
  })

  it('keeps a link a link, and changes the file it leads to', async () => {
    const dotfiles = join(paths.home, 'dotfiles')
    mkdirSync(dotfiles)
    writeFileSync(join(dotfiles, 'sessions.yaml'), TEXT, { mode: 0o640 })
    symlinkSync(join(dotfiles, 'sessions.yaml'), paths.accounts)
    expect(await set('slot-1', EXPIRED)).toBe('changed')
    expect((await lstat(paths.accounts)).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(dotfiles, 'sessions.yaml'), 'utf8')).toBe(SLOT_1_EXPIRED)
    expect(readdirSync(dotfiles)).toEqual(['sessions.yaml'])
  })

  it('keeps a byte order mark and CRLF', async () => {
    const dos = (unix: string) => `\uFEFF${unix.replaceAll('\n', '\r\n')}`
    write(dos(TEXT))
    expect(await set('slot-1', EXPIRED)).toBe('changed')
    expect(text()).toBe(dos(SLOT_1_EXPIRED))
  })

  it('starts over where an editor saved meanwhile, and loses neither', async () => {
    write(TEXT)
    let saves = 0
    editor.save = () => {
      if (saves++ === 0) write(`# saved meanwhile\n${TEXT}`)
    }
    expect(await set('slot-1', EXPIRED)).toBe('changed')
    expect(saves).toBe(2)
    expect(text()).toBe(`# saved meanwhile\n${SLOT_1_EXPIRED}`)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })

  it.each([
    ['paused the account', () => write(TEXT.replace('status: active', 'status: inactive')), 'pausedByPerson'],
    ['removed the account', () => write('accounts: {}\n'), 'noSuchSlot'],
    ['removed the file', () => rmSync(paths.accounts, { force: true }), 'noSuchSlot'],
    ['did the same', () => write(SLOT_1_EXPIRED), 'unchanged'],
  ])('heeds a person who %s meanwhile', async (_name, save, expected) => {
    write(TEXT)
    editor.save = save
    expect(await set('slot-1', EXPIRED)).toBe(expected)
    expect(names().filter(name => name !== 'claude-sessions.yaml')).toEqual([])
  })

  it('gives up after five times, with the last save in place', async () => {
    write(TEXT)
    let saves = 0
    editor.save = () => write(`# ${++saves}\n${TEXT}`)
    await expect(set('slot-1', EXPIRED)).rejects.toThrow(
      'claude-sessions.yaml was not changed: something else wrote it 5 times meanwhile; the next run tries again',
    )
    expect(text()).toBe(`# 5\n${TEXT}`)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })

  it('leaves the old file whole where the new one cannot be written', async () => {
    write(TEXT)
    editor.save = () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    await expect(set('slot-1', EXPIRED)).rejects.toThrow(
      'claude-sessions.yaml was not written: no space left on device',
    )
    expect(text()).toBe(TEXT)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })

  it('waits ten seconds for whoever is at it, then says who', async () => {
    write(TEXT)
    mkdirSync(paths.locks, { recursive: true })
    const lock = tryLock(join(paths.locks, 'accounts-file.lock'), { job: 'fetch-quota', now: NOW })
    if (!lock.held) throw new Error('the test has no lock')
    const began = performance.now()
    await expect(set('slot-1', EXPIRED)).rejects.toThrow(`fetch-quota (pid ${process.pid}) has been at it for too long`)
    expect(performance.now() - began).toBeGreaterThan(9_900)
    lock.release()
    expect(await set('slot-1', EXPIRED)).toBe('changed')
  })

  it('loses none of the changes that several processes make at once', async () => {
    const accounts = [1, 2, 3, 4, 5, 6]
    const sections = accounts.map(
      n => `  slot-${n}:   # account ${n}\n    config_dir: ~/.claude-${n}\n    status: active\n`,
    )
    write(`accounts:\n${sections.join('')}`)
    // Each changes its own account to and fro and ends with it inactive, for a reason that names the round.
    const script = `
      const { setStanding } = await import(${JSON.stringify(join(root, 'lib/store/change-accounts.ts'))})
      const [paths, slot, dir] = [JSON.parse(process.argv[1]), process.argv[2], process.argv[3]]
      process.stdin.once('data', async () => {
        for (let round = 0; round < 8; round++) {
          const since = new Date(Date.UTC(2026, 1, 8, 12, round)).toISOString()
          const results = [
            await setStanding(paths, 'test', 0, slot, dir, { status: 'inactive', reason: 'no_login', since }),
            ...(round < 7 ? [await setStanding(paths, 'test', 0, slot, dir, { status: 'active' })] : []),
          ]
          if (results.some(result => result !== 'changed')) throw new Error(slot + ': ' + results)
        }
        process.stdin.destroy()
      })
      console.log('ready')`
    const children = accounts.map(n =>
      spawn(
        node,
        ['--input-type=module', '-e', script, JSON.stringify(paths), `slot-${n}`, `${paths.home}/.claude-${n}`],
        {
          stdio: ['pipe', 'pipe', 'pipe'],
        },
      ),
    )
    await Promise.all(children.map(child => new Promise(resolve => child.stdout.once('data', resolve))))
    const ends = children.map(endOf)
    for (const child of children) child.stdin.write('go\n')
    expect(await Promise.all(ends)).toEqual(accounts.map(() => ({ code: 0, stderr: '' })))
    const last = '    status: inactive\n    inactive_reason: no_login\n    inactive_since: 2026-02-08T12:07:00.000Z\n'
    expect(text()).toBe(`accounts:\n${sections.map(section => section.replace('    status: active\n', last)).join('')}`)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })
})

describe('writing the first registry', () => {
  const found = () => [
    { slot: 'slot-1', configDir: join(paths.home, '.claude'), email: 'me@example.com' },
    { slot: 'slot-2', configDir: join(paths.home, '.claude-work'), email: null },
  ]

  it('makes the folder, a private file, and answers what it says', async () => {
    rmSync(paths.vigilHome, { recursive: true })
    const registry = await writeFirstRegistry(paths, 'refresh-tokens', NOW, found())
    expect(registry).toMatchObject({
      current: 'slot-1',
      accounts: [{ isDefault: true }, { isDefault: false, email: null }],
    })
    expect(await readRegistry(paths)).toEqual(registry)
    expect(statSync(paths.accounts).mode & 0o777).toBe(0o600)
    expect(text()).toContain('    config_dir: ~/.claude-work\n')
    expect(text()).not.toContain(paths.home)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })

  it('never leaves a parsed copy without the registry itself', async () => {
    editor.save = () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    await expect(writeFirstRegistry(paths, 'refresh-tokens', NOW, found())).rejects.toThrow('no space left')
    expect(existsSync(parsedCopy)).toBe(false)
    expect(await readRegistry(paths)).toBeNull()
  })

  it('reads one that is there already', async () => {
    write(TEXT)
    await writeFirstRegistry(paths, 'refresh-tokens', NOW, found())
    expect(text()).toBe(TEXT)
    expect(await slots()).toEqual(['slot-1', 'slot-2', 'slot-3'])
  })

  it('reads one that appeared in the last moment', async () => {
    editor.save = () => write(TEXT)
    const registry = await writeFirstRegistry(paths, 'refresh-tokens', NOW, found())
    expect(registry.accounts).toHaveLength(3)
    expect(text()).toBe(TEXT)
    expect(names()).toEqual(['claude-sessions.yaml'])
  })

  it('writes nothing that it could not read back', async () => {
    const twice = [...found(), { slot: 'slot-3', configDir: join(paths.home, '.claude'), email: null }]
    await expect(writeFirstRegistry(paths, 'refresh-tokens', NOW, twice)).rejects.toThrow('is that of slot-1 too')
    expect(names()).toEqual([])
  })
})

async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, stderr }
}
