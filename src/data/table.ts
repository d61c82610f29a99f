import { existsSync } from 'node:fs'
import { SeqloomError } from '../errors.js'
import type { Blocks } from './blocks.js'
import { completeRows, type TableRow } from './columns.js'
import { csvBlocks, csvPlace, type TableOptions } from './csv.js'
import { Dataset } from './dataset.js'
import { matching } from './files.js'
import { objectBlocks, textsOf } from './jsonLines.js'
import { ofFiles } from './ofFiles.js'
import type { NumberedRows } from './parquet.js'
import { moved, namingPlaces, type Place, placed } from './places.js'
import { openInput, standardInput, uncompressed } from './textFile.js'

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
 * names; of standard input (`-`), which is CSV or JSON lines; or of a query in SQL. Errors as those of `data.csv`, `jsonLines`,
 * `parquet`, `arrow` and `query`; `ERR_DATA`, naming the row, for values that cannot be texts.
 */
export const textColumns = <Column extends string>(
  from: string,
  columns: readonly Column[],
  options: TableOptions = {},
): Dataset<Record<Column, string>> =>
  tableOf(from, async function* (path) {
    for await (const { rows, place } of textsIn(path, columns, options)) yield placed(rows, place)
  })

/** The rows of such tables with all their columns, as they are; `columns` are among them. */
export const wholeRows = (from: string, columns: readonly string[], options: TableOptions = {}): Dataset<TableRow> =>
  tableOf(from, async function* (path) {
    for await (const { rows, place } of rowsIn(path, columns, options, true)) yield placed(rows, place)
  })

/** What a function reads of each file that is named, or of a query. */
const tableOf = <T>(from: string, read: (source: string) => Blocks<T>): Dataset<T> =>
  isQuery(from) ? new Dataset({ name: 'the query', all: () => read(from) }) : ofFiles('--data', from, read)

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
  for (const source of isQuery(from) ? [from] : await matching([from])) yield* textsIn(source, columns, options)
}

async function* textsIn<Column extends string>(
  source: string,
  columns: readonly Column[],
  options: TableOptions,
): AsyncGenerator<TextBlock<Column>> {
  const complete = options.dropMissing ? completeRows({ x: columns, texts: columns }) : undefined
  for await (const block of rowsIn(source, columns, options, false)) {
    const { delimiter, typed } = block
    const kept = complete?.(block.rows)
    const rows = kept ? kept.map((at) => block.rows[at] as TableRow) : block.rows
    const place = kept ? (moved(block.place, (at) => kept[at] as number) as Place) : block.place
    if (delimiter !== undefined) yield { rows: rows as Record<Column, string>[], place, delimiter }
    else {
      const how = typed ? { ...options, plainValues: true } : options
      yield { rows: rows.map((row, at) => textsOf(place(at), row, columns, how)), place }
    }
  }
}

/** Some rows of a table as they are read. */
interface RowBlock {
  readonly rows: readonly TableRow[]
  readonly place: Place
  /** The character between the columns of a CSV file, whose rows have texts. */
  readonly delimiter?: string
  /** Whether the columns have types, so that their values are as good as texts. */
  readonly typed?: boolean
}

/** The rows of a file or a query, with these columns or all. */
async function* rowsIn(
  source: string,
  columns: readonly string[],
  given: TableOptions,
  all: boolean,
): AsyncGenerator<RowBlock> {
  const input = source === standardInput ? await openInput(given) : undefined
  const options = input ? { ...given, opened: input.opened } : given
  const kind = input
    ? input.kind
    : isQuery(source)
      ? 'sql'
      : /\.(jsonl|ndjson|parquet|arrows?|feather)$/.exec(uncompressed(source))?.[1]
  if (kind === undefined) {
    for await (const block of csvBlocks(source, columns, { ...options, all })) {
      yield { rows: block.rows, place: csvPlace(source, block, options), delimiter: block.delimiter }
    }
    return
  }
  if (kind === 'jsonl' || kind === 'ndjson') {
    for await (const { rows, lines } of objectBlocks(source, options)) {
      yield { rows, place: (at) => `${source}: line ${lines[at]}` }
    }
    return
  }
  const [name, blocks] = await typedBlocks(kind, source, all ? undefined : columns)
  for await (const { rows, first } of blocks) {
    yield { rows, place: (at) => `${name}: row ${first + at + 1}`, typed: true }
  }
}

/** The rows of what has types, and its name. */
async function typedBlocks(
  kind: string,
  source: string,
  columns: readonly string[] | undefined,
): Promise<readonly [string, AsyncIterable<NumberedRows>]> {
  if (kind === 'sql') return ['the query', (await import('./query.js')).queryBlocks(source)]
  if (kind === 'parquet') return [source, (await import('./parquet.js')).parquetBlocks(source, columns, 0)]
  return [source, (await import('./arrow.js')).arrowBlocks(source)]
}
