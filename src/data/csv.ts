import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { describe, SeqloomError } from '../errors.js'

/** The longest record that is read, in characters: beyond it, a quote is all but certainly left open. */
const longestRecord = 16 * 2 ** 20

/**
 * Reads columns of a CSV file (RFC 4180, UTF-8, a header line first) as a stream, one object a record; where the file's name ends in `.tsv`, tabs are
 * between columns and nothing is quoted.
 *
 * Rejects with `ERR_IO` if the file cannot be read, and with `ERR_DATA` for an empty file, a column that is not there (naming those that are)
 * or is there twice, and records that are broken, naming the line.
 */
export async function* streamCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
): AsyncGenerator<Record<Column, string>> {
  let header: string[] | undefined
  let lastLine = 1
  // Between tabs, quotes are characters like any other.
  const tabs = path.toLowerCase().endsWith('.tsv')
  const parser = parse({
    ...(tabs && { delimiter: '\t', quote: null }),
    bom: true,
    info: true,
    skipEmptyLines: true,
    maxRecordSize: longestRecord,
    columns: (names: string[]) => {
      header = names
      checkColumns(path, names, columns)
      return names
    },
  })
  // Errors of both streams surface where the parser is read.
  pipeline(createReadStream(path), parser, () => {})
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<Column, string>
      info: { lines: number }
    }>) {
      lastLine = info.lines
      const row = {} as Record<Column, string>
      for (const column of columns) row[column] = record[column]
      yield row
    }
  } catch (error) {
    throw readable(path, error, lastLine)
  }
  if (header === undefined) {
    throw new SeqloomError('ERR_DATA', `${path} is empty; its first line must name the columns ${quoted(columns)}`)
  }
}

/** Reads columns of a CSV file at once; see {@link streamCsv}. A file without records is `ERR_DATA`. */
export async function readCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
): Promise<Record<Column, string>[]> {
  const rows: Record<Column, string>[] = []
  for await (const row of streamCsv(path, columns)) rows.push(row)
  if (rows.length === 0) throw new SeqloomError('ERR_DATA', `${path} has a header line but no rows`)
  return rows
}

function checkColumns(path: string, header: readonly string[], columns: readonly string[]): void {
  for (const column of columns) {
    const count = header.filter((name) => name === column).length
    if (count === 0) {
      throw new SeqloomError('ERR_DATA', `${path} has no column ${describe(column)}; its columns are ${quoted(header)}`)
    }
    if (count > 1) {
      throw new SeqloomError('ERR_DATA', `${path} has ${count} columns named ${describe(column)}`)
    }
  }
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(describe).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}

function readable(path: string, error: unknown, lastLine: number): Error {
  if (error instanceof SeqloomError) return error
  if (!(error instanceof CsvError)) {
    const message = error instanceof Error ? error.message : String(error)
    return new SeqloomError('ERR_IO', `cannot read ${path}: ${message}`, { cause: error })
  }
  const what =
    error.code === 'CSV_QUOTE_NOT_CLOSED' || error.code === 'CSV_MAX_RECORD_SIZE'
      ? `broken quoting: a quote that opens after line ${lastLine} is not closed`
      : error.code === 'CSV_INVALID_CLOSING_QUOTE' || error.code === 'INVALID_OPENING_QUOTE'
        ? `broken quoting on line ${error.lines}: a quote inside a field must be doubled and the field quoted`
        : `line ${error.lines}: ${error.message}`
  return new SeqloomError('ERR_DATA', `${path}: ${what}`, { cause: error })
}
