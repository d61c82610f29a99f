import { describe, reading, SeqloomError } from '../errors.js'
import { checkOptions, custom } from '../options.js'
import { Tensor } from './result.js'

export type { NestedNumbers } from './result.js'
export { Tensor }

/** Typed arrays that hold numbers. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array

/** Numbers in row-major order with a shape; for sequences also how long each row is, or which steps count. */
export interface TensorLike {
  readonly data: NumericArray
  readonly shape: readonly number[]
  /** How many leading steps of each row count, `[batch]`. */
  readonly lengths?: Uint32Array
  /** Which steps count, 1 or 0 each, `[batch · time]`. */
  readonly mask?: Uint8Array
}

/** Tensors of other libraries, such as tfjs's. */
export interface ForeignTensor {
  readonly shape: readonly number[]
  dataSync(): unknown
}

/** Nested arrays of numbers, or of booleans, which count as 0 and 1. */
export type NestedArray = readonly (number | boolean | NumericArray | NestedArray)[]

/** One input or target: a tensor, nested or ragged arrays, or a typed array with one number per row. */
export type Data = TensorLike | ForeignTensor | NestedArray | NumericArray

/** @inline A text, or nested arrays of texts, for inputs of texts. */
export type Texts = string | readonly Texts[]

/** The inputs or targets of a model: several in the model's order or by name, or a single one by itself. */
export type DataSet = Data | Texts | readonly (Data | Texts)[] | { readonly [name: string]: Data | Texts }

/**
 * Rows or batches one after another: `{ x, y }`, `[x, y]` or with a third part `sampleWeight`; for predictions `{ x }`
 * or the inputs alone. A `Dataset`, any other iterable or async iterable but arrays, or a web stream. Elements are
 * batches if their inputs have as many dimensions as the model's with the batch, rows if they have one less.
 */
export type Streamed =
  | AsyncIterable<unknown>
  | (Iterable<unknown> & { readonly length?: never })
  | ReadableStream<unknown>

/** What `tensor` takes besides data and shape. */
export interface TensorOptions {
  /** How many leading steps of each row count (right padding); from 1 to the number of steps. */
  readonly lengths?: readonly number[] | Uint32Array | Int32Array | undefined
  /** Which steps count, `[batch][time]` or flat; a row may have none. */
  readonly mask?: readonly boolean[] | readonly (readonly boolean[])[] | Uint8Array | undefined
}

const numericArrays = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
}

/** The class of a typed array, also of another realm, such as that of a test runner; undefined for anything else. */
const classOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as (this: unknown) => string | undefined

/** Whether a value is a typed array of numbers (not of BigInts). */
export function isNumericArray(value: unknown): value is NumericArray {
  return Object.hasOwn(numericArrays, classOf.call(value) ?? '')
}

/** A typed array of numbers as one of this realm, over the same memory; undefined for anything else. */
export function numericArray(value: unknown): NumericArray | undefined {
  if (!isNumericArray(value)) return undefined
  const Own = numericArrays[classOf.call(value) as keyof typeof numericArrays]
  if (value instanceof Own) return value
  // Of memory that was given away there is nothing.
  return value.length === 0 ? new Own(0) : new Own(value.buffer as ArrayBuffer, value.byteOffset, value.length)
}

/** The number of elements of a shape; NaN if it is not an array of non-negative integers with an exact product. */
export function sizeOf(shape: unknown): number {
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return Number.NaN
  const size = shape.reduce((product: number, dim: number) => product * dim, 1)
  return Number.isSafeInteger(size) ? size : Number.NaN
}

/**
 * Numbers with a shape, batch first: `tensor(data, [2, 3, 5], { lengths: [3, 1] })`. The data are not copied.
 *
 * Errors: `ERR_DATA` for data that are not numbers, a detached buffer, lengths outside 1 to the number of steps, or a
 * mask without any valid step; `ERR_SHAPE` if the shape is not a shape or does not fit the data.
 */
export function tensor<Values extends NumericArray>(
  data: Values,
  shape: readonly number[],
  options?: TensorOptions,
): Tensor<Values>
export function tensor(data: readonly number[], shape: readonly number[], options?: TensorOptions): Tensor<Float64Array>
export function tensor(
  data: NumericArray | readonly number[],
  shape: readonly number[],
  options?: TensorOptions,
): Tensor<NumericArray>
export function tensor(
  data: NumericArray | readonly number[],
  shape: readonly number[],
  options: TensorOptions = {},
): Tensor<NumericArray> {
  return reading('ERR_DATA', 'tensor', () => checked(data, shape, options))
}

const isBigIntArray = (value: unknown): boolean => value instanceof BigInt64Array || value instanceof BigUint64Array

function checked(
  data: NumericArray | readonly number[],
  shape: readonly number[],
  options: TensorOptions,
): Tensor<NumericArray> {
  checkOptions('tensor', options, {
    accepted: { lengths: custom('an array of integers', isList), mask: custom('an array of booleans', isList) },
  })
  const values = Array.isArray(data) ? fromNumbers(data) : numericArray(data)
  if (!values) {
    const wide = isBigIntArray(data) ? '; Int32Array.from(data, Number) makes one' : ''
    throw new SeqloomError('ERR_DATA', `tensor: data must be a typed array of numbers, not ${describe(data)}${wide}`)
  }
  const size = sizeOf(shape)
  if (Number.isNaN(size)) {
    throw new SeqloomError('ERR_SHAPE', `tensor: shape must be an array of sizes, not ${describe(shape)}`)
  }
  if (values.length !== size) {
    if (values.length === 0 && values.buffer.byteLength === 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `tensor: the data's buffer is empty or detached, the shape needs ${size} elements`,
      )
    }
    throw new SeqloomError(
      'ERR_SHAPE',
      `tensor: the shape ${describe(shape)} needs ${size} elements, the data have ${values.length}`,
    )
  }
  if (options.lengths !== undefined && options.mask !== undefined) {
    throw new SeqloomError('ERR_OPTION', 'tensor: lengths and mask exclude each other; give one of them')
  }
  const { lengths, mask } = options
  return new Tensor(values, [...shape], {
    ...(lengths !== undefined && { lengths: checkLengths('tensor', lengths, shape) }),
    ...(mask !== undefined && { mask: checkMask('tensor', mask, shape) }),
  })
}

/** Lengths as native code takes them, each from 1 to the number of steps. */
export function checkLengths(where: string, lengths: unknown, shape: readonly number[]): Uint32Array {
  const [batch, time] = sequenceShape(where, shape)
  const list = lengths as ArrayLike<unknown>
  if (!isList(lengths) || list.length !== batch) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: expected ${batch} lengths, one per row, got ${list?.length ?? 'none'}`,
    )
  }
  const checked = new Uint32Array(batch)
  for (let row = 0; row < batch; row++) {
    const length = list[row]
    if (!Number.isInteger(length) || (length as number) < 1 || (length as number) > time) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: the length of row ${row} is ${describe(length)}; it must be an integer from 1 to ${time}`,
      )
    }
    checked[row] = length as number
  }
  return checked
}

/** A mask as native code takes it: one byte per step. A row may have no valid step, but not every row. */
export function checkMask(where: string, mask: unknown, shape: readonly number[]): Uint8Array {
  const [batch, time] = sequenceShape(where, shape)
  const flat = Array.isArray(mask) && Array.isArray(mask[0]) ? (mask as unknown[][]).flat() : mask
  const list = flat as ArrayLike<unknown>
  if (!isList(flat) || list.length !== batch * time) {
    throw new SeqloomError('ERR_SHAPE', `${where}: expected a mask of ${batch} rows of ${time} steps`)
  }
  const checked = new Uint8Array(batch * time)
  for (let row = 0; row < batch; row++) {
    for (let i = row * time; i < (row + 1) * time; i++) {
      const valid = list[i]
      if (typeof valid !== 'boolean' && valid !== 0 && valid !== 1) {
        throw new SeqloomError('ERR_DATA', `${where}: row ${row} of the mask has ${describe(valid)}, not true or false`)
      }
      checked[i] = Number(valid)
    }
  }
  if (!checked.includes(1)) throw new SeqloomError('ERR_DATA', `${where}: the mask leaves no step of any row`)
  return checked
}

function sequenceShape(where: string, shape: readonly number[]): [number, number] {
  const [batch, time] = shape
  if (batch === undefined || time === undefined) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `${where}: lengths and masks need a shape [batch, time, …], not ${describe(shape)}`,
    )
  }
  return [batch, time]
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || isNumericArray(value)
}

function fromNumbers(data: readonly unknown[]): Float64Array {
  const wrong = data.findIndex((value) => typeof value !== 'number')
  if (wrong >= 0) {
    throw new SeqloomError('ERR_DATA', `tensor: element ${wrong} is ${describe(data[wrong])}, not a number`)
  }
  return Float64Array.from(data as readonly number[])
}
