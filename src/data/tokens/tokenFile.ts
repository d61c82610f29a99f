import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { describe, SeqloomError } from '../../errors.js'
import { cannot, openNamed } from '../../files.js'
import { checkOptions, flag, integer, seed as seedRule } from '../../options.js'
import type { Blocks } from '../blocks.js'
import { Dataset, type Start } from '../dataset.js'
import { permutation } from '../permutation.js'
import { headerSize, readEnds, type TokenHeader, trailerSize } from './header.js'
import { type CorpusTokenizer, fingerprintOf } from './tokenizer.js'

/** A row to train a language model with: ids, and the id that follows each. */
export interface TokenWindow {
  /** `[time]` */
  readonly x: Int32Array
  /** `[time]` */
  readonly y: Int32Array
}

/** The part of a file that is read. */
export interface TokenRange {
  /** The first token; default 0. */
  readonly from?: number
  /** The token before which the part ends; default the number of tokens. */
  readonly to?: number
}

/** Options of {@link TokenFile.windows}. */
export interface TokenWindowsOptions extends TokenRange {
  /** The number of steps of a row. */
  readonly time: number
  /** How many tokens after the beginning of a row the next one begins; default `time`. */
  readonly stride?: number
  /** Whether the rows come in a random order, another one in each pass; default false. */
  readonly shuffle?: boolean
  /** Determines that order, together with the number of the pass; default 0. */
  readonly seed?: number
}

/** Options of {@link TokenFile.batches}. */
export interface TokenBatchesOptions extends TokenRange {
  /** How many parts of the text are read side by side: the rows of a batch. */
  readonly batchSize: number
  /** The number of steps in a batch. */
  readonly time: number
}

/** How many rows are read at a time. */
const rowsAtOnce = 64

/**
 * Token ids in a file, read by position, so that a text of any size takes no memory. It is read (`pread`), not mapped:
 * a file that is cut while it is used is an error, where a mapped one ends the process. Made by {@link writeTokens},
 * opened by {@link tokens}.
 */
export class TokenFile {
  readonly path: string
  readonly #header: TokenHeader
  /** The number of tokens. */
  readonly length: number
  /** What tells the file from one that takes its place. */
  readonly #identity: string

  private constructor(
    path: string,
    identity: string,
    { length, ...header }: TokenHeader & { readonly length: number },
  ) {
    this.path = path
    this.#identity = identity
    this.#header = header
    this.length = length
  }

  /** @internal */
  static async open(path: string): Promise<TokenFile> {
    const file = await openNamed(path)
    try {
      const found = await file.stat()
      const { size } = found
      const [header, trailer] = [Buffer.alloc(headerSize), Buffer.alloc(trailerSize)]
      const { bytesRead } = await file.read(header, 0, headerSize, 0)
      await file.read(trailer, 0, trailerSize, Math.max(0, size - trailerSize))
      return new TokenFile(path, identityOf(found), readEnds(path, size, header.subarray(0, bytesRead), trailer))
    } catch (error) {
      throw cannot('read', path, error)
    } finally {
      await file.close()
    }
  }

  /** One more than the largest id that there can be: the `inputDim` that an embedding needs. */
  get vocabularySize(): number {
    return this.#header.vocabularySize
  }

  /** The type of the ids in the file: `'uint16'` for vocabularies of up to 65,536 tokens. */
  get dtype(): 'uint16' | 'uint32' {
    return this.#header.width === 2 ? 'uint16' : 'uint32'
  }

  /** Whether the ids are those of a tokenizer: its vocabulary and rules are the same, bit by bit. */
  isOf(tokenizer: CorpusTokenizer): boolean {
    return fingerprintOf(tokenizer) === this.#header.fingerprint
  }

  /** Some ids. `ERR_OPTION` for what is not in the file, `ERR_IO`, `ERR_DATA` if it was cut meanwhile. */
  async read(from: number, to: number): Promise<Int32Array> {
    const where = 'TokenFile.read'
    for (const each of [from, to]) {
      if (integer(0, this.length).accepts(each)) continue
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: expected ${integer(0, this.length).expected}, not ${describe(each)}`,
      )
    }
    const file = await this.#opened()
    try {
      return await this.#ids(file, from, Math.max(0, to - from))
    } finally {
      await file.close()
    }
  }

  /**
   * Rows of `time` tokens, each with the tokens that follow, to train with or to measure on: of the whole file or of a
   * part. Shuffled, they come in an order that is computed, so that it takes no memory and no pass over the file, and a
   * resumed training enters it at once. What is left at the end makes no row. `ERR_OPTION`; `ERR_DATA` if the part is
   * shorter than one row.
   */
  windows(options: TokenWindowsOptions): Dataset<TokenWindow> {
    const where = 'TokenFile.windows'
    checkOptions(where, options, {
      accepted: { ...this.#range, time: integer(1), stride: integer(1), shuffle: flag, seed: seedRule },
      required: ['time'],
    })
    const { time, stride = time, shuffle = false, seed = 0, from = 0, to = this.length } = options
    const rows = Math.floor((to - from - 1 - time) / stride) + 1
    if (rows < 1) throw this.#tooShort(where, time + 1, to - from)
    return this.#rows(time, rows, (pass) => {
      const order = shuffle ? permutation(rows, seed, pass) : (at: number) => at
      return (at) => from + order(at) * stride
    })
  }

  /**
   * `batchSize` parts of the file read side by side, `time` tokens at a time, as `text.languageModelBatches` lays them
   * out: row i of each batch continues where row i of the one before ended, as stateful layers need it. Give `fit` the
   * same `batchSize`. `ERR_OPTION`; `ERR_DATA` for less than a batch.
   */
  batches(options: TokenBatchesOptions): Dataset<TokenWindow> {
    const where = 'TokenFile.batches'
    checkOptions(where, options, {
      accepted: { ...this.#range, batchSize: integer(1), time: integer(1) },
      required: ['batchSize', 'time'],
    })
    const { batchSize, time, from = 0, to = this.length } = options
    const batches = Math.floor((to - from - 1) / batchSize / time)
    if (batches < 1) throw this.#tooShort(where, batchSize * time + 1, to - from)
    const start = (at: number) => from + (at % batchSize) * batches * time + Math.floor(at / batchSize) * time
    return this.#rows(time, batches * batchSize, () => start)
  }

  get #range() {
    return { from: integer(0, this.length), to: integer(0, this.length) }
  }

  #tooShort(where: string, needed: number, found: number): SeqloomError {
    const part = `${this.path} has ${Math.max(0, found)} tokens to read`
    return new SeqloomError('ERR_DATA', `${where}: ${part}; ${needed} are needed`)
  }

  /** Rows by their number: where they begin depends on the pass. */
  #rows(time: number, rows: number, startsOf: (pass: number) => (at: number) => number): Dataset<TokenWindow> {
    const from = ({ pass, skip }: Start) => this.#blocks(time, rows, startsOf(pass), skip)
    const size = async () => rows
    return new Dataset<TokenWindow>({ name: this.path, from, size })
  }

  async *#blocks(time: number, rows: number, start: (at: number) => number, skip: number): Blocks<TokenWindow> {
    const file = await this.#opened()
    try {
      for (let at = skip; at < rows; at += rowsAtOnce) {
        const numbers = Array.from({ length: Math.min(rowsAtOnce, rows - at) }, (_, index) => at + index)
        yield await Promise.all(
          numbers.map(async (row) => {
            const ids = await this.#ids(file, start(row), time + 1)
            return { x: ids.subarray(0, time), y: ids.subarray(1) }
          }),
        )
      }
    } finally {
      await file.close()
    }
  }

  /** The file, if it is still the same. */
  async #opened(): Promise<FileHandle> {
    const file = await openNamed(this.path)
    try {
      if (identityOf(await file.stat()) === this.#identity) return file
    } catch (error) {
      await file.close()
      throw cannot('read', this.path, error)
    }
    await file.close()
    throw new SeqloomError('ERR_DATA', `${this.path} was changed meanwhile; open it again`)
  }

  async #ids(file: FileHandle, from: number, count: number): Promise<Int32Array> {
    const { width } = this.#header
    const bytes = new Uint8Array(count * width)
    let read = 0
    while (read < bytes.length) {
      const { bytesRead } = await file
        .read(bytes, read, bytes.length - read, headerSize + from * width + read)
        .catch((cause: unknown) => {
          throw cannot('read', this.path, cause)
        })
      if (bytesRead === 0) {
        throw new SeqloomError('ERR_DATA', `${this.path} ends before token ${from + count}: it was cut meanwhile`)
      }
      read += bytesRead
    }
    const ids = width === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer)
    const wrong = ids.findIndex((id) => id >= this.vocabularySize)
    if (wrong >= 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `${this.path} is damaged: token ${from + wrong} is ${ids[wrong]}, and the vocabulary has ${this.vocabularySize} tokens`,
      )
    }
    return Int32Array.from(ids)
  }
}

const identityOf = ({ dev, ino, size, mtimeMs }: Stats): string => [dev, ino, size, mtimeMs].join()
