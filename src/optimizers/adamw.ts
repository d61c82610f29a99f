import { flag, number } from '../options.js'
import { type AdamOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/** Options of {@link adamw}. */
export interface AdamWOptions extends AdamOptions {
  /** The share by which weights shrink, times the learning rate; default 0.004. */
  readonly weightDecay?: number
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← (1 − rate · weightDecay) · w, then the step of
 * {@link adam}.
 *
 * As in PyTorch, whose decay is 0.01 by default and ε 1e-8. Keras has the same decay, and ε as its Adam. Biases and
 * embeddings decay too. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  return makeOptimizer('adamw', options, 0.001, {
    ...moments,
    amsgrad: [flag, false],
    weightDecay: [number(0), 0.004],
  })
}
