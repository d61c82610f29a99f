import type { FileHandle } from 'node:fs/promises'
import { bytesGiven } from '../bytes.js'
import { allocated } from '../data/allocated.js'
import { type ErrorCode, SeqloomError, visible } from '../errors.js'
import { cannot, openNamed } from '../files.js'
import { pathOf } from '../path.js'

// The seam of file formats. A format is one file that says how it is recognised, read and written, and one line in `formats.ts`. What a framework's
// names mean for our layers is said apart from that, as in `pytorch.ts`, which reads every format of named tensors.

/** A tensor in a file, whose elements are read when they are asked for. */
export interface StoredTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  /** The elements as float32, row by row. Rejects with `ERR_UNSUPPORTED` for a type that is no floating-point number. */
  read(): Promise<Float32Array>
}

/** A tensor to be written. */
export interface WrittenTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

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
  /** The bytes of a file. */
  write(tensors: readonly WrittenTensor[]): Promise<Uint8Array>
}

/** A file, or its bytes. */
export type FileOrBytes = string | URL | Uint8Array | ArrayBuffer

/** How many bytes are read at once. */
export const pieceBytes = 16 << 20

/** What is read: a file of a known size. */
export class Source {
  /** For messages: the file's name in quotes. */
  readonly where: string
  readonly size: number
  readonly #from: FileHandle | Uint8Array

  private constructor(where: string, size: number, from: FileHandle | Uint8Array) {
    this.where = where
    this.size = size
    this.#from = from
  }

  /** Opens a file or bytes; `what` says whose. Rejects with `ERR_OPTION` and `ERR_IO`. */
  static async open(what: string, given: FileOrBytes): Promise<Source> {
    const bytes = bytesGiven(given)
    if (bytes) return new Source('the file', bytes.length, bytes)
    const path = pathOf(what, given)
    const file = await openNamed(path)
    const { size } = await file.stat()
    return new Source(`'${path}'`, size, file)
  }

  /** Some of the bytes, as a copy. Rejects with `ERR_FORMAT` where the file has no such place, `ERR_MEMORY`, `ERR_IO`. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset < 0 || length < 0 || offset + length > this.size) throw this.malformed('it ends too early')
    const bytes = allocated(this.where, Uint8Array, length)
    if (this.#from instanceof Uint8Array) {
      bytes.set(this.#from.subarray(offset, offset + length))
      return bytes
    }
    for (let at = 0; at < length; ) {
      const read = await this.#readInto(this.#from, bytes.subarray(at, at + pieceBytes), offset + at)
      if (read === 0) throw this.malformed('it ends too early')
      at += read
    }
    return bytes
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
