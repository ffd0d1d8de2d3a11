// What a person reads when a command could not do its work: the inside of the program only where the fault is there.
import { SettingsError } from '../lib/settings-defaults.ts'

const FAILED = 1
const NOT_ALLOWED = 77
const SETTINGS_ARE_WRONG = 78

/** Sets the exit code. @throws what is a bug of ours */
export function sayWhyItEnded(command: string, error: unknown): void {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (error instanceof SettingsError) process.exitCode = SETTINGS_ARE_WRONG
  else if (!/^E[A-Z0-9]+$/.test(code)) throw error
  else process.exitCode = ['EACCES', 'EPERM', 'EROFS'].includes(code) ? NOT_ALLOWED : FAILED
  process.stderr.write(`vigil ${command}: ${message}\n`)
}
