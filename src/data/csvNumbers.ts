import { isUtf8 } from 'node:buffer'
import type { CsvForm } from './csvRecords.js'
import { DecimalReader } from './decimal.js'

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
  /** The lines on which the records begin. */
  readonly lines: number[]
  /** How many bytes were read, which is up to the end of a record. */
  readonly read: number
  /** The line that follows. */
  readonly line: number
  /** Whether what follows is no record of numbers, or not as it should be. */
  readonly odd: boolean
}

const [newline, carriage, quote] = [10, 13, 34]
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
  /** About how many records come at a time. */
  #expected = 1024

  constructor({ delimiter, quote }: CsvForm, names: readonly string[], fields: readonly NumberField[]) {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#quotes = quote
    this.#count = names.length
    this.#fields = fields
    this.#places = Int32Array.from(names, (name) => fields.findIndex(({ column }) => column === name))
    this.#tables = fields.map(({ labels }) => labels && new LabelTable(labels))
  }

  /** Whether a form of CSV can be read so. */
  static takes({ delimiter }: CsvForm): boolean {
    return delimiter.length === 1 && delimiter.charCodeAt(0) < 128 && !/["\r\n\d.eE+-]/.test(delimiter)
  }

  /** The complete records at the beginning of some bytes, the first of which begins on a line. */
  read(bytes: Buffer, line: number, isHeader: boolean): NumberRecords {
    const width = this.#fields.length
    const limit = Math.max(bytes.lastIndexOf(newline), bytes.lastIndexOf(carriage, -2)) + 1
    const lines: number[] = []
    let values = new Float64Array(this.#expected * width)
    let [at, now, odd, skip] = [0, line, false, isHeader]
    this.#within = this.#quotes && bytes.includes(quote)
    while (at < limit) {
      const to = lines.length * width
      if (to === values.length) {
        const wider = new Float64Array(2 * values.length)
        wider.set(values)
        values = wider
      }
      const end = this.#record(bytes, at, limit, values, to, skip)
      if (end === unfinished) break
      if (end === notNumbers || end - at > longestRead) {
        odd = true
        break
      }
      if (this.#kept) lines.push(now)
      now += 1 + this.#inner
      at = end
      skip = false
    }
    if (!isUtf8(bytes.subarray(0, at))) return { values: values.subarray(0, 0), lines: [], read: 0, line, odd: true }
    this.#expected = Math.max(16, lines.length + (lines.length >> 3))
    return { values: values.subarray(0, lines.length * width), lines, read: at, line: now, odd }
  }

  /** Whether there are quotes among the bytes. */
  #within = false
  /** Of the last record: whether it is a row; how many line ends there are in its fields. */
  #kept = false
  #inner = 0

  /** Reads a record; gives where the next one begins, or why there is none. */
  #record(bytes: Buffer, from: number, limit: number, values: Float64Array, to: number, skip: boolean): number {
    const [delimiter, count] = [this.#delimiter, this.#count]
    this.#inner = 0
    let [at, column] = [from, 0]
    for (; ; column++) {
      const place = skip || column >= count ? -1 : (this.#places[column] as number)
      if (this.#within && bytes[at] === quote) {
        const closing = this.#closing(bytes, at + 1, limit)
        if (closing < 0) return closing
        const number = place < 0 ? 0 : this.#quoted(bytes, at + 1, closing, place)
        if (number === undefined) return notNumbers
        if (place >= 0) values[to + place] = number
        at = closing + 1
      } else {
        const start = at
        const table = place < 0 ? undefined : this.#tables[place]
        let number = Number.NaN
        if (place >= 0 && table === undefined) {
          number = this.#decimal.read(bytes, at)
          if (!Number.isNaN(number)) at = this.#decimal.end
        }
        let hash = 0
        let byte = bytes[at] as number
        const whole = at
        while (byte !== delimiter && byte !== newline && byte !== carriage) {
          if (byte === quote && this.#within) return notNumbers
          hash = (Math.imul(hash, 31) + byte) | 0
          byte = bytes[++at] as number
        }
        if (place >= 0) {
          if (table) number = table.find(bytes, start, at, hash)
          if (Number.isNaN(number) || (table === undefined && at !== whole)) {
            const found = this.#number(bytes.toString('utf8', start, at), place)
            if (found === undefined && !(column === 0 && byte !== delimiter)) return notNumbers
            number = found ?? Number.NaN
          }
          values[to + place] = number
        }
      }
      const byte = bytes[at] as number
      if (byte === delimiter) {
        at++
        continue
      }
      if (byte === newline || byte === carriage) break
      return notNumbers
    }
    const end = at
    // What follows a return may be a newline of its own record only where there is something behind.
    at += bytes[at] === carriage && bytes[at + 1] === newline ? 2 : 1
    this.#kept = !skip
    if (skip || column + 1 === count) {
      return !skip && count === 1 && Number.isNaN(values[to] as number) ? notNumbers : at
    }
    this.#kept = false
    return column === 0 && bytes.toString('utf8', from, end).trim() === '' ? at : notNumbers
  }

  /** The quote that closes a field. */
  #closing(bytes: Buffer, from: number, limit: number): number {
    for (let at = from; at < limit; at++) {
      const byte = bytes[at]
      if (byte === quote) {
        if (bytes[at + 1] !== quote) return at
        at++
      } else if (byte === newline || (byte === carriage && bytes[at + 1] !== newline)) this.#inner++
    }
    return unfinished
  }

  #quoted(bytes: Buffer, from: number, to: number, place: number): number | undefined {
    return this.#number(bytes.toString('utf8', from, to).replaceAll('""', '"'), place)
  }

  /** What a text is as a number, if that is finite. */
  #number(text: string, place: number): number | undefined {
    const number = (this.#fields[place] as NumberField).number(text)
    return Number.isFinite(number) ? number : undefined
  }
}

/** Why there is no record: its end is not there yet, or it is for others to read. */
const [unfinished, notNumbers] = [-1, -2]

/** Finds labels by their bytes. */
class LabelTable {
  readonly #found = new Map<number, { readonly bytes: Uint8Array; readonly number: number }>()

  constructor(labels: ReadonlyMap<string, number>) {
    for (const [label, number] of labels) {
      const bytes = new TextEncoder().encode(label)
      let hash = 0
      for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
      // One of several labels that collide is found by its text.
      this.#found.set(hash, { bytes, number })
    }
  }

  find(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const found = this.#found.get(hash)
    if (found === undefined || found.bytes.length !== to - from) return Number.NaN
    for (let at = from; at < to; at++) if (bytes[at] !== found.bytes[at - from]) return Number.NaN
    return found.number
  }
}
