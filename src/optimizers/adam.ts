import { flag, number } from '../options.js'
import { decay, makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js'

/** Options of the optimizers that keep two moments; `learningRate` defaults to 0.001. */
export interface MomentOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
}

/** Options of {@link adam}. */
export interface AdamOptions extends MomentOptions {
  /** Whether to divide by the largest second moment so far (Reddi et al. 2018); default false. */
  readonly amsgrad?: boolean
}

/** The settings of two moments. */
export const moments = { beta1: [decay, 0.9], beta2: [decay, 0.999], epsilon: [number(0), 1e-7] } as const

/**
 * Adam (Kingma and Ba 2015, Algorithm 1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − rate · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε); with `amsgrad`,
 * the largest v so far in its place.
 *
 * As in PyTorch, whose ε is 1e-8. Keras adds ε to √v before the correction, which makes it larger by 1 / √(1 − β₂ᵗ) in
 * the first steps: 32 times at the first one. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return makeOptimizer('adam', options, 0.001, { ...moments, amsgrad: [flag, false] })
}
