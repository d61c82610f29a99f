import { readTable, type TableOptions } from '../data/table.js'
import { describe, SeqloomError } from '../errors.js'
import { given } from '../options.js'

/** How a file of rows is read. */
export interface FileOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  /** Ends reading with an `AbortError`. */
  readonly signal?: AbortSignal
}

/** What was read from a file: `rows`, and the file and line that each comes from, for `namingLines`. */
export interface Read<Data> {
  readonly rows: Data
  readonly path: string
  readonly lines: readonly number[]
}

/** The options of reading that were given. */
export const tableOptions = ({ delimiter, encoding, signal }: Omit<FileOptions, 'data'>): TableOptions =>
  given({ delimiter, encoding, signal } as TableOptions)

/** Reads columns, each named by an option, and makes rows of them. */
export async function readColumns<Name extends string, Row>(
  file: FileOptions,
  columns: Readonly<Record<Name, string>>,
  row: (row: Record<Name, string>) => Row,
  values: Pick<TableOptions, 'plainValues' | 'lists'> = {},
): Promise<Read<Row[]>> {
  const names = Object.keys(columns) as Name[]
  const wanted = names.map((name) => columns[name])
  const options = { ...tableOptions(file), ...values }
  const { rows, path, lines } = await namingOptions(columns, readTable(file.data, wanted, options))
  const named = (each: Readonly<Record<string, string>>) =>
    Object.fromEntries(names.map((name) => [name, each[columns[name]]])) as Record<Name, string>
  return { rows: rows.map((each) => row(named(each))), path, lines }
}

/** Waits for a table; an error about a missing column also gets the option that names the column. */
export async function namingOptions<T>(columns: Readonly<Record<string, string>>, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_DATA') throw error
    const missing = /\bhas no (?:column )?('.*?'); /.exec(error.message)?.[1]
    const name = Object.keys(columns).find((each) => describe(columns[each]) === missing)
    if (name === undefined) throw error
    throw new SeqloomError('ERR_DATA', `${error.message}; --${name} names another`, { cause: error })
  }
}
