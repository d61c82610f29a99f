import { describe, SeqloomError, visible } from '../errors.js'
import { type CsvRecord, CsvRecords } from './csvRecords.js'
import { streamText } from './textFile.js'

/** How a table is read from a file. */
export interface TableOptions {
  /** What stands between the columns of a CSV file: one character. Default: a comma, semicolon, tab or bar, whichever finds the columns asked for. */
  readonly delimiter?: string
  /** The encoding of the file, a label of the Encoding Standard such as `'windows-1252'`. Default: as its byte order mark says, else UTF-8. */
  readonly encoding?: string
  /** Whether numbers and booleans of JSON lines are taken as they are written, and null as an empty text; default false. */
  readonly plainValues?: boolean
  /** Whether arrays of JSON lines are taken, as their JSON; default false. */
  readonly lists?: boolean
  /** Stops reading, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** What is found out about a file while it is read. */
export interface Found {
  /** The line, from 1, that each row begins on. */
  readonly lines: number[]
  /** What stands between columns; undefined for JSON lines. */
  delimiter?: string
}

const delimiters = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' }

/** How much of a file is looked at for its header line at first, in characters. */
const glance = 2 ** 16
/** How much at the most. */
const longestGlance = 2 ** 24

/**
 * Reads columns of a CSV file (RFC 4180, a header line first) as a stream, one object a record; `found` gets each row's line before the row is given.
 * Lines end with `\n`, `\r\n` or `\r`, in any mixture. Blank lines are rows where the file has one column, else they are skipped. Where the file's name ends
 * in `.tsv`, tabs are between columns and nothing is quoted. A first line `sep=;`, as spreadsheets write it, names the delimiter.
 *
 * Rejects with `ERR_IO` if the file cannot be read, `ERR_OPTION`, and `ERR_DATA` for an empty file, a column that is not there (naming those that are)
 * or is there twice, text that is not in the encoding, and records that are broken, naming the line.
 */
export async function* streamCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
  options: TableOptions = {},
  found: Found = { lines: [] },
): AsyncGenerator<Record<Column, string>> {
  let head = ''
  let enough = glance
  let table: Table<Column> | undefined
  for await (const piece of streamText(path, options.encoding, options.signal)) {
    if (table) {
      yield* table.rows(table.records.push(piece))
      continue
    }
    head += piece
    if (head.length < enough) continue
    enough *= 2
    const header = findHeader(path, head, false, columns, options)
    if (header === undefined && enough <= longestGlance) continue
    table = new Table(path, head, header, columns, found)
    yield* table.rows(table.records.push(head))
  }
  if (table === undefined) {
    if (head.trim() === '') {
      throw new SeqloomError('ERR_DATA', `${path} is empty; its first line must name the columns ${quoted(columns)}`)
    }
    table = new Table(path, head, findHeader(path, head, true, columns, options), columns, found)
    yield* table.rows(table.records.push(head))
  }
  yield* table.rows(table.records.end())
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

/** The header line, and what stands between its columns. */
interface Header {
  readonly delimiter: string
  readonly names: readonly string[]
}

/** A file whose header line is known. */
class Table<Column extends string> {
  readonly records: CsvRecords
  readonly #path: string
  readonly #columns: readonly Column[]
  readonly #names: readonly string[]
  readonly #places: readonly number[]
  readonly #found: Found
  #begun = false

  constructor(path: string, head: string, header: Header | undefined, columns: readonly Column[], found: Found) {
    const { delimiter, names } = header ?? { delimiter: ',', names: columns }
    if (header) checkColumns(path, head, header, columns)
    // Without a header line, reading on fails with the reason, but where the file is none of these.
    else if (json.test(head)) throw new SeqloomError('ERR_DATA', `${path} is no CSV file${hint(head, [])}`)
    this.records = recordsOf(path, delimiter)
    this.#path = path
    this.#columns = columns
    this.#names = names
    this.#places = columns.map((column) => names.indexOf(column))
    this.#found = found
    found.delimiter = delimiter
  }

  *rows(records: readonly CsvRecord[]): Generator<Record<Column, string>> {
    for (const record of records) {
      const { fields, line, blank } = record
      if (!this.#begun) {
        this.#begun = isHeader(record)
        continue
      }
      if (blank && this.#names.length > 1) continue
      if (fields.length !== this.#names.length) throw this.#uneven(fields.length, line)
      this.#found.lines.push(line)
      const row = {} as Record<Column, string>
      this.#columns.forEach((column, index) => {
        row[column] = fields[this.#places[index] as number] as string
      })
      yield row
    }
  }

  #uneven(count: number, line: number): SeqloomError {
    const [fields, columns] = [count, this.#names.length].map((n) => (n === 1 ? '1 field' : `${n} fields`))
    const between = named(this.#found.delimiter as string)
    return new SeqloomError(
      'ERR_DATA',
      `${this.#path}: line ${line} has ${fields} (between ${between}), the header line ${columns}; a field that holds the delimiter must be quoted`,
    )
  }
}

const recordsOf = (path: string, delimiter: string) =>
  new CsvRecords(path, delimiter, !path.toLowerCase().endsWith('.tsv'))

/** Whether a record is the header: not a blank line before it, nor `sep=;`. */
const isHeader = ({ blank, fields, line }: CsvRecord) =>
  !blank && !(line === 1 && /^sep=.?$/i.test(fields[0] as string))

/** The header line, by the delimiter under which it names the columns; undefined if the text does not hold it whole or it is broken. */
function findHeader(
  path: string,
  head: string,
  whole: boolean,
  columns: readonly string[],
  { delimiter }: TableOptions,
): Header | undefined {
  const separator = /^sep=([^"\r\n])[\r\n]/i.exec(head)?.[1]
  const fixed = delimiter ?? (path.toLowerCase().endsWith('.tsv') ? '\t' : separator)
  const headers = (fixed === undefined ? Object.keys(delimiters) : [fixed]).flatMap((each): Header[] => {
    const records = recordsOf(path, each)
    try {
      const header = records.push(head).find(isHeader) ?? (whole ? records.end() : []).find(isHeader)
      return header ? [{ delimiter: each, names: header.fields }] : []
    } catch (error) {
      // A later record may be broken although the header is not.
      if (!(error instanceof SeqloomError)) throw error
      const header = records.completed().find(isHeader)
      return header ? [{ delimiter: each, names: header.fields }] : []
    }
  })
  const known = ({ names }: Header) => columns.filter((column) => names.includes(column)).length
  return headers.reduce<Header | undefined>((best, next) => {
    if (best === undefined || known(next) > known(best)) return next
    const further = known(best) === 0 && next.names.length > best.names.length
    return further ? next : best
  }, undefined)
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

/** How JSON begins. */
const json = /^\s*[{[]/

/** What may be the reason that a column is missing. */
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
