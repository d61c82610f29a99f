import { addAbortSignal } from 'node:stream'
import { AbortError, SeqloomError, visible } from '../errors.js'
import { openNamed } from '../files.js'
import { chunkSize, decompressed, peeked } from './compressed.js'

export { uncompressed } from './compressed.js'

/** Byte order marks: bytes at the beginning of a file that tell its encoding. */
const marks = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
]

/** The name of a supported encoding, such as `'windows-1252'`; `ERR_OPTION` for any other. */
export function checkEncoding(encoding: string): string {
  try {
    return new TextDecoder(encoding).encoding
  } catch (cause) {
    const examples = 'utf-8, utf-16le, windows-1252, shift_jis or gb18030'
    throw new SeqloomError('ERR_OPTION', `there is no encoding '${visible(encoding)}'; give one such as ${examples}`, {
      cause,
    })
  }
}

/**
 * Decodes text piece by piece: in the given encoding, else as the byte order mark says, else as UTF-8. Bytes that are
 * invalid in the encoding are `ERR_DATA`, naming the line.
 */
export class TextDecoding {
  readonly #where: string
  readonly #encoding: string | undefined
  #decoder: InstanceType<typeof TextDecoder> | undefined
  /** Bytes of an incomplete character. */
  #rest: Uint8Array = new Uint8Array(0)
  #lines = new LineCount()
  #begun = false

  /** The encoding, once it is known. */
  get encoding(): string | undefined {
    return this.#decoder?.encoding
  }

  /**
   * `where` names the file in messages. What is decoded may be the rest of UTF-8 that begins on a line. `ERR_OPTION` for
   * an unknown encoding.
   */
  constructor(where: string, encoding?: string, line?: number) {
    this.#where = where
    this.#encoding = encoding === undefined ? undefined : checkEncoding(encoding)
    if (line === undefined) return
    this.#decoder = decoderOf('utf-8')
    this.#lines.line = line
    this.#begun = true
  }

  /** Adds bytes; returns the text of all complete characters. */
  push(bytes: Uint8Array): string {
    return this.#decode(bytes, false)
  }

  /** The rest of the text, at the end. */
  end(): string {
    return this.#decode(new Uint8Array(0), true)
  }

  #decode(bytes: Uint8Array, last: boolean): string {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = all.subarray(all.length)
    if (this.#decoder === undefined) {
      if (all.length < 3 && !last) {
        this.#rest = Uint8Array.from(all)
        return ''
      }
      const mark = marks.find((each) => each.bytes.every((byte, index) => all[index] === byte))
      this.#decoder = decoderOf(this.#encoding ?? mark?.encoding ?? 'utf-8')
    }
    if (this.#decoder.encoding === 'utf-8' && !last) {
      const whole = wholeCharacters(all)
      this.#rest = Uint8Array.from(all.subarray(whole))
      all = all.subarray(0, whole)
    }
    let text: string
    try {
      text = this.#decoder.decode(all, { stream: !last })
    } catch (cause) {
      throw this.#wrong(all, this.#decoder.encoding, cause)
    }
    this.#lines.add(text)
    if (!this.#begun && text !== '') {
      this.#begun = true
      if (text.startsWith('\ufeff')) return text.slice(1)
    }
    return text
  }

  #wrong(bytes: Uint8Array, encoding: string, cause: unknown): SeqloomError {
    const found = encoding === 'utf-8' ? firstWrong(bytes) : undefined
    if (found) this.#lines.add(found.before)
    const byte = found && `0x${(bytes[found.offset] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`
    const what = byte ? `the byte ${byte} is no UTF-8` : `the text is not ${encoding}`
    const cure =
      this.#encoding === undefined
        ? 'save the file as UTF-8 or name its encoding, such as windows-1252 (--encoding)'
        : 'is the encoding right?'
    const place = found ? `line ${this.#lines.line}` : `at or after line ${this.#lines.line}`
    return new SeqloomError('ERR_DATA', `${this.#where}: ${place}: ${what}; ${cure}`, { cause })
  }
}

const decoderOf = (encoding: string) => new TextDecoder(encoding, { fatal: true, ignoreBOM: true })

/** Counts lines, with any line ends. */
class LineCount {
  /** The line that has been reached, from 1. */
  line = 1
  #return = false

  add(text: string): void {
    if (text === '') return
    let count = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      if (at === 0 ? !this.#return : text[at - 1] !== '\r') count++
    }
    for (let at = text.indexOf('\r'); at >= 0; at = text.indexOf('\r', at + 1)) count++
    this.#return = text.endsWith('\r')
    this.line += count
  }
}

/** The number of bytes without an incomplete character at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

/** The offset of the first byte that is not UTF-8, and the text before it. */
function firstWrong(bytes: Uint8Array): { offset: number; before: string } | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let [from, offset] = [0, 0]
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    offset += Buffer.byteLength(text.slice(from, at))
    const written = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd
    if (!written) return { offset, before: text.slice(0, at) }
    from = at + 1
    offset += 3
  }
  return undefined
}

/** How a text file is read: its encoding, and a signal that ends reading with an `AbortError`. */
export interface TextOptions {
  readonly encoding?: string
  readonly signal?: AbortSignal
  /** What was opened already, decompressed, instead of what the path names. */
  readonly opened?: AsyncIterable<Uint8Array>
}

/** What a file, or standard input, holds, decompressed. `ERR_IO`, `ERR_DATA`, and an `AbortError` for the signal. */
export async function* streamBytes(
  path: string,
  { signal, opened }: Pick<TextOptions, 'signal' | 'opened'> = {},
): AsyncGenerator<Uint8Array> {
  try {
    if (opened) {
      yield* opened
      return
    }
    const stream =
      path === standardInput ? process.stdin : (await openNamed(path)).createReadStream({ highWaterMark: chunkSize })
    if (signal) addAbortSignal(signal, stream)
    yield* decompressed(path, stream)
  } catch (error) {
    if (signal?.aborted) throw new AbortError(signal)
    if (error instanceof SeqloomError) throw error
    throw new SeqloomError('ERR_IO', `cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** The text of bytes that come piece by piece; see {@link TextDecoding}. */
export async function* decoded(decoding: TextDecoding, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const piece of bytes) yield decoding.push(piece)
  yield decoding.end()
}

/**
 * Reads a text file as a stream; see {@link TextDecoding}. Rejects with `ERR_IO` if it cannot be read, and with
 * `ERR_DATA`.
 */
export const streamText = (path: string, options: TextOptions = {}): AsyncGenerator<string> =>
  decoded(new TextDecoding(path, options.encoding), streamBytes(path, options))

/** What names standard input instead of a file. */
export const standardInput = '-'

/**
 * Opens standard input as a table: JSON lines, or CSV. `ERR_DATA` for what is read by position, which files alone can
 * be.
 */
export async function openInput(
  options: TextOptions,
): Promise<{ readonly kind: 'jsonl' | undefined; readonly opened: AsyncIterable<Uint8Array> }> {
  const { head, whole } = await peeked(streamBytes(standardInput, options))
  const text = Buffer.from(head.subarray(0, 256)).toString('latin1')
  const typed = /^(?:PAR1|ARROW1)/.exec(text)?.[0]
  if (typed !== undefined) {
    const format = typed === 'PAR1' ? 'Parquet' : 'Arrow'
    throw new SeqloomError('ERR_DATA', `standard input holds ${format}, which is read from files alone: name the file`)
  }
  return { kind: /^(?:\xef\xbb\xbf)?\s*\{\s*["}]/.test(text) ? 'jsonl' : undefined, opened: whole }
}

/** Reads a whole text file; see {@link streamText}. */
export async function readText(path: string, options: TextOptions = {}): Promise<string> {
  const pieces: string[] = []
  let length = 0
  for await (const piece of streamText(path, options)) {
    length += piece.length
    if (length > longestText) {
      throw new SeqloomError('ERR_MEMORY', `${path} is longer than ${longestText} characters, the limit for texts`)
    }
    pieces.push(piece)
  }
  return pieces.join('')
}

/** The most characters that a V8 string can hold. */
const longestText = 2 ** 29 - 25
