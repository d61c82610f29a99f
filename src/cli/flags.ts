import { type Command, InvalidArgumentError, Option } from 'commander'
import { pathOf } from '../path.js'
import { flagOf, helpOf, type OptionTable } from '../tasks/shared/option.js'
import { delimiter, encoding, integer, port } from './arguments.js'
import type { Flags } from './taskCommand.js'

/**
 * The required options. Commander would report a missing mandatory option before a misspelt one, so it does not know
 * them as mandatory.
 */
const neededOptions = new WeakSet<Option>()

/** A required option. */
export function needed(flags: string, description: string): Option {
  const option = new Option(flags, `${description} (required)`)
  neededOptions.add(option)
  return option
}

/** Ends with an error if a required option is missing. */
export function checkNeeded(action: Command): void {
  const missing = action.options.find(
    (option) => neededOptions.has(option) && action.getOptionValue(option.attributeName()) === undefined,
  )
  if (missing) action.error(`required option '${missing.flags}' not specified`)
}

/** Accepts `file:` URLs for files and folders, too; `ERR_OPTION` for anything that cannot be a path. */
export function readPaths(action: Command): void {
  for (const option of action.options) {
    const name = option.attributeName()
    const given = action.getOptionValue(name)
    if (!/ <(file|folder)>/.test(option.flags) || given === undefined) continue
    action.setOptionValueWithSource(name, pathOf(option.long ?? name, given), action.getOptionValueSource(name))
  }
}

/** The folder of a saved model. */
export const model = (): Option => needed('--model <folder>', 'the folder of a saved model')

/** Whether JSON is printed instead of text. */
export const json = (what: string): Option => new Option('--json', `print ${what}`).default(false)

/** How many threads compute. */
export const threads = (): Option =>
  new Option('--threads <n>', 'threads to compute with; default: as many as the process may use').argParser(integer(1))

/** How a text file is read. */
export const text = (): Option =>
  new Option('--encoding <name>', 'the encoding of the texts, such as windows-1252; default: utf-8').argParser(encoding)

/** How a file with a table is read. */
export const table = (): Option[] => [
  new Option(
    '--delimiter <character>',
    "the character between the columns of a CSV file, '\\t' for a tab; default: found from the header line",
  ).argParser(delimiter),
  text(),
]

/** Whether rows are left out that lack something; what is read as a series has other means. */
export const dropMissing = (): Option =>
  new Option('--drop-missing', 'leave out the rows of the table in which a column that is read is empty or null')

/** The flag of a table's column, which by default has the same name. */
export const column = (name: string, what: string): Option => new Option(`--${name} <column>`, what).default(name)

/** The columns that a task reads. */
export const columns = (all: Readonly<Record<string, string>> = {}): Option[] =>
  Object.entries(all).map(([name, what]) => column(name, what))

/** Where a trained model is saved. */
export const outFolder = (): Option => new Option('--out <folder>', 'where to save the model').default('model')

/** Whether what is there may be replaced. */
export const force = (): Option =>
  new Option('--force', 'replace a model of another kind, or a finished one by an interrupted one').default(false)

/** Where a trained model is saved, and what becomes of what is there. */
export const out = (): Option[] => [
  outFolder(),
  new Option('--resume', 'continue an interrupted training with the same options').default(false),
  force(),
]

/** Whether a training is shown while it runs. */
export const dashboard = (): Option =>
  new Option(
    '--dashboard [port]',
    'show the training on a page of this computer; default port: any that is free',
  ).argParser(port)

/** How a training is watched, and drawn. */
export const watching = (): Option[] => [
  dashboard(),
  new Option('--runs <folder>', 'where --dashboard keeps the records of trainings').default('runs'),
  new Option('--plot <file>', 'draw the losses and metrics of the epochs as SVG'),
]

/** The flags of a table of options. */
export function optionFlags({ all }: OptionTable): Option[] {
  return Object.entries(all).flatMap(([name, option]) => {
    const flag = flagOf(name, option)
    if (!flag) return []
    const { flags, values } = flag
    const help = helpOf(option)
    const found = flag.needed ? needed(flags, help) : new Option(flags, help)
    const { read, choices, check = option.values } = values
    if (choices) found.choices(choices)
    if (read) {
      found.argParser((text, before) => {
        const value = read(text, before)
        if (!check.accepts(value)) throw new InvalidArgumentError(`It must be ${check.expected}.`)
        return value
      })
    }
    return flag.opposite === undefined ? [found] : [found, new Option(flag.opposite, `the opposite of ${flag.flags}`)]
  })
}

/** The options of a table that flags give. */
export function optionValues({ all }: OptionTable, flags: Flags): object {
  const given = Object.entries(all).map(([name, option]) => {
    const flag = flagOf(name, option)
    return [name, flag && flags[flag.name]]
  })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}
