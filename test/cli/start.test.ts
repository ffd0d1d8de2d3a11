import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeSecurity } from '../support/fake-security.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

let home: string
let folder: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-start-home-'))
  folder = mkdtempSync(join(tmpdir(), 'vigil-start-security-'))
  mkdirSync(join(home, '.claude'))
})
afterEach(() => {
  for (const path of [home, folder]) rmSync(path, { recursive: true, force: true })
})

/** `npm start` as on a Mac whose `security` is the stand-in's; the jobs that it starts are on Linux again. */
function startOnMac(security: string) {
  const preload = join(folder, 'mac.mjs')
  writeFileSync(
    preload,
    `import childProcess from 'node:child_process'
    import { syncBuiltinESMExports } from 'node:module'
    Object.defineProperty(process, 'platform', { value: 'darwin' })
    const { spawn } = childProcess
    childProcess.spawn = (program, ...rest) => spawn(program === '/usr/bin/security' ? ${JSON.stringify(security)} : program, ...rest)
    syncBuiltinESMExports()`,
  )
  const env = { HOME: home, PATH: '/usr/bin:/bin', USER: userInfo().username }
  return runProcess([process.execPath, '--import', preload, join(REPO, 'cli/start.ts')], env)
}

describe('npm start', () => {
  it('shows the demo on a Mac without a login and without logs/, and leaves the home as it was', async () => {
    const security = fakeSecurity(folder)
    const { code, stdout, stderr } = await startOnMac(security.path)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^DEMO: no Claude Code login was found/)
    expect(code).toBe(0)
    expect(security.calls()).toHaveLength(1)
    expect(readdirSync(home, { recursive: true })).toEqual(['.claude'])
  })

  it('runs the real round where the registry cannot be used, and says so', async () => {
    mkdirSync(join(home, '.claude', 'config'))
    writeFileSync(join(home, '.claude', 'config', 'claude-sessions.yaml'), 'accounts: none\n')
    const { code, stdout, stderr } = await startOnMac(fakeSecurity(folder).path)
    expect(code).toBe(1)
    expect(stdout).not.toContain('DEMO')
    expect(stderr).toContain('accounts has to be a section')
  })
})
