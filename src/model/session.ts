import { allocated } from '../data/allocated.js'
import { convertAll, convertOne, runSync, type Slot, type Staged } from '../data/index.js'
import { type Data, isNumericArray, sizeOf, Tensor } from '../data/tensor.js'
import { callNative, describe, fromNative, reading, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { NativeSession } from '../native/index.js'
import { checkOptions, custom, integer, isRecord } from '../options.js'
import type { Prediction } from './model.js'

/** Options of {@link Model.session}. */
export interface SessionOptions {
  /** How many sequences run side by side; default the number of rows of the constants, or 1. */
  readonly batchSize?: number
  /**
   * The values of all inputs except the one that comes step by step, by name, with a row for each sequence: what a
   * decoder reads (an encoder's input, or its memory), and initial states. What depends only on them is computed once.
   * Default none.
   */
  readonly constants?: Readonly<Record<string, Data>>
}

/** What a session needs: which input comes step by step, and the values of the others. */
export interface SessionPlan {
  readonly batchSize: number
  /** The index of the input that comes step by step, and the slot of one step. */
  readonly step: number
  readonly slot: Slot
  readonly constants: readonly Staged[]
}

/**
 * Checks the options of a session against a model's inputs. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function sessionPlan(options: SessionOptions, inputs: readonly Slot[]): SessionPlan {
  const byName = custom('an object of values by input name', (value) => isRecord(value) && !Array.isArray(value))
  checkOptions('session', options, { accepted: { batchSize: integer(1), constants: byName } })
  const given = options.constants ?? {}
  const { step, slot, others } = splitInputs('session', Object.keys(given), inputs)
  const constants = others.length > 0 ? runSync(convertAll(others, { ...given }, 'constant')) : []
  const batchSize = options.batchSize ?? constants[0]?.shape[0] ?? 1
  return { batchSize, step, slot, constants }
}

/** Which of a model's inputs comes step by step: the one that is not among the named constants. */
export function splitInputs(
  where: string,
  named: readonly string[],
  inputs: readonly Slot[],
): { readonly step: number; readonly slot: Slot; readonly others: readonly Slot[] } {
  const names = inputs.map(({ name }) => name)
  const unknown = named.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: constants: there is no input '${unknown}'; the inputs are ${names.join(', ')}`,
    )
  }
  const steps = inputs.filter(({ name }) => !named.includes(name))
  const [input] = steps
  if (!input || steps.length > 1) {
    const found = steps.length === 0 ? 'all are given' : `${steps.map(({ name }) => name).join(' and ')} are not given`
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: all inputs but the one that comes step by step must be in constants; ${found}`,
    )
  }
  if (input.shape.length < 2) throw new SeqloomError('ERR_UNSUPPORTED', `${where}: ${input.where} is no sequence`)
  const shape: Shape = [null, ...input.shape.slice(2)]
  return { step: inputs.indexOf(input), slot: { ...input, shape }, others: inputs.filter((other) => other !== input) }
}

/**
 * Runs a model one step at a time: the states stay inside. It uses the weights that the model had when the session was
 * made. Errors: `ERR_UNSUPPORTED` for models that cannot stream, `ERR_STATE` after it was disposed.
 */
export class Session<Out extends Prediction = Prediction> implements Disposable {
  readonly batchSize: number
  readonly #slot: Slot
  readonly #list: boolean
  readonly #direct: typeof Float32Array | typeof Int32Array
  readonly #inputLength: number
  readonly #shapes: readonly (readonly number[])[]
  #native: NativeSession | undefined

  /** @internal `list` says whether a step gives an array of outputs. */
  constructor(native: NativeSession, batchSize: number, slot: Slot, list: boolean) {
    this.#native = native
    this.batchSize = batchSize
    this.#slot = slot
    this.#list = list
    this.#direct = slot.dtype === 'int32' ? Int32Array : Float32Array
    this.#inputLength = sizeOf([batchSize, ...stepShape(slot)])
    this.#shapes = callNative(() => native.outputShapes())
  }

  /**
   * Runs the next step of each sequence, `[batch, features]` or `[batch]` tokens (for a batch of 1 also a single row or
   * token; typed arrays without a shape hold the rows one after another). Returns the model's output for it,
   * `[batch, …]`, or an array of outputs.
   */
  step(input: Data | number): Out {
    const native = this.#alive('step')
    // Native code checks the elements itself.
    const direct = ArrayBuffer.isView(input) && input instanceof this.#direct && input.length === this.#inputLength
    const data = direct ? input : reading('ERR_DATA', 'session.step', () => this.#convert(input))
    const outputs = this.#shapes.map(
      (shape) => new Tensor(allocated('session.step', Float32Array, sizeOf(shape)), [...shape]),
    )
    try {
      outputs.forEach((output, index) => {
        if (index === 0) native.step(data, output.data)
        else native.readOutput(index, output.data)
      })
    } catch (error) {
      throw fromNative(error)
    }
    return (this.#list ? outputs : outputs[0]) as Out
  }

  /** Sets the states back to the beginning of a sequence; constants stay. */
  reset(): void {
    const native = this.#alive('reset')
    callNative(() => native.reset())
  }

  /** Another session that continues from the same states. */
  clone(): Session<Out> {
    const native = this.#alive('clone')
    return new Session<Out>(
      callNative(() => native.clone()),
      this.batchSize,
      this.#slot,
      this.#list,
    )
  }

  /** Row i continues from what was row `indices[i]`, constants included, as beam search needs it. */
  reorder(indices: ArrayLike<number>): void {
    const native = this.#alive('reorder')
    const rows = reading('ERR_DATA', 'session.reorder', () => this.#rows(indices))
    callNative(() => native.reorder(Uint32Array.from(rows)))
  }

  #rows(indices: ArrayLike<number>): number[] {
    if (indices === null || typeof indices !== 'object' || indices.length !== this.batchSize) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `session.reorder: expected ${this.batchSize} indices, got ${describe(indices)}`,
      )
    }
    const rows = Array.from(indices)
    const wrong = rows.findIndex((row) => !Number.isInteger(row) || row < 0 || row >= this.batchSize)
    if (wrong >= 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `session.reorder: ${describe(rows[wrong])} is not a row; rows are 0 to ${this.batchSize - 1}`,
      )
    }
    return rows
  }

  /** Frees the native memory at once. */
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

  /** The step with a shape: flat typed arrays hold the rows one after another, and a single row may come by itself. */
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
