// `vigil completion SHELL`: a script for the shell, made from the commands themselves, so that it cannot fall behind them.
import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

interface Word {
  word: string
  what: string
}

/** What may stand behind the words so far. */
interface Place {
  /** `''` at the beginning, then `accounts`, `accounts add`. */
  path: string
  commands: Word[]
  options: Word[]
  /** What an argument may be, as far as that is known. */
  values: Word[]
  /** It takes something of the file system. */
  takesPath: boolean
}

/** @param values of the arguments of some commands, by their path */
export function completionScript(shell: Shell, program: Command, values: Record<string, readonly string[]>): string {
  const places = placesOf(program, '', values)
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](places)
}

function placesOf(command: Command, path: string, values: Record<string, readonly string[]>): Place[] {
  const { commands } = command
  const help = { word: '--help', what: 'shows help' }
  const own = {
    path,
    commands: commands.map(sub => ({ word: sub.name(), what: sub.description() })),
    options: [
      ...command.options.flatMap(({ long, description }) => (long ? [{ word: long, what: description }] : [])),
      help,
    ],
    values: (values[path] ?? []).map(word => ({ word, what: '' })),
    takesPath: command.registeredArguments.some(argument => argument.name() === 'dir'),
  }
  return [own, ...commands.flatMap(sub => placesOf(sub, `${path} ${sub.name()}`.trim(), values))]
}

const all = ({ commands, values, options }: Place) => [...commands, ...values, ...options]
const isBelow = (places: Place[]) => places.filter(({ path }) => path !== '').map(({ path }) => path)

function bashScript(places: Place[]): string {
  const cases = places.map(
    place =>
      `    '${place.path}') words='${all(place)
        .map(({ word }) => word)
        .join(' ')}' ;;`,
  )
  return `# vigil completion bash: eval "$(vigil completion bash)" in ~/.bashrc
_vigil() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at='' words='' word line
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${at:+$at }$word" in
      ${isBelow(places)
        .map(path => `'${path}'`)
        .join(' | ')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=()
  while IFS='' read -r line; do
    COMPREPLY+=("$line")
  done < <(compgen -W "$words" -- "$current")
}
complete -o default -F _vigil vigil
`
}

function zshScript(places: Place[]): string {
  // _describe takes what stands behind the first colon for the description.
  const entry = ({ word, what }: Word) => `'${word}${what === '' ? '' : `:${what.replaceAll("'", "'\\''")}`}'`
  const cases = places.map(place => `    '${place.path}') entries=(${all(place).map(entry).join(' ')}) ;;`)
  const files = places.filter(({ takesPath }) => takesPath).map(({ path }) => `'${path}'`)
  return `#compdef vigil
# vigil completion zsh: eval "$(vigil completion zsh)" in ~/.zshrc, behind compinit
_vigil() {
  local at='' word
  local -a entries
  for word in \${words[2,CURRENT-1]}; do
    case "\${at:+$at }$word" in
      ${isBelow(places)
        .map(path => `'${path}'`)
        .join(' | ')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  _describe vigil entries
  case "$at" in
    ${files.join(' | ') || "''"}) _files ;;
  esac
}
compdef _vigil vigil
`
}

function fishScript(places: Place[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = places.flatMap(place => {
    const words = place.path.split(' ').filter(Boolean)
    const seen = words.map(word => `__fish_seen_subcommand_from ${word}`)
    const further = place.commands.map(({ word }) => word).join(' ')
    const none =
      words.length === 0 ? ['__fish_use_subcommand'] : further ? [`not __fish_seen_subcommand_from ${further}`] : []
    const when = quoted([...seen, ...none].join('; and '))
    const what = (text: string) => (text === '' ? '' : ` -d ${quoted(text)}`)
    return [
      ...[...place.commands, ...place.values].map(
        ({ word, what: text }) => `complete -c vigil -n ${when} -a ${quoted(word)}${what(text)}`,
      ),
      ...place.options.map(({ word, what: text }) => `complete -c vigil -n ${when} -l ${word.slice(2)}${what(text)}`),
      ...(place.takesPath ? [`complete -c vigil -n ${when} -F`] : []),
    ]
  })
  return `# vigil completion fish: vigil completion fish > ~/.config/fish/completions/vigil.fish\ncomplete -c vigil -f\n${lines.join('\n')}\n`
}
