// Several tensors as one, and one as several.
import { convertToTensor, convertToTensorArray } from '../convert.js'
import { check } from '../failure.js'
import { parseAxis } from '../shapes.js'
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { inType, upcastType } from './elementwise.js'
import { joined, reshaped, sliced } from './layout.js'
import { op } from './op.js'

/** Tensors side by side along an axis, 0 by default. */
export const concat: <T extends Tensor>(tensors: (T | TensorLike)[], axis?: number) => T = op<typeof concat>(
  'concat',
  (tensors, axis = 0) => {
    const list = convertToTensorArray<Tensor>(tensors, 'tensors', 'concat', 'string_or_numeric')
    check(list.length >= 1, 'ERR_DATA', () => 'Pass at least one tensor to concat')
    const [first] = list as [Tensor]
    if (list.length === 1) return reshaped(first, first.shape)
    const dtype = list.reduce((type, each) => upcastType(type, each.dtype), first.dtype)
    return joined(
      list.map((each) => inType(each, dtype)),
      first.rank === 0 ? axis : parseAxis(axis, first.shape),
      dtype,
    )
  },
)

export const concat1d = (tensors: (Tensor1D | TensorLike)[]): Tensor1D => concat(tensors, 0)
export const concat2d = (tensors: (Tensor2D | TensorLike)[], axis: number): Tensor2D => concat(tensors, axis)
export const concat3d = (tensors: (Tensor3D | TensorLike)[], axis: number): Tensor3D => concat(tensors, axis)
export const concat4d = (tensors: (Tensor4D | TensorLike)[], axis: number): Tensor4D => concat(tensors, axis)

/** Tensors of one shape along a new dimension, before `axis` (0 by default). */
export const stack: <T extends Tensor>(tensors: (T | TensorLike)[], axis?: number) => Tensor = op<typeof stack>(
  'stack',
  (tensors, axis = 0) => {
    const list = convertToTensorArray<Tensor>(tensors, 'tensors', 'stack', 'string_or_numeric')
    check(list.length >= 1, 'ERR_DATA', () => 'Pass at least one tensor to tf.stack')
    const [first] = list as [Tensor]
    check(axis <= first.rank && axis >= -(first.rank + 1), 'ERR_SHAPE', () => 'Axis must be <= rank of the tensor')
    const at = axis < 0 ? first.rank + 1 + axis : axis
    for (const each of list) {
      check(
        each.rank === first.rank && each.shape.every((dim, i) => dim === first.shape[i]),
        'ERR_SHAPE',
        () =>
          `All tensors passed to stack must have matching shapes Shapes ${first.shape} and ${each.shape} must match`,
      )
      check(each.dtype === first.dtype, 'ERR_DATA', () => 'All tensors passed to stack must have matching dtypes')
    }
    const shape = (x: Tensor) => [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]
    return joined(
      list.map((each) => reshaped(each, shape(each))),
      at,
      first.dtype,
    )
  },
)

/** The tensors along a dimension, which they lack. */
export const unstack: (x: Tensor | TensorLike, axis?: number) => Tensor[] = op<typeof unstack>(
  'unstack',
  (x, axis = 0) => {
    const $x = convertToTensor<Tensor>(x, 'x', 'unstack', 'string_or_numeric')
    check(axis >= -$x.rank && axis < $x.rank, 'ERR_SHAPE', () => `Axis = ${axis} is not in [-${$x.rank}, ${$x.rank})`)
    const at = parseAxis(axis, $x.shape)
    const count = $x.shape[at] as number
    const shape = $x.shape.filter((_, each) => each !== at)
    return pieces($x, new Array<number>(count).fill(1), at).map((each) => reshaped(each, shape))
  },
)

/** The tensor in parts along a dimension (0 by default): so many of one size, or of the sizes named, of which one may be -1. */
export const split: <T extends Tensor>(
  x: Tensor | TensorLike,
  numOrSizeSplits: number[] | number,
  axis?: number,
) => T[] = op<typeof split>('split', (x, numOrSizeSplits, axis = 0) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'split')
  const at = parseAxis(axis, $x.shape)
  return pieces($x, splitSizes($x.shape[at] as number, numOrSizeSplits), at)
})

function splitSizes(dim: number, parts: number[] | number): number[] {
  if (typeof parts === 'number') {
    check(
      Number.isInteger(parts) && parts > 0 && dim % parts === 0,
      'ERR_SHAPE',
      () => 'Number of splits must evenly divide the axis.',
    )
    return new Array<number>(parts).fill(dim / parts)
  }
  const open = parts.filter((size) => size === -1).length
  check(open <= 1, 'ERR_SHAPE', () => 'There should be only one negative value in split array.')
  const known = parts.reduce((sum, size) => (size === -1 ? sum : sum + size), 0)
  const sizes = parts.map((size) => (size === -1 ? dim - known : size))
  check(
    sizes.every((size) => Number.isInteger(size) && size >= 0) && sizes.reduce((sum, size) => sum + size, 0) === dim,
    'ERR_SHAPE',
    () => 'The sum of sizes must match the size of the axis dimension.',
  )
  return sizes
}

function pieces(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  let from = 0
  return sizes.map((size) => {
    const begin = x.shape.map((_, each) => (each === axis ? from : 0))
    from += size
    return sliced(
      x,
      begin,
      x.shape.map((dim, each) => (each === axis ? size : dim)),
    )
  })
}
