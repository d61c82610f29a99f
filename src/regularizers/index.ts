import { makeRegularizer, type Regularizer } from './regularizer.js'

export type { Regularizer, RegularizerName } from './regularizer.js'

const named = (name: string, given: unknown): object =>
  typeof given === 'number' ? { [name]: given } : (given as object)

/** Adds l1 · Σ|w| to the loss, which draws weights to zero (lasso); `l1` defaults to 0.01. Errors: `ERR_OPTION`. */
export const l1 = (l1: number | { readonly l1?: number } = {}): Regularizer => makeRegularizer('l1', named('l1', l1))

/** Adds l2 · Σw² to the loss, which keeps weights small (ridge, weight decay); `l2` defaults to 0.01. Errors: `ERR_OPTION`. */
export const l2 = (l2: number | { readonly l2?: number } = {}): Regularizer => makeRegularizer('l2', named('l2', l2))

/** Adds l1 · Σ|w| + l2 · Σw² to the loss (elastic net); both default to 0, as in Keras 3. Errors: `ERR_OPTION`. */
export const l1l2 = (options: { readonly l1?: number; readonly l2?: number } = {}): Regularizer =>
  makeRegularizer('l1l2', options)
