import type { Command } from 'commander'

let flags: ReadonlyMap<string, string> = new Map()

/** Records the flags of the running command. Names of a single word stay: messages use them as plain words, too. */
export function noteFlags(action: Command): void {
  const named = action.options.map((option) => [option.attributeName(), option.long ?? option.flags] as const)
  flags = new Map(named.filter(([name]) => /[A-Z]/.test(name)))
}

/**
 * A message of the library with options written as flags of the running command: `validationSplit` as
 * `--validation-split`.
 */
export function withFlags(message: string): string {
  const named = message.replace(/(?<!['\w])[a-z]+(?:[A-Z][a-z]+)+(?!['\w])/g, (name) => flags.get(name) ?? name)
  // An option that the command lacks is not an alternative.
  return named.replace(/\b[a-z]+(?:[A-Z][a-z]+)+ or (?=--)/g, '')
}
