// A home in which `vigil doctor` finds nothing, and the ways to look at what it finds.
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { cronLine } from '../../lib/install/start-script.ts'
import { MINUTE_MS } from '../../lib/timings.ts'
import { REPO, runProcess, type ScratchOptions, scratchVigil } from './scratch-vigil.ts'
import { startMailServer } from './smtp.ts'

const place = (root: string) => ({ root, home: null, vigilHome: null })

export async function doctorHome(options: ScratchOptions = {}) {
  const mail = await startMailServer({})
  const vigil = await scratchVigil({ count: 2, expiresInMin: 400, ...options })
  const bin = join(vigil.home, 'bin')
  mkdirSync(bin)
  // Whether a cron runs is asked of the whole machine.
  copyFileSync('/bin/sleep', join(bin, 'cron'))
  chmodSync(join(bin, 'cron'), 0o755)
  const cron = spawn(join(bin, 'cron'), ['600'], { stdio: 'inherit' })
  onTestFinished(async () => {
    cron.kill()
    await mail.close()
    await vigil.dispose()
  })
  const crontab = (root: string | null) => {
    const line = root === null ? '' : cronLine('watchdog', MINUTE_MS, place(root), 0)
    writeFileSync(join(bin, 'crontab.txt'), `${line}\n`)
    writeFileSync(join(bin, 'crontab'), `#!/bin/sh\ncat '${join(bin, 'crontab.txt')}'\n`, { mode: 0o755 })
  }
  crontab(REPO)
  writeFileSync(join(bin, 'ps.txt'), 'vim\n')
  writeFileSync(join(bin, 'ps'), `#!/bin/sh\ncat '${join(bin, 'ps.txt')}'\n`, { mode: 0o755 })
  const smtp = `smtp: { host: 127.0.0.1, port: ${mail.port} }`
  const good = `channels: { desktop: { enabled: false }, email: { to: [a@example.com], from: b@example.com, ${smtp} } }\ndead_man: { watchdog: "http://127.0.0.1:9/x" }`
  const env = { ...vigil.env, PATH: `${bin}:/usr/bin:/bin` }
  const doctor = (...words: string[]) =>
    runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), 'doctor', ...words], env)
  const findings = async (extra: Record<string, string> = {}, root = REPO) => {
    const run = await runProcess([process.execPath, join(root, 'cli/vigil.ts'), 'doctor', '--json'], {
      ...env,
      ...extra,
    })
    const { findings } = JSON.parse(run.stdout) as { findings: Array<Record<string, string>> }
    return {
      code: run.code,
      said: findings.map(({ check, severity, what }) => `${check} ${severity} ${what}`),
      stdout: run.stdout,
    }
  }
  vigil.settings(good)
  for (const job of ['refresh-tokens', 'fetch-quota', 'fetch-billing', 'janitor'])
    expect([job, (await vigil.run(job)).code]).toEqual([job, 0])
  // The dead man's switch of this home leads nowhere; the record is what counts here.
  vigil.settings(good.split('\n')[0]!)
  expect((await vigil.run('watchdog')).code).toBe(0)
  vigil.settings(good)
  return { vigil, mail, good, crontab, doctor, findings, bin }
}
