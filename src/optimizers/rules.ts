// Written by scripts/generate.mjs from crates/graph; do not edit.

import { makeOptimizer, type OptimizerOf, type OptimizerOptions } from './optimizer.js'

/** The kinds of optimizers. */
export type OptimizerKind =
  | 'sgd'
  | 'adam'
  | 'adamw'
  | 'nadam'
  | 'adamax'
  | 'rmsprop'
  | 'adagrad'
  | 'adadelta'
  | 'lion'
  | 'radam'

/** An optimizer as data: its kind and all its settings. */
export type Optimizer = OptimizerOf<OptimizerKind>

/** Options of {@link sgd}; `learningRate` defaults to 0.01. */
export interface SgdOptions extends OptimizerOptions {
  /** How much of the last step is repeated; default 0. */
  readonly momentum?: number
  /** Whether to look ahead (Nesterov 1983); default false. */
  readonly nesterov?: boolean
}

/**
 * Stochastic gradient descent, with momentum where asked (Polyak 1964; Sutskever et al. 2013):
 *
 * - without: w ← w − rate · g
 * - momentum μ: b ← μ b + g, w ← w − rate · b
 * - nesterov: b ← μ b + g, w ← w − rate · (g + μ b)
 *
 * As in PyTorch (with dampening 0). Keras keeps −rate · b instead of b: the same while the rate stays as it is; after a change of it, Keras's
 * momentum goes on at the old rate.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  return makeOptimizer('sgd', options, 0.01, {
    momentum: { type: 'number', least: 0, below: 1, default: 0 },
    nesterov: { type: 'flag', default: false },
  })
}

/** Options of {@link adam}; `learningRate` defaults to 0.001. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
  /** Whether to divide by the largest second moment so far; default false. */
  readonly amsgrad?: boolean
}

/**
 * Adam (Kingma and Ba 2015, Algorithm 1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − rate · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε); with `amsgrad` (Reddi et al. 2018), the
 * largest v so far in its place.
 *
 * As in PyTorch, whose ε is 1e-8. Keras adds ε to √v before the correction, which makes it larger by 1 / √(1 − β₂ᵗ) in the first steps: 32 times at
 * the first one.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return makeOptimizer('adam', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    amsgrad: { type: 'flag', default: false },
  })
}

/** Options of {@link adamw}; `learningRate` defaults to 0.001. */
export interface AdamWOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
  /** Whether to divide by the largest second moment so far; default false. */
  readonly amsgrad?: boolean
  /** The share by which weights shrink, times the learning rate; default 0.004. */
  readonly weightDecay?: number
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← (1 − rate · weightDecay) · w, then the step of `adam`.
 *
 * As in PyTorch, whose decay is 0.01 by default and ε 1e-8. Keras has the same decay, and ε as its Adam. Biases and embeddings decay too.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  return makeOptimizer('adamw', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    amsgrad: { type: 'flag', default: false },
    weightDecay: { type: 'number', least: 0, default: 0.004 },
  })
}

/** Options of {@link nadam}; `learningRate` defaults to 0.001. */
export interface NadamOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
  /** Whose formula it is; default 'keras'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * Adam with Nesterov momentum (Dozat 2016), at step t, with the momentum μₜ = β₁ (1 − ½ · 0.96ᵗ):
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
 * w ← w − rate · ((1 − μₜ) g / (1 − μ₁…μₜ) + μₜ₊₁ m / (1 − μ₁…μₜ₊₁)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * With the formula of PyTorch, and of the paper, μ grows 250 times as slowly: μₜ = β₁ (1 − ½ · 0.96^(0.004 t)). There the rate is 0.002 by default and
 * ε 1e-8.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function nadam(options: NadamOptions = {}): Optimizer {
  return makeOptimizer('nadam', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'keras' },
  })
}

/** Options of {@link adamax}; `learningRate` defaults to 0.001. */
export interface AdamaxOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the infinity norm; default 0.999. */
  readonly beta2?: number
  /** Added to the magnitude of the gradient; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Adam with the infinity norm (Kingma and Ba 2015, section 7.1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), w ← w − rate / (1 − β₁ᵗ) · m / u
 *
 * As in PyTorch, whose rate is 0.002 by default and ε 1e-8. Keras adds ε after the maximum: m / (u + ε) with u ← max(β₂ u, |g|).
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamax(options: AdamaxOptions = {}): Optimizer {
  return makeOptimizer('adamax', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
  })
}

/** Options of {@link rmsprop}; `learningRate` defaults to 0.001. */
export interface RmspropOptions extends OptimizerOptions {
  /** Decay of the mean of squares; default 0.9. */
  readonly rho?: number
  /** How much of the last step is repeated; default 0. */
  readonly momentum?: number
  /** Added under the root; to the root with the formula of PyTorch; default 1e-7. */
  readonly epsilon?: number
  /** Whether to divide by the variance instead of the mean of squares; default false. */
  readonly centered?: boolean
  /** Whose formula it is; default 'keras'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * RMSprop (Tieleman and Hinton 2012): s ← ρ s + (1 − ρ) g², d = g / √(s + ε), w ← w − rate · d.
 *
 * With `centered` (Graves 2013), a ← ρ a + (1 − ρ) g and s − a² in place of s under the root; with momentum μ, b ← μ b + rate · d and w ← w − b.
 *
 * With the formula of PyTorch, d = g / (√s + ε), which is larger where gradients are below 3e-4; and b ← μ b + d, w ← w − rate · b, which only differs
 * where the rate changes. There the rate is 0.01 by default, ρ (`alpha`) 0.99 and ε 1e-8.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return makeOptimizer('rmsprop', options, 0.001, {
    rho: { type: 'number', least: 0, below: 1, default: 0.9 },
    momentum: { type: 'number', least: 0, below: 1, default: 0 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    centered: { type: 'flag', default: false },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'keras' },
  })
}

/** Options of {@link adagrad}; `learningRate` defaults to 0.001. */
export interface AdagradOptions extends OptimizerOptions {
  /** The first value of the sum of squares; default 0.1. */
  readonly initialAccumulatorValue?: number
  /** Added to the root; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Adagrad (Duchi et al. 2011): s ← s + g², w ← w − rate · g / (√s + ε), where s begins with `initialAccumulatorValue`.
 *
 * As in PyTorch, whose rate is 0.01 by default, where s begins with 0 and ε is 1e-10. Keras has ε under the root: g / √(s + ε).
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return makeOptimizer('adagrad', options, 0.001, {
    initialAccumulatorValue: { type: 'number', least: 0, default: 0.1 },
    epsilon: { type: 'number', least: 0, default: 1e-7 },
  })
}

/** Options of {@link adadelta}; `learningRate` defaults to 0.001. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of both means of squares; default 0.95. */
  readonly rho?: number
  /** Added to both means under their roots; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Adadelta (Zeiler 2012): s ← ρ s + (1 − ρ) g², δ = √(d + ε) / √(s + ε) · g, d ← ρ d + (1 − ρ) δ², w ← w − rate · δ.
 *
 * The same formula in PyTorch (rate 1 by default, ρ 0.9, ε 1e-6) and in Keras. The paper has no rate: 1.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  return makeOptimizer('adadelta', options, 0.001, {
    rho: { type: 'number', least: 0, below: 1, default: 0.95 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
  })
}

/** Options of {@link lion}; `learningRate` defaults to 0.001. */
export interface LionOptions extends OptimizerOptions {
  /** How much of the mean is in the direction of a step; default 0.9. */
  readonly beta1?: number
  /** Decay of the mean; default 0.99. */
  readonly beta2?: number
  /** The share by which weights shrink, times the learning rate; default 0. */
  readonly weightDecay?: number
}

/**
 * Lion (Chen et al. 2023, Algorithm 2): steps of one size, in the direction of the sign of a moving mean:
 *
 * w ← w − rate · (sign(β₁ m + (1 − β₁) g) + weightDecay · w), then m ← β₂ m + (1 − β₂) g
 *
 * As in Keras, but for the decay, which Keras has as an option of all optimizers. Since every weight moves by the whole rate, this is to be three to
 * ten times smaller than Adam's, and the decay as many times larger. It keeps half as much as Adam.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function lion(options: LionOptions = {}): Optimizer {
  return makeOptimizer('lion', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.99 },
    weightDecay: { type: 'number', least: 0, default: 0 },
  })
}

/** Options of {@link radam}; `learningRate` defaults to 0.001. */
export interface RAdamOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Rectified Adam (Liu et al. 2020, Algorithm 2), at step t, with ρ∞ = 2 / (1 − β₂) − 1 and ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ):
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
 * w ← w − rate · r · m / (1 − β₁ᵗ) · √(1 − β₂ᵗ) / (√v + ε), where r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)); as long as ρ is at most 5,
 * which with the defaults are five steps, w ← w − rate · m / (1 − β₁ᵗ)
 *
 * So the second moment counts as far as it is known, and the first steps need no warm-up. As in PyTorch, whose ε is 1e-8; the paper's bound is 4.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function radam(options: RAdamOptions = {}): Optimizer {
  return makeOptimizer('radam', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
  })
}

/** @internal All of them by kind. */
export const rules: Readonly<Record<OptimizerKind, (options?: object) => Optimizer>> = {
  sgd,
  adam,
  adamw,
  nadam,
  adamax,
  rmsprop,
  adagrad,
  adadelta,
  lion,
  radam,
}
