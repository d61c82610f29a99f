import { describe, SeqloomError, visible } from '../../errors.js'
import type { TensorContainer, TensorContainerObject } from '../engine.js'
import { argsOf, check } from '../failure.js'
import type { DataType } from '../types.js'
import { Dataset } from './dataset.js'
import { LazyIterator } from './lazyIterator.js'
import { type Source, textOf } from './source.js'

/** What is known of a column. */
export interface ColumnConfig {
  /** Whether an empty field is an error; labels are required. */
  required?: boolean
  /** What its fields are read as; by default numbers where they are numbers, else text. */
  dtype?: DataType
  /** The value of empty fields. */
  default?: TensorContainer
  /** Whether it belongs to `ys`; others then belong to `xs`. */
  isLabel?: boolean
}

/** How a CSV file is read. */
export interface CSVConfig {
  /** Whether the first line names the columns; default true. */
  hasHeader?: boolean
  /** Names of the columns, in place of those of the first line. */
  columnNames?: string[]
  columnConfigs?: { [name: string]: ColumnConfig }
  /** Whether columns that are not in `columnConfigs` are left out. */
  configuredColumnsOnly?: boolean
  /** The character between fields; default a comma. */
  delimiter?: string
  /** Whether any number of spaces separates fields. */
  delimWhitespace?: boolean
}

/** The lines of a text, without their ends. */
async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  const trimmed = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line)
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() as string
    for (const line of lines) yield trimmed(line)
  }
  if (rest !== '') yield trimmed(rest)
}

/** A text line by line. */
export class TextLineDataset extends Dataset<string> {
  readonly #source: Source

  constructor(source: Source) {
    super()
    this.#source = source
  }

  override async iterator(): Promise<LazyIterator<string>> {
    return new LazyIterator(linesOf(textOf(this.#source)))
  }
}

/**
 * The fields of a line. Quotes enclose a field that holds the delimiter; as in tfjs, quotes within it stay as they are.
 */
function fieldsOf(line: string, delimiter: string, joinsDelimiters: boolean): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (joinsDelimiters) while (line[at] === delimiter) at++
    if (line[at] !== '"') {
      const end = line.indexOf(delimiter, at)
      fields.push(line.slice(at, end < 0 ? undefined : end))
      if (end < 0) return fields
      at = end + 1
      continue
    }
    // The quote that closes a field has a delimiter, or the end of the line, behind it.
    let close = line.indexOf('"', at + 1)
    while (close >= 0 && close + 1 < line.length && line[close + 1] !== delimiter) {
      close = line.indexOf('"', line[close + 1] === '"' ? close + 2 : close + 1)
    }
    fields.push(line.slice(at + 1, close < 0 ? undefined : close))
    if (close < 0 || close + 1 >= line.length) return fields
    at = close + 2
  }
}

const isTrue = (text: string): number => (text === '1' || text.toLowerCase() === 'true' ? 1 : 0)

/** A field as the value that its column wants. */
function fieldValue(field: string, name: string, config: ColumnConfig | undefined, line: string): TensorContainer {
  if (field === '') {
    if (config?.default !== undefined) return config.default
    if (config?.required || config?.isLabel) {
      throw new SeqloomError('ERR_DATA', `Required column ${visible(name)} is empty in this line: ${visible(line)}`)
    }
    return undefined
  }
  if (config?.dtype === 'bool') return isTrue(field)
  const number = Number(field)
  if (Number.isNaN(number)) return field
  return config?.dtype === 'int32' ? Math.floor(number) : number
}

/** The rows of a CSV file, as objects by column. If columns are labels, as `{ xs, ys }` of two such objects. */
export class CSVDataset extends Dataset<TensorContainer> {
  readonly #source: Source
  readonly #config: CSVConfig
  readonly #delimiter: string
  #names: string[] | undefined

  constructor(source: Source, config: CSVConfig = {}) {
    super()
    argsOf('data.csv', config)
    check(
      !config.delimWhitespace || config.delimiter === undefined || config.delimiter === null,
      'ERR_OPTION',
      () => 'Delimiter should not be provided when delimWhitespace is true.',
    )
    this.#source = source
    this.#config = config
    this.#delimiter = config.delimWhitespace ? ' ' : config.delimiter || ','
    check(
      typeof this.#delimiter === 'string' && this.#delimiter.length === 1,
      'ERR_OPTION',
      () => `data.csv: the delimiter must be one character, not ${describe(this.#delimiter)}`,
    )
  }

  /** The names of the columns that rows have. */
  async columnNames(): Promise<string[]> {
    const names = await this.#columns()
    return this.#config.configuredColumnsOnly ? Object.keys(this.#config.columnConfigs ?? {}) : names
  }

  override async iterator(): Promise<LazyIterator<TensorContainer>> {
    const names = await this.#columns()
    return new LazyIterator(this.#rows(names))
  }

  #fields(line: string): string[] {
    return fieldsOf(line, this.#delimiter, this.#config.delimWhitespace === true)
  }

  /** The names of all columns, checked. */
  async #columns(): Promise<string[]> {
    if (this.#names) return this.#names
    const { columnNames, columnConfigs } = this.#config
    const header = this.#config.hasHeader === false ? undefined : await this.#header()
    const names = columnNames ?? header
    if (!names) {
      throw new SeqloomError('ERR_OPTION', 'Column names must be provided if there is no header line.')
    }
    check(
      !header || header.length === names.length,
      'ERR_DATA',
      () =>
        `The length of provided columnNames (${names.length}) does not match the length of the header line read from file (${header?.length}).`,
    )
    const twice = names.filter((name, i) => names.indexOf(name) !== i)
    check(twice.length === 0, 'ERR_DATA', () => `Duplicate column names found: ${visible(twice.toString())}`)
    for (const key of Object.keys(columnConfigs ?? {})) {
      check(
        names.includes(key),
        'ERR_OPTION',
        () =>
          `The key "${visible(key)}" provided in columnConfigs does not match any of the column names (${visible(names.toString())}).`,
      )
    }
    this.#names = names
    return names
  }

  async #header(): Promise<string[]> {
    for await (const line of linesOf(textOf(this.#source))) return this.#fields(line)
    throw new SeqloomError('ERR_DATA', 'No data was found for CSV parsing.')
  }

  async *#rows(names: readonly string[]): AsyncGenerator<TensorContainer> {
    let isHeader = this.#config.hasHeader !== false
    for await (const line of linesOf(textOf(this.#source))) {
      if (isHeader) {
        isHeader = false
        continue
      }
      // Files often end with blank lines.
      if (line === '' && names.length > 1) continue
      yield this.#row(names, line)
    }
  }

  #row(names: readonly string[], line: string): TensorContainer {
    const fields = this.#fields(line)
    check(
      fields.length === names.length,
      'ERR_DATA',
      () =>
        `Invalid row in csv file. Should have ${names.length} elements in a row, but got ${visible(fields.join(this.#delimiter))}`,
    )
    const { columnConfigs, configuredColumnsOnly } = this.#config
    const xs: TensorContainerObject = {}
    const ys: TensorContainerObject = {}
    names.forEach((name, i) => {
      const config = columnConfigs?.[name]
      if (configuredColumnsOnly && !config) return
      const value = fieldValue(fields[i] as string, name, config, line)
      Object.defineProperty(config?.isLabel ? ys : xs, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    })
    return Object.keys(ys).length === 0 ? xs : { xs, ys }
  }
}
