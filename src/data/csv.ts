import { SeqloomError } from '../errors.js'
import type { ColumnPacking } from './columnPacking.js'
import type { Example } from './columns.js'
import { checkColumns, formOf, type Header, named, readHeader, recordsFrom } from './csvHeader.js'
import { CsvNumbers } from './csvNumbers.js'
import { packedRecords } from './csvPacked.js'
import { csvRecords } from './csvRecords.js'
import { placesOf, setField } from './fields.js'
import type { PackedRows } from './packed.js'
import type { Place } from './places.js'
import { decoded, streamBytes, TextDecoding } from './textFile.js'

/** How a table is read from a file. */
export interface TableOptions {
  /**
   * The character that separates the columns of a CSV file. Default: comma, semicolon, tab or bar, whichever yields the
   * columns asked for.
   */
  readonly delimiter?: string
  /**
   * The file's encoding, a label of the Encoding Standard such as `'windows-1252'`. Default: what its byte order mark
   * says, else UTF-8.
   */
  readonly encoding?: string
  /**
   * What stands before the decimals of numbers in a CSV file: `'.'` or `','`. Default: a point; in a file with
   * semicolons between its columns, what the first number of a column with a point or a comma has.
   */
  readonly decimal?: '.' | ','
  /**
   * Whether JSON lines may hold numbers and booleans, read as they are written, and null, read as an empty text;
   * default false. Parquet, Arrow and queries may.
   */
  readonly plainValues?: boolean
  /** Whether all columns of a CSV file are read, not only those asked for; default false. */
  readonly all?: boolean
  /** Whether tables other than CSV may hold lists, read as their JSON; default false. */
  readonly lists?: boolean
  /** Whether rows are left out in which a column that is asked for is empty or null; default false. */
  readonly dropMissing?: boolean
  /** Ends reading with an `AbortError`. */
  readonly signal?: AbortSignal
  /** What was opened already, decompressed, instead of what the path names. */
  readonly opened?: AsyncIterable<Uint8Array>
}

/** What reading a file finds out about it. */
export interface Found {
  /** The line on which each row begins, from 1. */
  readonly lines: number[]
  /** The character between columns; undefined for JSON lines. */
  delimiter?: string
}

/**
 * Reads columns of a CSV file (RFC 4180, with a header line) as a stream, one object per record. `found` gets each
 * row's line before the row is yielded. Lines end with `\n`, `\r\n` or `\r`, in any mixture. In a file with one column
 * a blank line is a row; in others blank lines are skipped. If the file's name ends in `.tsv`, tabs separate columns
 * and nothing is quoted. A first line `sep=;`, as spreadsheets write it, names the delimiter.
 *
 * Rejects with `ERR_IO` if the file cannot be read, with `ERR_OPTION`, and with `ERR_DATA` for an empty file, a column
 * that is missing (naming those that exist) or occurs twice, and, naming the line, for text that is not in the encoding
 * and for broken records.
 */
export async function* streamCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions = {},
  found: Found = { lines: [] },
): AsyncGenerator<Record<Column, string>> {
  for await (const { rows, lines, delimiter } of csvBlocks(path, columns, options)) {
    found.delimiter = delimiter
    for (const [at, row] of rows.entries()) {
      found.lines.push(lines[at] as number)
      yield row
    }
  }
}

/** Some rows of a file, and the lines on which they begin. */
export interface Block<Column extends string> {
  readonly rows: Record<Column, string>[]
  readonly lines: number[]
  /** The character between columns. */
  readonly delimiter: string
}

/** Some rows of a file, packed, and the lines on which they begin. */
export interface PackedBlock {
  readonly rows: PackedRows<Example>
  readonly lineOf: (row: number) => number
}

/** How the texts of a file with this delimiter are numbers. */
const decimalOf = (delimiter: string, { decimal }: TableOptions): NonNullable<Place['decimal']> =>
  decimal ?? (delimiter === ';' ? 'either' : '.')

/** Where the rows of a block are, and how their texts are numbers. */
export function csvPlace(path: string, block: Block<string> | PackedBlock, options: TableOptions): Place {
  const lineOf = 'lineOf' in block ? block.lineOf : (at: number) => block.lines[at]
  const place = (at: number) => `${path}: line ${lineOf(at)}`
  return 'lineOf' in block ? place : Object.assign(place, { decimal: decimalOf(block.delimiter, options) })
}

/** {@link streamCsv} several rows at a time, without columns all of them; the first block has no rows. */
export function csvBlocks<Column extends string>(
  path: string,
  wanted: readonly Column[] | undefined,
  options?: TableOptions,
): AsyncGenerator<Block<Column>>
/** The same, packed as far as rows can be. */
export function csvBlocks<Column extends string>(
  path: string,
  wanted: readonly Column[] | undefined,
  options: TableOptions,
  packing: ColumnPacking | undefined,
): AsyncGenerator<Block<Column> | PackedBlock>
export async function* csvBlocks<Column extends string>(
  path: string,
  wanted: readonly Column[] | undefined,
  options: TableOptions = {},
  packing?: ColumnPacking,
): AsyncGenerator<Block<Column> | PackedBlock> {
  const bytes = streamBytes(path, options)
  const decoding = new TextDecoding(path, options.encoding)
  const seen: Uint8Array[] = []
  const pieces = decoded(decoding, packing ? noted(bytes, seen) : bytes)
  try {
    const { head, lead, header } = await readHeader(path, pieces, wanted ?? [], options)
    const { delimiter, names } = header
    if (wanted) checkColumns(path, head, header, wanted)
    const columns = wanted && !options.all ? wanted : (names as readonly Column[])
    checkColumns(path, head, header, columns)
    yield { rows: [], lines: [], delimiter }
    const form = formOf(path, delimiter)
    let records = recordsFrom(path, { head, lead }, pieces, delimiter)
    let isHeader = true
    if (packing && decimalOf(delimiter, options) === '.' && decoding.encoding === 'utf-8' && CsvNumbers.takes(form)) {
      const numbers = new CsvNumbers(form, names, packing.fields)
      const rest = yield* packedRecords(numbers, packing, { head, lead, seen, bytes })
      if (rest === undefined) return
      isHeader = rest.isHeader
      const text = decoded(new TextDecoding(path, options.encoding, rest.line), rest.bytes)
      records = csvRecords(path, text, form, rest.line)
    }
    const placesByName = placesOf(names)
    const places = columns.map((column) => placesByName.get(column) as number)
    for await (const batch of records) {
      const rows: Record<Column, string>[] = []
      const lines: number[] = []
      for (const { fields, line, blank } of batch) {
        if (isHeader) {
          isHeader = false
          continue
        }
        if (blank && names.length > 1) continue
        if (fields.length !== names.length) {
          // The rows before it have been read, and their reader may want to say which is refused for another reason.
          yield { rows, lines, delimiter }
          throw uneven(path, fields.length, line, header)
        }
        const row = {} as Record<Column, string>
        for (let index = 0; index < columns.length; index++) {
          setField(row, columns[index] as Column, fields[places[index] as number] as string)
        }
        rows.push(row)
        lines.push(line)
      }
      yield { rows, lines, delimiter }
    }
  } finally {
    await pieces.return(undefined)
  }
}

/** The same bytes, which are kept in a list, too. */
async function* noted(bytes: AsyncIterable<Uint8Array>, list: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    list.push(piece)
    yield piece
  }
}

/** Reads columns of a CSV file at once; see {@link streamCsv}. A file without records is `ERR_DATA`. */
export async function readCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions = {},
  found: Found = { lines: [] },
): Promise<Record<Column, string>[]> {
  const rows: Record<Column, string>[] = []
  for await (const row of streamCsv(path, columns, options, found)) rows.push(row)
  if (rows.length === 0) throw new SeqloomError('ERR_DATA', `${path} has a header line but no rows`)
  return rows
}

function uneven(path: string, count: number, line: number, { delimiter, names }: Header): SeqloomError {
  const [fields, columns] = [count, names.length].map((n) => (n === 1 ? '1 field' : `${n} fields`))
  const cure =
    count > names.length
      ? 'a field that holds the delimiter must be quoted'
      : 'each column needs a field, which may be empty'
  return new SeqloomError(
    'ERR_DATA',
    `${path}: line ${line} has ${fields} (between ${named(delimiter)}), the header line ${columns}; ${cure}`,
  )
}
