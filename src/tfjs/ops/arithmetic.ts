// Functions of two tensors, element by element. Dimensions of size 1 are repeated, and the result has the dtype that
// holds both.
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { arraysEqual } from '../shapes.js'
import { Tensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { type Binary, combined, inType, type Loop, looped, matched } from './elementwise.js'
import { op } from './op.js'

const binary = (name: string, loop: Loop, names?: string[]): Binary =>
  op<Binary>(name, (a, b) => {
    const [$a, $b] = matched(name, a, b, names)
    return combined($a, $b, loop, $a.dtype)
  })

// The four most frequent ones have loops of their own, which are faster than a function called for each element.

const addLoop: Loop = (out, o, a, i, si, b, j, sj, n) => {
  for (let k = 0; k < n; k++) out[o + k] = (a[i + k * si] as number) + (b[j + k * sj] as number)
}

const divLoop: Loop = (out, o, a, i, si, b, j, sj, n) => {
  for (let k = 0; k < n; k++) out[o + k] = (a[i + k * si] as number) / (b[j + k * sj] as number)
}

/** `a + b`. */
export const add: Binary = binary('add', addLoop)

/** `a - b`. */
export const sub: Binary = binary('sub', (out, o, a, i, si, b, j, sj, n) => {
  for (let k = 0; k < n; k++) out[o + k] = (a[i + k * si] as number) - (b[j + k * sj] as number)
})

/** `a · b`, element by element. */
export const mul: Binary = binary('mul', (out, o, a, i, si, b, j, sj, n) => {
  for (let k = 0; k < n; k++) out[o + k] = (a[i + k * si] as number) * (b[j + k * sj] as number)
})

const dividedOrZero = looped((a, b) => (b === 0 ? 0 : a / b))
const flooredOrZero = looped((a, b) => (b === 0 ? 0 : Math.floor(a / b)))
const floored = looped((a, b) => Math.floor(a / b))

/** `a / b`; of two int32 tensors, rounded down. */
export const div: Binary = op<Binary>('div', (a, b) => {
  const [$a, $b] = matched('div', a, b)
  return combined($a, $b, $a.dtype === 'int32' ? floored : divLoop, $a.dtype)
})

/** `a / b` rounded down, as int32. */
export const floorDiv: Binary = op<Binary>('floorDiv', (a, b) => {
  const [$a, $b] = matched('floorDiv', a, b)
  return combined($a, $b, floored, 'int32')
})

/** `a / b`, and 0 where `b` is 0; of two int32 tensors, rounded down. */
export const divNoNan: Binary = op<Binary>('divNoNan', (a, b) => {
  const [$a, $b] = matched('divNoNan', a, b)
  return combined($a, $b, $a.dtype === 'int32' ? flooredOrZero : dividedOrZero, $a.dtype)
})

/** The remainder of `a / b`, with the sign of `b`. */
export const mod: Binary = binary(
  'mod',
  looped((a, b) => {
    const rest = a % b
    return a < 0 === b < 0 ? rest : (rest + b) % b
  }),
)

/** `base` to the power of `exp`. */
export const pow: Binary = binary('pow', looped(Math.pow), ['base', 'exp'])

/** The larger of `a` and `b`; of booleans as int32. */
export const maximum: Binary = extreme('maximum', Math.max)

/** The smaller of `a` and `b`; of booleans as int32. */
export const minimum: Binary = extreme('minimum', Math.min)

function extreme(name: string, f: (a: number, b: number) => number): Binary {
  const loop = looped(f)
  return op<Binary>(name, (a, b) => {
    const [$a, $b] = matched(name, a, b).map((each) => (each.dtype === 'bool' ? inType(each, 'int32') : each))
    return combined($a as Tensor, $b as Tensor, loop, ($a as Tensor).dtype)
  })
}

/** `(a - b)²`. */
export const squaredDifference: Binary = binary(
  'squaredDifference',
  looped((a, b) => (a - b) * (a - b)),
)

/** The angle of the point `(b, a)`, in radians. */
export const atan2: Binary = binary('atan2', looped(Math.atan2))

/** `x`, and `alpha · x` where it is negative. */
export const prelu: <T extends Tensor>(x: T | TensorLike, alpha: T | TensorLike) => T = op<typeof prelu>(
  'prelu',
  (x, alpha) => {
    const $x = convertToTensor<Tensor>(x, 'x', 'prelu')
    const $alpha = convertToTensor<Tensor>(alpha, 'alpha', 'prelu')
    return combined(
      $x,
      $alpha,
      looped((value, slope) => (value < 0 ? slope * value : value)),
      'float32',
    )
  },
)

/** The sum of tensors of one shape and dtype. */
export const addN: <T extends Tensor>(tensors: (T | TensorLike)[]) => T = op<typeof addN>('addN', (tensors) => {
  check(Array.isArray(tensors), 'ERR_DATA', () => 'The argument passed to tf.addN() must be a list of tensors')
  check(tensors.length >= 1, 'ERR_DATA', () => `Must pass at least one tensor to tf.addN(), but got ${tensors.length}`)
  const list = tensors.map((each, i) => convertToTensor<Tensor>(each, `tensors${i}`, 'addN'))
  const first = list[0] as Tensor
  check(
    list.every((each) => each.dtype === first.dtype),
    'ERR_DATA',
    () => 'All tensors passed to tf.addN() must have the same dtype',
  )
  check(
    list.every((each) => arraysEqual(each.shape, first.shape)),
    'ERR_SHAPE',
    () => 'All tensors passed to tf.addN() must have the same shape',
  )
  return list.slice(1).reduce((sum, each) => combined(sum, each, addLoop, first.dtype), share(first))
})

const share = (x: Tensor): Tensor => new Tensor(x.shape, x.dtype, x.storage)
