import { type Constraint, makeConstraint, type NormAxis } from './constraint.js'

export type { Constraint, ConstraintName, NormAxis } from './constraint.js'

interface Axis {
  /** The dimensions that the norm is taken over; default 0, the inputs of each unit of a kernel. */
  readonly axis?: NormAxis
}

/** Options of {@link maxNorm}. */
export interface MaxNormOptions extends Axis {
  /** The largest norm; default 2. */
  readonly maxValue?: number
}

/** Options of {@link minMaxNorm}. */
export interface MinMaxNormOptions extends Axis {
  /** The smallest norm; default 0. */
  readonly minValue?: number
  /** The largest norm; default 1. */
  readonly maxValue?: number
  /** How far norms outside of the bounds go to them in a step, from 0 to 1; default 1. */
  readonly rate?: number
}

/** Options of {@link unitNorm}. */
export interface UnitNormOptions extends Axis {}

/** Shrinks what each unit reads with to a norm of at most `maxValue` (Srivastava et al. 2014). Errors: `ERR_OPTION`. */
export const maxNorm = (options: number | MaxNormOptions = {}): Constraint =>
  makeConstraint('maxNorm', typeof options === 'number' ? { maxValue: options } : options)

/** Brings norms between `minValue` and `maxValue`. Errors: `ERR_OPTION`. */
export const minMaxNorm = (options: MinMaxNormOptions = {}): Constraint => makeConstraint('minMaxNorm', options)

/** Makes what is below zero zero. */
export const nonNeg = (): Constraint => makeConstraint('nonNeg')

/** Scales to norms of 1. Errors: `ERR_OPTION`. */
export const unitNorm = (options: UnitNormOptions = {}): Constraint => makeConstraint('unitNorm', options)
