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
