import { describe, SeqloomError, visible } from '../errors.js'
import type { TableOptions } from './csv.js'
import { type CsvForm, type CsvRecord, csvRecords, firstRecord, lineEnds } from './csvRecords.js'
import { uncompressed } from './textFile.js'

const delimiters = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' }

/** How many characters of a file are searched for its header line at first. */
const glance = 2 ** 16
/** The most characters to search: if no line ends in them, and if lines end but a quote may have swallowed them. */
const longestGlance = { unended: 2 ** 24, quoted: 2 ** 20 }

/** The header line and its delimiter. */
export interface Header {
  readonly delimiter: string
  readonly names: readonly string[]
}

export const formOf = (path: string, delimiter: string): CsvForm => ({ delimiter, quote: !isTabbed(path) })

const isTabbed = (path: string) => uncompressed(path).endsWith('.tsv')

/** The part of a file that was read ahead, and how much of it precedes the header line. */
export interface Ahead {
  readonly head: string
  readonly lead: number
}

/** The records of a file from its header line on. */
export function recordsFrom(
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
export async function readHeader(
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
  const known = ({ names }: Header) => {
    const there = new Set(names)
    return columns.filter((column) => there.has(column)).length
  }
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

export function checkColumns(
  path: string,
  head: string,
  { delimiter, names }: Header,
  columns: readonly string[],
): void {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const column of columns) {
    const count = counts.get(column) ?? 0
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

export const named = (delimiter: string): string =>
  (delimiters as Readonly<Record<string, string>>)[delimiter] ?? `'${visible(delimiter)}'`

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(describe).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}
