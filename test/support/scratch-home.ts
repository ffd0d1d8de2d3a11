// Every test runs with a HOME of its own: Vigil works on people's credentials, so no test may ever see a real one.
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

if (!process.version.startsWith('v26.')) {
  throw new Error(`tests run on the project's own Node 26, not on ${process.version}; start them with: npm test`)
}

const scratchHome = mkdtempSync(join(tmpdir(), 'vigil-test-home-'))
process.env['HOME'] = scratchHome
delete process.env['CLAUDE_CONFIG_DIR']
delete process.env['VIGIL_HOME']

if (homedir() !== scratchHome) {
  throw new Error(`tests refuse to run: HOME is ${homedir()}, not the scratch folder ${scratchHome}`)
}

afterAll(() => rmSync(scratchHome, { recursive: true, force: true }))
