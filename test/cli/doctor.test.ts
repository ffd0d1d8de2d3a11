// `vigil doctor`, as a process, over a home where all is well, and over the same with one fault after the other.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { MINUTE_MS } from '../../lib/timings.ts'
import { doctorHome } from '../support/doctor-home.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'
import { startMailServer } from '../support/smtp.ts'

/** Every path below, with what would change if it were written. */
function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => [name, lstatSync(join(folder, name))] as const)
    .map(([name, { ino, mode, size, mtimeMs }]) => `${name} ${ino} ${mode} ${size} ${mtimeMs}`)
    .sort()
}

it('finds nothing in a good home, and leaves no trace in it', async () => {
  const { vigil, doctor, findings } = await doctorHome()
  const before = tree(join(vigil.home, '.claude'))
  const requests = vigil.standIn.requests.length
  expect(await findings()).toMatchObject({ code: 0, said: [] })
  const { code, stdout, stderr } = await doctor()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/All is well\.\n$/)
  expect(stdout).not.toContain('Not looked at')
  expect((await doctor('--fix')).stdout).not.toContain('Done')
  expect(tree(join(vigil.home, '.claude'))).toEqual(before)
  expect(vigil.standIn.requests.length).toBe(requests)
})

it('finds each fault', async () => {
  const { vigil, mail, good, crontab, findings, bin } = await doctorHome()
  const only = async (what: RegExp, extra: Record<string, string> = {}) => {
    const { said, stdout } = await findings(extra)
    expect(said).toEqual([expect.stringMatching(what)])
    expect(stdout).not.toMatch(/sk-ant-|vigil-home-|hunter2hunter2/)
  }
  crontab(null)
  await only(/^schedule error nothing starts the jobs/)
  crontab('/nowhere/vigil')
  await only(/^schedule error the schedule leads to a checkout that is gone/)
  crontab(REPO)

  await only(/^override warning ANTHROPIC_API_KEY is set/, { ANTHROPIC_API_KEY: 'sk-ant-api03-SECRET' })
  writeFileSync(join(vigil.dir(1), 'settings.json'), '{"env":{"ANTHROPIC_AUTH_TOKEN":"hunter2hunter2"}}')
  await only(/^override warning ANTHROPIC_AUTH_TOKEN is set/)
  rmSync(join(vigil.dir(1), 'settings.json'))

  vigil.settings(`${good}\nnonsense: 1`)
  await only(/^settings error vigil\.yaml cannot be used/)
  vigil.settings(good.replace(/port: \d+/, '$&, user: me, password: hunter2hunter2'))
  const secrets = await findings()
  expect(secrets.said).toContainEqual(
    expect.stringMatching(/^secrets warning channels\.email\.smtp\.password stands openly/),
  )
  expect(secrets.stdout).not.toContain('hunter2hunter2')
  vigil.settings(good)

  const blob = vigil.credentials(1)
  vigil.writeCredentials(1, {
    claudeAiOauth: { ...blob.claudeAiOauth, accessToken: '', refreshToken: '', expiresAt: 0 },
  })
  await only(/^login error slot-2: it is logged out/)
  vigil.writeCredentials(1, { claudeAiOauth: { ...blob.claudeAiOauth, scopes: ['user:inference'] } })
  await only(/^login warning slot-2: its login may not ask for quota/)
  vigil.writeCredentials(1, vigil.credentials(0))
  await only(/^login error slot-2: its login is a copy of another one/)
  vigil.writeCredentials(1, blob)

  const record = join(vigil.paths.runs, 'fetch-quota.json')
  const good_record = vigil.json(record) as object
  writeFileSync(record, JSON.stringify({ ...good_record, outcome: 'failed', reason: 'no' }), { mode: 0o600 })
  await only(/^runs error fetch-quota is not well: failing/)
  writeFileSync(record, JSON.stringify(good_record), { mode: 0o600 })

  writeFileSync(join(bin, 'ps.txt'), 'node /opt/ccflare/server.js\n')
  await only(/^rivals warning ccflare is running/)
  writeFileSync(join(bin, 'ps.txt'), '')

  mkdirSync(join(bin, 'versions/3.0.1'), { recursive: true })
  copyFileSync('/bin/true', join(bin, 'versions/3.0.1/claude'))
  symlinkSync('versions/3.0.1/claude', join(bin, 'claude'))
  await only(/^claude info this Claude Code is another one/)
  rmSync(join(bin, 'claude'))

  vigil.settings(good.replace('desktop: { enabled: false }, ', ''))
  await only(/^desktop info no notice can be shown/)
  vigil.settings(good.split('\n')[0]!)
  await only(/^dead_man info nobody is told/)
  vigil.settings(good)
  const strict = await startMailServer({ auth: () => '535 5.7.8 no such user' })
  onTestFinished(() => strict.close())
  const file = join(vigil.home, 'smtp-password')
  writeFileSync(file, 'hunter2hunter2\n', { mode: 0o600 })
  vigil.settings(good.replace(/port: \d+/, `port: ${strict.port}, user: me, password: "file:~/smtp-password"`))
  await only(/^smtp error 127\.0\.0\.1 would take no mail/)
  expect([strict.logins, strict.mails]).toEqual([['me:hunter2hunter2'], []])
  vigil.settings(good)
  await mail.close()
  await only(/^smtp error 127\.0\.0\.1 would take no mail/)
})

it('--fix closes what is open and takes away cut writes; the rest is told', async () => {
  const { vigil, doctor, findings } = await doctorHome()
  const old = join(vigil.paths.slots, '.slot-1.json.4190000.1.vigil-tmp')
  writeFileSync(old, 'x', { mode: 0o600 })
  utimesSync(old, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200)
  chmodSync(join(vigil.dir(1), '.credentials.json'), 0o644)
  chmodSync(vigil.paths.logs, 0o755)
  chmodSync(vigil.paths.settings, 0o666)
  chmodSync(vigil.home, 0o777)
  expect((await findings()).said.sort()).toEqual([
    'leftovers info 1 temporary file of writes that were cut short',
    expect.stringMatching(/^login error slot-2: its login is not safe to use/),
    'permissions error others can write ~, so they can put another login in place of yours',
    'permissions error others can write ~/.claude/config/vigil.yaml, so they decide what Vigil does',
    'permissions error ~/.claude-0001/.credentials.json is open to others',
    'permissions error ~/.claude/session-health/logs is open to others',
  ])
  const { code, stdout } = await doctor('--fix')
  expect(code).toBe(1)
  expect(stdout).toContain('chmod 600 ~/.claude-0001/.credentials.json')
  expect(stdout).toContain('rm ~/.claude/session-health/slots/.slot-1.json.4190000.1.vigil-tmp')
  expect(await findings()).toMatchObject({
    code: 1,
    said: ['permissions error others can write ~, so they can put another login in place of yours'],
  })
  expect(lstatSync(vigil.paths.settings).mode & 0o777).toBe(0o644)
  chmodSync(vigil.home, 0o700)
})

it.each([
  [-6, 'clock error the clock of this machine is wrong: ', 'min ahead of'],
  [6, 'clock error the clock of this machine is wrong: ', 'min behind'],
  [-2, 'clock warning the clock of this machine is off', 'min ahead of'],
])('sees a clock by an answer that is %i min off, until another one is not', async (minutes, what, evidence) => {
  const { vigil, findings } = await doctorHome()
  const ask = async () => {
    for (const name of readdirSync(vigil.paths.slots)) rmSync(join(vigil.paths.slots, name))
    expect((await vigil.run('fetch-quota')).code).toBe(0)
  }
  vigil.standIn.fault({ endpoint: 'usage', times: Infinity, action: { kind: 'skew', ms: minutes * MINUTE_MS } })
  await ask()
  const { code, said, stdout } = await findings()
  expect(said).toEqual([expect.stringContaining(what)])
  expect(stdout).toContain(evidence)
  expect(code).toBe(what.includes('error') ? 1 : 0)
  vigil.standIn.clearFaults()
  await ask()
  expect((await findings()).said).toEqual([])
})

it('fits into 40 columns', async () => {
  const { vigil, findings } = await doctorHome()
  cpSync(join(vigil.dir(1), '.credentials.json'), join(vigil.dir(0), '.credentials.json'))
  expect((await findings()).code).toBe(1)
  const run = await runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), 'doctor'], {
    ...vigil.env,
    COLUMNS: '40',
  })
  for (const line of run.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(40)
})

it.each([[['--nope']], [['more']]])('%j is wrong usage', async words => {
  const { doctor } = await doctorHome()
  expect(await doctor(...words)).toMatchObject({ code: 64, stdout: '' })
})
