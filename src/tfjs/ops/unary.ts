// Functions of each element. The result has the tensor's dtype.
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import type { Tensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { inType, mapped, type Unary, unary } from './elementwise.js'
import { op } from './op.js'

const floats = { expected: 'float32' } as const

export const abs: Unary = unary('abs', Math.abs)
export const acos: Unary = unary('acos', Math.acos)
export const acosh: Unary = unary('acosh', Math.acosh)
export const asin: Unary = unary('asin', Math.asin)
export const asinh: Unary = unary('asinh', Math.asinh)
export const atan: Unary = unary('atan', Math.atan)
export const atanh: Unary = unary('atanh', Math.atanh)
export const ceil: Unary = unary('ceil', Math.ceil, floats)
export const cos: Unary = unary('cos', Math.cos, floats)
export const cosh: Unary = unary('cosh', Math.cosh, floats)
export const exp: Unary = unary('exp', Math.exp, { dtype: 'float32' })
export const expm1: Unary = unary('expm1', Math.expm1)
export const floor: Unary = unary('floor', Math.floor, floats)
export const log: Unary = unary('log', Math.log, floats)
export const log1p: Unary = unary('log1p', Math.log1p)
export const neg: Unary = unary('neg', (x) => -x)
export const reciprocal: Unary = unary('reciprocal', (x) => 1 / x)
/** Rounds to the nearest integer; halves to the even one. */
export const round: Unary = unary('round', (x) => {
  const below = Math.floor(x)
  if (x - below === 0.5) return below % 2 === 0 ? below : below + 1
  return x - below < 0.5 ? below : Math.ceil(x)
})
export const rsqrt: Unary = unary('rsqrt', (x) => 1 / Math.sqrt(x), floats)
/** -1, 0 or 1; 0 for NaN. */
export const sign: Unary = unary('sign', (x) => (x < 0 ? -1 : x > 0 ? 1 : 0))
export const sin: Unary = unary('sin', Math.sin, floats)
export const sinh: Unary = unary('sinh', Math.sinh)
export const sqrt: Unary = unary('sqrt', Math.sqrt, floats)
export const square: Unary = unary('square', (x) => x * x)
export const tan: Unary = unary('tan', Math.tan, floats)

export const elu: Unary = unary('elu', (x) => (x >= 0 ? x : Math.exp(x) - 1), floats)
export const logSigmoid: Unary = unary('logSigmoid', (x) => -softplusOf(-x))
export const relu: Unary = unary('relu', (x) => Math.max(0, x))
export const relu6: Unary = unary('relu6', (x) => Math.min(Math.max(0, x), 6))
export const selu: Unary = unary('selu', (x) =>
  x >= 0 ? 1.0507009873554805 * x : 1.7580993408473768 * (Math.exp(x) - 1),
)
export const sigmoid: Unary = unary('sigmoid', (x) => 1 / (1 + Math.exp(-x)), floats)
export const softplus: Unary = unary('softplus', softplusOf)
export const tanh: Unary = unary('tanh', Math.tanh, floats)

function softplusOf(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

/** The error function, to 1.5e-7 (Abramowitz and Stegun 7.1.26); of int32 as float32. */
export const erf: Unary = op<Unary>('erf', (x) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'erf')
  check($x.dtype === 'int32' || $x.dtype === 'float32', 'ERR_DATA', () => 'Input dtype must be `int32` or `float32`.')
  return mapped(inType($x, 'float32'), erfOf)
})

function erfOf(x: number): number {
  const size = Math.abs(x)
  const t = 1 / (1 + 0.3275911 * size)
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - sum * Math.exp(-size * size))
}

/** `x`, and `alpha · x` where it is negative, as float32; alpha is 0.2 by default. */
export const leakyRelu: <T extends Tensor>(x: T | TensorLike, alpha?: number) => T = op<typeof leakyRelu>(
  'leakyRelu',
  (x, alpha = 0.2) =>
    mapped(convertToTensor<Tensor>(x, 'x', 'leakyRelu'), (value) => (value < 0 ? alpha * value : value), 'float32'),
)

/** 1 for positive values, `alpha` (0 by default) for others, NaN for NaN. */
export const step: <T extends Tensor>(x: T | TensorLike, alpha?: number) => T = op<typeof step>(
  'step',
  (x, alpha = 0) =>
    mapped(convertToTensor<Tensor>(x, 'x', 'step'), (value) => (Number.isNaN(value) ? value : value > 0 ? 1 : alpha)),
)

/** Values within bounds, those outside replaced by the bound. */
export const clipByValue: <T extends Tensor>(x: T | TensorLike, clipValueMin: number, clipValueMax: number) => T = op<
  typeof clipByValue
>('clipByValue', (x, clipValueMin, clipValueMax) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'clipByValue')
  check(
    clipValueMin <= clipValueMax,
    'ERR_OPTION',
    () => `Error in clip: min (${clipValueMin}) must be less than or equal to max (${clipValueMax}).`,
  )
  return mapped($x, (value) => Math.min(Math.max(value, clipValueMin), clipValueMax))
})
