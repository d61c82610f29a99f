import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { bytesGiven } from '../bytes.js'
import { allocated } from '../data/allocated.js'
import { type ErrorCode, SeqloomError, visible } from '../errors.js'
import { cannot, openNamed } from '../files.js'
import type { FilePlace, Pieces } from '../model/newWeights.js'
import { readsFiles } from '../model/readWhole.js'
import { pathOf } from '../path.js'

// The seam of file formats. A format is one file that says how it is recognised, read and written, and one line in `formats.ts`. What a framework's
// names mean for our layers is said apart from that, as in `pytorch.ts`, which reads every format of named tensors.

/** A tensor in a file, whose elements are read when they are asked for. */
export interface StoredTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  /** Elements as float32, row by row. Rejects with `ERR_UNSUPPORTED` for a type that is no floating-point number. */
  readonly pieces: Pieces
}

/** A tensor to be written. */
export interface WrittenTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Its elements, made when their turn comes. */
  data(): Promise<Float32Array>
}

/** The bytes of elements. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** A file format of named tensors. */
export interface Format {
  /** What it is called, for messages. */
  readonly name: string
  /** How names of such files end. */
  readonly endings: readonly string[]
  /** Whether tensors are in the order in which the module has them, rather than sorted. */
  readonly keepsOrder: boolean
  /** Whether a file may be of this format, by its first bytes. */
  recognises(head: Uint8Array): boolean
  /**
   * What the file holds, in its order; in a format of nested dictionaries, what it holds below `key`. Rejects with `ERR_FORMAT` before anything is made of
   * sizes that the file cannot have, and with `ERR_OPTION` for a key that it does not have.
   */
  read(source: Source, key?: readonly string[]): Promise<ReadonlyMap<string, StoredTensor>>
  /** The bytes of a file, piece by piece, so that no more than one tensor is held besides the model. */
  write(tensors: readonly WrittenTensor[]): AsyncIterable<Uint8Array>
}

/** A file, or its bytes. */
export type FileOrBytes = string | URL | Uint8Array | ArrayBuffer

/** How many bytes are read at once. */
export const pieceBytes = 1 << 20

/** All elements of a tensor at once. Rejects as reading their pieces does, and with `ERR_MEMORY`, naming `where`. */
export async function wholeOf(
  where: string,
  { shape, pieces }: Pick<StoredTensor, 'shape' | 'pieces'>,
): Promise<Float32Array> {
  const count = shape.reduce((product, size) => product * size, 1)
  let all: Float32Array | undefined
  let at = 0
  for await (const piece of pieces(0, count)) {
    // Whatever is wrong with the tensor is told first.
    all ??= allocated(where, Float32Array, count)
    all.set(piece, at)
    at += piece.length
  }
  return all ?? new Float32Array(0)
}

/** What is read: a file of a known size. */
export class Source {
  /** For messages: the file's name in quotes. */
  readonly where: string
  readonly size: number
  readonly #from: FileHandle | Uint8Array
  /** Where it begins. */
  readonly #start: number

  private constructor(where: string, size: number, from: FileHandle | Uint8Array, start = 0) {
    this.where = where
    this.size = size
    this.#from = from
    this.#start = start
  }

  /** Bytes that are at hand. */
  static of(where: string, bytes: Uint8Array): Source {
    return new Source(where, bytes.length, bytes)
  }

  /** Opens a file or bytes; `what` says whose. Rejects with `ERR_OPTION` and `ERR_IO`. */
  static async open(what: string, given: FileOrBytes): Promise<Source> {
    const bytes = bytesGiven(given)
    if (bytes) return Source.of('the file', bytes)
    const path = pathOf(what, given)
    const file = await openNamed(path)
    const where = `'${path}'`
    const found = await file.stat()
    if (found.isFile()) return new Source(where, found.size, file)
    // A pipe cannot be read here and there.
    try {
      return Source.of(where, await file.readFile())
    } catch (cause) {
      throw cannot('read', where, cause)
    } finally {
      await file.close()
    }
  }

  /** A part of it, which is not closed by itself. Throws `ERR_FORMAT` where the file has no such place. */
  part(where: string, offset: number, size: number): Source {
    this.#check(offset, size)
    return new Source(where, size, this.#from, this.#start + offset)
  }

  /** A few bytes at once, of a description that is read step by step; they are not to be changed. Throws as {@link read}. */
  readNow(offset: number, length: number): Uint8Array {
    this.#check(offset, length)
    const start = this.#start + offset
    if (this.#from instanceof Uint8Array) return this.#from.subarray(start, start + length)
    const bytes = allocated(this.where, Uint8Array, length)
    for (let at = 0; at < length; ) {
      let read: number
      try {
        read = readSync(this.#from.fd, bytes, at, length - at, start + at)
      } catch (cause) {
        throw cannot('read', this.where, cause)
      }
      if (read === 0) throw this.malformed('it ends too early')
      at += read
    }
    return bytes
  }

  /** Some of the bytes, as a copy. Rejects with `ERR_FORMAT` where the file has no such place, `ERR_MEMORY`, `ERR_IO`. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#check(offset, length)
    const bytes = allocated(this.where, Uint8Array, length)
    await this.#fill(bytes, offset)
    return bytes
  }

  /**
   * The same piece by piece, each of whole units of `unit` bytes and there until the next one is asked for; while it is
   * used, the next one is read.
   */
  async *pieces(offset: number, length: number, unit: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    this.#check(offset, length)
    // Large pieces take less time, and little memory where there is much to read.
    const wanted = Math.min(Math.max(pieceBytes, length / 64), 4 * pieceBytes)
    const most = Math.max(1, Math.floor(wanted / unit)) * unit
    const room = () => allocated(this.where, Uint8Array, Math.min(most, length))
    let [now, next] = [room(), length > most ? room() : undefined]
    const begin = (into: Uint8Array<ArrayBuffer>, at: number) => {
      const piece = into.subarray(0, Math.min(into.length, length - at))
      const read = this.#fill(piece, offset + at).then(() => piece)
      // It may fail before anybody waits for it.
      read.catch(() => undefined)
      return read
    }
    let coming = length > 0 ? begin(now, 0) : undefined
    try {
      for (let at = 0; coming; ) {
        const piece = await coming
        at += piece.length
        coming = next && at < length ? begin(next, at) : undefined
        yield piece
        if (next) [now, next] = [next, now]
      }
    } finally {
      // Whoever breaks off may close the file.
      await coming?.catch(() => undefined)
    }
  }

  /** Where a byte is for native code, which can read files that are open, except on Windows. */
  place(offset: number): Pick<FilePlace, 'where' | 'descriptor' | 'offset'> | undefined {
    if (this.#from instanceof Uint8Array || !readsFiles) return undefined
    return { where: this.where, descriptor: this.#from.fd, offset: this.#start + offset }
  }

  async close(): Promise<void> {
    if (!(this.#from instanceof Uint8Array)) await this.#from.close()
  }

  /** The error for contents that are not what they should be. */
  malformed(why: string): SeqloomError {
    return new SeqloomError('ERR_FORMAT', `${this.where}: ${visible(why)}`)
  }

  /** The error for contents that are not read. */
  unsupported(why: string): SeqloomError {
    return new SeqloomError('ERR_UNSUPPORTED', `${this.where}: ${visible(why)}`)
  }

  #check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) throw this.malformed('it ends too early')
  }

  async #fill(bytes: Uint8Array, offset: number): Promise<void> {
    const start = this.#start + offset
    if (this.#from instanceof Uint8Array) {
      bytes.set(this.#from.subarray(start, start + bytes.length))
      return
    }
    for (let at = 0; at < bytes.length; ) {
      const read = await this.#readInto(this.#from, bytes.subarray(at, at + pieceBytes), start + at)
      if (read === 0) throw this.malformed('it ends too early')
      at += read
    }
  }

  async #readInto(file: FileHandle, into: Uint8Array, position: number): Promise<number> {
    try {
      return (await file.read(into, 0, into.length, position)).bytesRead
    } catch (cause) {
      throw cannot('read', this.where, cause)
    }
  }
}

/** What could not be mapped, all of it told at once. */
export class Unmapped {
  readonly #lines = new Set<string>()

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  add(line: string): void {
    // Names from a file may hold anything.
    this.#lines.add(visible(line))
  }

  /** Throws everything that was added, if anything was. */
  check(heading: string, code: ErrorCode = 'ERR_FORMAT'): void {
    if (this.isEmpty) return
    throw new SeqloomError(code, [`${heading}:`, ...Array.from(this.#lines, (line) => `- ${line}`)].join('\n'))
  }
}
