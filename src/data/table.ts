import { type Found, readCsv, streamCsv, type TableOptions } from './csv.js'
import { readJsonLines, streamJsonLines } from './jsonLines.js'
import { namingPlaces } from './places.js'
import { uncompressed } from './textFile.js'

export type { TableOptions } from './csv.js'

/** Rows of a file, and the lines they came from. */
export interface Table<Column extends string> extends Found {
  readonly path: string
  readonly rows: readonly Record<Column, string>[]
}

const isJson = (path: string) => /\.(jsonl|ndjson)$/.test(uncompressed(path))

/**
 * Reads all rows of a CSV, tab-separated (`.tsv`) or JSON lines (`.jsonl`, `.ndjson`) file; see `readCsv` and
 * `readJsonLines`.
 */
export async function readTable<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions = {},
): Promise<Table<Column>> {
  const found: Found = { lines: [] }
  const rows = await (isJson(path) ? readJsonLines : readCsv)(path, columns, options, found)
  return { path, rows, ...found }
}

/** {@link readTable} as a stream of rows. */
export function streamTable<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions = {},
): AsyncGenerator<Record<Column, string>> {
  return (isJson(path) ? streamJsonLines : streamCsv)(path, columns, options)
}

/** {@link namingPlaces} for rows that come from lines of a file. */
export const namingLines = <T>(
  { path, lines }: { readonly path: string; readonly lines: readonly number[] },
  work: Promise<T>,
): Promise<T> => namingPlaces((row) => (lines[row] === undefined ? undefined : `${path}: line ${lines[row]}`), work)
