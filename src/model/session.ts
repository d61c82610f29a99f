import { allocated } from '../data/allocated.js'
import { convertAll, convertOne, runSync, type Slot, type Staged } from '../data/index.js'
import { type Data, isNumericArray, sizeOf, Tensor } from '../data/tensor.js'
import { callNative, describe, fromNative, reading, SeqloomError } from '../errors.js'
import { showShape } from '../graph/shape.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { NativeSession } from '../native/index.js'
import { checkOptions, custom, integer, isRecord } from '../options.js'
import type { Prediction } from './model.js'
import { inputSlots } from './slots.js'
import type { Topology } from './topology.js'

/** Options of {@link Model.session}. */
export interface SessionOptions {
  /** How many sequences run side by side; default the number of rows of the constants, or 1. */
  readonly batchSize?: number
  /**
   * The values of all inputs except those that come step by step, by name, with a row for each sequence: what a
   * decoder reads (an encoder's input, or its memory), and initial states. What depends only on them is computed once.
   * Default none.
   */
  readonly constants?: Readonly<Record<string, Data>>
}

/** What a session needs: which input comes step by step, and the values of the others. */
export interface SessionPlan {
  readonly batchSize: number
  /** The indices of the inputs that come step by step, and the slot of one step of each. */
  readonly steps: readonly number[]
  readonly slots: readonly Slot[]
  readonly constants: readonly Staged[]
}

/**
 * Checks the options of a session against a model's inputs. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function sessionPlan(options: SessionOptions, topology: Topology): SessionPlan {
  const byName = custom('an object of values by input name', (value) => isRecord(value) && !Array.isArray(value))
  checkOptions('session', options, { accepted: { batchSize: integer(1), constants: byName } })
  const given = options.constants ?? {}
  const { steps, slots, others } = movingInputs(Object.keys(given), topology)
  const constants = others.length > 0 ? runSync(convertAll(others, { ...given }, 'constant')) : []
  const batchSize = options.batchSize ?? constants[0]?.shape[0] ?? 1
  return { batchSize, steps, slots, constants }
}

/**
 * The inputs that come step by step: the one that is not among the named constants, or those that a layer reads side by
 * side, such as values and the times between them.
 */
function movingInputs(named: readonly string[], topology: Topology) {
  const inputs = inputSlots(topology)
  const { fed } = topology.before
  const read = topology.calls.flatMap(({ layer, inputs: given }) => {
    const count = layer.sequenceCount()
    return count > 1 ? given.slice(0, count) : []
  })
  const beside = inputs.filter((_, at) => read.includes(fed[at] as SymbolicTensor))
  const moving = inputs.filter(({ name }) => !named.includes(name))
  // A sequence that the layer does not read as it is given, if there is one.
  const others = moving.filter((slot) => !beside.includes(slot)).length
  const computed = read.some((value) => !fed.includes(value))
  if (moving.length < 2 || moving.length === others || others > (computed ? 1 : 0)) {
    const { step, slot, others: constants } = splitInputs('session', named, inputs)
    return { steps: [step], slots: [slot], others: constants }
  }
  // Checks the names of the constants.
  splitInputs('session', [...named, ...moving.slice(1).map(({ name }) => name)], inputs)
  return {
    steps: moving.map((slot) => inputs.indexOf(slot)),
    slots: moving.map(stepSlot),
    others: inputs.filter((slot) => !moving.includes(slot)),
  }
}

/** The slot of one step of an input. */
const stepSlot = (input: Slot): Slot => ({ ...input, shape: [null, ...input.shape.slice(2)] })

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
  return { step: inputs.indexOf(input), slot: stepSlot(input), others: inputs.filter((other) => other !== input) }
}

/**
 * Runs a model one step at a time: the states stay inside. It uses the weights that the model had when the session was
 * made. Errors: `ERR_UNSUPPORTED` for models that cannot stream, `ERR_STATE` after it was disposed.
 */
export class Session<Out extends Prediction = Prediction> implements Disposable {
  readonly batchSize: number
  /** Of each input that comes step by step. */
  readonly #slots: readonly Slot[]
  readonly #list: boolean
  readonly #direct: typeof Float32Array | typeof Int32Array
  /** Elements of a step; 0 if it has several inputs. */
  readonly #inputLength: number
  readonly #shapes: readonly (readonly number[])[]
  #native: NativeSession | undefined

  /** @internal `list` says whether a step gives an array of outputs. */
  constructor(native: NativeSession, batchSize: number, slots: readonly Slot[], list: boolean) {
    this.#native = native
    this.batchSize = batchSize
    this.#slots = slots
    this.#list = list
    this.#direct = slots[0]?.dtype === 'int32' ? Int32Array : Float32Array
    this.#inputLength = slots.length === 1 ? sizeOf([batchSize, ...stepShape(slots[0] as Slot)]) : 0
    this.#shapes = callNative(() => native.outputShapes())
  }

  /**
   * Runs the next step of each sequence, `[batch, features]` or `[batch]` tokens (for a batch of 1 also a single row or
   * token; typed arrays without a shape hold the rows one after another). Returns the model's output for it,
   * `[batch, …]`, or an array of outputs. Where several inputs come step by step, it takes an object of all of them by
   * name, or an array in the model's order.
   */
  step(input: Data | number | Readonly<Record<string, Data | number>>): Out {
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
      this.#slots,
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
    const [slot, ...others] = this.#slots as [Slot, ...Slot[]]
    if (others.length === 0) return this.#converted(slot, input)
    const names = this.#slots.map(({ name }) => name)
    const byName = isRecord(input) && !ArrayBuffer.isView(input)
    if (byName ? Object.keys(input).toSorted().join() !== names.toSorted().join() : !isListOf(input, names.length)) {
      throw new SeqloomError(
        'ERR_DATA',
        `session.step: expected a step of ${names.join(' and ')}, as an object by name or an array; got ${
          byName ? `an object of ${Object.keys(input).join(', ') || 'nothing'}` : describe(input)
        }`,
      )
    }
    const parts = this.#slots.map((each, index) =>
      this.#converted(each, byName ? input[each.name] : (input as readonly unknown[])[index]),
    )
    const widths = parts.map((part) => part.length / this.batchSize)
    const step = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (let row = 0; row < this.batchSize; row++) {
      for (const [index, part] of parts.entries()) {
        const width = widths[index] as number
        step.set(part.subarray(row * width, (row + 1) * width), at)
        at += width
      }
    }
    return step
  }

  #converted(slot: Slot, input: unknown): Float32Array | Int32Array {
    const { data, shape } = runSync(convertOne(slot, this.#batched(slot, input)))
    if (shape[0] === this.batchSize) return data
    throw new SeqloomError(
      'ERR_SHAPE',
      `session.step: expected ${this.batchSize} rows, one for each sequence, got ${shape[0]}`,
    )
  }

  /** The step with a shape: flat typed arrays hold the rows one after another, and a single row may come by itself. */
  #batched(slot: Slot, input: unknown): unknown {
    if (this.batchSize === 1 && typeof input === 'number') return [input]
    if (slot.shape.length === 1) return input
    if (isNumericArray(input)) {
      const steps = [this.batchSize, ...stepShape(slot)]
      if (input.length !== sizeOf(steps)) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `session.step: expected ${sizeOf(steps)} values, ${showShape(steps)}, got ${input.length}`,
        )
      }
      return { data: input, shape: steps }
    }
    return this.batchSize === 1 && Array.isArray(input) && typeof input[0] === 'number' ? [input] : input
  }
}

const isListOf = (value: unknown, length: number) => Array.isArray(value) && value.length === length

/** The shape of one row of a step; the native side takes a size that is not known as 1. */
function stepShape(slot: Slot): number[] {
  return slot.shape.slice(1).map((dim) => dim ?? 1)
}
