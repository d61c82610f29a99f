import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { TableOptions } from './csv.js'
import { fieldIn, fieldNames, setField } from './fields.js'
import { streamText, type TextOptions } from './textFile.js'

/** The longest line that is read, in characters. */
const longestLine = 16 * 2 ** 20

/** The lines of a file, with any line ends, as many at a time as come in at once. */
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

  /** The line that has not ended, and text that follows it. */
  before(text: string): string {
    return this.#pieces.join('') + (this.#return && text.startsWith('\n') ? text.slice(1) : text)
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

/**
 * Named texts of an object, or of objects in it: `meta.title`. `plainValues` reads numbers, truth values and times as they are written, and null as an
 * empty text; `lists` reads lists as their JSON. `ERR_DATA`, naming the place, for what is missing or no text.
 */
export function textsOf<Name extends string>(
  place: string,
  value: Readonly<Record<string, unknown>>,
  names: readonly Name[],
  { plainValues = false, lists = false }: Pick<TableOptions, 'plainValues' | 'lists'> = {},
): Record<Name, string> {
  const row = {} as Record<Name, string>
  for (const name of names) {
    const field = fieldIn(value, name)
    if (field === undefined) {
      const has = fieldNames(value).slice(0, 20).map(describe).join(', ')
      throw new SeqloomError('ERR_DATA', `${place} has no ${describe(name)}; it has ${has || 'nothing'}`)
    }
    const list = lists ? listIn(field) : undefined
    const plain = plainValues ? plainIn(field) : undefined
    if (typeof field !== 'string' && list === undefined && plain === undefined) {
      throw new SeqloomError('ERR_DATA', `${place}: ${describe(name)} must be a text, not ${describe(field)}`)
    }
    setField(row, name, list === undefined ? (plain ?? (field as string)) : JSON.stringify(list))
  }
  return row
}

/** A plain value as it is written. */
function plainIn(field: unknown): string | undefined {
  if (field === null) return ''
  if (field instanceof Date) return field.toISOString()
  return ['number', 'boolean', 'bigint'].includes(typeof field) ? String(field) : undefined
}

/** The elements of a list, however a table's reader gives it. */
function listIn(field: unknown): unknown[] | undefined {
  if (Array.isArray(field)) {
    return field.map((each) => listIn(each) ?? (typeof each === 'bigint' ? Number(each) : (each as unknown)))
  }
  if (ArrayBuffer.isView(field) && Symbol.iterator in field) return listIn([...(field as Float32Array)])
  const items = isRecord(field) ? field.items : undefined
  if (Array.isArray(items)) return listIn(items)
  if (isRecord(field) && Symbol.iterator in field) return listIn([...(field as unknown as Iterable<unknown>)])
  return undefined
}
