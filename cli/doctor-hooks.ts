// What `vigil doctor` looks at of the hooks and the status line in Claude Code's settings.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SeenHook } from '../lib/doctor/check-hooks.ts'
import { type Account, tildePath } from '../lib/domain/account.ts'
import { hookCommands, hooksAreOff, programOf } from '../lib/install/claude-hooks.ts'
import { ownStatusLine } from '../lib/install/claude-settings.ts'
import type { Paths } from '../lib/paths.ts'
import { readPersonsFile } from './change-files.ts'

export function lookAtHooks({ home }: Paths, accounts: readonly Account[]): SeenHook[] {
  return accounts.flatMap(({ slot, configDir }) => {
    const path = join(configDir, 'settings.json')
    const reading = readPersonsFile(path)
    // An account without a directory is told of as one without a login.
    if ('trouble' in reading && !existsSync(configDir)) return []
    const text = ('text' in reading && reading.text) || '{}'
    const commands = hookCommands(text)
    const line = ownStatusLine(text)
    return [
      {
        slot,
        shown: tildePath(path, home),
        isThere: commands.length > 0,
        allOff: hooksAreOff(text),
        leadsNowhere: goneIn(commands, home),
        lineLeadsNowhere: goneIn(line === null ? [] : [line], home),
      },
    ]
  })
}

/** The first program of theirs that is not there, as messages name it; null = all are. */
function goneIn(commands: readonly string[], home: string): string | null {
  const programs = commands.flatMap(command => programOf(command, home) ?? [])
  const gone = programs.find(program => !existsSync(program))
  return gone === undefined ? null : tildePath(gone, home)
}
