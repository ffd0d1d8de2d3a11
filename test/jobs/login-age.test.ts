// What refresh-tokens remembers of how long logins last: by the real job, on what stands in the store.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

const DAY_MS = 24 * 3_600_000

let vigil: ScratchVigil
afterEach(() => vigil.dispose())

interface Remembered {
  since: number | null
  loginEndsAt: number | null
  accessEndsAt: number | null
  lasted: number[]
}
const statePath = () => join(vigil.paths.logins, 'slot-1.json')
const remembered = () => vigil.json(statePath()) as Remembered

/** Puts down in the store when the present login ends. */
function tellEnd(loginEndsAt: number): void {
  const blob = vigil.credentials(0)
  vigil.writeCredentials(0, { ...blob, claudeAiOauth: { ...blob.claudeAiOauth, refreshTokenExpiresAt: loginEndsAt } })
}

/** Other tokens in the store, as `/login` leaves them. */
function logIn(loginEndsAt: number | undefined, accessEndsAt: number): void {
  const blob = vigil.credentials(0)
  const tokens = { accessToken: 'other-access', refreshToken: 'other-refresh', expiresAt: accessEndsAt }
  vigil.writeCredentials(0, {
    ...blob,
    claudeAiOauth: { ...blob.claudeAiOauth, ...tokens, refreshTokenExpiresAt: loginEndsAt },
  })
}

it('the end of a login is known before its first renewal, and a new login brings its own', async () => {
  vigil = await scratchVigil({ expiresInMin: 300 })
  tellEnd(Date.now() + 9 * DAY_MS)
  const oauth = vigil.credentials(0).claudeAiOauth
  await vigil.run('refresh-tokens')
  expect(remembered()).toMatchObject({
    since: null,
    loginEndsAt: oauth['refreshTokenExpiresAt'],
    accessEndsAt: oauth['expiresAt'],
  })
  const began = Date.now()
  const loginEndsAt = began + 60 * DAY_MS
  logIn(loginEndsAt, began + 300 * 60_000 + 1)
  await vigil.run('refresh-tokens')
  expect(remembered().loginEndsAt).toBe(loginEndsAt)
  expect(remembered().since).toBeGreaterThanOrEqual(began)
})

it('a new login of a Claude Code that tells no end has none, rather than the one before', async () => {
  vigil = await scratchVigil({ expiresInMin: 300 })
  tellEnd(Date.now() + 9 * DAY_MS)
  await vigil.run('refresh-tokens')
  expect(remembered().loginEndsAt).not.toBeNull()
  logIn(undefined, Date.now() + 400 * 60_000)
  await vigil.run('refresh-tokens')
  expect(remembered().loginEndsAt).toBeNull()
})

it('a run that finds the same login writes nothing of it', async () => {
  vigil = await scratchVigil({ expiresInMin: 300 })
  await vigil.run('refresh-tokens')
  const before = statSync(statePath(), { bigint: true })
  await vigil.run('refresh-tokens')
  const after = statSync(statePath(), { bigint: true })
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
})

it('a renewal keeps the login and its end', async () => {
  vigil = await scratchVigil({ expiresInMin: 5 })
  tellEnd(Date.now() + 9 * DAY_MS)
  await vigil.run('refresh-tokens')
  const { since, loginEndsAt, accessEndsAt } = remembered()
  expect(since).toBeNull()
  expect(loginEndsAt).toBe(vigil.credentials(0).claudeAiOauth['refreshTokenExpiresAt'])
  expect(accessEndsAt).toBe(vigil.credentials(0).claudeAiOauth['expiresAt'])
  await vigil.run('refresh-tokens')
  expect(remembered().since).toBeNull()
})
