// tf.initializers: how weights begin. Layers take these values; `apply` makes a tensor of one.
import { describe, SeqloomError } from '../errors.js'
import { Described, type Settings } from './described.js'
import { argsOf, check } from './failure.js'
import { qr } from './linalg.js'
import { mul } from './ops/arithmetic.js'
import { eye, fill, ones, zeros } from './ops/creation.js'
import { transposed } from './ops/layout.js'
import { tidy } from './ops/op.js'
import { randomNormal, randomUniform, truncatedNormal } from './ops/random.js'
import type { Tensor } from './tensor.js'
import type { DataType } from './types.js'

/** @inline */
type Apply = (shape: number[], dtype?: DataType) => Tensor

/** How weights begin. */
export class Initializer extends Described {
  readonly #apply: Apply

  constructor(className: string, config: Settings, apply: Apply) {
    super(className, config)
    this.#apply = apply
  }

  /** A tensor of a shape. */
  apply(shape: number[], dtype?: DataType): Tensor {
    return tidy(() => this.#apply(shape, dtype))
  }
}

export interface SeedOnlyInitializerArgs {
  seed?: number
}
export interface ConstantArgs {
  value: number
}
export interface RandomUniformArgs extends SeedOnlyInitializerArgs {
  minval?: number
  maxval?: number
}
export interface RandomNormalArgs extends SeedOnlyInitializerArgs {
  mean?: number
  stddev?: number
}
export interface IdentityArgs {
  gain?: number
}
export interface OrthogonalArgs extends SeedOnlyInitializerArgs {
  gain?: number
}
export interface VarianceScalingArgs extends SeedOnlyInitializerArgs {
  scale?: number
  mode?: 'fanIn' | 'fanOut' | 'fanAvg'
  distribution?: 'normal' | 'uniform' | 'truncatedNormal'
}

export const zerosInitializer = (): Initializer => new Initializer('Zeros', {}, (shape, dtype) => zeros(shape, dtype))
export const onesInitializer = (): Initializer => new Initializer('Ones', {}, (shape, dtype) => ones(shape, dtype))
export { onesInitializer as ones, zerosInitializer as zeros }

/** One value everywhere. */
export function constant(args: ConstantArgs): Initializer {
  const value: unknown = args?.value
  if (typeof value !== 'number') {
    throw new SeqloomError(
      'ERR_OPTION',
      `initializers.constant: config must have value set, a number, not ${describe(value)}`,
    )
  }
  return new Initializer('Constant', { value }, (shape, dtype) => fill(shape, value, dtype ?? 'float32'))
}

/** Evenly distributed values; from -0.05 to 0.05 by default. */
export function randomUniformInitializer(args: RandomUniformArgs = {}): Initializer {
  argsOf('initializers.randomUniform', args)
  const { minval, maxval, seed } = { minval: args.minval || -0.05, maxval: args.maxval || 0.05, seed: args.seed }
  return new Initializer('RandomUniform', { minval, maxval, seed }, (shape, dtype) =>
    randomUniform(shape, minval, maxval, dtype, seed),
  )
}

const floatOrInteger = (dtype: DataType = 'float32'): 'float32' | 'int32' => {
  check(
    dtype === 'float32' || dtype === 'int32',
    'ERR_UNSUPPORTED',
    () => `initializers of random numbers do not support dType ${dtype}.`,
  )
  return dtype
}

/** Normally distributed values; with a standard deviation of 0.05 by default. */
export function randomNormalInitializer(args: RandomNormalArgs = {}): Initializer {
  argsOf('initializers.randomNormal', args)
  const { mean, stddev, seed } = { mean: args.mean || 0, stddev: args.stddev || 0.05, seed: args.seed }
  return new Initializer('RandomNormal', { mean, stddev, seed }, (shape, dtype) =>
    randomNormal(shape, mean, stddev, floatOrInteger(dtype), seed),
  )
}

/** Normally distributed values within two standard deviations. */
export function truncatedNormalInitializer(args: RandomNormalArgs = {}): Initializer {
  argsOf('initializers.truncatedNormal', args)
  const { mean, stddev, seed } = { mean: args.mean || 0, stddev: args.stddev || 0.05, seed: args.seed }
  return new Initializer('TruncatedNormal', { mean, stddev, seed }, (shape, dtype) =>
    truncatedNormal(shape, mean, stddev, floatOrInteger(dtype), seed),
  )
}
export {
  randomNormalInitializer as randomNormal,
  randomUniformInitializer as randomUniform,
  truncatedNormalInitializer as truncatedNormal,
}

/** The identity matrix times `gain` (1). */
export function identity(args: IdentityArgs = {}): Initializer {
  argsOf('initializers.identity', args)
  const gain = args.gain ?? 1
  return new Initializer('Identity', { gain }, (shape) => {
    check(
      shape.length === 2 && shape[0] === shape[1],
      'ERR_SHAPE',
      () => 'Identity matrix initializer can only be used for 2D square matrices.',
    )
    return mul(gain, eye(shape[0] as number))
  })
}

/** How many inputs and outputs weights of a shape have. */
function fans(shape: readonly number[]): [number, number] {
  const size = shape.reduce((product, dim) => product * dim, 1)
  if (shape.length < 2 || shape.length > 5) return [Math.sqrt(size), Math.sqrt(size)]
  const [inputs, outputs] = shape.slice(-2) as [number, number]
  const field = shape.slice(0, -2).reduce((product, dim) => product * dim, 1)
  return [inputs * field, outputs * field]
}

/** Values whose variance is `scale` by the number of inputs, outputs, or the mean of both. */
export function varianceScaling(args: VarianceScalingArgs = {}): Initializer {
  argsOf('initializers.varianceScaling', args)
  const { scale, mode, distribution, seed } = {
    scale: args.scale ?? 1,
    mode: args.mode ?? 'fanIn',
    distribution: args.distribution ?? 'normal',
    seed: args.seed,
  }
  check(scale >= 0, 'ERR_OPTION', () => `scale must be a positive float. Got: ${scale}`)
  check(
    ['fanIn', 'fanOut', 'fanAvg'].includes(mode),
    'ERR_OPTION',
    () => `${describe(mode)} is not a valid FanMode. Valid values are: fanIn,fanOut,fanAvg`,
  )
  check(
    ['normal', 'uniform', 'truncatedNormal'].includes(distribution),
    'ERR_OPTION',
    () => `${describe(distribution)} is not a valid Distribution. Valid values are: normal,uniform,truncatedNormal`,
  )
  return new Initializer('VarianceScaling', { scale, mode, distribution, seed }, (shape, dtype) => {
    const [inputs, outputs] = fans(shape)
    const count = mode === 'fanIn' ? inputs : mode === 'fanOut' ? outputs : (inputs + outputs) / 2
    const variance = scale / Math.max(1, count)
    if (distribution === 'normal') return truncatedNormal(shape, 0, Math.sqrt(variance), floatOrInteger(dtype), seed)
    const limit = Math.sqrt(3 * variance)
    return randomUniform(shape, -limit, limit, dtype, seed)
  })
}

const scaling =
  (scale: number, mode: 'fanIn' | 'fanAvg', distribution: 'normal' | 'uniform') =>
  (args?: SeedOnlyInitializerArgs): Initializer =>
    varianceScaling({ scale, mode, distribution, ...(args?.seed !== undefined && { seed: args.seed }) })

export const glorotUniform = scaling(1, 'fanAvg', 'uniform')
export const glorotNormal = scaling(1, 'fanAvg', 'normal')
export const heNormal = scaling(2, 'fanIn', 'normal')
export const heUniform = scaling(2, 'fanIn', 'uniform')
export const leCunNormal = scaling(1, 'fanIn', 'normal')
export const leCunUniform = scaling(1, 'fanIn', 'uniform')

/** A matrix with orthogonal rows or columns, times `gain` (1). */
export function orthogonal(args: OrthogonalArgs = {}): Initializer {
  argsOf('initializers.orthogonal', args)
  const { gain, seed } = { gain: args.gain ?? 1, seed: args.seed }
  return new Initializer('Orthogonal', { gain, seed }, (shape, dtype) => {
    check(shape.length >= 2, 'ERR_SHAPE', () => 'Shape must be at least 2D.')
    const columns = shape.at(-1) as number
    const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
    const isWide = rows < columns
    const [long, short] = isWide ? [columns, rows] : [rows, columns]
    const [q, r] = qr(randomNormal([long, short], 0, 1, floatOrInteger(dtype), seed))
    // The signs that make the result evenly distributed.
    const signs = Float32Array.from({ length: short }, (_, i) => Math.sign(r.values[i * short + i] as number) || 1)
    const even = mul(q, mul(signs, gain))
    return (isWide ? transposed(even, [1, 0]) : even).reshape(shape)
  })
}
