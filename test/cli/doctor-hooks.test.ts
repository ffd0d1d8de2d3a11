// What `vigil doctor` says of the hooks, in a home where all else is well.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { doctorHome } from '../support/doctor-home.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

it('hooks that are missing or lead nowhere, each mended by the command that it names', async () => {
  const { vigil, good, findings } = await doctorHome()
  const ofHooks = async () => {
    const { said, stdout } = await findings()
    expect(stdout).not.toMatch(/vigil-home-/)
    return said.filter(words => words.startsWith('hooks'))
  }
  const install = () =>
    runProcess([process.execPath, join(REPO, 'cli/vigil.ts'), 'install', '--hooks', '--yes'], vigil.env)
  const settings = join(vigil.dir(1), 'settings.json')
  expect(await ofHooks()).toEqual([])
  vigil.settings(`${good}\nfailover: { enabled: true }`)
  // Once it is on, a failover that nobody starts is a fault too.
  expect((await findings()).said).toContainEqual(expect.stringMatching(/^runs \w+ .*failover/))
  expect(await ofHooks()).toEqual([expect.stringContaining('hooks info failover is on, and no account has the hook')])
  expect(await install()).toMatchObject({ code: 0, stderr: '' })
  expect(await ofHooks()).toEqual([])

  const text = readFileSync(settings, 'utf8')
  writeFileSync(settings, '{"disableAllHooks":true}')
  expect(await ofHooks()).toEqual([expect.stringContaining('hooks info slot-2: all its hooks are off')])
  writeFileSync(settings, '{ // broken')
  expect(await ofHooks()).toEqual([expect.stringContaining('not every account has the hook')])
  writeFileSync(
    settings,
    text.replace(/"command": "[^"]*"/, '"command": "\'/gone for good/bin/vigil\' hook stop-failure"'),
  )
  vigil.settings(good)
  expect(await ofHooks()).toEqual(['hooks warning a StopFailure hook leads to a checkout that is gone'])
  expect(await install()).toMatchObject({ code: 0, stderr: '' })
  expect(await ofHooks()).toEqual([])
  expect(readFileSync(settings, 'utf8')).toBe(text)

  const withLine = (program: string) =>
    JSON.stringify({ ...JSON.parse(text), statusLine: { type: 'command', command: `${program} statusline` } })
  writeFileSync(settings, withLine("'/gone for good/bin/vigil'"))
  const { said } = await findings()
  expect(said.filter(words => words.startsWith('statusline'))).toEqual([
    'statusline warning the status line leads to a checkout that is gone',
  ])
  for (const program of [join(REPO, 'bin/vigil'), '~/mine.sh', 'ccstatusline']) {
    writeFileSync(settings, withLine(program))
    expect((await findings()).said).not.toContainEqual(expect.stringMatching(/^statusline/))
  }
})
