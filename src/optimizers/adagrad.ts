import { number } from '../options.js'
import { makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of {@link adagrad}; `learningRate` defaults to 0.001. */
export interface AdagradOptions extends OptimizerOptions {
  /** The first value of the sum of squares; default 0.1. */
  readonly initialAccumulatorValue?: number
  /** Added to the root; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Adagrad (Duchi et al. 2011): s ← s + g², w ← w − rate · g / (√s + ε), where s begins with `initialAccumulatorValue`.
 *
 * As in PyTorch, whose rate is 0.01 by default, where s begins with 0 and ε is 1e-10. Keras has ε under the root: g / √(s + ε).
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return makeOptimizer('adagrad', options, 0.001, {
    initialAccumulatorValue: [number(0), 0.1],
    epsilon: [number(0), 1e-7],
  })
}
