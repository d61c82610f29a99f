// Functions along axes: all of them by default. With keepDims, the axes stay as dimensions of size 1.

import { SeqloomError } from '../../errors.js'
import { convertToTensor, type Expected } from '../convert.js'
import { fullStrides, parseAxes, parseAxis, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor } from '../tensor.js'
import type { DataType, TensorLike } from '../types.js'
import { add, sub } from './arithmetic.js'
import { inType } from './elementwise.js'
import { transposed } from './layout.js'
import { op } from './op.js'
import { cast, reshape } from './shape.js'
import { abs, exp, log, sqrt, square } from './unary.js'
import { eachRun, type Numbers } from './walk.js'

/** @inline */
export type Reduction = <T extends Tensor>(
  x: Tensor | TensorLike,
  axis?: number | number[] | null,
  keepDims?: boolean,
) => T

/** A number from `n` values, `step` apart. */
type Reducer = (values: Numbers, start: number, step: number, n: number) => number

/** The shape without some axes, or with size 1 there. */
export const reducedShape = (shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] =>
  keepDims ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : shape.filter((_, axis) => !axes.includes(axis))

/** Runs a reducer along axes. */
function reduced(x: Tensor, axes: readonly number[], keepDims: boolean, reducer: Reducer, dtype: DataType): Tensor {
  const shape = reducedShape(x.shape, axes, keepDims)
  const out = allocateValues('tensor', dtype, sizeFromShape(shape)) as Numbers
  // Several axes are walked as one, for which they must lie next to each other.
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const areNeighbours = axes.every((axis, i) => i === 0 || axis === (axes[i - 1] as number) + 1)
  if (!areNeighbours) {
    const inner = transposed(x, [...others, ...axes])
    const last = axes.map((_, i) => others.length + i)
    return new Tensor(shape, dtype, reduced(inner, last, false, reducer, dtype).values)
  }
  const strides = fullStrides(x.shape)
  const outer = others.map((axis) => x.shape[axis] as number)
  const step = axes.length === 0 ? 1 : (strides[axes.at(-1) as number] as number)
  const count = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1)
  const values = x.values as Numbers
  const outerStrides = others.map((axis) => strides[axis] as number)
  eachRun(outer, [fullStrides(outer), outerStrides], [0, 0], (at, n, steps) => {
    const [o, i] = at as [number, number]
    const [so, si] = steps as [number, number]
    for (let k = 0; k < n; k++) out[o + k * so] = reducer(values, i + k * si, step, count)
  })
  return new Tensor(shape, dtype, out)
}

/** A reduction to the dtype that `result` gives, by default the tensor's. */
const reduction = (
  name: string,
  reducer: Reducer,
  result: (dtype: DataType) => DataType = (dtype) => dtype,
  expected: Expected = 'numeric',
): Reduction =>
  op<Reduction>(name, (x, axis, keepDims = false) => {
    const $x = convertToTensor<Tensor>(x, 'x', name, expected)
    return reduced($x, parseAxes(axis, $x.shape), keepDims, reducer, result($x.dtype))
  })

const summed: Reducer = (values, start, step, n) => {
  let total = 0
  for (let k = 0; k < n; k++) total += values[start + k * step] as number
  return total
}

const numberType = (dtype: DataType): DataType => (dtype === 'bool' ? 'int32' : dtype)

/** The sum; of booleans as int32. */
export const sum: Reduction = reduction('sum', summed, numberType)

/** The mean, as float32; 0 of nothing. */
export const mean: Reduction = reduction(
  'mean',
  (values, start, step, n) => (n === 0 ? 0 : summed(values, start, step, n) / n),
  () => 'float32',
)

/** The product; of booleans as int32. */
export const prod: Reduction = reduction(
  'prod',
  (values, start, step, n) => {
    let product = 1
    for (let k = 0; k < n; k++) product *= values[start + k * step] as number
    return product
  },
  numberType,
)

/** The largest value; NaN if there is one. */
export const max: Reduction = reduction('max', (values, start, step, n) => {
  let best = n === 0 ? Number.NaN : (values[start] as number)
  for (let k = 1; k < n; k++) {
    const value = values[start + k * step] as number
    if (value > best || Number.isNaN(value)) best = value
  }
  return best
})

/** The smallest value; NaN if there is one. */
export const min: Reduction = reduction('min', (values, start, step, n) => {
  let best = n === 0 ? Number.NaN : (values[start] as number)
  for (let k = 1; k < n; k++) {
    const value = values[start + k * step] as number
    if (value < best || Number.isNaN(value)) best = value
  }
  return best
})

/** Whether all values of a bool tensor hold. */
export const all: Reduction = reduction(
  'all',
  (values, start, step, n) => {
    for (let k = 0; k < n; k++) if (values[start + k * step] === 0) return 0
    return 1
  },
  undefined,
  'bool',
)

/** Whether any value of a bool tensor holds. */
export const any: Reduction = reduction(
  'any',
  (values, start, step, n) => {
    for (let k = 0; k < n; k++) if (values[start + k * step] !== 0) return 1
    return 0
  },
  undefined,
  'bool',
)

/** @inline */
export type ArgReduction = <T extends Tensor>(x: Tensor | TensorLike, axis?: number) => T

function argReduction(name: string, isBetter: (value: number, best: number) => boolean): ArgReduction {
  return op<ArgReduction>(name, (x, axis = 0) => {
    const $x = convertToTensor<Tensor>(x, 'x', name)
    const reducer: Reducer = (values, start, step, n) => {
      let best = values[start] as number
      let place = 0
      for (let k = 1; k < n; k++) {
        const value = values[start + k * step] as number
        if (!isBetter(value, best)) continue
        best = value
        place = k
      }
      return place
    }
    return reduced($x, [parseAxis(axis, $x.shape)], false, reducer, 'int32')
  })
}

/** The place of the largest value along an axis (0 by default), as int32; of several, the first. */
export const argMax: ArgReduction = argReduction('argMax', (value, best) => value > best)

/** The place of the smallest value along an axis (0 by default), as int32; of several, the first. */
export const argMin: ArgReduction = argReduction('argMin', (value, best) => value < best)

/** `log(sum(exp(x)))`, computed without overflow. */
export const logSumExp: Reduction = op<Reduction>('logSumExp', (x, axis, keepDims = false) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'logSumExp')
  const axes = parseAxes(axis, $x.shape)
  const largest = max($x, axes, true)
  const result = add(largest, log(cast(sum(exp(sub($x, largest)), axes, true), 'float32')))
  return reshape(result, reducedShape($x.shape, axes, keepDims))
})

/** The mean and the variance along axes. */
export const moments: (
  x: Tensor | TensorLike,
  axis?: number | number[] | null,
  keepDims?: boolean,
) => { mean: Tensor; variance: Tensor } = op<typeof moments>('moments', (x, axis, keepDims = false) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'moments')
  const axes = parseAxes(axis, $x.shape)
  const center = mean($x, axes, true)
  const variance = mean(square(sub(inType($x, 'float32'), center)), axes, keepDims)
  return { mean: reshape(center, reducedShape($x.shape, axes, keepDims)), variance }
})

/**
 * A norm: of vectors along one axis (`ord` 1, 2 or 'euclidean', Infinity, -Infinity), of matrices along two (1,
 * Infinity, -Infinity, 'fro' or 'euclidean'), or of all values.
 */
export const norm: (
  x: Tensor | TensorLike,
  ord?: number | 'euclidean' | 'fro',
  axis?: number | number[] | null,
  keepDims?: boolean,
) => Tensor = op<typeof norm>('norm', (x, ord = 'euclidean', axis = null, keepDims = false) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'norm')
  if ($x.rank === 0) return abs($x)
  const axes = parseAxes(axis, $x.shape)
  const isMatrix = Array.isArray(axis) && axes.length === 2
  if (!isMatrix && axes.length > 1 && Array.isArray(axis)) {
    throw new SeqloomError('ERR_SHAPE', `Error in norm: invalid axis: ${axis}`)
  }
  return reshape(normOf($x, ord, axes, isMatrix), reducedShape($x.shape, axes, keepDims))
})

function normOf(x: Tensor, ord: number | 'euclidean' | 'fro', axes: number[], isMatrix: boolean): Tensor {
  if (ord === 'euclidean' || (isMatrix ? ord === 'fro' : ord === 2)) {
    return sqrt(cast(sum(square(x), axes, true), 'float32'))
  }
  // Of a matrix: sums along one axis, and the extreme of them along the other.
  const sized = abs(x)
  const [rows, columns] = axes as [number, number]
  if (ord === 1) return isMatrix ? max(sum(sized, rows, true), columns, true) : sum(sized, axes, true)
  if (ord === Infinity) return isMatrix ? max(sum(sized, columns, true), rows, true) : max(sized, axes, true)
  if (ord === -Infinity) return isMatrix ? min(sum(sized, columns, true), rows, true) : min(sized, axes, true)
  throw new SeqloomError('ERR_OPTION', `Error in norm: invalid ord value: ${ord}`)
}

/** The euclidean norm. */
export const euclideanNorm: (x: Tensor | TensorLike, axis?: number | number[] | null, keepDims?: boolean) => Tensor = (
  x,
  axis,
  keepDims,
) => norm(x, 'euclidean', axis, keepDims)
