// How files that a person keeps are put in place: whole, with the mode they had, and never over what came in between.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { changeLines, writeChanges } from '../../cli/change-files.ts'

let home: string
let path: string
beforeEach(() => {
  home = mkdtempSync(join(homedir(), 'change-'))
  path = join(home, '.bashrc')
  writeFileSync(path, '# mine\n')
})
const change = (text: string | null, old: string | null = '# mine\n') => writeChanges([{ path, old, text }], home)
const read = () => readFileSync(path, 'utf8')

it.each([0o664, 0o666, 0o755, 0o400])('a file keeps its mode %o, whatever the umask', async mode => {
  chmodSync(path, mode)
  expect(await change('# mine\n# ours\n')).toEqual([])
  expect([read(), statSync(path).mode & 0o777]).toEqual(['# mine\n# ours\n', mode])
})

it('what an editor saves while the new text goes to the disk stays, and that is said', async () => {
  const under = change('# mine\n# ours\n')
  // It waits for the disk by now: everything before that is done in one go.
  expect(readdirSync(home)).toHaveLength(2)
  writeFileSync(path, '# mine\nalias ll="ls -l"\n')
  expect(await under).toEqual(['~/.bashrc was changed meanwhile; run it again'])
  expect(read()).toBe('# mine\nalias ll="ls -l"\n')
  expect(readdirSync(home)).toEqual(['.bashrc'])
})

it('what an editor makes while the first text goes to the disk stays too', async () => {
  path = join(home, '.zshrc')
  const under = change('# ours\n', null)
  writeFileSync(path, '# mine\n')
  expect(await under).toEqual(['~/.zshrc was changed meanwhile; run it again'])
  expect(read()).toBe('# mine\n')
})

it('a new file is for its owner alone, and one at the end of a link is changed there', async () => {
  path = join(home, '.zshrc')
  expect(await change('# ours\n', null)).toEqual([])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const link = join(home, '.link')
  symlinkSync('.bashrc', link)
  expect(await writeChanges([{ path: link, old: '# mine\n', text: '# new\n' }], home)).toEqual([])
  expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe('# new\n')
  expect(readdirSync(home).sort()).toEqual(['.bashrc', '.link', '.zshrc'])
})

it('shows only what differs, in one stretch or two: what stands between may be what no screen should show', () => {
  const old = '{\n  "statusLine": 1,\n  "env": { "KEY": "secret" },\n  "hooks": 2,\n  "model": "x"\n}\n'
  const text = '{\n  "env": { "KEY": "secret" },\n  "model": "y"\n}\n'
  expect(changeLines([{ path: join(home, 'x.json'), old, text }], home)).toEqual([
    '~/x.json',
    '  -   "statusLine": 1,',
    '  -   "hooks": 2,',
    '  -   "model": "x"',
    '  +   "model": "y"',
    '',
  ])
  expect(changeLines([{ path: join(home, 'x.json'), old: null, text: '{}\n' }], home)).toEqual([
    '~/x.json',
    '  + {}',
    '',
  ])
})
