import { type MomentOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/**
 * Adam with the infinity norm (Kingma and Ba 2015, section 7.1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), w ← w − rate / (1 − β₁ᵗ) · m / u
 *
 * As in PyTorch, whose rate is 0.002 by default and ε 1e-8. Keras adds ε after the maximum: m / (u + ε) with u ← max(β₂
 * u, |g|). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamax(options: MomentOptions = {}): Optimizer {
  return makeOptimizer('adamax', options, 0.001, moments)
}
