import { type Loss, makeLoss } from './loss.js'

export type { Loss, LossKind, LossName } from './loss.js'
export type { TracedFunction } from './traced.js'

/** Options of losses on probabilities or logits. */
export interface LogitOptions {
  /** Whether predictions are logits, before softmax or sigmoid; default false. */
  readonly fromLogits?: boolean
}

/** Options of losses that can smooth their targets. */
export interface SmoothingOptions extends LogitOptions {
  /** The share of each target that is spread over all classes; from 0 to below 1, default 0. */
  readonly labelSmoothing?: number
}

/** -log p of the target class; predictions `[…, classes]`, integer targets `[…]` or `[…, 1]`. Errors: `ERR_OPTION`. */
export const sparseCategoricalCrossentropy = (options: LogitOptions = {}): Loss =>
  makeLoss('sparseCategoricalCrossentropy', options)

/** The cross-entropy with a distribution; predictions and targets `[…, classes]`. Errors: `ERR_OPTION`. */
export const categoricalCrossentropy = (options: SmoothingOptions = {}): Loss =>
  makeLoss('categoricalCrossentropy', options)

/** The mean cross-entropy of independent yes-no predictions; targets of the same shape. Errors: `ERR_OPTION`. */
export const binaryCrossentropy = (options: SmoothingOptions = {}): Loss => makeLoss('binaryCrossentropy', options)

/** The mean of squared differences. */
export const meanSquaredError = (options: Readonly<Record<never, never>> = {}): Loss =>
  makeLoss('meanSquaredError', options)

/** The mean of absolute differences. */
export const meanAbsoluteError = (options: Readonly<Record<never, never>> = {}): Loss =>
  makeLoss('meanAbsoluteError', options)

/** Squared below `delta` (default 1), linear above (Huber 1964). Errors: `ERR_OPTION`. */
export const huber = (options: { readonly delta?: number } = {}): Loss => makeLoss('huber', options)
