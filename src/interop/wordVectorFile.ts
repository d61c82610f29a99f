import { addAbortSignal, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { AbortError, SeqloomError, visible } from '../errors.js'
import { cannot, openNamed } from '../files.js'

/** How many bytes are read at once: some milliseconds of work between two turns of the event loop. */
const pieceSize = 1 << 18

/** The longest line of a text file, and so the most bytes that are buffered. */
const longestLine = 1 << 22

/** The longest word, in bytes. */
const longestWord = 1 << 12

const mostDimensions = 1 << 16

/** What the beginning of a file tells about it. */
interface Form {
  readonly binary: boolean
  readonly dimensions: number
  /** The number of words in the file, if a header says it. */
  readonly count?: number
  /** Where the first word begins. */
  readonly start: number
}

/** Called with each word and its vector, which is valid until the call returns; returning false ends reading. */
export type Visit = (word: string, vector: Float32Array) => boolean

/**
 * Reads GloVe's text format, word2vec's text format (which fastText also writes) or word2vec's binary format, gzipped
 * or not, recognized by the beginning of the file, and visits its words in order. `ERR_IO`, `ERR_FORMAT` naming the
 * line or the word, and an AbortError.
 */
export async function readWordVectors(path: string, visit: Visit, signal?: AbortSignal): Promise<void> {
  const reader = new Reader(path, visit)
  try {
    for await (const bytes of piecesOf(path, signal)) {
      if (!reader.push(bytes)) return
    }
  } catch (error) {
    if (signal?.aborted) throw new AbortError(signal)
    throw (error as { code?: unknown }).code === 'Z_DATA_ERROR' || (error as { code?: unknown }).code === 'Z_BUF_ERROR'
      ? new SeqloomError('ERR_FORMAT', `${path}: not a whole gzip file`, { cause: error })
      : cannot('read', path, error)
  }
  reader.end()
}

async function* piecesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const file = await openNamed(path)
  const plain = file.createReadStream({ highWaterMark: pieceSize })
  if (signal !== undefined) addAbortSignal(signal, plain)
  try {
    yield* unpacked(path, plain)
  } finally {
    plain.destroy()
  }
}

/** The bytes of a file, unpacked if it is gzipped. */
async function* unpacked(path: string, plain: Readable): AsyncGenerator<Buffer> {
  const pieces: AsyncIterator<Buffer> = plain[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done) return
  const [a, b, c, d] = first.value
  if (a === 0x50 && b === 0x4b) throw new SeqloomError('ERR_FORMAT', `${path} is a zip archive: unpack it first`)
  if (a === 0xba && b === 0x16 && c === 0x4f && d === 0x2f) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${path} is a model of fastText: give its .vec file, which holds the vectors`,
    )
  }
  const all = (async function* () {
    yield first.value
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value
  })()
  if (a !== 0x1f || b !== 0x8b) return yield* all
  const packed = Readable.from(all)
  const gunzip = createGunzip({ chunkSize: pieceSize })
  packed.on('error', (error) => gunzip.destroy(error))
  yield* packed.pipe(gunzip)
}

class Reader {
  #rest: Buffer = Buffer.alloc(0)
  #form: Form | undefined
  #words = 0
  /** What stands between the numbers of a line: mostly single spaces, which are split much faster. */
  #separator: string | RegExp | undefined
  readonly #path: string
  readonly #visit: Visit

  constructor(path: string, visit: Visit) {
    this.#path = path
    this.#visit = visit
  }

  /** Takes more of the file; returns false once nothing more is wanted. */
  push(bytes: Buffer): boolean {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    return this.#read(false)
  }

  /** The file ends here. */
  end(): void {
    if (!this.#read(true)) return
    const { count } = this.#form ?? {}
    if (count !== undefined) throw this.#wrong(`it ends after ${this.#words} of ${count} words`)
    if (this.#words === 0) throw this.#wrong('it has no words')
  }

  #read(whole: boolean): boolean {
    if (this.#form === undefined) {
      this.#form = this.#recognise(whole)
      if (this.#form === undefined) return true
      this.#rest = this.#rest.subarray(this.#form.start)
    }
    return this.#form.binary ? this.#readBinary(this.#form, whole) : this.#readText(this.#form, whole)
  }

  /** The form of the file, from its first lines; undefined while more is needed. */
  #recognise(whole: boolean): Form | undefined {
    const bytes = this.#rest
    const end = bytes.indexOf(0x0a)
    if (end < 0 && !whole) return this.#wait('the first line')
    const mark = byteOrderMark.every((byte, at) => bytes[at] === byte) ? byteOrderMark.length : 0
    const first = bytes.toString('utf8', mark, end < 0 ? bytes.length : end)
    const header = /^\s*(\d{1,15})[ \t]+(\d{1,15})\s*$/.exec(first)
    if (header === null) {
      const fields = first.trimEnd().split(separators)
      const isNumeric = (field: string) => isNumber(field) || /^[+-]?(nan|inf(inity)?)$/i.test(field)
      let dimensions = 0
      while (dimensions < fields.length - 1 && isNumeric(fields[fields.length - 1 - dimensions] as string)) dimensions++
      return { binary: false, dimensions: this.#checked(dimensions), start: mark }
    }
    const [count, dimensions] = [Number(header[1]), this.#checked(Number(header[2]))]
    const places = [0x20, 0x09].map((byte) => bytes.indexOf(byte, end + 1)).filter((at) => at >= 0)
    const space = places.length > 0 ? Math.min(...places) : -1
    // As many bytes as a binary vector takes are enough to tell decimal numbers from binary ones.
    if ((space < 0 || bytes.length < space + 1 + 4 * dimensions) && !whole) return this.#wait('the first word')
    const some = bytes.subarray(space + 1, space + 1 + 4 * dimensions)
    const line = some.indexOf(0x0a)
    const binary = !/^[\d\s.eE+-]*$/.test(some.toString('latin1', 0, line < 0 ? some.length : line))
    return { binary, dimensions, count, start: end + 1 }
  }

  #readText(form: Form, whole: boolean): boolean {
    const { dimensions, count } = form
    const vector = new Float32Array(dimensions)
    const bytes = this.#rest
    let start = 0
    while (start < bytes.length) {
      if (this.#words === count) return false
      const found = bytes.indexOf(0x0a, start)
      if (found < 0 && !whole) break
      const end = found < 0 ? bytes.length : found
      const line = bytes.toString('utf8', start, end).trimEnd()
      start = end + 1
      if (line === '') continue
      this.#words += 1
      // A word may contain spaces, such as GloVe's ". . .".
      this.#separator ??= /\t| {2}/.test(line) ? separators : ' '
      const fields = line.split(this.#separator)
      const first = fields.length - dimensions
      if (first < 1) throw this.#wrong(`${this.#place(count)} has ${fields.length - 1} numbers, not ${dimensions}`)
      for (let i = 0; i < dimensions; i++) {
        const field = fields[first + i] as string
        if (!isNumber(field)) throw this.#wrong(`${this.#place(count)}: ${visible(field.slice(0, 40))} is no number`)
        vector[i] = Number(field)
      }
      if (!this.#hand(fields.slice(0, first).join(' '), vector)) return false
    }
    this.#rest = bytes.subarray(Math.min(start, bytes.length))
    if (this.#words === count) return false
    if (this.#rest.length > 0) this.#wait(this.#place(count, 1))
    return true
  }

  #readBinary({ dimensions, count }: Form, whole: boolean): boolean {
    const vector = new Float32Array(dimensions)
    const raw = new Uint8Array(vector.buffer)
    const bytes = this.#rest
    let start = 0
    for (;;) {
      if (this.#words === count) return false
      // Some programs end each vector with a newline.
      while (bytes[start] === 0x0a) start++
      const space = bytes.indexOf(0x20, start)
      if (space < 0 ? bytes.length - start > longestWord : space - start > longestWord) {
        throw this.#wrong(`word ${this.#words + 1} is longer than ${longestWord} bytes`)
      }
      const end = space + 1 + raw.length
      if (space < 0 || end > bytes.length) break
      raw.set(bytes.subarray(space + 1, end))
      this.#words += 1
      const word = bytes.toString('utf8', start, space)
      start = end
      if (!this.#hand(word, vector)) return false
    }
    this.#rest = bytes.subarray(start)
    if (whole && this.#rest.length > 0) throw this.#wrong(`it ends within word ${this.#words + 1} of ${count}`)
    return true
  }

  #hand(word: string, vector: Float32Array): boolean {
    for (const value of vector) {
      if (!Number.isFinite(value)) {
        throw this.#wrong(`word ${this.#words}, ${visible(word.slice(0, 40))}: its vector holds ${value}`)
      }
    }
    return this.#visit(word, vector)
  }

  #place(count: number | undefined, further = 0): string {
    return `line ${this.#words + further + (count === undefined ? 0 : 1)}`
  }

  #wait(what: string): undefined {
    if (this.#rest.length > longestLine) throw this.#wrong(`${what} is longer than ${longestLine} bytes`)
    return undefined
  }

  #checked(dimensions: number): number {
    if (dimensions >= 1 && dimensions <= mostDimensions) return dimensions
    throw this.#wrong(
      dimensions === 0
        ? 'its first line is not a word and its numbers'
        : `${dimensions} dimensions are more than ${mostDimensions}`,
    )
  }

  #wrong(why: string): SeqloomError {
    return new SeqloomError('ERR_FORMAT', `${this.#path}: no file of word vectors that can be read: ${why}`)
  }
}

/** What some programs begin texts in UTF-8 with. */
const byteOrderMark = [0xef, 0xbb, 0xbf]

/** What may stand between numbers. */
const separators = /[ \t]+/

const isNumber = (text: string): boolean => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)
