import { isUtf8 } from 'node:buffer'
import type { CsvForm } from './csvRecords.js'
import { DecimalReader } from './decimal.js'
import { placesOf } from './fields.js'

/** A field that is wanted: what it is as a number, if it is one, and where that goes in a row. */
export interface NumberField {
  readonly column: string
  /** The number that a text stands for; undefined if it stands for none. */
  readonly number: (text: string) => number | undefined
  /** Texts with their numbers, if there are only a few. */
  readonly labels?: ReadonlyMap<string, number>
}

/** Some records, as numbers. */
export interface NumberRecords {
  /** The numbers of the fields, record after record. */
  readonly values: Float64Array
  /** How many records there are, and on which line each begins. */
  readonly count: number
  readonly lineOf: (record: number) => number
  /** How many bytes were read, which is up to the end of a record. */
  readonly read: number
  /** The line that follows. */
  readonly line: number
  /** Whether what follows is no record of numbers, or not as it should be. */
  readonly odd: boolean
}

const [newline, carriage, quote] = [10, 13, 34]
const noValues = new Float64Array(0)
/** Records of more bytes are left to who knows the limits. */
export const longestRead = 2 ** 20

/**
 * Reads numbers from the bytes of CSV, without a text or an object for each: what {@link csvRecords} would give, as far
 * as all is as it should be. It stops before anything else.
 */
export class CsvNumbers {
  readonly #delimiter: number
  readonly #quotes: boolean
  /** How many fields a record has. */
  readonly #count: number
  readonly #fields: readonly NumberField[]
  /** By column: which of the wanted fields it is, or -1. */
  readonly #places: Int32Array
  readonly #tables: readonly (LabelTable | undefined)[]
  readonly #decimal = new DecimalReader()
  /** About how many records a byte holds: room for more of them than come is cheaper than making room again. */
  #density: number

  constructor({ delimiter, quote }: CsvForm, names: readonly string[], fields: readonly NumberField[]) {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#quotes = quote
    this.#count = names.length
    this.#density = 1 / (4 * names.length)
    this.#fields = fields
    const places = placesOf(fields.map(({ column }) => column))
    this.#places = Int32Array.from(names, (name) => places.get(name) ?? -1)
    this.#tables = fields.map(({ labels }) => labels && new LabelTable(labels))
  }

  /** Whether a form of CSV can be read so. */
  static takes({ delimiter }: CsvForm): boolean {
    return delimiter.length === 1 && delimiter.charCodeAt(0) < 128 && !/["\r\n\d.eE+-]/.test(delimiter)
  }

  /** The complete records at the beginning of some bytes, the first of which begins on a line. */
  read(bytes: Uint8Array, line: number, isHeader: boolean): NumberRecords {
    const width = this.#fields.length
    const limit = Math.max(bytes.lastIndexOf(newline), bytes.lastIndexOf(carriage, -2)) + 1
    let values = new Float64Array((16 + Math.ceil(limit * this.#density)) * width)
    let count = 0
    let first = line
    // Listed where records are not one line each.
    let lines: number[] | undefined
    let [at, now, odd, skip] = [0, line, false, isHeader]
    this.#within = this.#quotes && bytes.includes(quote)
    while (at < limit) {
      if (count * width === values.length) {
        const wider = new Float64Array(2 * values.length)
        wider.set(values)
        values = wider
      }
      const end = this.#record(bytes, at, limit, values, count * width, skip)
      if (end === unfinished) break
      if (end === notNumbers || end - at > longestRead) {
        odd = true
        break
      }
      if (this.#kept) {
        lines?.push(now)
        count++
      }
      now += 1 + this.#inner
      at = end
      skip = false
      if (count === 0) first = now
      else if (!(this.#kept && this.#inner === 0))
        lines ??= Array.from({ length: count }, (_, record) => first + record)
    }
    if (!isUtf8(bytes.subarray(0, at))) {
      return { values: noValues, count: 0, lineOf: () => line, read: 0, line, odd: true }
    }
    if (count > 0) this.#density = (1.05 * count) / at
    const lineOf = (record: number) => lines?.[record] ?? first + record
    return { values: values.subarray(0, count * width), count, lineOf, read: at, line: now, odd }
  }

  /** Whether there are quotes among the bytes. */
  #within = false
  /** Of the last record: whether it is a row; how many line ends there are in its fields. */
  #kept = false
  #inner = 0

  /** Reads a record; gives where the next one begins, or why there is none. */
  #record(bytes: Uint8Array, from: number, limit: number, values: Float64Array, to: number, skip: boolean): number {
    const delimiter = this.#delimiter
    const count = this.#count
    this.#inner = 0
    let at = from
    let column = 0
    for (; ; column++) {
      const place = skip || column >= count ? -1 : (this.#places[column] as number)
      let number = Number.NaN
      if (this.#within && bytes[at] === quote) {
        const closing = this.#closing(bytes, at + 1, limit)
        if (closing < 0) return closing
        if (place >= 0) number = this.#number(bytes, at + 1, closing, place)
        at = closing + 1
      } else {
        const start = at
        if (place >= 0 && this.#tables[place] === undefined) {
          // Most fields are read while their ends are looked for.
          number = this.#decimal.read(bytes, start)
          if (!Number.isNaN(number)) at = this.#decimal.end
        }
        const end = at
        for (let byte = bytes[at]; byte !== delimiter && byte !== newline && byte !== carriage; byte = bytes[++at]) {
          if (byte === quote && this.#within) return notNumbers
        }
        if (place >= 0 && (end !== at || Number.isNaN(number))) number = this.#number(bytes, start, at, place)
      }
      const byte = bytes[at]
      if (place >= 0) {
        // A line of white space, which may be left out, begins with no number.
        if (Number.isNaN(number) && (column > 0 || byte === delimiter)) return notNumbers
        values[to + place] = number
      }
      if (byte === delimiter) at++
      else if (byte === newline || byte === carriage) break
      else return notNumbers
    }
    const next = at + (bytes[at] === carriage && bytes[at + 1] === newline ? 2 : 1)
    this.#kept = !skip && column + 1 === count
    if (this.#kept) return count === 1 && Number.isNaN(values[to] as number) ? notNumbers : next
    return skip || (column === 0 && textOf(bytes, from, at).trim() === '') ? next : notNumbers
  }

  /** The quote that closes a field. */
  #closing(bytes: Uint8Array, from: number, limit: number): number {
    for (let at = from; at < limit; at++) {
      const byte = bytes[at]
      if (byte === quote) {
        if (bytes[at + 1] !== quote) return at
        at++
      } else if (byte === newline || (byte === carriage && bytes[at + 1] !== newline)) this.#inner++
    }
    return unfinished
  }

  /** What a field is as a number, if that is finite; else NaN. */
  #number(bytes: Uint8Array, from: number, to: number, place: number): number {
    const table = this.#tables[place]
    const found = table ? table.find(bytes, from, to) : this.#decimal.read(bytes, from)
    if (!Number.isNaN(found) && (table || this.#decimal.end === to)) return found
    const text = textOf(bytes, from, to)
    const { number } = this.#fields[place] as NumberField
    const value = number(bytes[from - 1] === quote && bytes[to] === quote ? text.replaceAll('""', '"') : text)
    return value !== undefined && Number.isFinite(value) ? value : Number.NaN
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const textOf = (bytes: Uint8Array, from: number, to: number): string => utf8.decode(bytes.subarray(from, to))

/** Why there is no record: its end is not there yet, or it is for others to read. */
const [unfinished, notNumbers] = [-1, -2]

/** Finds labels by their bytes. */
class LabelTable {
  readonly #found = new Map<number, { readonly bytes: Uint8Array; readonly number: number }>()

  constructor(labels: ReadonlyMap<string, number>) {
    for (const [label, number] of labels) {
      const bytes = new TextEncoder().encode(label)
      // Of several labels with one hash, others are found by their texts.
      this.#found.set(hashOf(bytes, 0, bytes.length), { bytes, number })
    }
  }

  /** The number of a label; NaN if it is not there. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const found = this.#found.get(hashOf(bytes, from, to))
    if (found === undefined || found.bytes.length !== to - from) return Number.NaN
    for (let at = from; at < to; at++) if (bytes[at] !== found.bytes[at - from]) return Number.NaN
    return found.number
  }
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
  return hash
}
