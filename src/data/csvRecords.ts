import { pipeline } from 'node:stream'
import type { CsvError, Options } from 'csv-parse'
import { SeqloomError } from '../errors.js'
import { Lines } from './jsonLines.js'

/** The longest record that is read, in bytes of UTF-8; a longer one almost certainly has an unclosed quote. */
const longestRecord = 8 * 2 ** 20

/** A record of a CSV file. */
export interface CsvRecord {
  readonly fields: string[]
  /** The line on which it begins, from 1. */
  readonly line: number
  /** Whether it is a line of white space only. */
  readonly blank: boolean
}

/** How records are split. */
export interface CsvForm {
  /** The character between fields. */
  readonly delimiter: string
  /** Whether fields may be quoted; otherwise quotes are ordinary characters. */
  readonly quote: boolean
}

/** What `csv-parse` gives for a record: its fields, and its raw text with the first character of its line end. */
interface Raw {
  readonly record: string[]
  readonly raw: string
}

const optionsOf = ({ delimiter, quote }: CsvForm): Options => ({
  delimiter,
  quote: quote ? '"' : null,
  record_delimiter: ['\r\n', '\n', '\r'],
  relax_column_count: true,
  raw: true,
  max_record_size: longestRecord,
})

/**
 * Splits CSV (RFC 4180) into records, several at a time, as text comes in. Records end with `\n`, `\r\n` or `\r`, in
 * any mixture; inside quotes these are kept as they are. `first` is the line on which the text begins. Broken quoting
 * and records that are too long are `ERR_DATA`, naming the line; `where` names the file in messages.
 *
 * Up to the first piece with a quote, records are lines and are split as such, several times as fast as by the library.
 */
export async function* csvRecords(
  where: string,
  pieces: AsyncIterable<string>,
  form: CsvForm,
  first = 1,
): AsyncGenerator<CsvRecord[]> {
  const iterator = pieces[Symbol.asyncIterator]()
  const lines = new Lines()
  let line = first
  const records = (some: readonly string[]): CsvRecord[] =>
    some.map((text) => {
      if (text.length > longestRecord / 4 && Buffer.byteLength(text) > longestRecord) throw tooLong(where, line)
      const fields = text.split(form.delimiter)
      return { fields, line: line++, blank: fields.length === 1 && text.trim() === '' }
    })
  for (;;) {
    const next = await iterator.next()
    if (next.done) break
    const piece = next.value
    if (form.quote && piece.includes('"')) {
      const text = lines.before(piece)
      yield* quotedRecords(where, chained(text, iterator), form, line)
      return
    }
    const found = records(lines.push(piece))
    if (found.length > 0) yield found
    if (lines.rest > longestRecord) throw tooLong(where, line)
  }
  const last = records(lines.end())
  if (last.length > 0) yield last
}

/** A piece, and what follows. */
export async function* chained<T>(first: T, rest: AsyncIterator<T>): AsyncGenerator<T> {
  yield first
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}

/** {@link csvRecords} of text with quotes. */
async function* quotedRecords(
  where: string,
  pieces: AsyncIterable<string>,
  form: CsvForm,
  first: number,
): AsyncGenerator<CsvRecord[]> {
  const { Parser } = await import('csv-parse')
  // We count lines ourselves: the library miscounts mixed line ends, and it locates a broken record by the preceding
  // fields, none of which the reader may have seen.
  let line = first
  let end = 0
  let size = 0
  class Records extends Parser {
    override push(next: Raw | null): boolean {
      if (next === null) return super.push(null)
      const { record: fields, raw } = next
      const record: CsvRecord = { fields, line, blank: fields.length === 1 && raw.trim() === '' }
      line += lineEnds(raw)
      end = this.info.bytes
      size = 0
      return super.push(record)
    }
  }
  async function* bounded(): AsyncGenerator<string> {
    for await (const piece of pieces) {
      size += piece.length
      yield piece
      // Empty fields do not count towards `max_record_size`.
      if (size > 2 * longestRecord + piece.length) throw tooLong(where, line)
    }
  }
  const parser = new Records(optionsOf(form))
  pipeline(bounded(), parser, () => {})
  try {
    for await (const record of parser as AsyncIterable<CsvRecord>) {
      const records = [record]
      // All records that a piece completes at once: a turn of the event loop for each would take longer than splitting
      // them.
      for (let next = parser.read(); next !== null; next = parser.read()) records.push(next)
      yield records
    }
  } catch (error) {
    if (error instanceof SeqloomError || !isCsvError(error)) throw error
    throw explained(where, error, line, end)
  }
}

/**
 * The fields of the first record of a text; undefined if the record is broken or incomplete. Unless the text is
 * `whole`, a line end must follow the record.
 */
export async function firstRecord(text: string, form: CsvForm, whole: boolean): Promise<string[] | undefined> {
  if (!whole && !/[\r\n]/.test(text)) return undefined
  const { parse } = await import('csv-parse/sync')
  try {
    const [first] = parse(text, { ...optionsOf(form), to: 1 }) as unknown as Raw[]
    return first && (whole || /[\r\n]$/.test(first.raw)) ? first.record : undefined
  } catch {
    return undefined
  }
}

const isCsvError = (error: unknown): error is CsvError & { readonly raw: string; readonly bytes: number } =>
  error instanceof Error && 'code' in error && 'raw' in error && 'bytes' in error

/** What is wrong with the record that begins on `line`, `end` bytes after the beginning of the text. */
function explained(
  where: string,
  { code, raw, bytes }: { readonly code: string; readonly raw: string; readonly bytes: number },
  line: number,
  end: number,
): SeqloomError {
  const text = Buffer.from(raw)
  const before = text.subarray(0, bytes - end)
  const field = text.subarray(before.length)
  const opened = line + lineEnds(before.toString())
  const now = line + lineEnds(raw)
  const isQuoted = field[before.length > 0 ? 1 : 0] === 34
  const wrong = (message: string) => new SeqloomError('ERR_DATA', `${where}: ${message}; ${rule}`)
  switch (code) {
    case 'INVALID_OPENING_QUOTE':
      return wrong(`broken quoting on line ${now}`)
    case 'CSV_INVALID_CLOSING_QUOTE': {
      const from = opened === now ? '' : `, which opened on line ${opened}`
      return wrong(`broken quoting on line ${now}: text after a quoted field${from}`)
    }
    default: {
      if (code === 'CSV_MAX_RECORD_SIZE' && !isQuoted) return tooLong(where, now)
      const within = code === 'CSV_MAX_RECORD_SIZE' ? ` within ${longestRecord} bytes` : ''
      return wrong(
        `broken quoting after line ${opened - 1}: the quote that opens on line ${opened} is not closed${within}`,
      )
    }
  }
}

const tooLong = (where: string, line: number) =>
  new SeqloomError('ERR_DATA', `${where}: line ${line} is longer than ${longestRecord} bytes, the limit for records`)

/** The number of line ends in a text. */
export function lineEnds(text: string): number {
  // Of records without line ends within them, which are most.
  if (text !== '' && text.indexOf('\n') === text.length - 1 && !text.includes('\r')) return 1
  return text.split(/\r\n|\n|\r/).length - 1
}

const rule = 'a quote inside a field must be doubled and the field quoted'
