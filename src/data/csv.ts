import { describe, SeqloomError, visible } from '../errors.js'
import { type CsvForm, type CsvRecord, csvRecords, firstRecord, lineEnds } from './csvRecords.js'
import { setField } from './fields.js'
import type { Place } from './places.js'
import { streamText, uncompressed } from './textFile.js'

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
  /** Ends reading with an `AbortError`. */
  readonly signal?: AbortSignal
}

/** What reading a file finds out about it. */
export interface Found {
  /** The line on which each row begins, from 1. */
  readonly lines: number[]
  /** The character between columns; undefined for JSON lines. */
  delimiter?: string
}

const delimiters = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' }

/** How many characters of a file are searched for its header line at first. */
const glance = 2 ** 16
/** The most characters to search: if no line ends in them, and if lines end but a quote may have swallowed them. */
const longestGlance = { unended: 2 ** 24, quoted: 2 ** 20 }

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

/** Where the rows of a block are, and how their texts are numbers. */
export const csvPlace = (path: string, { lines, delimiter }: Block<string>, { decimal }: TableOptions): Place =>
  Object.assign((at: number) => `${path}: line ${lines[at]}`, {
    decimal: decimal ?? (delimiter === ';' ? ('either' as const) : ('.' as const)),
  })

/** {@link streamCsv} several rows at a time, without columns all of them; the first block has no rows. */
export async function* csvBlocks<Column extends string>(
  path: string,
  wanted: readonly Column[] | undefined,
  options: TableOptions = {},
): AsyncGenerator<Block<Column>> {
  const pieces = streamText(path, options)
  try {
    const { head, lead, header } = await readHeader(path, pieces, wanted ?? [], options)
    const { delimiter, names } = header
    if (wanted) checkColumns(path, head, header, wanted)
    const columns = wanted && !options.all ? wanted : (names as readonly Column[])
    checkColumns(path, head, header, columns)
    yield { rows: [], lines: [], delimiter }
    const places = columns.map((column) => names.indexOf(column))
    const records = recordsFrom(path, { head, lead }, pieces, delimiter)
    let isHeader = true
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

/** The header line and its delimiter. */
interface Header {
  readonly delimiter: string
  readonly names: readonly string[]
}

const formOf = (path: string, delimiter: string): CsvForm => ({ delimiter, quote: !isTabbed(path) })

const isTabbed = (path: string) => uncompressed(path).endsWith('.tsv')

/** The part of a file that was read ahead, and how much of it precedes the header line. */
interface Ahead {
  readonly head: string
  readonly lead: number
}

/** The records of a file from its header line on. */
function recordsFrom(
  path: string,
  { head, lead }: Ahead,
  pieces: AsyncIterable<string>,
  delimiter: string,
): AsyncGenerator<CsvRecord[]> {
  async function* text() {
    yield head.slice(lead)
    yield* pieces
  }
  return csvRecords(path, text(), formOf(path, delimiter), 1 + lineEnds(head.slice(0, lead)))
}

/** Reads a file up to the end of its header line. */
async function readHeader(
  path: string,
  pieces: AsyncGenerator<string>,
  columns: readonly string[],
  options: TableOptions,
): Promise<Ahead & { readonly header: Header }> {
  let head = ''
  let whole = false
  for (let enough = glance; ; enough *= 2) {
    while (!whole && head.length < enough) {
      const piece = await pieces.next()
      whole = piece.done === true
      head += piece.value ?? ''
    }
    const lead = beforeHeader(head)
    const line = head.slice(lead)
    const fixed = options.delimiter ?? (isTabbed(path) ? '\t' : separator.exec(head)?.[1] || undefined)
    const header = await findHeader(path, line, whole, columns, fixed)
    if (header) return { head, lead, header }
    const { unended, quoted } = longestGlance
    if (!whole && enough < (/[\r\n]/.test(line) ? quoted : unended)) continue
    throw await noHeader(path, { head, lead }, pieces, columns)
  }
}

/** The first line as spreadsheets write it, with the delimiter. */
const separator = /^"?sep=([^"\r\n]?)"?(?:\r\n|\r|\n)/i

/** How much of a text precedes its header line: `sep=;` and blank lines. */
function beforeHeader(head: string): number {
  const from = separator.exec(head)?.[0].length ?? 0
  const first = from + head.slice(from).search(/\S/)
  if (first < from) return head.length
  return Math.max(from, head.lastIndexOf('\n', first) + 1, head.lastIndexOf('\r', first) + 1)
}

/**
 * The header line at the beginning of a text, split by the delimiter that yields the columns; undefined if it is
 * incomplete or broken.
 */
async function findHeader(
  path: string,
  text: string,
  whole: boolean,
  columns: readonly string[],
  fixed: string | undefined,
): Promise<Header | undefined> {
  const known = ({ names }: Header) => columns.filter((column) => names.includes(column)).length
  let best: Header | undefined
  for (const each of fixed === undefined ? Object.keys(delimiters) : [fixed]) {
    const names = await firstRecord(text, formOf(path, each), whole)
    if (names === undefined) continue
    const next = { delimiter: each, names }
    const isBetter =
      best === undefined ||
      known(next) > known(best) ||
      (known(best) === 0 && known(next) === 0 && names.length > best.names.length)
    if (isBetter) best = next
  }
  return best
}

/** Why a file has no header line. */
async function noHeader(
  path: string,
  { head, lead }: Ahead,
  pieces: AsyncIterable<string>,
  columns: readonly string[],
): Promise<SeqloomError> {
  if (head.trim() === '') {
    return new SeqloomError('ERR_DATA', `${path} is empty; its first line must name the columns ${quoted(columns)}`)
  }
  if (json.test(head)) return new SeqloomError('ERR_DATA', `${path} is no CSV file${hint(head, [])}`)
  const records = recordsFrom(path, { head, lead }, pieces, ',')
  // If the record is broken, that is the reason.
  for await (const [first] of records) {
    return new SeqloomError('ERR_DATA', `${path}: the header line, line ${first?.line}, is longer than can be read`)
  }
  return new SeqloomError('ERR_DATA', `${path} has no header line`)
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

function checkColumns(path: string, head: string, { delimiter, names }: Header, columns: readonly string[]): void {
  for (const column of columns) {
    const count = names.filter((name) => name === column).length
    if (count === 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `${path} has no column ${describe(column)}; its columns (between ${named(delimiter)}) are ${quoted(names)}${hint(head, names)}`,
      )
    }
    if (count > 1) {
      throw new SeqloomError('ERR_DATA', `${path} has ${count} columns named ${describe(column)}`)
    }
  }
}

/** The beginning of JSON. */
const json = /^\s*[{[]/

/** The likely reason why a column is missing. */
function hint(head: string, names: readonly string[]): string {
  if (json.test(head)) return '; it looks like JSON: objects line by line are read from files named .jsonl'
  if (head.includes('\0')) return '; it holds NUL characters, as UTF-16 does: name its encoding (utf-16le)'
  if (names.length === 1) return '; another delimiter can be named'
  return ''
}

const named = (delimiter: string): string =>
  (delimiters as Readonly<Record<string, string>>)[delimiter] ?? `'${visible(delimiter)}'`

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(describe).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}
