// Softmax, normalization, dropout, and steps of an LSTM.
import { SeqloomError } from '../../errors.js'
import { convertToTensor, convertToTensorArray } from '../convert.js'
import { check } from '../failure.js'
import { arraysEqual } from '../shapes.js'
import { allocateValues, Tensor, type Tensor1D, type Tensor2D } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { add, div, mul, pow, sub } from './arithmetic.js'
import { concat, split } from './join.js'
import { matMul } from './matrix.js'
import { op } from './op.js'
import { rsqrt, sigmoid, tanh } from './unary.js'
import type { Numbers } from './walk.js'

/** @inline */
type RowFunction = <T extends Tensor>(logits: T | TensorLike, dim?: number) => T

/** Runs a function of the largest value and the sum of exponentials of each row, the last dimension. */
function byRow(name: string, title: string, finish: (shifted: number, total: number) => number): RowFunction {
  return op<RowFunction>(name, (logits, dim = -1) => {
    const $x = convertToTensor<Tensor>(logits, 'logits', name, name === 'softmax' ? 'float32' : 'numeric')
    const axis = dim === -1 ? $x.rank - 1 : dim
    if (axis !== $x.rank - 1) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${title} along a non-last dimension is not yet supported. Logits was rank ${$x.rank} and dim was ${axis}`,
      )
    }
    const width = $x.shape[axis] ?? 1
    const values = $x.values as Numbers
    const out = allocateValues(name, 'float32', $x.size)
    for (let from = 0; from < values.length; from += width) {
      let highest = -Infinity
      for (let i = from; i < from + width; i++) highest = Math.max(highest, values[i] as number)
      let total = 0
      for (let i = from; i < from + width; i++) total += Math.exp((values[i] as number) - highest)
      for (let i = from; i < from + width; i++) out[i] = finish((values[i] as number) - highest, total)
    }
    return new Tensor($x.shape, 'float32', out)
  })
}

/** The exponentials of the last dimension, divided by their sum. */
export const softmax: RowFunction = byRow('softmax', 'Softmax', (shifted, total) => Math.exp(shifted) / total)

/** The logarithm of {@link softmax}. */
export const logSoftmax: RowFunction = byRow('logSoftmax', 'Log Softmax', (shifted, total) => shifted - Math.log(total))

/** @inline */
type Batched = Tensor | Tensor1D | TensorLike

/** `(x - mean) / sqrt(variance + epsilon) · scale + offset`; the epsilon is 0.001 by default. */
export const batchNorm: (
  x: Tensor | TensorLike,
  mean: Batched,
  variance: Batched,
  offset?: Batched | null,
  scale?: Batched | null,
  varianceEpsilon?: number | null,
) => Tensor = op<typeof batchNorm>('batchNorm', (x, mean, variance, offset, scale, varianceEpsilon) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'batchNorm')
  const given = (value: Batched, name: string) => convertToTensor<Tensor>(value as Tensor, name, 'batchNorm')
  const normal = mul(sub($x, given(mean, 'mean')), rsqrt(add(given(variance, 'variance'), varianceEpsilon ?? 0.001)))
  const scaled = scale === undefined || scale === null ? normal : mul(normal, given(scale, 'scale'))
  return offset === undefined || offset === null ? scaled : add(scaled, given(offset, 'offset'))
})
export const batchNorm2d = batchNorm
export const batchNorm3d = batchNorm
export const batchNorm4d = batchNorm

/** A moving average: `v` moved towards `x` by `1 - decay`; corrected for its beginning at zero unless told otherwise. */
export const movingAverage: <T extends Tensor>(
  v: T | TensorLike,
  x: T | TensorLike,
  decay: number | Tensor,
  step?: number | Tensor,
  zeroDebias?: boolean,
) => T = op<typeof movingAverage>('movingAverage', (v, x, decay, step, zeroDebias = true) => {
  const $v = convertToTensor<Tensor>(v, 'v', 'movingAverage')
  const $x = convertToTensor<Tensor>(x, 'x', 'movingAverage')
  const $decay = convertToTensor<Tensor>(decay, 'decay', 'movingAverage')
  check(
    $v.dtype === $x.dtype,
    'ERR_DATA',
    () => `The dtypes of the first(${$v.dtype}) and second(${$x.dtype}) input must match`,
  )
  check(arraysEqual($v.shape, $x.shape), 'ERR_SHAPE', () => 'Shape mismatch in v and x')
  const update = mul(sub($x, $v), sub(1, $decay))
  if (!zeroDebias) return add($v, update)
  check(step !== undefined && step !== null, 'ERR_OPTION', () => 'When using zeroDebias: true, step is required.')
  return add($v, div(update, sub(1, pow($decay, step))))
})

/** One step of an LSTM with gates in the order input, candidate, forget, output: the new cell and hidden states. */
export const basicLSTMCell: (
  forgetBias: Tensor | TensorLike,
  lstmKernel: Tensor2D | TensorLike,
  lstmBias: Tensor1D | TensorLike,
  data: Tensor2D | TensorLike,
  c: Tensor2D | TensorLike,
  h: Tensor2D | TensorLike,
) => [Tensor2D, Tensor2D] = op<typeof basicLSTMCell>(
  'basicLSTMCell',
  (forgetBias, lstmKernel, lstmBias, data, c, h) => {
    const gates = add(matMul(concat([data as Tensor, h as Tensor], 1), lstmKernel as Tensor), lstmBias as Tensor)
    const [i, j, f, o] = split(gates, 4, 1) as [Tensor, Tensor, Tensor, Tensor]
    const cell = add(mul(sigmoid(i), tanh(j)), mul(c as Tensor, sigmoid(add(forgetBias, f))))
    return [cell, mul(tanh(cell), sigmoid(o))]
  },
)

/** A step of a cell: its input and states to its new states. */
export type LSTMCellFunc = (data: Tensor2D, c: Tensor2D, h: Tensor2D) => [Tensor2D, Tensor2D]

/** One step of several cells, each of which reads the one before: their new cell and hidden states. */
export const multiRNNCell: (
  lstmCells: LSTMCellFunc[],
  data: Tensor2D | TensorLike,
  c: (Tensor2D | TensorLike)[],
  h: (Tensor2D | TensorLike)[],
) => [Tensor2D[], Tensor2D[]] = op<typeof multiRNNCell>('multiRNNCell', (lstmCells, data, c, h) => {
  let input = convertToTensor<Tensor>(data as Tensor, 'data', 'multiRNNCell') as Tensor as Tensor2D
  const cells = convertToTensorArray<Tensor>(c as Tensor[], 'c', 'multiRNNCell') as Tensor[] as Tensor2D[]
  const hidden = convertToTensorArray<Tensor>(h as Tensor[], 'h', 'multiRNNCell') as Tensor[] as Tensor2D[]
  const states = lstmCells.map((cell, i) => {
    const next = cell(input, cells[i] as Tensor2D, hidden[i] as Tensor2D)
    input = next[1]
    return next
  })
  return [states.map(([cell]) => cell), states.map(([, each]) => each)]
})
