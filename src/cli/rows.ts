import { Dataset, type Start } from '../data/dataset.js'
import { placed, placeOf } from '../data/places.js'
import { type TableOptions, textColumns } from '../data/table.js'
import { describe, SeqloomError } from '../errors.js'
import { given } from '../options.js'

/** What `--data` may be for a task that reads tables. */
export const tableHelp =
  'a table: .csv, .tsv, .jsonl, .parquet or .arrow (also .gz and .zst), a pattern of files, - (CSV or JSON lines), or SQL'

/** How a file of rows is read. */
export interface FileOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly dropMissing?: boolean
  /** Ends reading with an `AbortError`. */
  readonly signal?: AbortSignal
}

/** The options of reading that were given. */
export const tableOptions = ({ delimiter, encoding, dropMissing, signal }: Omit<FileOptions, 'data'>): TableOptions =>
  given({ delimiter, encoding, dropMissing, signal } as TableOptions)

/** Rows made of columns, each named by an option. */
export function readColumns<Name extends string, Row>(
  file: FileOptions,
  columns: Readonly<Record<Name, string>>,
  row: (row: Record<Name, string>) => Row | Promise<Row>,
  values: Pick<TableOptions, 'plainValues' | 'lists'> = {},
): Dataset<Row> {
  const names = Object.keys(columns) as Name[]
  const wanted = names.map((name) => columns[name])
  const table = textColumns(file.data, [...new Set(wanted)], { ...tableOptions(file), ...values })
  const named = (each: Readonly<Record<string, string>>) =>
    Object.fromEntries(names.map((name) => [name, each[columns[name]]])) as Record<Name, string>
  const from = async function* (start: Start) {
    for await (const block of table.open(start)) {
      const place = placeOf(block)
      const made: Row[] = []
      for (const [at, each] of block.entries()) {
        try {
          const value = row(named(each))
          made.push(value instanceof Promise ? await value : value)
        } catch (error) {
          throw inPlace(error, place?.(at))
        }
      }
      yield placed(made, place)
    }
  }
  const { name, once } = table
  return namingFlags(columns, new Dataset<Row>({ name, once, from }))
}

/** An error with the place of what was refused, if that is data. */
export const inPlace = (error: unknown, place: string | undefined): unknown =>
  error instanceof SeqloomError && error.code === 'ERR_DATA' && place !== undefined
    ? new SeqloomError('ERR_DATA', `${place}: ${error.message}`, { cause: error })
    : error

/** A table whose errors name the options that name its columns. */
export function namingFlags<Row>(columns: Readonly<Record<string, string>>, table: Dataset<Row>): Dataset<Row> {
  const from = async function* (start: Start) {
    const blocks = table.open(start)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await namingOptions(columns, blocks.next())
        if (next.done) return
        yield next.value
      }
    } finally {
      await blocks.return?.()
    }
  }
  return new Dataset<Row>({ name: table.name, once: table.once, from })
}

/** Waits for a table; an error about a missing column also gets the option that names the column. */
export async function namingOptions<T>(columns: Readonly<Record<string, string>>, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_DATA') throw error
    const missing = /\bhas no (?:column )?('.*?'); /.exec(error.message)?.[1]
    // What a model itself names has no flag, and a name of two words.
    const name = Object.keys(columns).find((each) => describe(columns[each]) === missing && !each.includes(' '))
    if (name === undefined) throw error
    throw new SeqloomError('ERR_DATA', `${error.message}; --${name} names another`, { cause: error })
  }
}
