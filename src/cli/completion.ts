import { Argument, type Command, type Option } from 'commander'
import { print } from './output.js'

/** The shells that there are scripts for. */
export const shells = ['bash', 'zsh', 'fish'] as const

/** The argument of `seqloom completion`. */
export const shellArgument = (): Argument => new Argument('<shell>', 'the shell').choices(shells)

/** A flag as scripts need it. */
interface Flag {
  readonly name: string
  readonly about: string
  /** Texts that its value may be, or that it is a file or a folder; undefined for other values. */
  readonly value: readonly string[] | 'file' | 'folder' | undefined
  readonly takesValue: boolean
}

/** A command with the words before it: `train classify`. */
interface Entry {
  readonly words: string
  readonly about: string
  readonly commands: readonly { readonly name: string; readonly about: string }[]
  readonly flags: readonly Flag[]
  /** What its arguments may be. */
  readonly choices: readonly string[]
}

/** Prints the script that completes a command in a shell. */
export function completion(program: Command, shell: (typeof shells)[number]): void {
  const entries = entriesOf(program, '')
  const name = program.name()
  print({ bash, zsh, fish }[shell](name, entries).trimEnd())
}

function entriesOf(command: Command, words: string): Entry[] {
  const inner = command.commands.map((each) => ({ name: each.name(), about: firstSentence(each.description()) }))
  const help = { name: '--help', about: 'display help for command', value: undefined, takesValue: false }
  const own: Entry = {
    words,
    about: firstSentence(command.description()),
    commands: inner,
    flags: [...command.options.flatMap(flagOf), help],
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }
  return [own, ...command.commands.flatMap((each) => entriesOf(each, `${words} ${each.name()}`.trim()))]
}

function flagOf({ long, flags, description, argChoices, required, optional }: Option): Flag[] {
  if (!long) return []
  const named = /<(file|folder)\b/.exec(flags)?.[1] as 'file' | 'folder' | undefined
  return [{ name: long, about: description, value: argChoices ?? named, takesValue: required || optional }]
}

const firstSentence = (text: string): string => /^[^.]*/.exec(text)?.[0] ?? ''

/** A text in single quotes of a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** The steps by which a script finds out which command it completes. */
const paths = (entries: readonly Entry[]) => entries.filter(({ words }) => words !== '').map(({ words }) => words)

function bash(name: string, entries: readonly Entry[]): string {
  const steps = paths(entries).map((words) => {
    const before = words.split(' ').slice(0, -1).join(' ')
    return `      ${quoted(`${before}:${words.split(' ').at(-1)}`)}) command=${quoted(words)} ;;`
  })
  const cases = entries.flatMap(({ words, commands, flags, choices }) => {
    const values = flags.flatMap(({ name: flag, value }) => {
      if (value === undefined) return []
      const found =
        value === 'file' ? 'compgen -f' : value === 'folder' ? 'compgen -d' : `compgen -W ${quoted(value.join(' '))}`
      return [`        ${flag}) mapfile -t COMPREPLY < <(${found} -- "$current"); return ;;`]
    })
    const all = [...commands.map((each) => each.name), ...choices, ...flags.map((each) => each.name)].join(' ')
    const inner = values.length > 0 ? ['      case "$before" in', ...values, '      esac'] : []
    return [`    ${quoted(words)})`, ...inner, `      words=${quoted(all)} ;;`]
  })
  return `# Completes ${name} in bash.
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command:$word" in
${steps.join('\n')}
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  # Arguments may be files.
  if [ \${#COMPREPLY[@]} -eq 0 ]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
}
complete -o filenames -F _${name} ${name}
`
}

function zsh(name: string, entries: readonly Entry[]): string {
  const escaped = (text: string) => text.replaceAll(/[[\]:\\]/g, '\\$&')
  const functions = entries.map(({ words, commands, flags, choices }) => {
    const own = flags.map(({ name: flag, about, value, takesValue }) => {
      const action =
        value === undefined
          ? ' '
          : value === 'file'
            ? '_files'
            : value === 'folder'
              ? '_files -/'
              : `(${value.join(' ')})`
      return quoted(`${flag}[${escaped(about)}]${takesValue ? `:value:${action}` : ''}`)
    })
    const title = `_${[name, ...words.split(' ').filter(Boolean)].join('_')}`
    if (commands.length === 0) {
      const rest = quoted(choices.length > 0 ? `*:argument:(${choices.join(' ')})` : '*:file:_files')
      return `${title}() {\n  _arguments ${[...own, rest].join(' \\\n    ')}\n}`
    }
    const list = commands.map((each) => quoted(`${each.name}:${escaped(each.about)}`))
    const cases = commands.map((each) => `        ${each.name}) ${title}_${each.name} ;;`)
    return `${title}() {
  local line state
  _arguments -C ${[...own, "'1:command:->command'", "'*::argument:->argument'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands=(${list.join(' ')})
      _describe command commands ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
}`
  })
  return `#compdef ${name}
# Completes ${name} in zsh.
${functions.reverse().join('\n\n')}

if [ "$funcstack[1]" = _${name} ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function fish(name: string, entries: readonly Entry[]): string {
  const q = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`
  const lines = entries.flatMap(({ words, commands, flags, choices }) => {
    const path = words.split(' ').filter(Boolean)
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`)
    const inner =
      commands.length > 0 ? [`not __fish_seen_subcommand_from ${commands.map((each) => each.name).join(' ')}`] : []
    const when = [...seen, ...inner].join('; and ')
    const where = when === '' ? '' : ` -n ${q(when)}`
    return [
      ...commands.map((each) => `complete -c ${name}${where} -f -a ${each.name} -d ${q(each.about)}`),
      ...(choices.length > 0 ? [`complete -c ${name}${where} -f -a ${q(choices.join(' '))}`] : []),
      ...flags.map(({ name: flag, about, value, takesValue }) => {
        const kind = !takesValue
          ? ''
          : value === 'file' || value === 'folder'
            ? ' -r -F'
            : value === undefined
              ? ' -x'
              : ` -x -a ${q(value.join(' '))}`
        return `complete -c ${name}${where} -l ${flag.slice(2)}${kind} -d ${q(about)}`
      }),
    ]
  })
  return `# Completes ${name} in fish.\n${lines.join('\n')}\n`
}
