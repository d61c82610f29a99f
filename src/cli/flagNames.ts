import type { Command } from 'commander'

let flags: ReadonlyMap<string, string> = new Map()

/** Records the flags of the running command. */
export function noteFlags(action: Command): void {
  // An option and its opposite have one name; messages mean the option.
  const own = action.options.filter((option) => !option.negate)
  flags = new Map(own.map((option) => [option.attributeName(), option.long ?? option.flags]))
}

/**
 * A message of the library with options written as flags of the running command: `validationSplit` as
 * `--validation-split`, `fill: 'linear'` as `--fill linear`. Names of a single word are also plain words: they become
 * flags only where they have a value or begin a clause of what needs what.
 */
export function withFlags(message: string): string {
  const named = message
    .replace(
      /(?<=; |\bgive |\bor )([a-zA-Z]+): ('[^']*'(?:(?:, | or )'[^']*')*|true)/g,
      (whole, name: string, value: string) => {
        const flag = flags.get(name)
        if (flag === undefined) return whole
        return value === 'true' ? flag : `${flag} ${value.replaceAll("'", '')}`
      },
    )
    .replace(/(?<=[:;] )([a-z]+) needs ([a-z]+)\b/g, (whole, name: string, other: string) => {
      const flag = flags.get(name)
      return flag === undefined ? whole : `${flag} needs ${flags.get(other) ?? other}`
    })
    .replace(/(?<!['\w-])[a-z]+(?:[A-Z][a-z]+)+(?!['\w])/g, (name) => flags.get(name) ?? name)
  // An option that the command lacks is not an alternative.
  return named.replace(/\b[a-z]+(?:[A-Z][a-z]+)+ or (?=--)/g, '')
}
