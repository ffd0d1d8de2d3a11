// The alias that starts Claude Code in the current account, in the profile of a person's shell. Pure. No recursion: `vigil exec`
// looks for a program on the PATH, and knows no alias.
import { isAbsolute, join } from 'node:path'

export const PROFILE_SHELLS = ['bash', 'zsh', 'fish'] as const
export type ProfileShell = (typeof PROFILE_SHELLS)[number]

/** The variables by which two of the shells find their files. */
export interface ProfileFolders {
  ZDOTDIR?: string | undefined
  XDG_CONFIG_HOME?: string | undefined
}

/** By the program that $SHELL names; null = another one, or none. */
export function shellNamed(path: string | undefined): ProfileShell | null {
  return PROFILE_SHELLS.find(name => name === path?.split('/').at(-1)) ?? null
}

/** What an interactive shell reads at its start. Of fish a file of its own. */
export function profilePath(shell: ProfileShell, home: string, { ZDOTDIR, XDG_CONFIG_HOME }: ProfileFolders): string {
  const folder = (set: string | undefined, otherwise: string) => (set && isAbsolute(set) ? set : otherwise)
  if (shell === 'bash') return join(home, '.bashrc')
  if (shell === 'zsh') return join(folder(ZDOTDIR, home), '.zshrc')
  return join(folder(XDG_CONFIG_HOME, join(home, '.config')), 'fish', 'conf.d', 'vigil.fish')
}

/**
 * Where the program is away, there is no alias: a checkout that is gone must not take Claude Code with it.
 * @param program its path
 */
export function aliasLine(shell: ProfileShell, program: string): string {
  const quote = shell === 'fish' ? fishQuoted : shellQuoted
  // Twice: the alias is a command, and its words are read when it is used.
  const word = isPlain(program) ? program : quote(program)
  const command = quote(`${word} exec -- claude`)
  // fish reads the file for its scripts too, where bash and zsh know no aliases.
  return shell === 'fish'
    ? `status is-interactive; and test -x ${word}; and alias claude ${command}`
    : `[ ! -x ${word} ] || alias claude=${command}`
}

/** What a person made of the word outside of our block, which ours would take the place of. */
export function otherAlias(text: string): string | null {
  return /^[ \t]*(?:alias[ \t]+claude[= \t]|function[ \t]+claude\b|claude[ \t]*\(\)).*$/m.exec(text)?.[0].trim() ?? null
}

export function isPlain(word: string): boolean {
  return /^[\w@%+=:,./-]+$/.test(word)
}

export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
