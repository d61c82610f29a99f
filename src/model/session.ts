import { convertOne, runSync, type Slot } from '../data/index.js'
import { type Data, isNumericArray, sizeOf, type Tensor } from '../data/tensor.js'
import { callNative, describe, fromNative, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { NativeSession } from '../native/index.js'
import { checkOptions, integer } from '../options.js'

/** Options of {@link Model.session}. */
export interface SessionOptions {
  /** How many sequences go on side by side; default 1. */
  readonly batchSize?: number
}

/** Checks the options of a session. */
export function checkSession(options: SessionOptions): number {
  checkOptions('session', options, { accepted: { batchSize: integer(1) } })
  return options.batchSize ?? 1
}

/**
 * Runs a model one step at a time: the states stay inside. It uses the weights that the model had when the session was made.
 * Errors: `ERR_UNSUPPORTED` for models that cannot stream, `ERR_STATE` after it was disposed.
 */
export class Session implements Disposable {
  readonly batchSize: number
  readonly #slot: Slot
  readonly #direct: typeof Float32Array | typeof Int32Array
  readonly #inputLength: number
  readonly #outputLength: number
  #native: NativeSession | undefined

  /** @internal */
  constructor(native: NativeSession, batchSize: number, slot: Slot) {
    this.#native = native
    this.batchSize = batchSize
    this.#slot = slot
    this.#direct = slot.dtype === 'int32' ? Int32Array : Float32Array
    this.#inputLength = sizeOf([batchSize, ...stepShape(slot)])
    this.#outputLength = native.outputLength
  }

  /**
   * Takes the next step of each sequence, `[batch, features]` or `[batch]` tokens (one row or one token alone for a batch of 1; typed
   * arrays without a shape hold the rows one after the other).
   */
  step(input: Data | number): Tensor {
    const native = this.#alive('step')
    // The native side checks the elements itself.
    const direct = input instanceof this.#direct && input.length === this.#inputLength
    const data = direct ? input : this.#convert(input)
    const output = new Float32Array(this.#outputLength)
    try {
      native.step(data, output)
    } catch (error) {
      throw fromNative(error)
    }
    return { data: output, shape: [this.batchSize, output.length / this.batchSize] }
  }

  /** Sets the states back to the beginning of a sequence. */
  reset(): void {
    const native = this.#alive('reset')
    callNative(() => native.reset())
  }

  /** Another session that goes on from the same states. */
  clone(): Session {
    const native = this.#alive('clone')
    return new Session(
      callNative(() => native.clone()),
      this.batchSize,
      this.#slot,
    )
  }

  /** Row i goes on from what was row `indices[i]`, as beam search needs it. */
  reorder(indices: ArrayLike<number>): void {
    const native = this.#alive('reorder')
    if (indices === null || typeof indices !== 'object' || indices.length !== this.batchSize) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `session.reorder: expected ${this.batchSize} indices, got ${describe(indices)}`,
      )
    }
    const rows = Array.from(indices)
    const wrong = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= this.batchSize)
    if (wrong !== undefined) {
      throw new SeqloomError(
        'ERR_DATA',
        `session.reorder: ${describe(wrong)} is not a row; rows are 0 to ${this.batchSize - 1}`,
      )
    }
    callNative(() => native.reorder(Uint32Array.from(rows)))
  }

  /** Frees the native side at once. */
  dispose(): void {
    this.#native?.free()
    this.#native = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #alive(what: string): NativeSession {
    if (!this.#native) throw new SeqloomError('ERR_STATE', `session.${what}: the session was disposed`)
    return this.#native
  }

  #convert(input: unknown): Float32Array | Int32Array {
    const { data, shape } = runSync(convertOne(this.#slot, this.#batched(input)))
    if (shape[0] === this.batchSize) return data
    throw new SeqloomError(
      'ERR_SHAPE',
      `session.step: expected ${this.batchSize} rows, one for each sequence, got ${shape[0]}`,
    )
  }

  /** The step with a shape: flat typed arrays hold the rows one after the other, and a single row may come alone. */
  #batched(input: unknown): unknown {
    if (this.batchSize === 1 && typeof input === 'number') return [input]
    if (this.#slot.shape.length === 1) return input
    if (isNumericArray(input)) {
      const steps = [this.batchSize, ...stepShape(this.#slot)]
      if (input.length !== this.#inputLength) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `session.step: expected ${this.#inputLength} values, ${showShape(steps)}, got ${input.length}`,
        )
      }
      return { data: input, shape: steps }
    }
    return this.batchSize === 1 && Array.isArray(input) && typeof input[0] === 'number' ? [input] : input
  }
}

/** The shape of one row of a step; the native side takes a size that is not known as 1. */
function stepShape(slot: Slot): number[] {
  return slot.shape.slice(1).map((dim) => dim ?? 1)
}

/** What one step of a model's only input is, or `ERR_UNSUPPORTED` for models with several inputs or outputs. */
export function stepSlot(inputs: readonly Slot[], outputs: number): Slot {
  const [input] = inputs
  if (!input || inputs.length !== 1 || outputs !== 1) {
    throw new SeqloomError('ERR_UNSUPPORTED', 'session: only models with one input and one output can stream so far')
  }
  if (input.shape.length < 2) {
    throw new SeqloomError('ERR_UNSUPPORTED', `session: ${input.where} is no sequence`)
  }
  const shape: Shape = [null, ...input.shape.slice(2)]
  return { ...input, shape }
}
