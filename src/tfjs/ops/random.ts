// Tensors of random numbers. A seed gives the same numbers each time; without one they differ.
import { SeqloomError } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check, unsupported } from '../failure.js'
import { checkDimensions, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor, type Tensor1D, type Tensor2D, unknownDtype } from '../tensor.js'
import type { DataType, Rank, ShapeMap, TensorLike } from '../types.js'
import { alea } from './alea.js'
import { mul } from './arithmetic.js'
import { softmax } from './normalize.js'
import { op } from './op.js'
import type { Numbers } from './walk.js'

/** Fills a new tensor with the numbers of a generator. */
function filled<R extends Rank>(
  name: string,
  shape: readonly number[],
  dtype: DataType,
  next: () => number,
): Tensor<R> {
  if (Array.isArray(shape) && shape.includes(null)) {
    throw unsupported(
      `${name} of as many rows as a batch has, where a layer is recorded`,
      'add tf.layers.gaussianNoise to the model, or draw the numbers outside of it and give them as an input',
    )
  }
  checkDimensions(shape)
  if (dtype === 'string' || dtype === 'complex64') throw unknownDtype(name, dtype)
  const values = allocateValues(name, dtype, sizeFromShape(shape)) as Numbers
  for (let i = 0; i < values.length; i++) values[i] = next()
  return new Tensor<R>(shape, dtype, values)
}

const generator = (seed: number | string | null | undefined) => alea(String(seed ?? Math.random()))

/** Numbers from a function of one's own. */
export function rand<R extends Rank>(
  shape: ShapeMap[R],
  randFunction: () => number,
  dtype: DataType = 'float32',
): Tensor<R> {
  return filled('rand', shape, dtype, randFunction)
}

/** Numbers from `minval` (0) up to `maxval` (1), evenly distributed. */
export function randomUniform<R extends Rank>(
  shape: ShapeMap[R],
  minval = 0,
  maxval = 1,
  dtype: DataType = 'float32',
  seed?: number | string,
): Tensor<R> {
  const next = generator(seed)
  return filled('randomUniform', shape, dtype, () => minval + (maxval - minval) * next())
}

/** Integers from `minval` up to, but without, `maxval`. */
export function randomUniformInt<R extends Rank>(
  shape: ShapeMap[R],
  minval: number,
  maxval: number,
  seed?: number | string,
): Tensor<R> {
  return randomUniform(shape, minval, maxval, 'int32', seed)
}

/** A generator of normally distributed numbers (Marsaglia's polar method), of integers rounded. */
function gaussian(mean: number, deviation: number, isInteger: boolean, isTruncated: boolean, seed?: number) {
  // As in tfjs, a seed of 0 is none.
  const next = generator(seed || undefined)
  const isGood = (value: number) => !isTruncated || Math.abs(value - mean) <= 2 * deviation
  const given = (value: number) => (isInteger ? Math.round(value) : value)
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    for (;;) {
      const x = 2 * next() - 1
      const y = 2 * next() - 1
      const square = x * x + y * y
      if (square >= 1 || square === 0) continue
      const scale = deviation * Math.sqrt((-2 * Math.log(square)) / square)
      const first = mean + x * scale
      if (!isGood(first)) continue
      const second = mean + y * scale
      if (isGood(second)) spare = given(second)
      return given(first)
    }
  }
}

function normal<R extends Rank>(
  name: string,
  shape: ShapeMap[R],
  mean: number,
  stdDev: number,
  dtype: DataType,
  isTruncated: boolean,
  seed?: number,
): Tensor<R> {
  if (dtype === 'bool') throw new SeqloomError('ERR_OPTION', `Unsupported data type ${dtype}`)
  // No number would ever lie within such bounds.
  check(
    !isTruncated || (Number.isFinite(mean) && Number.isFinite(stdDev) && stdDev >= 0),
    'ERR_OPTION',
    () => `${name}: the mean must be finite and the standard deviation not negative, not ${mean} and ${stdDev}`,
  )
  return filled(name, shape, dtype, gaussian(mean, stdDev, dtype !== 'float32', isTruncated, seed))
}

/** Normally distributed numbers. */
export function randomNormal<R extends Rank>(
  shape: ShapeMap[R],
  mean = 0,
  stdDev = 1,
  dtype: 'float32' | 'int32' = 'float32',
  seed?: number,
): Tensor<R> {
  return normal('randomNormal', shape, mean, stdDev, dtype, false, seed)
}

/** Normally distributed numbers with mean 0 and standard deviation 1. */
export function randomStandardNormal<R extends Rank>(
  shape: ShapeMap[R],
  dtype: 'float32' | 'int32' = 'float32',
  seed?: number,
): Tensor<R> {
  return randomNormal(shape, 0, 1, dtype, seed)
}

/** Normally distributed numbers that lie within two standard deviations of the mean. */
export function truncatedNormal<R extends Rank>(
  shape: ShapeMap[R],
  mean = 0,
  stdDev = 1,
  dtype: 'float32' | 'int32' = 'float32',
  seed?: number,
): Tensor<R> {
  return normal('truncatedNormal', shape, mean, stdDev, dtype, true, seed)
}

/** Numbers with a gamma distribution of shape `alpha` and rate `beta` (1) (Marsaglia and Tsang). */
export function randomGamma<R extends Rank>(
  shape: ShapeMap[R],
  alpha: number,
  beta = 1,
  dtype: 'float32' | 'int32' = 'float32',
  seed?: number,
): Tensor<R> {
  check(
    alpha > 0 && beta > 0,
    'ERR_OPTION',
    () => `randomGamma: alpha and beta must be positive, not ${alpha} and ${beta}`,
  )
  if (dtype !== 'float32' && dtype !== 'int32') throw new SeqloomError('ERR_OPTION', `Unsupported data type ${dtype}`)
  const next = generator(seed || undefined)
  const bell = gaussian(0, 1, false, false, next())
  const d = (alpha < 1 ? alpha + 1 : alpha) - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  return filled('randomGamma', shape, dtype, () => {
    for (;;) {
      const x = bell()
      const v = (1 + c * x) ** 3
      if (v <= 0) continue
      const u = next()
      if (Math.log(u) >= 0.5 * x * x + d * (1 - v + Math.log(v))) continue
      const value = ((d * v) / beta) * (alpha < 1 ? next() ** (1 / alpha) : 1)
      return dtype === 'int32' ? Math.round(value) : value
    }
  })
}

/**
 * Draws from rows of logits, or of probabilities if `normalized`: `numSamples` places of each row, as int32.
 * `logits` is [outcomes] or [batch, outcomes].
 */
export const multinomial: (
  logits: Tensor1D | Tensor2D | TensorLike,
  numSamples: number,
  seed?: number | null,
  normalized?: boolean,
) => Tensor1D | Tensor2D = op<typeof multinomial>('multinomial', (logits, numSamples, seed, normalized = false) => {
  const $logits = convertToTensor<Tensor>(logits as Tensor, 'logits', 'multinomial')
  const { size, rank } = $logits
  check(size >= 2, 'ERR_SHAPE', () => `Error in multinomial: you need at least 2 outcomes, but got ${size}.`)
  check(
    Number.isInteger(numSamples) && numSamples >= 0,
    'ERR_OPTION',
    () => `multinomial: numSamples must be an integer from 0, not ${numSamples}`,
  )
  check(rank <= 2, 'ERR_SHAPE', () => `Rank of probabilities must be 1 or 2, but is ${rank}`)
  const outcomes = $logits.shape[rank - 1] as number
  const rows = size / outcomes
  const probabilities = (normalized ? $logits : softmax($logits)).values as Numbers
  const out = allocateValues('multinomial', 'int32', rows * numSamples)
  let next = generator(seed || undefined)
  const reached = new Float32Array(outcomes - 1)
  for (let row = 0; row < rows; row++) {
    // As in tfjs, a seed gives each row the same draws.
    if (seed) next = generator(seed)
    for (let i = 0; i < reached.length; i++) {
      reached[i] = (i === 0 ? 0 : (reached[i - 1] as number)) + (probabilities[row * outcomes + i] as number)
    }
    for (let i = 0; i < numSamples; i++) {
      const drawn = next()
      const place = reached.findIndex((bound) => drawn < bound)
      out[row * numSamples + i] = place < 0 ? reached.length : place
    }
  }
  return new Tensor(rank === 1 ? [numSamples] : [rows, numSamples], 'int32', out)
})

/**
 * The tensor with a share `rate` of its elements set to 0, and the others scaled by `1 / (1 - rate)`. In the dimensions
 * in which `noiseShape` is 1, all fall together.
 */
export const dropout: (
  x: Tensor | TensorLike,
  rate: number,
  noiseShape?: (number | null)[] | null,
  seed?: number | string,
) => Tensor = op<typeof dropout>('dropout', (x, rate, noiseShape, seed) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'dropout')
  check(
    $x.dtype === 'float32',
    'ERR_DATA',
    () => `x has to be a floating point tensor since it's going to be scaled, but got a ${$x.dtype} tensor instead.`,
  )
  check(rate >= 0 && rate < 1, 'ERR_OPTION', () => `rate must be a float in the range [0, 1), but got ${rate}.`)
  if (rate === 0) return new Tensor($x.shape, $x.dtype, $x.storage)
  const next = generator(seed)
  const shape = (noiseShape ?? $x.shape).map((dim, axis) => dim ?? ($x.shape[axis] as number))
  const kept = 1 - rate
  return mul(
    $x,
    filled('dropout', shape, 'float32', () => Math.floor(next() + kept) / kept),
  )
})
