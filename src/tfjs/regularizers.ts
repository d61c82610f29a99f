// tf.regularizers: what large weights cost. Layers take these values.
import { describe } from '../errors.js'
import { Described } from './described.js'
import { check } from './failure.js'
import { add, mul } from './ops/arithmetic.js'
import { scalar } from './ops/creation.js'
import { tidy } from './ops/op.js'
import { sum } from './ops/reduce.js'
import { abs, square } from './ops/unary.js'
import type { Scalar, Tensor } from './tensor.js'

export interface L1L2Args {
  l1?: number
  l2?: number
}
export interface L1Args {
  l1: number
}
export interface L2Args {
  l2: number
}

/** `l1 · sum(|w|) + l2 · sum(w²)`. */
export class L1L2 extends Described {
  readonly l1: number
  readonly l2: number

  constructor(args: L1L2Args | null = {}) {
    checkArgs(args)
    const { l1, l2 } = { l1: args?.l1 ?? 0.01, l2: args?.l2 ?? 0.01 }
    super('L1L2', { l1, l2 })
    this.l1 = l1
    this.l2 = l2
  }

  /** What the weights cost. */
  apply(x: Tensor): Scalar {
    return tidy(() => {
      const first = this.l1 === 0 ? scalar(0) : sum(mul(this.l1, abs(x)))
      return this.l2 === 0 ? (first as Scalar) : add(first, sum(mul(this.l2, square(x))))
    })
  }
}

function checkArgs(args: unknown): void {
  check(
    args === undefined || typeof args === 'object',
    'ERR_OPTION',
    () => `Argument to L1L2 regularizer's constructor is expected to be an object, but received: ${describe(args)}`,
  )
}

/** Both costs; each 0.01 by default. */
export const l1l2 = (config?: L1L2Args): L1L2 => new L1L2(config)

/** The sum of absolute values times `l1`, 0.01 by default. */
export function l1(config?: L1Args): L1L2 {
  checkArgs(config)
  return new L1L2({ l1: config?.l1 ?? 0.01, l2: 0 })
}

/** The sum of squares times `l2`, 0.01 by default. */
export function l2(config?: L2Args): L1L2 {
  checkArgs(config)
  return new L1L2({ l1: 0, l2: config?.l2 ?? 0.01 })
}
