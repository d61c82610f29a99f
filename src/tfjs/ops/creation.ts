import { describe } from '../../errors.js'
import { convertToTensor, inferDtype, inferShape, isTypedArray, makeTensor } from '../convert.js'
import { check } from '../failure.js'
import { checkDimensions, sizeFromShape } from '../shapes.js'
import {
  allocateValues,
  recordedRows,
  type Scalar,
  Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type Tensor5D,
  type Tensor6D,
  TensorBuffer,
  TracedTensor,
  Variable,
} from '../tensor.js'
import type {
  DataType,
  DataTypeMap,
  Rank,
  ScalarLike,
  ShapeMap,
  TensorLike,
  TensorLike1D,
  TensorLike2D,
  TensorLike3D,
  TensorLike4D,
  TensorLike5D,
  TensorLike6D,
} from '../types.js'

/**
 * A tensor of nested arrays, or of a flat or typed array and its shape. The dtype is by default that of the first
 * value: numbers are float32, booleans bool, texts string.
 *
 * Errors: `ERR_SHAPE` for uneven arrays and for a shape that does not fit, `ERR_DATA` for what is no value.
 */
export function tensor<R extends Rank>(values: TensorLike, shape?: ShapeMap[R] | null, dtype?: DataType): Tensor<R> {
  return makeTensor(values, shape, inferShape(values, dtype), dtype) as Tensor<R>
}

/** A tensor without dimensions. */
export function scalar(value: ScalarLike, dtype?: DataType): Scalar {
  check(
    !Array.isArray(value) && !isTypedArray(value),
    'ERR_SHAPE',
    () => 'Error creating a new Scalar: value must be a primitive (number|boolean|string)',
  )
  return makeTensor(value, [], [], dtype) as Scalar
}

/** A tensor with one dimension. */
export function tensor1d(values: TensorLike1D, dtype?: DataType): Tensor1D {
  checkGiven(values)
  const inferred = inferShape(values, dtype)
  check(inferred.length === 1, 'ERR_SHAPE', () => 'tensor1d() requires values to be a flat/TypedArray')
  return makeTensor(values, null, inferred, dtype) as Tensor1D
}

const numbers = ['', 'one', 'two', 'three', 'four', 'five', 'six']

/** A tensor of a fixed rank: nested arrays, or a flat array with its shape. */
function tensorOfRank(rank: number, values: unknown, shape: readonly number[] | null | undefined, dtype?: DataType) {
  const where = `tensor${rank}d()`
  checkGiven(values)
  check(!shape || shape.length === rank, 'ERR_SHAPE', () => `${where} requires shape to have ${numbers[rank]} numbers`)
  const inferred = inferShape(values, dtype)
  check(
    inferred.length === rank || inferred.length === 1,
    'ERR_SHAPE',
    () => `${where} requires values to be number${'[]'.repeat(rank)} or flat/TypedArray`,
  )
  check(
    inferred.length === rank || Boolean(shape),
    'ERR_SHAPE',
    () => `${where} requires shape to be provided when \`values\` are a flat/TypedArray`,
  )
  return makeTensor(values, shape, inferred, dtype)
}

function checkGiven(values: unknown): void {
  check(
    values !== null && values !== undefined,
    'ERR_DATA',
    () => 'The input to the tensor constructor must be a non-null value.',
  )
}

/** A tensor with two dimensions. */
export function tensor2d(values: TensorLike2D, shape?: [number, number] | null, dtype?: DataType): Tensor2D {
  return tensorOfRank(2, values, shape, dtype) as Tensor2D
}

/** A tensor with three dimensions. */
export function tensor3d(values: TensorLike3D, shape?: ShapeMap['R3'] | null, dtype?: DataType): Tensor3D {
  return tensorOfRank(3, values, shape, dtype) as Tensor3D
}

/** A tensor with four dimensions. */
export function tensor4d(values: TensorLike4D, shape?: ShapeMap['R4'] | null, dtype?: DataType): Tensor4D {
  return tensorOfRank(4, values, shape, dtype) as Tensor4D
}

/** A tensor with five dimensions. */
export function tensor5d(values: TensorLike5D, shape?: ShapeMap['R5'] | null, dtype?: DataType): Tensor5D {
  return tensorOfRank(5, values, shape, dtype) as Tensor5D
}

/** A tensor with six dimensions. */
export function tensor6d(values: TensorLike6D, shape?: ShapeMap['R6'] | null, dtype?: DataType): Tensor6D {
  return tensorOfRank(6, values, shape, dtype) as Tensor6D
}

/** Values that can be set one by one; `toTensor()` makes a tensor of them. */
export function buffer<R extends Rank, D extends DataType = 'float32'>(
  shape: ShapeMap[R],
  dtype: D = 'float32' as D,
  values?: DataTypeMap[D],
): TensorBuffer<R, D> {
  return new TensorBuffer<R, D>(shape, dtype, values)
}

/** A variable that begins with a tensor's values. */
export function variable<R extends Rank>(
  initialValue: Tensor<R>,
  trainable = true,
  name?: string,
  dtype?: DataType,
): Variable<R> {
  check(
    initialValue instanceof Tensor,
    'ERR_DATA',
    () => `variable: the initial value must be a tensor, not ${describe(initialValue)}`,
  )
  return new Variable<R>(initialValue, trainable, name, dtype)
}

/** A tensor with as many rows as there are, where a function is recorded: programs give it the null of `x.shape[0]`. */
function ofRows<R extends Rank>(shape: ShapeMap[R], value: unknown): Tensor<R> | undefined {
  const { like } = recordedRows
  if (!(like && typeof value === 'number' && Array.isArray(shape) && shape.includes(null as never))) return undefined
  return like.record('fill', [like, shape, value]) as Tensor<R>
}

/** A tensor of zeros. */
export function zeros<R extends Rank>(shape: ShapeMap[R], dtype: DataType = 'float32'): Tensor<R> {
  const rows = ofRows<R>(shape, 0)
  if (rows) return rows
  checkDimensions(shape)
  return new Tensor<R>(shape, dtype, allocateValues('zeros', dtype, sizeFromShape(shape)))
}

/** A tensor of ones. */
export function ones<R extends Rank>(shape: ShapeMap[R], dtype: DataType = 'float32'): Tensor<R> {
  return fill<R>(shape, 1, dtype)
}

/** A tensor with one value everywhere; the dtype is by default that of the value. */
export function fill<R extends Rank>(shape: ShapeMap[R], value: number | string, dtype?: DataType): Tensor<R> {
  const rows = ofRows<R>(shape, value)
  if (rows) return rows
  checkDimensions(shape)
  const type = dtype ?? inferDtype(value)
  const values = allocateValues('fill', type, sizeFromShape(shape))
  ;(values as unknown[]).fill(value)
  return new Tensor<R>(shape, type, values)
}

/** Zeros in the shape and dtype of a tensor. */
export function zerosLike<T extends Tensor>(x: T | TensorLike): T {
  if (x instanceof TracedTensor) return x.record('zerosLike', [x]) as T
  const $x = convertToTensor<Tensor>(x, 'x', 'zerosLike')
  return zeros($x.shape, $x.dtype) as Tensor as T
}

/** Ones in the shape and dtype of a tensor. */
export function onesLike<T extends Tensor>(x: T | TensorLike): T {
  if (x instanceof TracedTensor) return x.record('onesLike', [x]) as T
  const $x = convertToTensor<Tensor>(x, 'x', 'onesLike')
  return ones($x.shape, $x.dtype) as Tensor as T
}

/** The identity matrix, once for each place of `batchShape`. */
export function eye(
  numRows: number,
  numColumns = numRows,
  batchShape?: number[],
  dtype: DataType = 'float32',
): Tensor2D {
  const shape = [...(batchShape ?? []), numRows, numColumns]
  checkDimensions(shape)
  const values = allocateValues('eye', dtype, sizeFromShape(shape)) as Float32Array
  const matrix = numRows * numColumns
  for (let from = 0; from < values.length; from += matrix) {
    for (let i = 0; i < Math.min(numRows, numColumns); i++) values[from + i * numColumns + i] = 1
  }
  return new Tensor(shape, dtype, values) as Tensor as Tensor2D
}

/** `num` numbers from `start` to `stop`, both included, evenly spaced. */
export function linspace(start: number, stop: number, num: number): Tensor1D {
  check(Number.isInteger(num) && num > 0, 'ERR_OPTION', () => 'The number of values should be positive.')
  const values = allocateValues('linspace', 'float32', num)
  const step = (stop - start) / (num - 1)
  values[0] = start
  for (let i = 1; i < num; i++) values[i] = start + i * step
  return new Tensor([num], 'float32', values) as Tensor as Tensor1D
}

/** Numbers from `start` up to, but without, `stop`. */
export function range(start: number, stop: number, step = 1, dtype: 'float32' | 'int32' = 'float32'): Tensor1D {
  check(step !== 0, 'ERR_OPTION', () => 'Cannot have a step of zero')
  // Where the step points away from the end there is nothing, but for a default step, which turns round.
  const turned = stop < start && step === 1 ? -1 : step
  const size = Math.max(0, Math.ceil((stop - start) / turned))
  check(
    Number.isSafeInteger(size),
    'ERR_OPTION',
    () => `range: there are no numbers from ${start} to ${stop} by ${step}`,
  )
  const values = allocateValues('range', dtype, size)
  for (let i = 0; i < size; i++) values[i] = start + i * turned
  return new Tensor([size], dtype, values) as Tensor as Tensor1D
}

/** The coordinates of a grid: for x in columns and y in rows ('xy'), or the other way round ('ij'). */
export function meshgrid(
  x?: Tensor | TensorLike,
  y?: Tensor | TensorLike,
  { indexing = 'xy' }: { indexing?: 'xy' | 'ij' } = {},
): Tensor[] {
  check(
    indexing === 'xy' || indexing === 'ij',
    'ERR_OPTION',
    () => `${indexing} is not a valid third argument to meshgrid`,
  )
  if (x === undefined) return []
  const $x = convertToTensor<Tensor>(x, 'x', 'meshgrid')
  if (y === undefined) return [$x]
  const $y = convertToTensor<Tensor>(y, 'y', 'meshgrid')
  const shape = indexing === 'xy' ? [$y.size, $x.size] : [$x.size, $y.size]
  const along = (axis: number) => (at: number) =>
    axis === 0 ? Math.floor(at / (shape[1] as number)) : at % (shape[1] as number)
  const grid = (from: Tensor, axis: number): Tensor => {
    const values = allocateValues('meshgrid', from.dtype, sizeFromShape(shape)) as Float32Array
    const place = along(axis)
    for (let i = 0; i < values.length; i++) values[i] = from.values[place(i)] as number
    return new Tensor(shape, from.dtype, values)
  }
  return indexing === 'xy' ? [grid($x, 1), grid($y, 0)] : [grid($x, 0), grid($y, 1)]
}

/** Prints a tensor to the console. */
export function print(x: Tensor, verbose = false): void {
  x.print(verbose)
}
