import { SeqloomError } from '../errors.js'

/** The longest record that is read, in characters: beyond it, a quote is all but certainly left open. */
const longestRecord = 16 * 2 ** 20

/** A record of a CSV file. */
export interface CsvRecord {
  readonly fields: string[]
  /** The line that it begins on, from 1. */
  readonly line: number
  /** Whether it is a line with nothing but white space. */
  readonly blank: boolean
}

/**
 * Cuts CSV (RFC 4180) into records, piece by piece as text comes in. Records end with `\n`, `\r\n` or `\r`, in any mixture; inside of quotes these are kept
 * as they are. Broken quoting and records that are too long are `ERR_DATA`, naming the line.
 */
export class CsvRecords {
  readonly #where: string
  readonly #delimiter: string
  readonly #quote: boolean
  readonly #special: RegExp
  #records: CsvRecord[] = []
  #fields: string[] = []
  #field = ''
  #place: 'start' | 'plain' | 'quoted' | 'closed' = 'start'
  /** Whether the record holds a quoted field. */
  #anyQuote = false
  #size = 0
  /** The line that reading has come to, the one that the record began on, and that of the last quote that opened. */
  #line = 1
  #began = 1
  #opened = 1
  /** Whether the last character ended a line and was `\r`: a `\n` that follows belongs to it. */
  #return = false

  /** `where` is what messages call the file; without `quote`, quotes are characters like any other. */
  constructor(where: string, delimiter: string, quote = true) {
    this.#where = where
    this.#delimiter = delimiter
    this.#quote = quote
    const escaped = delimiter.replace(/[\\\]^-]/, '\\$&')
    this.#special = new RegExp(`[\\r\\n${quote ? '"' : ''}${escaped}]`, 'g')
  }

  /** The records that further text completes. */
  push(text: string): CsvRecord[] {
    let at = 0
    while (at < text.length) {
      if (this.#return) {
        this.#return = false
        if (text[at] === '\n') {
          if (this.#place === 'quoted') this.#add('\n')
          at++
          continue
        }
      }
      at = this.#place === 'quoted' ? this.#quoted(text, at) : this.#outside(text, at)
    }
    return this.completed()
  }

  /** The last record, if it has no line end. */
  end(): CsvRecord[] {
    if (this.#place === 'quoted') throw this.#unclosed()
    if (this.#fields.length > 0 || this.#place !== 'start') this.#endRecord()
    return this.completed()
  }

  /** The records completed that were not given yet: those before a broken one. */
  completed(): CsvRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }

  #quoted(text: string, from: number): number {
    const quote = text.indexOf('"', from)
    const end = quote < 0 ? text.length : quote
    this.#countLines(text, from, end)
    this.#add(text.slice(from, end))
    if (quote < 0) return end
    this.#place = 'closed'
    return quote + 1
  }

  #outside(text: string, from: number): number {
    const character = text[from] as string
    if (this.#place === 'start' && character === '"' && this.#quote) {
      this.#place = 'quoted'
      this.#anyQuote = true
      this.#opened = this.#line
      return from + 1
    }
    if (this.#place === 'closed' && character === '"') {
      this.#place = 'quoted'
      this.#add('"')
      return from + 1
    }
    this.#special.lastIndex = from
    const at = this.#special.exec(text)?.index ?? text.length
    if (at > from) {
      if (this.#place === 'closed') throw this.#afterQuote()
      this.#place = 'plain'
      this.#add(text.slice(from, at))
    }
    if (at === text.length) return at
    const special = text[at]
    if (special === this.#delimiter) {
      this.#endField()
    } else if (special === '"') {
      throw this.#error(`broken quoting on line ${this.#line}: ${rule}`)
    } else {
      this.#endRecord()
      this.#line++
      this.#began = this.#line
      this.#return = special === '\r'
    }
    return at + 1
  }

  #add(text: string): void {
    this.#field += text
    this.#size += text.length
    if (this.#size <= longestRecord) return
    if (this.#place === 'quoted') throw this.#unclosed()
    throw this.#error(`line ${this.#line} is longer than ${longestRecord} characters, the most of a record`)
  }

  #endField(): void {
    this.#fields.push(this.#field)
    this.#field = ''
    this.#place = 'start'
  }

  #endRecord(): void {
    this.#endField()
    const fields = this.#fields
    const blank = !this.#anyQuote && fields.length === 1 && (fields[0] as string).trim() === ''
    this.#records.push({ fields, line: this.#began, blank })
    this.#fields = []
    this.#anyQuote = false
    this.#size = 0
  }

  #countLines(text: string, from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at)
      if (code === 13 || (code === 10 && text.charCodeAt(at - 1) !== 13)) this.#line++
    }
    this.#return = to === text.length && text.endsWith('\r')
  }

  #unclosed(): SeqloomError {
    const line = this.#opened
    return this.#error(
      `broken quoting after line ${line - 1}: the quote that opens on line ${line} is not closed${
        this.#size > longestRecord ? ` within ${longestRecord} characters` : ''
      }; ${rule}`,
    )
  }

  #afterQuote(): SeqloomError {
    const opened = this.#opened === this.#line ? '' : `, which opened on line ${this.#opened}`
    return this.#error(`broken quoting on line ${this.#line}: text after a quoted field${opened}; ${rule}`)
  }

  #error(message: string): SeqloomError {
    return new SeqloomError('ERR_DATA', `${this.#where}: ${message}`)
  }
}

const rule = 'a quote inside a field must be doubled and the field quoted'
