import { flag, number } from '../options.js'
import { type AdamOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/** Options of {@link adamw}. */
export interface AdamWOptions extends AdamOptions {
  /** The share by which weights shrink, times the learning rate; default 0.004. */
  readonly weightDecay?: number
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function adamw(options: AdamWOptions = {}): Optimizer {
  return makeOptimizer('adamw', options, 0.001, {
    ...moments,
    amsgrad: [flag, false],
    weightDecay: [number(0), 0.004],
  })
}
