import type { Command } from 'commander'

let flags: ReadonlyMap<string, string> = new Map()

/** Notes how options of the command that runs are given. Names of a single word stay as they are: they are words of messages, too. */
export function noteFlags(action: Command): void {
  const named = action.options.map((option) => [option.attributeName(), option.long ?? option.flags] as const)
  flags = new Map(named.filter(([name]) => /[A-Z]/.test(name)))
}

/** A message of the library's with its options as the command that runs takes them: `validationSplit` is `--validation-split`. */
export function withFlags(message: string): string {
  const named = message.replace(/(?<!['\w])[a-z]+(?:[A-Z][a-z]+)+(?!['\w])/g, (name) => flags.get(name) ?? name)
  // What the command has no option for is no alternative.
  return named.replace(/\b[a-z]+(?:[A-Z][a-z]+)+ or (?=--)/g, '')
}
