import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type Credential,
  needsRefresh,
  parseKeepingNumbers,
  readBlob,
  withNewTokens,
} from '../../../lib/domain/credential.ts'

const NOW = 1_795_000_000_000
const AHEAD = 30 * 60_000
const credential = (change: Partial<Credential>): Credential => ({
  accessToken: 'access',
  refreshToken: 'refresh',
  expiresAt: NOW + AHEAD,
  refreshTokenExpiresAt: null,
  scopes: null,
  subscriptionType: null,
  ...change,
})
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/credentials/${name}`, import.meta.url), 'utf8')

describe('whether a credential needs a refresh', () => {
  it.each([
    ['one ms more than ahead', { expiresAt: NOW + AHEAD + 1 }, 'fresh'],
    ['exactly ahead', { expiresAt: NOW + AHEAD }, 'due'],
    ['one ms less than ahead', { expiresAt: NOW + AHEAD - 1 }, 'due'],
    ['long expired', { expiresAt: 1 }, 'due'],
    ['far in the future', { expiresAt: NOW + 10 * 365 * 86_400_000 }, 'fresh'],
    ['the husk', { accessToken: '', refreshToken: '', expiresAt: 0 }, 'loggedOut'],
    ['the husk with null', { accessToken: '', refreshToken: null, expiresAt: 0 }, 'loggedOut'],
    ['a setup-token', { refreshToken: null }, 'noRefreshToken'],
    ['an empty refresh token beside a good access token', { refreshToken: '' }, 'noRefreshToken'],
    ['an empty access token beside a refresh token', { accessToken: '', expiresAt: 0 }, 'due'],
  ] as const)('%s -> %s', (_name, change, expected) => {
    expect(needsRefresh(credential(change), NOW, AHEAD)).toBe(expected)
  })
})

describe('reading a blob', () => {
  it('takes the recorded logged-in file', () => {
    const reading = readBlob(fixture('logged-in.json'))
    expect(reading.state === 'present' && reading.credential.refreshToken).toBe('sk-ant-ort01-EXAMPLE')
  })
  it('takes the recorded husk as present, for it is a fact and no error', () => {
    const reading = readBlob(fixture('logged-out-husk.json'))
    expect(reading.state === 'present' && needsRefresh(reading.credential, NOW, AHEAD)).toBe('loggedOut')
  })
  it.each([
    ['an empty file', '', 'the file is empty'],
    ['half a file', '{"claudeAiOauth": {"accessTok', 'the content is not JSON'],
    ['a list', '[]', 'the content is not a JSON object'],
    [
      'a token that is a number',
      '{"claudeAiOauth":{"accessToken":5,"expiresAt":1}}',
      'claudeAiOauth.accessToken is not string',
    ],
    ['a missing expiry', '{"claudeAiOauth":{"accessToken":"x"}}', 'claudeAiOauth.expiresAt is not "expiresAt"'],
  ])('calls %s corrupt and says how', (_name, text, detail) => {
    expect(readBlob(text)).toEqual({ state: 'corrupt', detail })
  })
  it.each([
    ['subscriptionType', { plan: 'max' }],
    ['refreshTokenExpiresAt', '2027-01-01T00:00:00Z'],
    ['scopes', 'user:profile user:inference'],
  ])('takes a %s of a type that we do not know for not said', (key, value) => {
    const reading = readBlob(JSON.stringify({ claudeAiOauth: { ...credential({}), [key]: value } }))
    if (reading.state !== 'present') throw new Error('the login is not read')
    expect(reading.credential).toEqual(credential({ [key]: null }))
    expect(reading.blob.claudeAiOauth[key]).toEqual(value)
  })
  it('calls a file without a Claude login noLogin', () => {
    expect(readBlob('{"mcpOAuth":{}}')).toEqual({ state: 'noLogin' })
  })
  it('never quotes what it could not parse', () => {
    expect(JSON.stringify(readBlob('{"claudeAiOauth": {"accessToken": "sk-ant-oat01-SECRET'))).not.toContain('SECRET')
  })
})

describe('writing new tokens into a blob', () => {
  const tokens = { accessToken: 'a2', refreshToken: 'r2', expiresAt: 5, refreshTokenExpiresAt: null, scopes: null }
  it('keeps siblings, unknown fields and their order', () => {
    const reading = readBlob(fixture('with-siblings.json'))
    if (reading.state !== 'present') throw new Error('the fixture is not read')
    const before = JSON.parse(fixture('with-siblings.json'))
    const after = JSON.parse(JSON.stringify(withNewTokens(reading.blob, tokens)))
    expect(Object.keys(after)).toEqual(Object.keys(before))
    expect(after).toEqual({
      ...before,
      claudeAiOauth: { ...before.claudeAiOauth, accessToken: 'a2', refreshToken: 'r2', expiresAt: 5 },
    })
  })
  it('keeps the old refresh token where the answer held none', () => {
    const blob = { claudeAiOauth: { accessToken: 'a', refreshToken: 'r', expiresAt: 1 } }
    expect(withNewTokens(blob, { ...tokens, refreshToken: null }).claudeAiOauth['refreshToken']).toBe('r')
  })
  it('keeps numbers that JavaScript cannot hold', () => {
    const text =
      '{"claudeAiOauth":{"accessToken":"a","refreshToken":"r","expiresAt":1,"big":12345678901234567890,"form":1.0},"n":1e400}'
    const reading = readBlob(text)
    if (reading.state !== 'present') throw new Error('the text is not read')
    const after = JSON.stringify(withNewTokens(reading.blob, tokens))
    expect(after).toContain('"big":12345678901234567890')
    expect(after).toContain('"form":1.0')
    expect(after).toContain('"n":1e400')
  })
  it('keeps a key named __proto__', () => {
    expect(JSON.stringify(parseKeepingNumbers('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}')
  })
})
