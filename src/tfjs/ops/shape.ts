// Tensors of the same values in another shape or dtype.

import { SeqloomError } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { checkDimensions, fullStrides, inferFromImplicitShape, parseAxes, sizeFromShape } from '../shapes.js'
import {
  allocateValues,
  castValues,
  type Scalar,
  Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type Tensor5D,
  unknownDtype,
} from '../tensor.js'
import type { DataType, DataValues, Rank, ShapeMap, TensorLike } from '../types.js'
import { reshaped, transposed } from './layout.js'
import { op } from './op.js'
import { broadcastStrides, copyView } from './walk.js'

const anything = <T extends Tensor>(x: T | TensorLike, name: string): Tensor =>
  convertToTensor<Tensor>(x, 'x', name, 'string_or_numeric')

/** A tensor of the same values, which are not copied. */
export const clone: <T extends Tensor>(x: T | TensorLike) => T = op<typeof clone>('clone', (x) => {
  const $x = anything(x, 'clone')
  return reshaped($x, $x.shape)
})

/** The values in another dtype: fractions are cut off for int32; bool is whether a value differs from 0. */
export const cast: <T extends Tensor>(x: T | TensorLike, dtype: DataType) => T = op<typeof cast>('cast', (x, dtype) => {
  const $x = anything(x, 'cast')
  if (!['float32', 'int32', 'bool', 'string'].includes(dtype)) throw unknownDtype('cast', dtype)
  if (dtype === $x.dtype) return reshaped($x, $x.shape)
  return new Tensor($x.shape, dtype, castValues($x.values, dtype))
})

/** The values in another shape of the same size; one dimension may be -1. They are not copied. */
export const reshape: <R extends Rank>(x: Tensor | TensorLike, shape: ShapeMap[R]) => Tensor<R> = op<typeof reshape>(
  'reshape',
  (x, shape) => {
    const $x = anything(x, 'reshape')
    check(Array.isArray(shape), 'ERR_SHAPE', () => `reshape: shape must be an array of sizes, not ${shape}`)
    return reshaped($x, inferFromImplicitShape(shape, $x.size))
  },
)

/** The values in one dimension. */
export const flatten: (x: Tensor) => Tensor1D = (x) => reshape(x, [-1]) as Tensor as Tensor1D

export const reshapeAs: <T extends Tensor>(x: Tensor, other: T) => T = (x, other) =>
  reshape(x, other.shape) as Tensor as typeof other

export const asScalar: (x: Tensor) => Scalar = (x) => {
  check(x.size === 1, 'ERR_SHAPE', () => 'The array must have only 1 element.')
  return reshape(x, []) as Tensor as Scalar
}
export const as1D: (x: Tensor) => Tensor1D = flatten
export const as2D: (x: Tensor, rows: number, columns: number) => Tensor2D = (x, ...shape) =>
  reshape(x, shape) as Tensor as Tensor2D
export const as3D: (x: Tensor, rows: number, columns: number, depth: number) => Tensor3D = (x, ...shape) =>
  reshape(x, shape) as Tensor as Tensor3D
export const as4D: (x: Tensor, rows: number, columns: number, depth: number, depth2: number) => Tensor4D = (
  x,
  ...shape
) => reshape(x, shape) as Tensor as Tensor4D
export const as5D: (
  x: Tensor,
  rows: number,
  columns: number,
  depth: number,
  depth2: number,
  depth3: number,
) => Tensor5D = (x, ...shape) => reshape(x, shape) as Tensor as Tensor5D

/** A new dimension of size 1 before `axis` (0 by default); negative axes count from the end. */
export const expandDims: <T extends Tensor>(x: Tensor | TensorLike, axis?: number) => T = op<typeof expandDims>(
  'expandDims',
  (x, axis = 0) => {
    const $x = anything(x, 'expandDims')
    check(axis <= $x.rank, 'ERR_SHAPE', () => 'Axis must be <= rank of the tensor')
    check(axis >= -($x.rank + 1), 'ERR_SHAPE', () => `Axis must be in the interval [${-($x.rank + 1)}, ${$x.rank}]`)
    const shape: number[] = [...$x.shape]
    shape.splice(axis < 0 ? $x.rank + 1 + axis : axis, 0, 1)
    return reshaped($x, shape)
  },
)

/** Without dimensions of size 1: all of them, or those named. */
export const squeeze: <T extends Tensor>(x: Tensor | TensorLike, axis?: number | number[] | null) => T = op<
  typeof squeeze
>('squeeze', (x, axis) => {
  const $x = anything(x, 'squeeze')
  const isNamed = axis !== undefined && axis !== null && !(Array.isArray(axis) && axis.length === 0)
  const axes = isNamed ? parseAxes(axis, $x.shape) : undefined
  for (const each of axes ?? []) {
    check(
      $x.shape[each] === 1,
      'ERR_SHAPE',
      () => `Can't squeeze axis ${each} since its dim '${$x.shape[each]}' is not 1`,
    )
  }
  return reshaped(
    $x,
    $x.shape.filter((dim, at) => dim !== 1 || (axes !== undefined && !axes.includes(at))),
  )
})

/** The dimensions in another order: reversed, or in that of `perm`. */
export const transpose: <T extends Tensor>(x: T | TensorLike, perm?: number[], conjugate?: boolean) => T = op<
  typeof transpose
>('transpose', (x, perm) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'transpose')
  const order = perm ?? $x.shape.map((_, axis) => $x.rank - 1 - axis)
  check(
    order.length === $x.rank,
    'ERR_SHAPE',
    () => `Error in transpose: rank of input ${$x.rank} must match length of perm ${order}.`,
  )
  check(
    order.every((axis) => axis >= 0 && axis < $x.rank) && new Set(order).size === $x.rank,
    'ERR_SHAPE',
    () => `All entries in 'perm' must be between 0 and ${$x.rank - 1} but got ${order}`,
  )
  return $x.rank <= 1 ? reshaped($x, $x.shape) : transposed($x, order)
})

/** The values repeated along dimensions of size 1, and along new ones at the beginning. */
export const broadcastTo: <R extends Rank>(x: Tensor | TensorLike, shape: ShapeMap[R]) => Tensor<R> = op<
  typeof broadcastTo
>('broadcastTo', (x, shape) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'broadcastTo')
  checkDimensions(shape)
  check(
    shape.length >= $x.rank,
    'ERR_SHAPE',
    () => `broadcastTo(): shape.length=${shape.length} < input.rank=${$x.rank}.`,
  )
  const missing = shape.length - $x.rank
  check(
    $x.shape.every((dim, axis) => dim === 1 || dim === shape[axis + missing]),
    'ERR_SHAPE',
    () => `broadcastTo(): [${$x.shape}] cannot be broadcast to [${shape}].`,
  )
  return repeated($x, shape, broadcastStrides($x.shape, shape))
})

function repeated(x: Tensor, shape: readonly number[], strides: readonly number[]): Tensor {
  const values = allocateValues('tensor', x.dtype, sizeFromShape(shape)) as DataValues
  copyView(shape, { values: x.values, start: 0, strides }, { values, start: 0, strides: fullStrides(shape) })
  return new Tensor(shape, x.dtype, values)
}

/** The tensor repeated `reps[i]` times along dimension `i`. */
export const tile: <T extends Tensor>(x: T | TensorLike, reps: number[]) => T = op<typeof tile>('tile', (x, reps) => {
  const $x = anything(x, 'tile')
  check(
    $x.rank === reps.length,
    'ERR_SHAPE',
    () => `Error in transpose: rank of input ${$x.rank} must match length of reps ${reps}.`,
  )
  checkDimensions(reps)
  const own = fullStrides($x.shape)
  const walked = $x.shape.flatMap((dim, axis) => [reps[axis] as number, dim])
  const strides = own.flatMap((stride) => [0, stride])
  return reshaped(
    repeated($x, walked, strides),
    $x.shape.map((dim, axis) => dim * (reps[axis] as number)),
  )
})

/** The tensor itself, if it has the shape; null fits any size. */
export const ensureShape: <R extends Rank>(x: Tensor, shape: ShapeMap[R]) => Tensor<R> = op<typeof ensureShape>(
  'ensureShape',
  (x, shape) => {
    const wanted: readonly (number | null)[] = shape
    if (wanted.length !== x.rank || wanted.some((dim, axis) => dim !== null && dim !== x.shape[axis])) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `EnsureShape: Shape of tensor ${x.shape} is not compatible with expected shape ${shape}`,
      )
    }
    return x
  },
)
