// Sessions that go on running on the account that failover has left: told by status, alert and their own status line.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'

const [STAYS, OTHER, HOME_SESSION] = ['3f2a1b9c', '0e11d2aa', '77777777'].map(id => `${id}-0000-4000-8000-000000000000`)
let vigil: ScratchVigil
afterEach(() => vigil.dispose())

const status = async (...words: string[]) =>
  (await runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), 'status', ...words], vigil.env)).stdout

/** As Claude Code calls it after each message. */
function statusLine(session: string, folder: string, dir: string | null): Promise<string> {
  return new Promise(resolve => {
    const env = { ...vigil.env, COLUMNS: '200', ...(dir !== null && { CLAUDE_CONFIG_DIR: dir }) }
    const child = spawn(process.execPath, [join(REPO, 'cli/statusline.ts')], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    child.stdout.on('data', chunk => {
      said += chunk
    })
    child.once('close', () => resolve(said))
    child.stdin.end(JSON.stringify({ session_id: session, workspace: { current_dir: folder } }))
  })
}

it('sessions on the account that was left are named, until they move or are over', { timeout: 120_000 }, async () => {
  const settings = 'failover: { enabled: true }\nchannels: { desktop: { enabled: false } }'
  vigil = await scratchVigil({ count: 2, expiresInMin: 300, settings })
  await vigil.run('refresh-tokens')
  for (const [n, utilization] of [100, 10].entries())
    vigil.standIn.setUsage(`user-${n + 1}@example.com`, {
      five_hour: { utilization, resets_at: new Date(Date.now() + 3_600_000).toISOString() },
    })
  await vigil.run('fetch-quota')
  await statusLine(STAYS!, '/srv/secret-customer/webshop/', null)
  await statusLine(OTHER!, '/srv/docs', vigil.dir(1))
  await statusLine(HOME_SESSION!, vigil.home, null)
  expect(JSON.parse(await status('--json')).left_behind).toEqual([])

  await vigil.run('failover')
  expect(await status()).toMatch(/▸ slot-2 |> slot-2 /)
  expect(await status()).toMatch(/2 sessions still run here: ~ \(77777777\), webshop \(3f2a1b9c\)\n/)
  expect(JSON.parse(await status('--json')).left_behind).toEqual([
    { session: '77777777', slot: 'slot-1', folder: '~', seen_at: expect.any(Number) },
    { session: '3f2a1b9c', slot: 'slot-1', folder: 'webshop', seen_at: expect.any(Number) },
  ])
  await vigil.run('watchdog')
  const alerts = readFileSync(vigil.paths.alerts, 'utf8')
  expect(alerts).toContain('sessions that run already stay on slot-1; 2 do: ~ (77777777), webshop (3f2a1b9c)')
  expect(alerts).not.toContain('secret-customer')
  // The line marks it in the sessions that stayed, and in no other.
  expect(await statusLine(STAYS!, '/srv/secret-customer/webshop', null)).toMatch(/\x1b\[31m👤:slot-1→slot-2/)
  expect(await statusLine(OTHER!, '/srv/docs', vigil.dir(1))).toMatch(/👤:slot-2 1\/2/)

  const path = join(vigil.paths.health, `${STAYS}.json`)
  const seen = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...seen, slot: 'slot-2' }))
  expect(await status()).toContain('1 session still runs here: ~ (77777777)\n')
  writeFileSync(path, JSON.stringify({ ...seen, seen_at: Date.now() - 30 * 60_000 }))
  expect(JSON.parse(await status('--json')).left_behind).toHaveLength(1)
  // Off, nobody has left anything.
  vigil.settings('failover: { enabled: false }')
  expect(JSON.parse(await status('--json')).left_behind).toEqual([])
})
