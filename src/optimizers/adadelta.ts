import { number } from '../options.js'
import { decay, makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of {@link adadelta}; `learningRate` defaults to 0.001. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of both means of squares; default 0.95. */
  readonly rho?: number
  /** Added to both roots; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Adadelta (Zeiler 2012): s ← ρ s + (1 − ρ) g², δ = √(d + ε) / √(s + ε) · g, d ← ρ d + (1 − ρ) δ², w ← w − rate · δ.
 *
 * The same formula in PyTorch (rate 1 by default, ρ 0.9, ε 1e-6) and in Keras. The paper has no rate: 1. Errors:
 * `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  return makeOptimizer('adadelta', options, 0.001, { rho: [decay, 0.95], epsilon: [number(0), 1e-7] })
}
