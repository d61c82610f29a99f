import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { Found, TableOptions } from './csv.js'
import { streamText, type TextOptions } from './textFile.js'

/** The longest line that is read, in characters. */
const longestLine = 16 * 2 ** 20

/**
 * Reads named texts from a file with one JSON object per line, as a stream; empty lines are skipped. `found` gets each
 * row's line before the row is yielded. Rejects with `ERR_IO` if the file cannot be read, and with `ERR_DATA`, naming
 * the line, if a line is not an object or lacks one of the texts.
 */
export async function* streamJsonLines<Name extends string>(
  path: string,
  names: readonly Name[],
  { plainValues = false, lists = false, ...options }: TableOptions = {},
  found: Found = { lines: [] },
): AsyncGenerator<Record<Name, string>> {
  let line = 0
  for await (const text of streamLines(path, options)) {
    line++
    if (text.trim() === '') continue
    const row = parsed(`${path}: line ${line}`, text, names, plainValues, lists)
    found.lines.push(line)
    yield row
  }
}

/**
 * Reads a whole file with one JSON object per line; see {@link streamJsonLines}. A file without objects is `ERR_DATA`.
 */
export async function readJsonLines<Name extends string>(
  path: string,
  names: readonly Name[],
  options: TableOptions = {},
  found: Found = { lines: [] },
): Promise<Record<Name, string>[]> {
  const rows: Record<Name, string>[] = []
  for await (const row of streamJsonLines(path, names, options, found)) rows.push(row)
  if (rows.length === 0) throw new SeqloomError('ERR_DATA', `${path} has no rows`)
  return rows
}

/** The lines of a file, with any line ends. */
export async function* streamLines(path: string, options: TextOptions): AsyncGenerator<string> {
  for await (const lines of lineBlocks(path, options)) yield* lines
}

/** {@link streamLines} several lines at a time, as many as come in at once. */
export async function* lineBlocks(path: string, options: TextOptions): AsyncGenerator<string[]> {
  const lines = new Lines()
  let count = 0
  for await (const piece of streamText(path, options)) {
    const ended = lines.push(piece)
    count += ended.length
    if (ended.length > 0) yield ended
    if (lines.rest > longestLine) {
      throw new SeqloomError('ERR_DATA', `${path}: line ${count + 1} is longer than ${longestLine} characters`)
    }
  }
  const last = lines.end()
  if (last.length > 0) yield last
}

/** The objects of a file with one a line, several at a time, and their lines; empty lines are skipped. */
export async function* objectBlocks(
  path: string,
  options: TextOptions,
): AsyncGenerator<{ readonly rows: Record<string, unknown>[]; readonly lines: number[] }> {
  let line = 0
  for await (const block of lineBlocks(path, options)) {
    const rows: Record<string, unknown>[] = []
    const lines: number[] = []
    for (const text of block) {
      line++
      if (text.trim() === '') continue
      let row: Record<string, unknown>
      try {
        row = objectIn(`${path}: line ${line}`, text)
      } catch (error) {
        // The rows before it have been read, and their reader may want to say which is refused for another reason.
        yield { rows, lines }
        throw error
      }
      rows.push(row)
      lines.push(line)
    }
    yield { rows, lines }
  }
}

/** Splits text into lines that end with `\n`, `\r\n` or `\r`, in any mixture, as text comes in piece by piece. */
export class Lines {
  #pieces: string[] = []
  /** Whether the last character was `\r`: a `\n` that follows belongs to it. */
  #return = false
  /** The length so far of the line that has not ended. */
  rest = 0

  /** Adds text; returns the lines that it completes. */
  push(text: string): string[] {
    const skip = this.#return && text.startsWith('\n') ? 1 : 0
    if (text !== '') this.#return = text.endsWith('\r')
    const lines = text.slice(skip).split(/\r\n|\n|\r/)
    const last = lines.pop() as string
    if (lines.length > 0) {
      lines[0] = this.#pieces.join('') + lines[0]
      this.#pieces = []
      this.rest = 0
    }
    this.#pieces.push(last)
    this.rest += last.length
    return lines
  }

  /** The last line, if it has no line end. */
  end(): string[] {
    return this.rest > 0 ? [this.#pieces.join('')] : []
  }
}

/** The object that a line holds; `ERR_DATA`, naming the place, for anything else. */
export function objectIn(place: string, text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const array = /^\s*\[/.test(text) ? '; one object a line is read, without brackets or commas around them' : ''
    throw new SeqloomError('ERR_DATA', `${place} is no JSON: ${(cause as Error).message}${array}`, { cause })
  }
  if (!isRecord(value)) throw new SeqloomError('ERR_DATA', `${place} must be a JSON object, not ${describe(value)}`)
  return value
}

function parsed<Name extends string>(
  place: string,
  text: string,
  names: readonly Name[],
  plainValues: boolean,
  lists: boolean,
): Record<Name, string> {
  const value = objectIn(place, text)
  const row = {} as Record<Name, string>
  for (const name of names) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined
    if (field === undefined) {
      const has = Object.keys(value).slice(0, 20).map(describe).join(', ')
      throw new SeqloomError('ERR_DATA', `${place} has no ${describe(name)}; it has ${has || 'nothing'}`)
    }
    const plain = plainValues && (field === null || typeof field === 'number' || typeof field === 'boolean')
    if (lists && Array.isArray(field)) {
      row[name] = JSON.stringify(field)
      continue
    }
    if (typeof field !== 'string' && !plain) {
      throw new SeqloomError('ERR_DATA', `${place}: ${describe(name)} must be a text, not ${describe(field)}`)
    }
    row[name] = field === null ? '' : String(field)
  }
  return row
}
