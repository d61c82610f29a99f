import { existsSync } from 'node:fs'
import { SeqloomError } from '../errors.js'
import { csvBlocks, type TableOptions } from './csv.js'
import { Dataset } from './dataset.js'
import { matching } from './files.js'
import { objectBlocks, textsOf } from './jsonLines.js'
import { ofFiles } from './ofFiles.js'
import type { NumberedRows } from './parquet.js'
import { namingPlaces, type Place, placed } from './places.js'
import { uncompressed } from './textFile.js'

export type { TableOptions } from './csv.js'

/** Columns of some rows, as texts. */
interface TextBlock<Column extends string> {
  readonly rows: Record<Column, string>[]
  readonly place: Place
  /** The character between the columns of a CSV file. */
  readonly delimiter?: string
}

/** All rows of a table. */
export interface Table<Column extends string> {
  readonly rows: readonly Record<Column, string>[]
  /** Where a row is: `rows.csv: line 3`. */
  readonly place: (row: number) => string | undefined
  readonly delimiter: string | undefined
}

/** Whether a text is a query rather than the name of a file. */
const isQuery = (text: string): boolean => /^\s*(select|with|from)\s/i.test(text) && !existsSync(text)

/**
 * Columns of tables as texts, for commands: of CSV and tab-separated files (`.tsv`), JSON lines (`.jsonl`, `.ndjson`),
 * Parquet and Arrow files (`.parquet`, `.arrow`, `.feather`), text compressed or not; of all files that a pattern
 * names; of standard input (`-`), which is CSV; or of a query in SQL. Errors as those of `data.csv`, `jsonLines`,
 * `parquet`, `arrow` and `query`; `ERR_DATA`, naming the row, for values that cannot be texts.
 */
export function textColumns<Column extends string>(
  from: string,
  columns: readonly Column[],
  options: TableOptions = {},
): Dataset<Record<Column, string>> {
  const texts = async function* (blocks: AsyncIterable<TextBlock<Column>>) {
    for await (const { rows, place } of blocks) yield placed(rows, place)
  }
  if (!isQuery(from)) return ofFiles('--data', from, (path) => texts(fileBlocks(path, columns, options)))
  return new Dataset({ name: 'the query', all: () => texts(queryTexts(from, columns, options)) })
}

/** {@link textColumns} at once. `ERR_DATA` if there are no rows. */
export async function readTable<Column extends string>(
  from: string,
  columns: readonly Column[],
  options: TableOptions = {},
): Promise<Table<Column>> {
  const rows: Record<Column, string>[] = []
  const blocks: { readonly first: number; readonly place: Place }[] = []
  let delimiter: string | undefined
  for await (const block of textBlocks(from, columns, options)) {
    delimiter ??= block.delimiter
    blocks.push({ first: rows.length, place: block.place })
    for (const row of block.rows) rows.push(row)
  }
  if (rows.length === 0) {
    throw new SeqloomError('ERR_DATA', `${from} has ${delimiter === undefined ? '' : 'a header line but '}no rows`)
  }
  const place = (row: number) => {
    const block = row < rows.length ? blocks.findLast(({ first }) => first <= row) : undefined
    return block?.place(row - block.first)
  }
  return { rows, place, delimiter }
}

/** Waits for work on a table's rows; an error that names a row names its place. */
export const namingLines = <T>({ place }: Pick<Table<string>, 'place'>, work: Promise<T>): Promise<T> =>
  namingPlaces(place, work)

async function* textBlocks<Column extends string>(
  from: string,
  columns: readonly Column[],
  options: TableOptions,
): AsyncGenerator<TextBlock<Column>> {
  if (isQuery(from)) yield* queryTexts(from, columns, options)
  else for (const path of await matching([from])) yield* fileBlocks(path, columns, options)
}

async function* queryTexts<Column extends string>(
  sql: string,
  columns: readonly Column[],
  options: TableOptions,
): AsyncGenerator<TextBlock<Column>> {
  const { queryBlocks } = await import('./query.js')
  yield* inTexts('the query', queryBlocks(sql), columns, options)
}

async function* fileBlocks<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions,
): AsyncGenerator<TextBlock<Column>> {
  const kind = /\.(jsonl|ndjson|parquet|arrow|arrows|feather)$/.exec(uncompressed(path))?.[1]
  if (kind === 'parquet') {
    const { parquetBlocks } = await import('./parquet.js')
    yield* inTexts(path, parquetBlocks(path, columns, 0), columns, options)
  } else if (kind === 'arrow' || kind === 'arrows' || kind === 'feather') {
    const { arrowBlocks } = await import('./arrow.js')
    yield* inTexts(path, arrowBlocks(path), columns, options)
  } else if (kind !== undefined) {
    for await (const { rows, lines } of objectBlocks(path, options)) {
      const place = (at: number) => `${path}: line ${lines[at]}`
      yield { rows: rows.map((row, at) => textsOf(place(at), row, columns, options)), place }
    }
  } else {
    for await (const { rows, lines, delimiter } of csvBlocks(path, columns, options)) {
      yield { rows, place: (at) => `${path}: line ${lines[at]}`, delimiter }
    }
  }
}

/** Rows that have types, as texts. */
async function* inTexts<Column extends string>(
  path: string,
  blocks: AsyncIterable<NumberedRows>,
  columns: readonly Column[],
  options: TableOptions,
): AsyncGenerator<TextBlock<Column>> {
  for await (const { rows, first } of blocks) {
    const place = (at: number) => `${path}: row ${first + at + 1}`
    const texts = rows.map((row, at) => textsOf(place(at), row, columns, { ...options, plainValues: true }))
    yield { rows: texts, place }
  }
}
