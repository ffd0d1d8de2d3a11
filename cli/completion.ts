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
  /** It takes an account; which there are is asked when somebody wants to know. */
  takesSlot: boolean
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
    takesPath: command.registeredArguments.some(argument => ['dir', 'program'].includes(argument.name())),
    takesSlot: command.registeredArguments.some(argument => argument.name() === 'slot'),
  }
  return [own, ...commands.flatMap(sub => placesOf(sub, `${path} ${sub.name()}`.trim(), values))]
}

const all = ({ commands, values, options }: Place) => [...commands, ...values, ...options]

const SLOTS = `vigil accounts list --json 2>/dev/null | sed -n 's/^ *"slot": "\\(.*\\)",*$/\\1/p'`

/** How bash and zsh find the place: word by word, as far as the words lead to one. */
function walkTo(places: Place[], words: string, bodyOf: (place: Place) => string): string {
  const below = places.flatMap(({ path }) => (path === '' ? [] : `'${path}'`))
  return `for word in ${words}; do
    case "\${at:+$at }$word" in
      ${below.join(' | ')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at" in
${places.map(place => `    '${place.path}') ${bodyOf(place)} ;;`).join('\n')}
  esac`
}

function bashScript(places: Place[]): string {
  const wordsOf = (place: Place) => {
    const words = all(place)
      .map(({ word }) => word)
      .join(' ')
    if (place.takesSlot) return `words="$(_vigil_slots) ${words}"`
    // Where nothing of ours fits, bash offers paths.
    return place.takesPath ? `case "$current" in -*) words='${words}' ;; esac` : `words='${words}'`
  }
  return `# vigil completion bash: eval "$(vigil completion bash)" in ~/.bashrc
_vigil_slots() {
  ${SLOTS}
}
_vigil() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at='' words='' word line
  ${walkTo(places, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"', wordsOf)}
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
  const entriesOf = (place: Place) => {
    const slots = place.takesSlot ? [`\${(f)"$(_vigil_slots)"}`] : []
    return `entries=(${[...slots, ...all(place).map(entry)].join(' ')})${place.takesPath ? '; _files' : ''}`
  }
  return `#compdef vigil
# vigil completion zsh: eval "$(vigil completion zsh)" in ~/.zshrc, behind compinit
_vigil_slots() {
  ${SLOTS}
}
_vigil() {
  local at='' word
  local -a entries
  ${walkTo(places, '${words[2,CURRENT-1]}', entriesOf)}
  _describe vigil entries
}
compdef _vigil vigil
`
}

function fishScript(places: Place[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const below = places.flatMap(({ path }) => (path === '' ? [] : `'${path}'`))
  const lines = places.flatMap(place => {
    const rule = `complete -c vigil -n ${quoted(`__vigil_at ${quoted(place.path)}`)}`
    const what = (text: string) => (text === '' ? '' : ` -d ${quoted(text)}`)
    return [
      ...[...place.commands, ...place.values].map(({ word, what: text }) => `${rule} -a ${quoted(word)}${what(text)}`),
      ...place.options.map(({ word, what: text }) => `${rule} -l ${word.slice(2)}${what(text)}`),
      ...(place.takesSlot ? [`${rule} -a '(__vigil_slots)'`] : []),
      ...(place.takesPath ? [`${rule} -F`] : []),
    ]
  })
  return `# vigil completion fish: vigil completion fish > ~/.config/fish/completions/vigil.fish
function __vigil_slots
  ${SLOTS}
end
function __vigil_at
  set -l at ''
  for word in (commandline -opc)[2..]
    set -l further (string trim "$at $word")
    switch $further
      case ${below.join(' ')}
        set at $further
    end
  end
  test "$at" = "$argv[1]"
end
complete -c vigil -f
${lines.join('\n')}
`
}
