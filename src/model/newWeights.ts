import { setImmediate } from 'node:timers/promises'
import { callNative, SeqloomError } from '../errors.js'
import type { NativeNewWeights } from '../native/index.js'
import type { Engine } from './engine.js'
import { type OpenFile, readError, readWhole } from './readWhole.js'

/**
 * Elements of an array that follow each other, and where they go in a weight. They are the box `sizes`, row by row; the
 * strides say how far apart in the weight those of each axis are.
 */
export interface Move {
  /** The first element. */
  readonly from: number
  readonly sizes: readonly number[]
  readonly strides: readonly number[]
  /** Its place in the weight. */
  readonly to: number
}

/** Some elements of an array, in order; each piece is there until the next one is asked for. */
export interface Pieces {
  (from: number, count: number): AsyncIterable<Float32Array>
  /**
   * Where they are, if native code can read them from there: places one after the other, each open until the next one is
   * asked for.
   */
  readonly places?: ((from: number, count: number) => AsyncIterable<FilePlace>) | undefined
}

/** Elements in an open file, little-endian, one after the other. */
export interface FilePlace {
  /** The file, for messages. */
  readonly where: string
  readonly descriptor: number
  /** The first byte. */
  readonly offset: number
  /** How many elements. */
  readonly count: number
  readonly dtype: 'F32' | 'F16' | 'BF16'
}

/** So many elements as they are. */
export const inOrder = (count: number): Move => ({ from: 0, sizes: [count], strides: [1], to: 0 })

/** The number of elements that are moved. */
export const countOf = ({ sizes }: Pick<Move, 'sizes'>): number => sizes.reduce((product, size) => product * size, 1)

/** How many elements of an array in memory are moved between two chances for the event loop. */
const slice = 1 << 20

/** The pieces of an array in memory. */
export const piecesOf = (values: Float32Array): Pieces =>
  async function* (from, count) {
    for (let at = from; at < from + count; at += slice) {
      yield values.subarray(at, Math.min(at + slice, from + count))
      if (at + slice < from + count) await setImmediate()
    }
  }

/**
 * New weights of a model, written piece by piece, so that a large file needs no memory besides theirs. The model has its
 * own until {@link take}: whatever goes wrong before leaves it as it was.
 */
export class NewWeights {
  readonly #engine: Engine
  readonly #native: NativeNewWeights

  private constructor(engine: Engine, native: NativeNewWeights) {
    this.#engine = engine
    this.#native = native
  }

  /** Memory for them. Rejects with `ERR_MEMORY`, `ERR_STATE`. */
  static async of(engine: Engine): Promise<NewWeights> {
    const native = await engine.queue('setWeights', 'callbacks', () =>
      engine.cancellable(undefined, () => engine.ready().newWeights()),
    )
    return new NewWeights(engine, native)
  }

  /** Writes elements of weight `index`. With `clamps`, infinities become the largest numbers. Rejects with `ERR_DATA`. */
  async move(index: number, pieces: Pieces, moves: readonly Move[], clamps = false): Promise<void> {
    for (const move of moves) {
      const { from, sizes, strides, to } = move
      let at = 0
      if (pieces.places) {
        for await (const place of pieces.places(from, countOf(move))) {
          await this.#read(index, place, move, at, clamps)
          at += place.count
        }
        continue
      }
      for await (const piece of pieces(from, countOf(move))) {
        callNative(() => this.#native.put(index, to, sizes, strides, at, piece, clamps))
        at += piece.length
      }
    }
  }

  /**
   * Has native code read elements of a file, on all threads: those of the box from one on. Rejects with `ERR_DATA`,
   * `ERR_FORMAT`, `ERR_IO`.
   */
  async #read(
    index: number,
    { where, descriptor, offset, count, dtype }: FilePlace,
    { sizes, strides, to }: Move,
    from: number,
    clamps: boolean,
  ): Promise<void> {
    try {
      await this.#native.read(index, to, sizes, strides, from, count, descriptor, offset, dtype, clamps)
    } catch (cause) {
      const error = readError(cause, where)
      if (!(error instanceof SeqloomError) || error.code !== 'ERR_FORMAT') throw error
      throw new SeqloomError('ERR_FORMAT', `${where}: ${error.message}`, { cause })
    }
  }

  /** Writes all elements of weight `index`. Rejects with `ERR_DATA`. */
  async put(index: number, values: Float32Array, clamps = false): Promise<void> {
    await this.move(index, piecesOf(values), [inOrder(values.length)], clamps)
  }

  /** Takes a whole safetensors file that has all weights; see {@link readWhole}. */
  async readFile(path: string, file: OpenFile, sha256?: string): Promise<boolean> {
    return await readWhole(this.#native, path, file, sha256)
  }

  /** Takes the next bytes of a safetensors file of `size` bytes that has all weights. `ERR_FORMAT`, `ERR_DATA`. */
  append(bytes: Uint8Array, size: number): void {
    callNative(() => this.#native.appendFile(bytes, size))
  }

  /** Gives the model the weights that were written; it keeps the others. Rejects with `ERR_STATE`. */
  async take(): Promise<void> {
    const engine = this.#engine
    await engine.queue('setWeights', 'callbacks', async () => {
      await engine.cancellable(undefined, () => engine.ready().takeWeights(this.#native))
      engine.tell()
    })
  }

  /** Frees the memory unless the model has it. */
  free(): void {
    callNative(() => this.#native.free())
  }
}

/** Has `write` write new weights of a model, which takes them once all is done, and else keeps its own. */
export async function renew(engine: Engine, write: (weights: NewWeights) => Promise<void>): Promise<void> {
  const weights = await NewWeights.of(engine)
  try {
    await write(weights)
    await weights.take()
  } finally {
    weights.free()
  }
}
