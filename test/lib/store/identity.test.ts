import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { readIdentity } from '../../../lib/store/accounts.ts'

const oauthAccount = {
  accountUuid: '11111111-1111-4111-8111-111111111111',
  emailAddress: 'me@example.com',
  organizationUuid: '22222222-2222-4222-8222-222222222222',
  displayName: null,
}
const identity = {
  accountUuid: oauthAccount.accountUuid,
  organizationUuid: oauthAccount.organizationUuid,
  email: 'me@example.com',
}
let home: string
let configDir: string

beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'identity-'))
  configDir = join(home, '.claude-work')
  mkdirSync(configDir)
})
const write = (dir: string, content: unknown) =>
  writeFileSync(join(dir, '.claude.json'), typeof content === 'string' ? content : JSON.stringify(content))

describe('who is logged in', () => {
  it('stands in the config directory', async () => {
    write(configDir, { numStartups: 3, oauthAccount, projects: {} })
    write(home, { oauthAccount: { ...oauthAccount, accountUuid: 'of the default account' } })
    expect(await readIdentity(configDir, false, home)).toEqual(identity)
  })

  it('stands beside the config directory for the default account', async () => {
    const ofDefault = join(home, '.claude')
    mkdirSync(ofDefault)
    write(home, { oauthAccount })
    write(ofDefault, { oauthAccount: { ...oauthAccount, accountUuid: 'of CLAUDE_CONFIG_DIR=~/.claude' } })
    expect(await readIdentity(ofDefault, true, home)).toEqual(identity)
  })

  it.each([
    ['no organisation', { organizationUuid: null }, { organizationUuid: null }],
    ['neither key', { organizationUuid: undefined, emailAddress: undefined }, { organizationUuid: null, email: null }],
    ['values of another type', { organizationUuid: 7, emailAddress: ['a'] }, { organizationUuid: null, email: null }],
    ['an address of two lines', { emailAddress: 'a\nb' }, { email: null }],
  ])('is known with %s', async (_name, change, expected) => {
    write(configDir, { oauthAccount: { ...oauthAccount, ...change } })
    expect(await readIdentity(configDir, false, home)).toEqual({ ...identity, ...expected })
  })

  it.each([
    ['not logged in', { numStartups: 1 }],
    ['logged out', { oauthAccount: null }],
    ['no uuid', { oauthAccount: { emailAddress: 'me@example.com' } }],
    ['an empty uuid', { oauthAccount: { ...oauthAccount, accountUuid: '' } }],
    ['torn', '{"oauthAccount": {'],
    ['empty', ''],
    ['null', 'null'],
  ])('is not known: %s', async (_name, content) => {
    write(configDir, content)
    expect(await readIdentity(configDir, false, home)).toBeNull()
  })

  it('is not known where there is no file, no directory, or a directory in its place', async () => {
    expect(await readIdentity(configDir, false, home)).toBeNull()
    expect(await readIdentity(join(home, 'none'), false, home)).toBeNull()
    mkdirSync(join(configDir, '.claude.json'))
    expect(await readIdentity(configDir, false, home)).toBeNull()
  })
})
