import { type MomentOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/** Adam with the infinity norm (Kingma and Ba 2015, section 7.1). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function adamax(options: MomentOptions = {}): Optimizer {
  return makeOptimizer('adamax', options, 0.001, moments)
}
