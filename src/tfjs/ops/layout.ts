import { check } from '../failure.js'
import { fullStrides } from '../shapes.js'
import { allocateValues, Tensor } from '../tensor.js'
import type { DataValues } from '../types.js'
import { copyView } from './walk.js'

/** A tensor of the same values; they are not copied. */
export const reshaped = (x: Tensor, shape: readonly number[]): Tensor => new Tensor(shape, x.dtype, x.storage)

/** A tensor with its dimensions in another order. */
export function transposed(x: Tensor, perm: readonly number[]): Tensor {
  const shape = perm.map((axis) => x.shape[axis] as number)
  const strides = fullStrides(x.shape)
  const values = allocateValues('transpose', x.dtype, x.size) as DataValues
  copyView(
    shape,
    { values: x.values, start: 0, strides: perm.map((axis) => strides[axis] as number) },
    { values, start: 0, strides: fullStrides(shape) },
  )
  return new Tensor(shape, x.dtype, values)
}

/** The part of a tensor that begins at `begin`, every `strides` elements along each dimension. */
export function sliced(
  x: Tensor,
  begin: readonly number[],
  size: readonly number[],
  strides: readonly number[] = size.map(() => 1),
): Tensor {
  const own = fullStrides(x.shape)
  const values = allocateValues(
    'slice',
    x.dtype,
    size.reduce((product, dim) => product * dim, 1),
  ) as DataValues
  const start = begin.reduce((sum, at, axis) => sum + at * (own[axis] as number), 0)
  copyView(
    size,
    { values: x.values, start, strides: own.map((stride, axis) => stride * (strides[axis] as number)) },
    { values, start: 0, strides: fullStrides(size) },
  )
  return new Tensor(size, x.dtype, values)
}

/** Tensors side by side along an axis. */
export function joined(tensors: readonly Tensor[], axis: number, dtype: Tensor['dtype']): Tensor {
  const [first] = tensors as [Tensor]
  const rank = first.rank
  tensors.forEach((each, i) => {
    check(
      each.rank === rank,
      'ERR_SHAPE',
      () => `Error in concat${rank}D: rank of tensors[${i}] must be the same as the rank of the rest (${rank})`,
    )
  })
  check(axis >= 0 && axis < rank, 'ERR_SHAPE', () => `Error in concat${rank}D: axis must be between 0 and ${rank - 1}.`)
  tensors.forEach((each, i) => {
    check(
      each.shape.every((dim, at) => at === axis || dim === first.shape[at]),
      'ERR_SHAPE',
      () =>
        `Error in concat${rank}D: Shape of tensors[${i}] (${each.shape}) does not match the shape of the rest (${first.shape}) along the non-concatenated axis ${i}.`,
    )
  })
  const shape: number[] = [...first.shape]
  shape[axis] = tensors.reduce((sum, each) => sum + (each.shape[axis] as number), 0)
  const values = allocateValues(
    'concat',
    dtype,
    shape.reduce((product, dim) => product * dim, 1),
  ) as DataValues
  const strides = fullStrides(shape)
  let at = 0
  for (const each of tensors) {
    const start = at * (strides[axis] as number)
    copyView(
      each.shape,
      { values: each.values, start: 0, strides: fullStrides(each.shape) },
      { values, start, strides },
    )
    at += each.shape[axis] as number
  }
  return new Tensor(shape, dtype, values)
}
