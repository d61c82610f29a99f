// Helpers of tfjs that programs call: `tf.util.shuffle`, `tf.util.assert` and so on.
import { performance } from 'node:perf_hooks'
import { SeqloomError } from '../errors.js'
import { inferDtype, isTypedArray, makeTensorValues } from './convert.js'
import { arraysEqual, parseAxes, sizeFromShape } from './shapes.js'
import { allocateValues, toNestedArray } from './tensor.js'
import type { DataType, DataTypeMap, RecursiveArray, TensorLike, TypedArray } from './types.js'

export {
  checkDimensions as assertNonNegativeIntegerDimensions,
  computeStrides,
  inferFromImplicitShape,
} from './shapes.js'
export { arraysEqual, inferDtype, isTypedArray, sizeFromShape, toNestedArray }

/** Throws an error with the message unless the expression holds. */
export function assert(expression: boolean, message: string | (() => string)): void {
  if (!expression) throw new SeqloomError('ERR_DATA', typeof message === 'string' ? message : message())
}

export function assertShapesMatch(a: readonly number[], b: readonly number[], prefix = ''): void {
  if (!arraysEqual(a, b)) throw new SeqloomError('ERR_SHAPE', `${prefix} Shapes ${a} and ${b} must match`)
}

export const assertNonNull = (value: unknown): void =>
  assert(value !== null && value !== undefined, () => 'The input to the tensor constructor must be a non-null value.')

/** What can be put into a random order. */
export type Shuffled = unknown[] | Uint32Array | Int32Array | Float32Array

/** Puts an array into a random order, in place. */
export function shuffle(array: Shuffled): void {
  for (let last = array.length - 1; last > 0; last--) swap(array, last, Math.floor(Math.random() * (last + 1)))
}

/** Puts two arrays of one length into the same random order, in place. */
export function shuffleCombo(array: Shuffled, other: Shuffled): void {
  if (array.length !== other.length) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `Array sizes must match to be shuffled together First array length was ${array.length} Second array length was ${other.length}`,
    )
  }
  for (let last = array.length - 1; last > 0; last--) {
    const place = Math.floor(Math.random() * (last + 1))
    swap(array, last, place)
    swap(other, last, place)
  }
}

/** The numbers below `n` in a random order. */
export function createShuffledIndices(n: number): Uint32Array {
  const indices = Uint32Array.from({ length: n }, (_, i) => i)
  shuffle(indices)
  return indices
}

export function swap<T>(object: { [index: number]: T }, left: number, right: number): void {
  const value = object[left] as T
  object[left] = object[right] as T
  object[right] = value
}

export const clamp = (min: number, x: number, max: number): number => Math.max(min, Math.min(x, max))
export const nearestLargerEven = (value: number): number => (value % 2 === 0 ? value : value + 1)
export const randUniform = (a: number, b: number): number => a + Math.random() * (b - a)
export const rightPad = (text: string, size: number): string => text.padEnd(size)
export const tanh = (x: number): number => Math.tanh(x)

export function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i] as number
  return total
}

/** The squared distance of two vectors. */
export function distSquared(a: ArrayLike<number | boolean>, b: ArrayLike<number | boolean>): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += (Number(a[i]) - Number(b[i])) ** 2
  return total
}

/** The values of nested arrays, in order, in one array. */
export function flatten<T extends number | boolean | string | Promise<number> | TypedArray>(
  array: T | RecursiveArray<T>,
  result: T[] = [],
  skipTypedArray = false,
): T[] {
  const isList = Array.isArray(array) || (isTypedArray(array) && !skipTypedArray)
  if (!isList) result.push(array as T)
  else for (const each of array as unknown as Iterable<T>) flatten(each, result, skipTypedArray)
  return result
}

/** The time in milliseconds, from an unknown beginning. */
export const now = (): number => performance.now()

/** As the `fetch` of the platform. */
export const fetch = (path: string, init?: RequestInit): Promise<Response> => globalThis.fetch(path, init)

export const encodeString = (text: string): Uint8Array => new TextEncoder().encode(text)
export const decodeString = (bytes: Uint8Array, encoding = 'utf-8'): string => new TextDecoder(encoding).decode(bytes)

export const isString = (value: unknown): value is string => typeof value === 'string' || value instanceof String
export const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
export const isNumber = (value: unknown): boolean => typeof value === 'number'
export const isFunction = (value: unknown): boolean => typeof value === 'function'
export const isInt = (value: number): boolean => value % 1 === 0
export const isScalarShape = (shape: readonly number[]): boolean => shape.length === 0
export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null)?.then === 'function'
export const isValidDtype = (dtype: unknown): boolean =>
  ['bool', 'complex64', 'float32', 'int32', 'string'].includes(dtype as string)

export const arraysEqualWithNull = (a: readonly (number | null)[], b: readonly (number | null)[]): boolean =>
  a.length === b.length && a.every((each, i) => each === null || b[i] === null || each === b[i])

export const parseAxisParam = (axis: number | number[] | null, shape: readonly number[]): number[] =>
  parseAxes(axis, shape)

/** A shape without its dimensions of size 1 (or those of the axes), and which dimensions those that stay were. */
export function squeezeShape(shape: readonly number[], axis?: number[]): { newShape: number[]; keptDims: number[] } {
  const axes = axis === undefined || axis === null || axis.length === 0 ? undefined : parseAxes(axis, shape)
  for (const each of axes ?? []) {
    if (shape[each] !== 1) {
      throw new SeqloomError('ERR_SHAPE', `Can't squeeze axis ${each} since its dim '${shape[each]}' is not 1`)
    }
  }
  const keptDims = shape
    .map((_, each) => each)
    .filter((each) => shape[each] !== 1 || (axes !== undefined && !axes.includes(each)))
  return { newShape: keptDims.map((each) => shape[each] as number), keptDims }
}

/** Whether a type holds less than another one. */
export const hasEncodingLoss = (oldType: DataType, newType: DataType): boolean => {
  const kept: Readonly<Record<string, readonly string[]>> = {
    complex64: ['complex64', 'float32', 'int32', 'bool', 'string'],
    float32: ['float32', 'int32', 'bool', 'string'],
    int32: ['int32', 'bool', 'string'],
    bool: ['bool'],
  }
  return !kept[newType]?.includes(oldType)
}

/** Nested arrays of zeros. */
export const makeZerosNestedTypedArray = (shape: number[], dtype: DataType): ReturnType<typeof toNestedArray> =>
  toNestedArray(shape, getArrayFromDType(dtype, sizeFromShape(shape)))

export const bytesPerElement = (dtype: DataType): number => {
  const bytes = { float32: 4, int32: 4, complex64: 8, bool: 1, string: Number.NaN }[dtype]
  if (!(bytes > 0)) throw new SeqloomError('ERR_OPTION', `Unknown dtype ${dtype}`)
  return bytes
}

/** A value as the array of one that a tensor of it holds. */
export const createScalarValue = (value: number | boolean | string, dtype: DataType): TypedArray | Uint8Array[] =>
  dtype === 'string' ? [encodeString(value as string)] : toTypedArray([value] as TensorLike, dtype)

/** Nested arrays as one typed array. */
export const toTypedArray = (values: TensorLike, dtype: DataType): TypedArray =>
  makeTensorValues(values, dtype) as TypedArray

export const getArrayFromDType = <D extends DataType>(dtype: D, size: number): DataTypeMap[D] =>
  allocateValues('getArrayFromDType', dtype, size)
export const getTypedArrayFromDType = getArrayFromDType
export const makeZerosTypedArray = getArrayFromDType
export function makeOnesTypedArray<D extends DataType>(size: number, dtype: D): DataTypeMap[D] {
  const values = allocateValues('makeOnesTypedArray', dtype, size)
  ;(values as unknown[]).fill(1)
  return values
}

export function locToIndex(locs: readonly number[], rank: number, strides: readonly number[]): number {
  if (rank === 0) return 0
  let index = locs[locs.length - 1] as number
  for (let i = 0; i < locs.length - 1; i++) index += (strides[i] as number) * (locs[i] as number)
  return index
}

export function indexToLoc(index: number, rank: number, strides: readonly number[]): number[] {
  let rest = index
  return Array.from({ length: rank }, (_, axis) => {
    const stride = strides[axis] ?? 1
    const at = Math.floor(rest / stride)
    rest -= at * stride
    return at
  })
}

/** The next divisor of `size` from `start` on. */
export function nearestDivisor(size: number, start: number): number {
  for (let i = start; i < size; i++) if (size % i === 0) return i
  return size
}

/** The sides of a rectangle, nearly a square, of at least `size` places. */
export function sizeToSquarishShape(size: number): [number, number] {
  const width = Math.ceil(Math.sqrt(size))
  return [width, Math.ceil(size / width)]
}
