import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { discoverLogins } from '../../../lib/flows/discover-logins.ts'
import { loadAccounts } from '../../../lib/flows/load-accounts.ts'
import { type Paths, pathsFor } from '../../../lib/paths.ts'
import { makeLogins, writeConfigDir } from '../../../sandbox/sample-accounts.ts'

const NOW = Date.parse('2026-02-08T12:36:00Z')
const logins = makeLogins(3, NOW, { expiresInMs: 300_000 })
let home: string
let paths: Paths
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'discover-'))
  paths = pathsFor(home, join(home, '.claude'))
})

const dir = (name: string) => join(home, name)
/** As `/login` leaves it. */
function logIn(name: string, login: number, change: object = {}) {
  writeConfigDir(dir(name), name === '.claude' ? dir('.claude.json') : join(dir(name), '.claude.json'), {
    ...logins[login]!,
    ...change,
  })
}
const context = (warnings: string[] = []) => ({
  paths,
  job: 'test',
  now: NOW,
  environment: { childEnv: {} },
  log: (_level: 'warn', message: string) => warnings.push(message),
})
async function discover() {
  const { found, copies } = await discoverLogins(context())
  const short = (path: string) => path.replace(`${home}/`, '')
  return {
    found: found.map(({ slot, configDir }) => `${slot} ${short(configDir)}`),
    copies: copies.map(({ configDir, original, why }) => `${short(configDir)} of ${short(original)}: ${why}`),
  }
}

describe('the logins of a home', () => {
  it('are ~/.claude first and then the others by name, also one that is over', async () => {
    logIn('.claude-work', 1)
    logIn('.claude', 0)
    logIn('.claude-spare', 2, { accessToken: '', refreshToken: '', expiresAt: 0 })
    mkdirSync(dir('.claude-empty'))
    expect(await discover()).toEqual({
      found: ['slot-1 .claude', 'slot-2 .claude-spare', 'slot-3 .claude-work'],
      copies: [],
    })
  })

  it('are found once, whatever links lead to them', async () => {
    logIn('.claude', 0)
    symlinkSync('.claude', dir('.claude-link'))
    symlinkSync('nowhere', dir('.claude-gone'))
    expect(await discover()).toEqual({ found: ['slot-1 .claude'], copies: [] })
  })

  it('do not count a fresh copy, told by its token', async () => {
    logIn('.claude', 0)
    logIn('.claude-work', 1)
    cpSync(dir('.claude'), dir('.claude-backup'), { recursive: true })
    expect(await discover()).toEqual({
      found: ['slot-1 .claude', 'slot-2 .claude-work'],
      copies: ['.claude-backup of .claude: sameLogin'],
    })
  })

  it('do not count an old copy, told by who is logged in: it has a token that was spent since', async () => {
    logIn('.claude-work', 1)
    cpSync(dir('.claude-work'), dir('.claude-work-old'), { recursive: true })
    logIn('.claude-work', 1, { refreshToken: 'rotated', expiresAt: NOW + 28_800_000 })
    expect(await discover()).toEqual({
      found: ['slot-1 .claude-work'],
      copies: ['.claude-work-old of .claude-work: sameLogin'],
    })
  })

  it('take the one that was renewed last for the original, whatever the names', async () => {
    logIn('.claude-work', 1)
    cpSync(dir('.claude-work'), dir('.claude-backup'), { recursive: true })
    logIn('.claude-work', 1, { refreshToken: 'rotated', expiresAt: NOW + 28_800_000 })
    expect(await discover()).toEqual({
      found: ['slot-1 .claude-work'],
      copies: ['.claude-backup of .claude-work: sameLogin'],
    })
  })

  it('do not count an old copy of ~/.claude, which names nobody', async () => {
    logIn('.claude', 0)
    cpSync(dir('.claude'), dir('.claude-old'), { recursive: true })
    logIn('.claude', 0, { refreshToken: 'rotated', expiresAt: NOW + 28_800_000 })
    expect(await discover()).toEqual({ found: ['slot-1 .claude'], copies: ['.claude-old of .claude: unnamed'] })
  })

  it('count one that names nobody where it can be no copy of ~/.claude, or holds nothing to be spent', async () => {
    logIn('.claude-a', 0)
    logIn('.claude-work', 1)
    rmSync(join(dir('.claude-work'), '.claude.json'))
    expect((await discover()).found).toEqual(['slot-1 .claude-a', 'slot-2 .claude-work'])
    logIn('.claude', 2)
    logIn('.claude-work', 1, { accessToken: '', refreshToken: '', expiresAt: 0 })
    rmSync(join(dir('.claude-work'), '.claude.json'))
    expect((await discover()).found).toEqual(['slot-1 .claude', 'slot-2 .claude-a', 'slot-3 .claude-work'])
  })

  it('are two where one person has two organisations', async () => {
    logIn('.claude', 0)
    logIn('.claude-team', 1, { accountUuid: logins[0]!.accountUuid })
    expect((await discover()).found).toHaveLength(2)
  })
})

describe('the first registry', () => {
  it('says which directories were left out, why, and what to do', async () => {
    logIn('.claude', 0)
    cpSync(dir('.claude'), dir('.claude-backup'), { recursive: true })
    writeFileSync(join(dir('.claude-backup'), '.claude.json'), '{}')
    cpSync(dir('.claude'), dir('.claude-old'), { recursive: true })
    logIn('.claude', 0, { refreshToken: 'rotated' })
    logIn('.claude-work', 1)
    cpSync(dir('.claude-work'), dir('.claude-x'), { recursive: true })
    const warnings: string[] = []
    const { accounts } = await loadAccounts(context(warnings))
    expect(accounts.map(account => account.configDir)).toEqual([dir('.claude'), dir('.claude-work')])
    expect(warnings).toEqual([
      '~/.claude-backup was left out, for it is most likely a copy of ~/.claude: nothing in it says whose login it is, and renewing both would end that login; log in there separately (CLAUDE_CONFIG_DIR=~/.claude-backup claude /login), then: vigil accounts add ~/.claude-backup; or remove the copy',
      expect.stringContaining('~/.claude-old was left out'),
      '~/.claude-x was left out, for it holds the same login as ~/.claude-work, and renewing both would end that login; log in there separately (CLAUDE_CONFIG_DIR=~/.claude-x claude /login), then: vigil accounts add ~/.claude-x; or remove the copy',
    ])
    await loadAccounts(context(warnings))
    expect(warnings).toHaveLength(3)
  })
})
