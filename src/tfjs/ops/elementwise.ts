import { SeqloomError } from '../../errors.js'
import { convertToTensor, type Expected } from '../convert.js'
import { assertAndGetBroadcastShape, sizeFromShape } from '../shapes.js'
import { allocateValues, castValues, Tensor } from '../tensor.js'
import type { DataType, TensorLike } from '../types.js'
import { op } from './op.js'
import { broadcastStrides, eachRun, type Numbers } from './walk.js'

/** @inline */
export type Unary = <T extends Tensor>(x: T | TensorLike) => T
/** @inline */
export type Binary = <T extends Tensor>(a: Tensor | TensorLike, b: Tensor | TensorLike) => T

/** The dtype that holds the values of both. */
export function upcastType(a: DataType, b: DataType): DataType {
  if (a === b) return a
  if (a === 'string' || b === 'string') throw new SeqloomError('ERR_DATA', `Can not upcast ${a} with ${b}`)
  return a === 'float32' || b === 'float32' ? 'float32' : 'int32'
}

/** A tensor in another dtype; itself if it has it already. */
export const inType = <T extends Tensor>(x: T, dtype: DataType): T =>
  x.dtype === dtype ? x : (new Tensor(x.shape, dtype, castValues(x.values, dtype)) as T)

/** Both arguments of a function, in the dtype that holds both. */
export function matched(name: string, a: Tensor | TensorLike, b: Tensor | TensorLike, names = ['a', 'b']) {
  const $a = convertToTensor<Tensor>(a, names[0] as string, name)
  const $b = convertToTensor<Tensor>(b, names[1] as string, name)
  const dtype = upcastType($a.dtype, $b.dtype)
  return [inType($a, dtype), inType($b, dtype)] as const
}

/** The values of a function of each element, in `dtype`, by default that of the tensor. */
export function mapped(x: Tensor, f: (value: number) => number, dtype: DataType = x.dtype): Tensor {
  const values = x.values as Numbers
  const target = allocateValues('tensor', dtype, x.size) as Numbers
  for (let i = 0; i < values.length; i++) target[i] = f(values[i] as number)
  return new Tensor(x.shape, dtype, target)
}

/** A function of each element. */
export const unary = (
  name: string,
  f: (value: number) => number,
  { expected = 'numeric', dtype }: { expected?: Expected; dtype?: DataType } = {},
): Unary => op<Unary>(name, (x) => mapped(convertToTensor<Tensor>(x, 'x', name, expected), f, dtype))

/** A loop over `n` elements: to `o` of `out`, from `i` and `j` on, `si` and `sj` apart. */
export type Loop = (
  out: Numbers,
  o: number,
  a: Numbers,
  i: number,
  si: number,
  b: Numbers,
  j: number,
  sj: number,
  n: number,
) => void

/** A loop over a function of two numbers. */
export const looped =
  (f: (a: number, b: number) => number): Loop =>
  (out, o, a, i, si, b, j, sj, n) => {
    for (let k = 0; k < n; k++) out[o + k] = f(a[i + k * si] as number, b[j + k * sj] as number)
  }

/** Runs a loop over two tensors, of which the dimensions of size 1 are repeated. */
export function combined(a: Tensor, b: Tensor, loop: Loop, dtype: DataType): Tensor {
  const shape = assertAndGetBroadcastShape(a.shape, b.shape)
  const out = allocateValues('tensor', dtype, sizeFromShape(shape)) as Numbers
  const [left, right] = [a.values as Numbers, b.values as Numbers]
  const strides = [shape, a.shape, b.shape].map((each) => broadcastStrides(each, shape))
  eachRun(shape, strides, [0, 0, 0], (at, n, steps) => {
    loop(out, at[0] as number, left, at[1] as number, steps[1] as number, right, at[2] as number, steps[2] as number, n)
  })
  return new Tensor(shape, dtype, out)
}
