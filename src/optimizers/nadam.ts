import { type MomentOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/** Adam with Nesterov momentum (Dozat 2016). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function nadam(options: MomentOptions = {}): Optimizer {
  return makeOptimizer('nadam', options, 0.001, moments)
}
