import { flag } from '../options.js'
import { decay, makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of {@link sgd}; `learningRate` defaults to 0.01. */
export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number
  /** Whether to look ahead (Nesterov 1983); default false. */
  readonly nesterov?: boolean
}

/**
 * Stochastic gradient descent, with momentum where asked:
 *
 * - without: w ← w − rate · g
 * - momentum μ: b ← μ b + g, w ← w − rate · b
 * - nesterov: b ← μ b + g, w ← w − rate · (g + μ b)
 *
 * As in PyTorch (with dampening 0). Keras keeps −rate · b instead of b. That is the same while the rate is constant;
 * after a change, Keras's momentum continues at the old rate. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  return makeOptimizer('sgd', options, 0.01, { momentum: [decay, 0], nesterov: [flag, false] })
}
