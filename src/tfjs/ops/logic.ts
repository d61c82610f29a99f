// Comparisons and logic, element by element; results are bool.
import { convertToTensor } from '../convert.js'
import { assertAndGetBroadcastShape, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { type Binary, combined, inType, looped, type Unary, unary, upcastType } from './elementwise.js'
import { op } from './op.js'
import { broadcastStrides, eachRun, type Numbers } from './walk.js'

function comparison(name: string, f: (a: number, b: number) => boolean): Binary {
  const loop = looped((a, b) => (f(a, b) ? 1 : 0))
  return op<Binary>(name, (a, b) => {
    const $a = convertToTensor<Tensor>(a, 'a', name, 'string_or_numeric')
    const $b = convertToTensor<Tensor>(b, 'b', name, 'string_or_numeric')
    const dtype = upcastType($a.dtype, $b.dtype)
    return combined(inType($a, dtype), inType($b, dtype), loop, 'bool')
  })
}

export const equal: Binary = comparison('equal', (a, b) => a === b)
export const notEqual: Binary = comparison('notEqual', (a, b) => a !== b)
export const less: Binary = comparison('less', (a, b) => a < b)
export const lessEqual: Binary = comparison('lessEqual', (a, b) => a <= b)
export const greater: Binary = comparison('greater', (a, b) => a > b)
export const greaterEqual: Binary = comparison('greaterEqual', (a, b) => a >= b)

function logical(name: string, f: (a: number, b: number) => boolean): Binary {
  const loop = looped((a, b) => (f(a, b) ? 1 : 0))
  return op<Binary>(name, (a, b) =>
    combined(
      convertToTensor<Tensor>(a, 'a', name, 'bool'),
      convertToTensor<Tensor>(b, 'b', name, 'bool'),
      loop,
      'bool',
    ),
  )
}

export const logicalAnd: Binary = logical('logicalAnd', (a, b) => a !== 0 && b !== 0)
export const logicalOr: Binary = logical('logicalOr', (a, b) => a !== 0 || b !== 0)
export const logicalXor: Binary = logical('logicalXor', (a, b) => (a !== 0) !== (b !== 0))
export const logicalNot: Unary = unary('logicalNot', (x) => (x === 0 ? 1 : 0), { expected: 'bool', dtype: 'bool' })

const isNotANumber: Unary = unary('isNaN', (x) => (Number.isNaN(x) ? 1 : 0), { dtype: 'bool' })
const isFiniteNumber: Unary = unary('isFinite', (x) => (Number.isFinite(x) ? 1 : 0), { dtype: 'bool' })

export { isFiniteNumber as isFinite, isNotANumber as isNaN }

export const isInf: Unary = unary('isInf', (x) => (Math.abs(x) === Infinity ? 1 : 0), { dtype: 'bool' })

/** The bits that both int32 tensors have set. */
export const bitwiseAnd: <T extends Tensor>(x: Tensor, y: Tensor) => T = op<typeof bitwiseAnd>('bitwiseAnd', (x, y) =>
  combined(
    convertToTensor<Tensor>(x, 'x', 'bitwiseAnd', 'int32'),
    convertToTensor<Tensor>(y, 'y', 'bitwiseAnd', 'int32'),
    looped((a, b) => a & b),
    'int32',
  ),
)

/** The elements of `a` where the condition holds, those of `b` elsewhere; dimensions of size 1 are repeated. */
export const where: <T extends Tensor>(condition: Tensor | TensorLike, a: T | TensorLike, b: T | TensorLike) => T = op<
  typeof where
>('where', (condition, a, b) => {
  const $a = convertToTensor<Tensor>(a, 'a', 'where')
  const $b = convertToTensor<Tensor>(b, 'b', 'where')
  const $condition = convertToTensor<Tensor>(condition, 'condition', 'where', 'bool')
  const shape = assertAndGetBroadcastShape(assertAndGetBroadcastShape($condition.shape, $a.shape), $b.shape)
  const dtype = upcastType($a.dtype, $b.dtype)
  const out = allocateValues('where', dtype, sizeFromShape(shape)) as Numbers
  const [chosen, left, right] = [$condition.values as Numbers, $a.values as Numbers, $b.values as Numbers]
  const strides = [shape, $condition.shape, $a.shape, $b.shape].map((each) => broadcastStrides(each, shape))
  eachRun(shape, strides, [0, 0, 0, 0], (at, n, steps) => {
    const [o, c, i, j] = at as [number, number, number, number]
    const [, sc, si, sj] = steps as [number, number, number, number]
    for (let k = 0; k < n; k++) {
      out[o + k] = (chosen[c + k * sc] === 0 ? right[j + k * sj] : left[i + k * si]) as number
    }
  })
  return new Tensor(shape, dtype, out)
})
