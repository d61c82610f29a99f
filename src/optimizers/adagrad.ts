import { number } from '../options.js'
import { makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of {@link adagrad}; `learningRate` defaults to 0.001. */
export interface AdagradOptions extends OptimizerOptions {
  /** The first value of the sum of squares; default 0.1. */
  readonly initialAccumulatorValue?: number
  /** Added to the root; default 1e-7. */
  readonly epsilon?: number
}

/** Adagrad (Duchi et al. 2011). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return makeOptimizer('adagrad', options, 0.001, {
    initialAccumulatorValue: [number(0), 0.1],
    epsilon: [number(0), 1e-7],
  })
}
