// `vigil install --alias` as a person runs it. What the shells make of it: test/system/alias.test.ts.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeSchedulers } from '../support/fake-schedulers.ts'
import { REPO, runProcess } from '../support/scratch-vigil.ts'

const OWN = '# mine\nalias ll="ls -l"\n[ -z "$PS1" ] || echo hi # no end'
const PROGRAM = join(REPO, 'bin/vigil')
const ALIAS = `[ ! -x ${PROGRAM} ] || alias claude='${PROGRAM} exec -- claude'`
let home: string
let n = 0
const inHome = (name: string) => join(home, name)
const read = (name: string) => readFileSync(inHome(name), 'utf8')
const vigil = (words: string[], more: Record<string, string> = {}) =>
  runProcess([join(REPO, 'bin/vigil'), ...words], {
    HOME: home,
    PATH: `${home}/bin:/usr/bin:/bin`,
    NODE_COMPILE_CACHE: join(REPO, 'node_modules/.cache/compile'),
    ...more,
  })
const install = (alias = '--alias', more: Record<string, string> = { SHELL: '/bin/bash' }) =>
  vigil(['install', alias, '--yes'], more)

beforeEach(() => {
  n += 1
  home = join(homedir(), `alias-${n}`)
  mkdirSync(inHome('bin'), { recursive: true })
  writeFileSync(inHome('bin/claude'), '#!/bin/sh\n')
  chmodSync(inHome('bin/claude'), 0o755)
  writeFileSync(inHome('.bashrc'), OWN, { mode: 0o640 })
})

describe('vigil install --alias', () => {
  it('puts a marked block into the profile of $SHELL, shows it, and undoes it byte for byte', async () => {
    const installed = await install()
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    expect(installed.stdout).toContain(
      `  + # >>> vigil >>> (the line above had no end)\n  + ${ALIAS}\n  + # <<< vigil <<<`,
    )
    expect(read('.bashrc').startsWith(`${OWN}\n# >>> vigil >>>`)).toBe(true)
    expect(statSync(inHome('.bashrc')).mode & 0o777).toBe(0o640)
    const text = read('.bashrc')
    expect((await install()).stdout).toBe('The alias is in place already, in ~/.bashrc.\n')
    expect(read('.bashrc')).toBe(text)
    expect(await vigil(['uninstall', '--alias', '--yes'])).toMatchObject({ code: 0, stderr: '' })
    expect(read('.bashrc')).toBe(OWN)
    expect((await vigil(['uninstall', '--alias', '--yes'])).stdout).toBe('No alias of ours is there.\n')
  })

  it('takes the shell that is named, makes what is not there, and takes it away again, wherever ZDOTDIR leads by then', async () => {
    mkdirSync(inHome('zsh files'))
    expect((await install('--alias=zsh', { SHELL: '/bin/bash', ZDOTDIR: inHome('zsh files') })).code).toBe(0)
    expect(read('zsh files/.zshrc')).toBe(`# >>> vigil >>> (there was no file before)\n${ALIAS}\n# <<< vigil <<<\n`)
    expect((await install('--alias=fish')).code).toBe(0)
    expect(read('.config/fish/conf.d/vigil.fish')).toContain('and alias claude ')
    expect(read('.bashrc')).toBe(OWN)
    expect(await vigil(['uninstall', '--alias', '--yes'])).toMatchObject({ code: 0, stderr: '' })
    expect([existsSync(inHome('zsh files/.zshrc')), existsSync(inHome('.config/fish/conf.d/vigil.fish'))]).toEqual([
      false,
      false,
    ])
  })

  it('goes with plain `vigil uninstall`, also where nobody remembers it', async () => {
    const { bin } = fakeSchedulers(home)
    await install()
    writeFileSync(inHome('.claude/session-health/alias-in.json'), 'x')
    const gone = await vigil(['uninstall', '--yes'], { PATH: `${bin}:/usr/bin:/bin` })
    expect(gone).toMatchObject({ code: 0, stderr: '' })
    expect(gone.stdout).toContain(`  - ${ALIAS}`)
    expect(read('.bashrc')).toBe(OWN)
  })

  it('only shows with --dry-run, and asks on a terminal alone', async () => {
    const env = { SHELL: '/bin/bash' }
    expect((await vigil(['install', '--alias', '--dry-run'], env)).stdout).toContain('Nothing was changed.')
    expect((await vigil(['install', '--alias'], env)).code).toBe(64)
    expect(read('.bashrc')).toBe(OWN)
  })

  it.each([
    ['--alias', { SHELL: '/bin/tcsh' }, '$SHELL is /bin/tcsh'],
    ['--alias', {}, '$SHELL is not set'],
    ['--alias=csh', { SHELL: '/bin/bash' }, 'there is none for "csh"'],
  ])('with %s and %j is told which shells there are', async (alias, env, why) => {
    expect(await install(alias, env as Record<string, string>)).toMatchObject({
      code: 64,
      stderr: `vigil: install --alias: ${why}; say one of --alias=bash, --alias=zsh, --alias=fish\n`,
    })
  })

  it('leaves alone half a block, what is no file, and what is no UTF-8, and says so', async () => {
    const alone = async (bytes: string | Buffer, reason: string) => {
      writeFileSync(inHome('.bashrc'), bytes)
      expect(await install()).toMatchObject({ code: 1, stderr: `vigil: ~/.bashrc was left alone: ${reason}\n` })
      expect(readFileSync(inHome('.bashrc'))).toEqual(Buffer.from(bytes))
    }
    await alone(
      '# >>> vigil >>>\n',
      'it has a line ">>> vigil >>>" or "<<< vigil <<<" without the other; mend that first',
    )
    await alone(Buffer.from('\u00ff', 'latin1'), 'it is no UTF-8')
    mkdirSync(inHome('.zshrc'))
    expect((await install('--alias=zsh')).stderr).toBe('vigil: ~/.zshrc was left alone: it is no file\n')
  })

  it('says what it takes the place of, and where there is no claude to start', async () => {
    writeFileSync(inHome('.bashrc'), 'alias claude="$HOME/.claude/local/claude"\n')
    const { stdout } = await install('--alias', { SHELL: '/bin/bash', PATH: '/usr/bin:/bin' })
    expect(stdout).toContain(
      'Mind: ~/.bashrc says what claude is already, and the alias takes its place: alias claude="$HOME/.claude/local/claude"\n',
    )
    expect(stdout).toContain('Mind: no program claude is on the PATH')
  })

  it('writes through a link of a dotfile manager', async () => {
    writeFileSync(inHome('dotfiles.sh'), OWN)
    symlinkSync('dotfiles.sh', inHome('.zshrc'))
    await install('--alias=zsh')
    expect(read('dotfiles.sh')).toContain(ALIAS)
    await vigil(['uninstall', '--alias', '--yes'])
    expect([read('dotfiles.sh'), lstatSync(inHome('.zshrc')).isSymbolicLink()]).toEqual([OWN, true])
  })
})
