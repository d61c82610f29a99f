// tf.constraints: what weights are held to after each batch. Layers take these values.
import { Described, type Settings } from './described.js'
import { argsOf } from './failure.js'
import { epsilon } from './layerLosses.js'
import { add, div, mul } from './ops/arithmetic.js'
import { tidy } from './ops/op.js'
import { sum } from './ops/reduce.js'
import { clipByValue, relu, sqrt, square } from './ops/unary.js'
import type { Tensor } from './tensor.js'

/** What weights are held to after each batch. */
export class Constraint extends Described {
  readonly #apply: (weights: Tensor) => Tensor

  constructor(className: string, config: Settings, apply: (weights: Tensor) => Tensor) {
    super(className, config)
    this.#apply = apply
  }

  /** The weights as they are held. */
  apply(weights: Tensor): Tensor {
    return tidy(() => this.#apply(weights))
  }
}

export interface MaxNormArgs {
  maxValue?: number
  axis?: number
}
export interface UnitNormArgs {
  axis?: number
}
export interface MinMaxNormArgs {
  minValue?: number
  maxValue?: number
  rate?: number
  axis?: number
}

const normsOf = (weights: Tensor, axis: number): Tensor => sqrt(sum(square(weights), axis, true))

const scaled = (weights: Tensor, norms: Tensor, wanted: Tensor): Tensor =>
  mul(weights, div(wanted, add(epsilon, norms)))

/** Norms along an axis (0) of at most `maxValue` (2). */
export function maxNorm(args: MaxNormArgs = {}): Constraint {
  argsOf('constraints.maxNorm', args)
  const { maxValue, axis } = { maxValue: args.maxValue ?? 2, axis: args.axis ?? 0 }
  return new Constraint('MaxNorm', { maxValue, axis }, (weights) => {
    const norms = normsOf(weights, axis)
    return scaled(weights, norms, clipByValue(norms, 0, maxValue))
  })
}

/** Norms along an axis (0) of 1. */
export function unitNorm(args: UnitNormArgs = {}): Constraint {
  argsOf('constraints.unitNorm', args)
  const axis = args.axis ?? 0
  return new Constraint('UnitNorm', { axis }, (weights) => div(weights, add(epsilon, normsOf(weights, axis))))
}

/** No negative weights. */
export const nonNeg = (): Constraint => new Constraint('NonNeg', {}, (weights) => relu(weights))

/** Norms along an axis (0) moved by `rate` (1) into the range from `minValue` (0) to `maxValue` (1). */
export function minMaxNorm(config: MinMaxNormArgs = {}): Constraint {
  argsOf('constraints.minMaxNorm', config)
  const { minValue, maxValue, rate, axis } = {
    minValue: config.minValue ?? 0,
    maxValue: config.maxValue ?? 1,
    rate: config.rate ?? 1,
    axis: config.axis ?? 0,
  }
  return new Constraint('MinMaxNorm', { minValue, maxValue, rate, axis }, (weights) => {
    const norms = normsOf(weights, axis)
    return scaled(weights, norms, add(mul(rate, clipByValue(norms, minValue, maxValue)), mul(1 - rate, norms)))
  })
}
