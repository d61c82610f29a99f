import { flag, number } from '../options.js'
import { decay, makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of {@link rmsprop}; `learningRate` defaults to 0.001. */
export interface RmspropOptions extends OptimizerOptions {
  /** Decay of the mean of squares; default 0.9. */
  readonly rho?: number
  /** Default 0. */
  readonly momentum?: number
  /** Added to the root; default 1e-7. */
  readonly epsilon?: number
  /** Whether to divide by the variance instead of the mean of squares; default false. */
  readonly centered?: boolean
}

/** RMSprop (Tieleman and Hinton 2012). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return makeOptimizer('rmsprop', options, 0.001, {
    rho: [decay, 0.9],
    momentum: [decay, 0],
    epsilon: [number(0), 1e-7],
    centered: [flag, false],
  })
}
