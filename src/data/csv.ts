import { describe, SeqloomError, visible } from '../errors.js'
import { type CsvForm, csvRecords, firstRecord, lineEnds } from './csvRecords.js'
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
  /** Ends reading with an `AbortError`. */
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
/** How much at the most, if no line ends there, and if some do, which a quote may have swallowed. */
const longestGlance = { unended: 2 ** 24, quoted: 2 ** 20 }

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
  const pieces = streamText(path, options)
  try {
    const { head, lead, header } = await readHeader(path, pieces, columns, options)
    const { delimiter, names } = header
    checkColumns(path, head, header, columns)
    found.delimiter = delimiter
    const places = columns.map((column) => names.indexOf(column))
    const records = csvRecords(
      path,
      joined(head.slice(lead), pieces),
      formOf(path, delimiter),
      1 + lineEnds(head.slice(0, lead)),
    )
    let isHeader = true
    for await (const batch of records) {
      for (const { fields, line, blank } of batch) {
        if (isHeader) {
          isHeader = false
          continue
        }
        if (blank && names.length > 1) continue
        if (fields.length !== names.length) throw uneven(path, fields.length, line, header)
        found.lines.push(line)
        const row = {} as Record<Column, string>
        columns.forEach((column, index) => {
          row[column] = fields[places[index] as number] as string
        })
        yield row
      }
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

/** The header line, and what stands between its columns. */
interface Header {
  readonly delimiter: string
  readonly names: readonly string[]
}

const formOf = (path: string, delimiter: string): CsvForm => ({ delimiter, quote: !isTabbed(path) })

const isTabbed = (path: string) => path.toLowerCase().endsWith('.tsv')

/** A text that was read ahead, and the pieces that follow. */
async function* joined(head: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield head
  yield* pieces
}

/** Reads as much of a file as its header line takes: what was read, how much of that comes before the header line, and that line. */
async function readHeader(
  path: string,
  pieces: AsyncGenerator<string>,
  columns: readonly string[],
  options: TableOptions,
): Promise<{ head: string; lead: number; header: Header }> {
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
    throw await noHeader(path, head, lead, pieces, columns)
  }
}

/** The first line as spreadsheets write it, with the delimiter. */
const separator = /^"?sep=([^"\r\n]?)"?(?:\r\n|\r|\n)/i

/** How much of a text comes before its header line: `sep=;` and blank lines. */
function beforeHeader(head: string): number {
  const from = separator.exec(head)?.[0].length ?? 0
  const first = from + head.slice(from).search(/\S/)
  if (first < from) return head.length
  return Math.max(from, head.lastIndexOf('\n', first) + 1, head.lastIndexOf('\r', first) + 1)
}

/** The header line that a text begins with, by the delimiter under which it names the columns; undefined if the text does not hold it whole or it is broken. */
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
  head: string,
  lead: number,
  pieces: AsyncIterable<string>,
  columns: readonly string[],
): Promise<SeqloomError> {
  if (head.trim() === '') {
    return new SeqloomError('ERR_DATA', `${path} is empty; its first line must name the columns ${quoted(columns)}`)
  }
  if (json.test(head)) return new SeqloomError('ERR_DATA', `${path} is no CSV file${hint(head, [])}`)
  const records = csvRecords(
    path,
    joined(head.slice(lead), pieces),
    formOf(path, ','),
    1 + lineEnds(head.slice(0, lead)),
  )
  // What is broken in it is the reason.
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
