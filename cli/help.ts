// How `--help` is laid out: for any width, and without what goes without saying.
import { type Command, Help, type HelpConfiguration, type Option, type OutputConfiguration } from 'commander'

export const HELP: HelpConfiguration = {
  // commander breaks no line of a help text where less than 40 columns are left for it: then the terminal would, in a word.
  minWidthToWrap: 12,
  optionDescription,
  commandUsage,
  subcommandTerm,
}

export const HELP_OUTPUT: OutputConfiguration = { getOutHelpWidth: helpWidth, getErrHelpWidth: helpWidth }

/** That a switch is off unless it is given goes without saying. */
function optionDescription(this: Help, option: Option): string {
  return option.defaultValue === false ? option.description : Help.prototype.optionDescription.call(this, option)
}

/** The options stand right below; without the word, the line fits into 40 columns. */
function commandUsage(this: Help, command: Command): string {
  return Help.prototype.commandUsage.call(this, command).replace(' [options]', '')
}

function subcommandTerm(this: Help, command: Command): string {
  return Help.prototype.subcommandTerm.call(this, command).replace(' [options]', '')
}

/** Of the terminal; COLUMNS for where it does not say. */
function helpWidth(): number {
  return process.stdout.columns ?? (Number(process.env['COLUMNS']) || 80)
}

/** Of a group, a word that is none of its commands would be one too many for the command that is meant by default. */
export function refusesUnknown(group: Command): void {
  group.hook('preSubcommand', ({ args: [word] }) => {
    const names = group.commands.map(command => command.name())
    if (word === undefined || word.startsWith('-') || word === 'help' || names.includes(word)) return
    group.error(`error: there is no 'vigil ${group.name()} ${word}'; there are ${names.join(', ')}`)
  })
}

/** Each command says which help is its own. */
export function namesItsHelp(command: Command, path = command.name()): void {
  command.showHelpAfterError(`(see: ${path} --help)`)
  for (const child of command.commands) namesItsHelp(child, `${path} ${child.name()}`)
}
