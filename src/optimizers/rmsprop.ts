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

/**
 * RMSprop (Tieleman and Hinton 2012): s ← ρ s + (1 − ρ) g², d = g / (√s + ε), w ← w − rate · d.
 *
 * With `centered`, a ← ρ a + (1 − ρ) g and s − a² in place of s under the root; with momentum μ, b ← μ b + d and w ← w
 * − rate · b.
 *
 * As in PyTorch, whose rate is 0.01 by default, ρ (there `alpha`) 0.99 and ε 1e-8. Keras has ε under the root, g / √(s
 * + ε), which matters where gradients are below 3e-4, and a momentum of steps that include the rate. Errors:
 * `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return makeOptimizer('rmsprop', options, 0.001, {
    rho: [decay, 0.9],
    momentum: [decay, 0],
    epsilon: [number(0), 1e-7],
    centered: [flag, false],
  })
}
