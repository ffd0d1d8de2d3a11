// `vigil doctor`, as a process, over a good home with one fault more of every kind: logins, settings, schedule, programs.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemdTimer, unitName } from '../../lib/install/units.ts'
import { doctorHome } from '../support/doctor-home.ts'
import { REPO } from '../support/scratch-vigil.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type Home = Awaited<ReturnType<typeof doctorHome>>
/** The very findings, and nothing of a secret or of the home in them. */
const told = async ({ findings }: Home, ...what: string[]) => {
  const { said, stdout } = await findings()
  expect(said).toEqual(what.map(words => expect.stringContaining(words)))
  expect(stdout).not.toMatch(/sk-ant-|vigil-home-/)
}

it('a login that cannot be used, or not for long', async () => {
  const home = await doctorHome()
  const { vigil } = home
  const blob = vigil.credentials(1)
  const oauth = blob.claudeAiOauth
  const put = (change: object | string) =>
    vigil.writeCredentials(1, typeof change === 'string' ? change : { ...blob, claudeAiOauth: { ...oauth, ...change } })
  const path = join(vigil.dir(1), '.credentials.json')

  rmSync(path)
  await told(home, 'login error slot-2: no login is in its directory')
  put('{"mcpOAuth":{}}')
  await told(home, 'login error slot-2: no login is in its directory')
  put('{"claudeAiOauth":{"accessTok')
  await told(home, 'login error slot-2: its login is corrupt')
  put({ refreshToken: '' })
  await told(home, 'login warning slot-2: its token cannot be renewed and cannot ask for quota')
  put({ refreshTokenExpiresAt: Date.now() + 3 * DAY - HOUR })
  await told(home, 'login warning slot-2: its login ends in 2 d')
  put({ refreshTokenExpiresAt: Date.now() + 30 * DAY })
  await told(home)

  const spent = join(vigil.paths.logins, '.spent-tokens.json')
  const fingerprints = [createHash('sha256').update(String(oauth['refreshToken'])).digest('hex').slice(0, 32)]
  writeFileSync(spent, JSON.stringify({ schema: 1, fingerprints }), { mode: 0o600 })
  await told(home, 'login error slot-2: its refresh token was used up elsewhere')
  rmSync(spent)

  const state = join(vigil.paths.logins, 'slot-2.json')
  const known = vigil.json(state) as object
  writeFileSync(state, JSON.stringify({ ...known, lasted: [5 * HOUR, 7 * HOUR] }), { mode: 0o600 })
  await told(home, 'login warning slot-2: its logins end far too soon, as they do where two machines use one')
  writeFileSync(state, JSON.stringify(known), { mode: 0o600 })

  put({})
  renameSync(vigil.dir(1), `${vigil.dir(1)}-elsewhere`)
  await told(home, 'login error slot-2: its directory is not there')
})

it('config directories that are doubled or left out', async () => {
  const home = await doctorHome()
  const { vigil, findings } = home
  const registry = vigil.registry()
  symlinkSync(vigil.dir(1), join(vigil.home, 'also'))
  writeFileSync(vigil.paths.accounts, `${registry.trimEnd()}\n  third: { config_dir: ~/also }\n`)
  await told(home, 'settings error claude-sessions.yaml cannot be used')
  expect((await findings()).stdout).toContain('is that of slot-2 too; every account needs a directory of its own')
  writeFileSync(vigil.paths.accounts, registry)
  for (const [dir, said] of [
    ['also', []],
    ['.claude-nobody', ['config_dir warning what runs in this shell uses a login that nobody looks after']],
    ['.claude', [expect.stringMatching(/^config_dir warning the variable names the default/)]],
  ] as const)
    expect((await findings({ CLAUDE_CONFIG_DIR: join(vigil.home, dir) })).said).toEqual(said)
})

it('secrets that cannot be had, and no channel that confirms', async () => {
  const home = await doctorHome()
  const { vigil, good } = home
  const phone = (url: string) => good.replace(' }\n', `, webhooks: [{ name: phone, kind: slack, url: "${url}" }] }\n`)
  vigil.settings(phone('file:~/nowhere'))
  await told(home, 'secrets error the url of phone cannot be had')
  vigil.settings(phone('env:PHONE_URL'))
  await told(home, 'secrets warning the url of phone is a variable')
  vigil.settings(`channels: { desktop: { enabled: false } }\n${good.split('\n')[1]}`)
  await told(home, 'channels warning no channel can say that an alert arrived')
})

it('jobs that are not well, and more than one that starts them', async () => {
  const home = await doctorHome()
  const { vigil } = home
  const path = join(vigil.paths.runs, 'janitor.json')
  const record = readFileSync(path)
  rmSync(path)
  await told(home, 'runs warning janitor is not well: never')
  writeFileSync(path, record, { mode: 0o600 })
  const quota = join(vigil.paths.runs, 'fetch-quota.json')
  const ago = (at: unknown) => (typeof at === 'number' ? at - HOUR : at)
  const old = Object.entries(vigil.json(quota) as object).map(([key, value]) => [key, ago(value)])
  writeFileSync(quota, JSON.stringify({ ...Object.fromEntries(old), exit_code: 0, schema: 1 }), { mode: 0o600 })
  await told(home, 'runs error fetch-quota is not well: overdue')
  await vigil.run('fetch-quota')
  await told(home)

  const units = join(vigil.home, '.config/systemd/user')
  mkdirSync(units, { recursive: true })
  writeFileSync(join(units, unitName('watchdog', 'timer')), systemdTimer('watchdog', 60_000))
  await told(home, 'schedule warning more than one scheduler starts the jobs')
})

it('a checkout that is another one than the schedule starts, without ccusage and made for another Node', async () => {
  const { vigil, findings } = await doctorHome()
  const root = join(vigil.home, 'vigil')
  for (const part of ['cli', 'jobs', 'lib']) cpSync(join(REPO, part), join(root, part), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  for (const name of readdirSync(join(REPO, 'node_modules')).filter(name => !/ccusage$|^\./.test(name)))
    symlinkSync(join(REPO, 'node_modules', name), join(root, 'node_modules', name))
  const manifest = JSON.parse(readFileSync(join(REPO, 'package.json'), 'utf8'))
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...manifest, dependencies: { node: '25.9.0' } }))
  const { said } = await findings({}, root)
  expect(said).toEqual([
    'node error this is not the Node that Vigil is made for',
    'ccusage error ccusage cannot be run, so nothing of billing is measured',
    'schedule warning the schedule leads to another checkout than this one',
  ])
})
