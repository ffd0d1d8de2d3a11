// What `vigil doctor` looks at of the hooks in Claude Code's settings.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SeenHook } from '../lib/doctor/check-hooks.ts'
import { type Account, tildePath } from '../lib/domain/account.ts'
import { hookCommands, hooksAreOff, programOfHook } from '../lib/install/claude-hooks.ts'
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
    const programs = commands.map(command => programOfHook(command, home)).filter(program => program !== null)
    const gone = programs.find(program => !existsSync(program))
    return [
      {
        slot,
        shown: tildePath(path, home),
        isThere: commands.length > 0,
        allOff: hooksAreOff(text),
        leadsNowhere: gone === undefined ? null : tildePath(gone, home),
      },
    ]
  })
}
