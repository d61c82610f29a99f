import { SeqloomError } from '../errors.js'
import { type Found, readCsv, streamCsv, type TableOptions } from './csv.js'
import { readJsonLines, streamJsonLines } from './jsonLines.js'
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

/**
 * Waits for work on a table's rows. If it fails with an `ERR_DATA` that names a row, the message gets the row's line in
 * the file.
 */
export async function namingLines<T>(
  { path, lines }: { readonly path: string; readonly lines: readonly number[] },
  work: Promise<T>,
): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_DATA') throw error
    const found = /\brow (\d+)\b|\brows (\d+) and (\d+)\b/.exec(error.message)
    const [line, first, second] = [found?.[1], found?.[2], found?.[3]].map((row) => lines[Number(row)])
    if (first !== undefined && second !== undefined) {
      const what = error.message.replace(/^[\w.]+: /, '')
      throw new SeqloomError('ERR_DATA', `${path}: lines ${first} and ${second}: ${what}`, { cause: error })
    }
    if (line === undefined) throw error
    // 'row 3 has no label' becomes 'has no label', after the line; 'row 3: …' stays.
    const what = error.message.replace(/^(?:validation |[\w.]+: (?=row \d))?(?:row \d+ )?/, '')
    throw new SeqloomError('ERR_DATA', `${path}: line ${line}: ${what}`, { cause: error })
  }
}
