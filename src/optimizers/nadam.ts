import { type MomentOptions, moments } from './adam.js'
import { makeOptimizer, type Optimizer } from './optimizer.js'

/**
 * Adam with Nesterov momentum (Dozat 2016), at step t, with the momentum μₜ = β₁ (1 − ½ · 0.96^(0.004 t)):
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
 * w ← w − rate · ((1 − μₜ) g / (1 − μ₁…μₜ) + μₜ₊₁ m / (1 − μ₁…μₜ₊₁)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * As in PyTorch, whose rate is 0.002 by default and ε 1e-8. In Keras μ grows 250 times as fast: μₜ = β₁ (1 − ½ ·
 * 0.96ᵗ). Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function nadam(options: MomentOptions = {}): Optimizer {
  return makeOptimizer('nadam', options, 0.001, moments)
}
