import { describe, expect, it } from 'vitest'
import { NO_FILE, withBlock, withoutBlock } from '../../../lib/install/crontab-text.ts'
import { aliasLine, otherAlias, profilePath, shellNamed } from '../../../lib/install/shell-profile.ts'

describe('the profile of a shell', () => {
  it.each([
    ['/bin/bash', 'bash'],
    ['/opt/homebrew/bin/zsh', 'zsh'],
    ['fish', 'fish'],
    ['/bin/dash', null],
    ['', null],
    [undefined, null],
  ])('is picked by what $SHELL says: %j', (path, shell) => {
    expect(shellNamed(path)).toBe(shell)
  })
  it.each([
    ['bash', {}, '/home/me/.bashrc'],
    ['bash', { ZDOTDIR: '/z', XDG_CONFIG_HOME: '/c' }, '/home/me/.bashrc'],
    ['zsh', {}, '/home/me/.zshrc'],
    ['zsh', { ZDOTDIR: '/home/me/.config/zsh' }, '/home/me/.config/zsh/.zshrc'],
    ['zsh', { ZDOTDIR: '' }, '/home/me/.zshrc'],
    ['zsh', { ZDOTDIR: 'not/absolute' }, '/home/me/.zshrc'],
    ['fish', {}, '/home/me/.config/fish/conf.d/vigil.fish'],
    ['fish', { XDG_CONFIG_HOME: '/c' }, '/c/fish/conf.d/vigil.fish'],
  ] as const)('of %s with %j is %s', (shell, folders, path) => {
    expect(profilePath(shell, '/home/me', folders)).toBe(path)
  })
  it('gets an alias that a person can read, where the path is a plain one', () => {
    expect(aliasLine('bash', '/opt/vigil/bin/vigil')).toBe(
      "[ ! -x /opt/vigil/bin/vigil ] || alias claude='/opt/vigil/bin/vigil exec -- claude'",
    )
    expect(aliasLine('fish', '/opt/vigil/bin/vigil')).toBe(
      "status is-interactive; and test -x /opt/vigil/bin/vigil; and alias claude '/opt/vigil/bin/vigil exec -- claude'",
    )
  })
  it.each([
    ['alias claude="$HOME/.claude/local/claude"', 'alias claude="$HOME/.claude/local/claude"'],
    ['x\n  alias claude mine\n', 'alias claude mine'],
    ['function claude { mine; }', 'function claude { mine; }'],
    ['claude() { mine; }', 'claude() { mine; }'],
    ['# alias claude=old\nalias claudette=x\nclaude\n', null],
  ])('that says %j says what claude is: %j', (text, line) => {
    expect(otherAlias(text)).toBe(line)
  })
})

describe('a block in it', () => {
  it.each(['', '# mine\n', 'no newline at the end', 'a\r\nb', null])('is put in and taken out: %j', text => {
    const there = withBlock(text, ['alias'], NO_FILE)!
    expect(there).toContain('\n<<< vigil <<<\n'.replace('\n<<<', '\n# <<<'))
    expect(withBlock(there, ['alias'], NO_FILE)).toBe(there)
    expect(withoutBlock(there)).toEqual({ text })
  })
})
