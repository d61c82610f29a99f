import { types } from 'node:util'
import { describe, SeqloomError } from '../errors.js'
import { check } from './failure.js'
import { checkDimensions, sizeFromShape } from './shapes.js'
import { allocateValues, Tensor, unknownDtype } from './tensor.js'
import type { DataType, DataValues, TensorLike } from './types.js'

/** @inline */
type Numbers = Float32Array | Int32Array | Uint8Array

/** Whether a value is a typed array of numbers; one of another realm, as of a test's, is one as well. */
export const isTypedArray = (value: unknown): value is Numbers => types.isTypedArray(value) && !isBigArray(value)

const isBigArray = (value: unknown) => types.isBigInt64Array(value) || types.isBigUint64Array(value)

/** The dtype of values for which none was named: that of the first one. */
export function inferDtype(values: unknown): DataType {
  let first = values
  while (Array.isArray(first)) first = first[0]
  if (typeof first === 'string' || types.isStringObject(first)) return 'string'
  if (typeof first === 'boolean') return 'bool'
  return types.isInt32Array(first) || types.isUint8Array(first) || types.isUint8ClampedArray(first)
    ? 'int32'
    : 'float32'
}

/** A typed array of another realm as one of this one, of the same memory. */
function ownArray(values: unknown): DataValues | undefined {
  if (values instanceof Float32Array || values instanceof Int32Array) return values
  const own = types.isFloat32Array(values) ? Float32Array : types.isInt32Array(values) ? Int32Array : undefined
  if (own === undefined) return undefined
  const { buffer, byteOffset, length } = values as Float32Array<ArrayBuffer>
  return new own(buffer, byteOffset, length)
}

/** The shape of nested arrays, from the first entry of each. */
export function inferShape(values: unknown, dtype?: DataType): number[] {
  if (isTypedArray(values)) return dtype === 'string' ? [] : [values.length]
  const shape: number[] = []
  let first = values
  while (Array.isArray(first) || (isTypedArray(first) && dtype !== 'string')) {
    shape.push(first.length)
    first = first[0]
  }
  return shape
}

/** Values as a tensor stores them. Typed arrays of the right type are taken without a copy. */
function storedValues(values: unknown, shape: readonly number[], dtype: DataType): DataValues {
  const own = ownArray(values)
  if ((dtype === 'float32' && own instanceof Float32Array) || (dtype === 'int32' && own instanceof Int32Array))
    return own
  if (dtype === 'bool' && values instanceof Uint8Array && values.constructor === Uint8Array) return values
  const target = allocateValues('tensor', dtype, sizeFromShape(shape))
  let next = 0
  const indices: number[] = []
  const at = () => indices.join('][')
  const store = (value: unknown): void => {
    if (dtype === 'string') {
      ;(target as string[])[next++] = types.isUint8Array(value) ? new TextDecoder().decode(value) : String(value)
      return
    }
    if (typeof value !== 'number') checkNumber(value)
    if (dtype === 'bool') target[next++] = Math.round(Number(value)) === 0 || Number.isNaN(Number(value)) ? 0 : 1
    else (target as unknown[])[next++] = value
  }
  const read = (value: unknown, axis: number): void => {
    if (!Array.isArray(value) && (!isTypedArray(value) || dtype === 'string')) {
      check(
        axis === shape.length,
        'ERR_SHAPE',
        () => `Element arr[${at()}] is a primitive, but should be an array/TypedArray of ${shape[axis]} elements`,
      )
      store(value)
      return
    }
    check(
      axis < shape.length,
      'ERR_SHAPE',
      () => `Element arr[${at()}] should be a primitive, but is an array of ${value.length} elements`,
    )
    check(
      value.length === shape[axis],
      'ERR_SHAPE',
      () => `Element arr[${at()}] should have ${shape[axis]} elements, but has ${value.length} elements`,
    )
    for (let i = 0; i < value.length; i++) {
      if (axis + 1 === shape.length && typeof value[i] !== 'object') {
        store(value[i])
        continue
      }
      indices.push(i)
      read(value[i], axis + 1)
      indices.pop()
    }
  }
  try {
    read(values, 0)
  } catch (error) {
    // As in tfjs, uneven arrays are taken for flat ones where they hold as many values as their shape says.
    const flat: unknown[] = (Array.isArray(values) ? values.flat(Number.POSITIVE_INFINITY) : []) as unknown[]
    if (flat.length !== target.length || flat.some((value) => typeof value === 'object')) throw error
    next = 0
    flat.forEach(store)
  }
  return target
}

/** `ERR_DATA` for what is no number and does not become one: booleans and texts do, and what is missing becomes NaN. */
function checkNumber(value: unknown): void {
  if (value === null || ['boolean', 'string', 'undefined'].includes(typeof value)) return
  const hint = value instanceof Tensor ? '; tensors are joined by stack() or concat()' : ''
  throw new SeqloomError('ERR_DATA', `tensor: an element is ${describe(value)}, not a number${hint}`)
}

/** The values of nested arrays, or of one value, as a tensor stores them. */
export const makeTensorValues = (values: unknown, dtype: DataType): DataValues =>
  storedValues(values, inferShape(values, dtype), dtype)

const dtypes: readonly unknown[] = ['float32', 'int32', 'bool', 'string'] satisfies DataType[]

/** A tensor of values for which `inferred` is the shape that they have by themselves. */
export function makeTensor(
  values: unknown,
  shape: readonly number[] | null | undefined,
  inferred: readonly number[],
  dtype?: DataType | null,
): Tensor {
  const type = dtype ?? inferDtype(values)
  if (!dtypes.includes(type)) throw unknownDtype('tensor', type)
  check(
    isTypedArray(values) || Array.isArray(values) || ['number', 'boolean', 'string'].includes(typeof values),
    'ERR_DATA',
    () =>
      `values passed to tensor(values) must be a number/boolean/string or an array of numbers/booleans/strings, or a TypedArray, not ${describe(values)}`,
  )
  if (shape !== undefined && shape !== null) checkShape(shape, inferred)
  return new Tensor(shape ?? inferred, type, storedValues(values, inferred, type))
}

function checkShape(shape: readonly number[], inferred: readonly number[]): void {
  checkDimensions(shape)
  const [provided, found] = [sizeFromShape(shape), sizeFromShape(inferred)]
  check(
    provided === found,
    'ERR_SHAPE',
    () => `Based on the provided shape, [${shape}], the tensor should have ${provided} values but has ${found}`,
  )
  inferred.forEach((dim, axis) => {
    const isRest = axis === inferred.length - 1 && dim === sizeFromShape(shape.slice(axis))
    check(
      dim === shape[axis] || isRest,
      'ERR_SHAPE',
      () => `Error creating a new Tensor. Inferred shape (${inferred}) does not match the provided shape (${shape}). `,
    )
  })
}

/** What an argument must be: any number type, one dtype, or anything. */
export type Expected = DataType | 'numeric' | 'string_or_numeric'

/** An argument as a tensor. `expected` is the dtype that numbers get and that tensors must have. */
export function convertToTensor<T extends Tensor>(
  x: T | TensorLike,
  argument: string,
  where: string,
  expected: Expected = 'numeric',
): T {
  if (x instanceof Tensor) {
    x.throwIfDisposed()
    checkDtype(expected, x.dtype, argument, where)
    return x as T
  }
  const inferred = inferDtype(x)
  const given = ['bool', 'int32', 'float32'].includes(expected) && inferred !== 'string'
  const dtype = given ? (expected as DataType) : inferred
  checkDtype(expected, dtype, argument, where)
  check(
    isTypedArray(x) || Array.isArray(x) || ['number', 'boolean', 'string'].includes(typeof x),
    'ERR_DATA',
    () =>
      `Argument '${argument}' passed to '${where}' must be a Tensor or TensorLike, but got '${x === null || x === undefined ? 'null' : describe(x)}'`,
  )
  return makeTensor(x, undefined, inferShape(x, dtype), dtype) as T
}

/** An argument as a list of tensors. */
export function convertToTensorArray<T extends Tensor>(
  list: readonly (T | TensorLike)[],
  argument: string,
  where: string,
  expected: Expected = 'numeric',
): T[] {
  check(
    Array.isArray(list),
    'ERR_DATA',
    () => `Argument ${argument} passed to ${where} must be a \`Tensor[]\` or \`TensorLike[]\``,
  )
  return list.map((each, i) => convertToTensor<T>(each, `${argument}[${i}]`, where, expected))
}

function checkDtype(expected: Expected, actual: DataType, argument: string, where: string): void {
  const fits = expected === 'string_or_numeric' || (expected === 'numeric' ? actual !== 'string' : expected === actual)
  check(
    fits,
    'ERR_DATA',
    () => `Argument '${argument}' passed to '${where}' must be ${expected} tensor, but got ${actual} tensor`,
  )
}
