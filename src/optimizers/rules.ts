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
  | 'adafactor'
  | 'ftrl'
  | 'lamb'
  | 'muon'

/** An optimizer as data: its kind and all its settings. */
export type Optimizer = OptimizerOf<OptimizerKind>

/** Options of {@link sgd}; `learningRate` defaults to 0.01. */
export interface SgdOptions extends OptimizerOptions {
  /** How much of the last step is repeated; default 0. */
  readonly momentum?: number
  /** Whether to look ahead (Nesterov 1983); default false. */
  readonly nesterov?: boolean
  /** Whose formula it is; default 'keras'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * Stochastic gradient descent, with momentum where asked (Polyak 1964; Sutskever et al. 2013):
 *
 * - without: w ← w − rate · g
 * - momentum μ: b ← μ b + rate · g, w ← w − b
 * - nesterov: b ← μ b + rate · g, w ← w − (rate · g + μ b)
 *
 * With the formula of PyTorch (dampening 0), b ← μ b + g and w ← w − rate · b: the same while the rate stays as it is; after a change of it, the
 * momentum goes on at the new rate instead of the old one.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  return makeOptimizer('sgd', options, 0.01, {
    momentum: { type: 'number', least: 0, below: 1, default: 0 },
    nesterov: { type: 'flag', default: false },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'keras' },
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
  /** Whose formula it is; default 'pytorch'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * Adam (Kingma and Ba 2015, Algorithm 1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − rate · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε); with `amsgrad` (Reddi et al. 2018), the
 * largest v so far in its place.
 *
 * As in PyTorch, whose ε is 1e-8. With the formula of Keras, ε is added to √v before the correction, which makes it larger by 1 / √(1 − β₂ᵗ) in the
 * first steps: 32 times at the first one.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return makeOptimizer('adam', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    amsgrad: { type: 'flag', default: false },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'pytorch' },
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
  /** Whose formula it is; default 'pytorch'. */
  readonly formula?: 'keras' | 'pytorch'
  /** The share by which weights shrink, times the learning rate; default 0.004. */
  readonly weightDecay?: number
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← (1 − rate · weightDecay) · w, then the step of `adam`.
 *
 * As in PyTorch, whose decay is 0.01 by default and ε 1e-8. Keras has the same decay, and ε as its Adam. Biases and embeddings decay, too, unless
 * `excludeFromWeightDecay` names them.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  return makeOptimizer('adamw', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    amsgrad: { type: 'flag', default: false },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'pytorch' },
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
  /** Added to the norm; to the magnitude of the gradient with the formula of PyTorch; default 1e-7. */
  readonly epsilon?: number
  /** Whose formula it is; default 'keras'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * Adam with the infinity norm (Kingma and Ba 2015, section 7.1), at step t:
 *
 * m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g|), w ← w − rate / (1 − β₁ᵗ) · m / (u + ε)
 *
 * With the formula of PyTorch, ε is added before the maximum: u ← max(β₂ u, |g| + ε). There the rate is 0.002 by default and ε 1e-8.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adamax(options: AdamaxOptions = {}): Optimizer {
  return makeOptimizer('adamax', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'keras' },
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
  /** Added to the root; under it with the formula of Keras; default 1e-7. */
  readonly epsilon?: number
  /** Whose formula it is; default 'pytorch'. */
  readonly formula?: 'keras' | 'pytorch'
}

/**
 * Adagrad (Duchi et al. 2011): s ← s + g², w ← w − rate · g / (√s + ε), where s begins with `initialAccumulatorValue`.
 *
 * As in PyTorch, where the rate is 0.01 by default, s begins with 0 and ε is 1e-10. With the formula of Keras, g / √(s + ε).
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return makeOptimizer('adagrad', options, 0.001, {
    initialAccumulatorValue: { type: 'number', least: 0, default: 0.1 },
    epsilon: { type: 'number', least: 0, default: 1e-7 },
    formula: { type: 'name', of: ['keras', 'pytorch'], default: 'pytorch' },
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
 * As in Keras, for a decay before the step. Since every weight moves by the whole rate, this is to be three to
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

/** Options of {@link adafactor}; `learningRate` defaults to 0.001. */
export interface AdafactorOptions extends OptimizerOptions {
  /** The exponent of the step, below 0; default -0.8. */
  readonly beta2Decay?: number
  /** Added to squares of gradients; default 9.999999999999999e-31. */
  readonly epsilon1?: number
  /** The least that a weight's magnitude counts for; default 0.001. */
  readonly epsilon2?: number
  /** The root of the mean of squares up to which a step is not made smaller; default 1. */
  readonly clipThreshold?: number
}

/**
 * Adafactor (Shazeer and Stern 2018, Algorithms 4 and 5): the second moment of a matrix is known by the means of its rows and columns. At step t,
 * with β = 1 − t^`beta2Decay`:
 *
 * v ← β v + (1 − β) (g² + ε₁), for matrices r ← the same of the means of rows, c ← of columns, and v = r cᵀ / mean(r);
 * u = g / √v, w ← w − max(ε₂, RMS(w)) · ρ · u / max(1, RMS(u) / `clipThreshold`), where ρ = min(rate, 1 / √t)
 *
 * As in Keras, where ρ is the same with and without `relative_step`. Of weights of more dimensions, the last two are those of the matrices. Of a matrix it
 * keeps the means alone: rows + columns numbers.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  return makeOptimizer('adafactor', options, 0.001, {
    beta2Decay: { type: 'number', default: -0.8 },
    epsilon1: { type: 'number', above: 0, default: 9.999999999999999e-31 },
    epsilon2: { type: 'number', least: 0, default: 0.001 },
    clipThreshold: { type: 'number', above: 0, default: 1 },
  })
}

/** Options of {@link ftrl}; `learningRate` defaults to 0.001. */
export interface FtrlOptions extends OptimizerOptions {
  /** The exponent of the sum of squares, at most 0; at 0 the rate stays; default -0.5. */
  readonly learningRatePower?: number
  /** The first value of the sum of squares; default 0.1. */
  readonly initialAccumulatorValue?: number
  /** The magnitude of z up to which a weight is 0; default 0. */
  readonly l1RegularizationStrength?: number
  /** The penalty on squares of weights; default 0. */
  readonly l2RegularizationStrength?: number
  /** The penalty on squares of weights that only the gradient gets; default 0. */
  readonly l2ShrinkageRegularizationStrength?: number
  /** The β of the paper; default 0. */
  readonly beta?: number
}

/**
 * Follow the regularized leader (McMahan et al. 2013), with the exponent p = −`learningRatePower`:
 *
 * n′ = n + g², z ← z + g + 2 `l2Shrinkage` w − (n′ᵖ − nᵖ) / rate · w,
 * w ← (clip(z, ±`l1`) − z) / ((n′ᵖ + β) / rate + 2 `l2`), n ← n′, where n begins with `initialAccumulatorValue`
 *
 * As in Keras. It computes weights anew from z, which begins with zeros: whatever they are at first, their first step goes from 0. It is for wide
 * linear models with few inputs at a time; `l1RegularizationStrength` makes most of their weights exactly 0.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function ftrl(options: FtrlOptions = {}): Optimizer {
  return makeOptimizer('ftrl', options, 0.001, {
    learningRatePower: { type: 'number', default: -0.5 },
    initialAccumulatorValue: { type: 'number', least: 0, default: 0.1 },
    l1RegularizationStrength: { type: 'number', least: 0, default: 0 },
    l2RegularizationStrength: { type: 'number', least: 0, default: 0 },
    l2ShrinkageRegularizationStrength: { type: 'number', least: 0, default: 0 },
    beta: { type: 'number', least: 0, default: 0 },
  })
}

/** Options of {@link lamb}; `learningRate` defaults to 0.001. */
export interface LambOptions extends OptimizerOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second moment; default 1e-7. */
  readonly epsilon?: number
}

/**
 * LAMB (You et al. 2020, Algorithm 2): the step of `adam`, as long as the weight itself times the rate, for large batches. At step t:
 *
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε), w ← w − rate · ‖w‖ / ‖u‖ · u
 *
 * Norms are those of a whole weight; a factor of 1 stands for ‖w‖ / ‖u‖ if one of them is 0. As in Keras, where decay comes before the step; in the
 * paper it is part of u.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function lamb(options: LambOptions = {}): Optimizer {
  return makeOptimizer('lamb', options, 0.001, {
    beta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    beta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
  })
}

/** Options of {@link muon}; `learningRate` defaults to 0.001. */
export interface MuonOptions extends OptimizerOptions {
  /** How much of the last step is repeated; default 0.95. */
  readonly momentum?: number
  /** Whether to look ahead (Nesterov 1983); default true. */
  readonly nesterov?: boolean
  /** How often the iteration is repeated that brings singular values near 1; default 5. */
  readonly nsSteps?: number
  /** The root mean square of a step, as a share of the rate; 0 for that of O alone; default 0.2. */
  readonly rmsRate?: number
  /** The coefficient of x in the iteration; default 3.4445. */
  readonly muonA?: number
  /** The coefficient of y x; default -4.775. */
  readonly muonB?: number
  /** The coefficient of y² x; default 2.0315. */
  readonly muonC?: number
  /** Parts of the names of weights that are left to Adam; default []. */
  readonly excludeLayers?: readonly string[]
  /** Whether weights with `embedding` in their name are left to Adam; default true. */
  readonly excludeEmbeddings?: boolean
  /** The share by which matrices shrink, times the learning rate; default 0.004. */
  readonly weightDecay?: number
  /** Adam's rate, as a share of the learning rate; default 1. */
  readonly adamLrRatio?: number
  /** Adam's decay of the first moment; default 0.9. */
  readonly adamBeta1?: number
  /** Adam's decay of the second moment; default 0.999. */
  readonly adamBeta2?: number
  /** The share by which Adam's weights shrink, times the learning rate; default 0.004. */
  readonly adamWeightDecay?: number
  /** Added to the root of Adam's second moment; default 1e-7. */
  readonly epsilon?: number
}

/**
 * Muon (Jordan et al. 2024; Liu et al. 2025): momentum whose directions are made equally long.
 *
 * For matrices, with their momentum b ← μ b + g and u = g + μ b (without `nesterov`, b): w ← w − rate · `rmsRate` · √max(rows, columns) · O(u), where O
 * brings all singular values near 1, by `nsSteps` times x ← a x + (b y + c y²) x with y = x xᵀ, from x = u / ‖u‖. All other weights have the step of
 * `adam` with Keras's formula, at `adamLrRatio` times the rate.
 *
 * As in Keras. It is for the matrices between a network's first and last layer: tables of embeddings are left to Adam unless `excludeEmbeddings` is
 * false, and the last layer is to be named in `excludeLayers`. Each step multiplies matrices a few times, which pays for large ones.
 *
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function muon(options: MuonOptions = {}): Optimizer {
  return makeOptimizer('muon', options, 0.001, {
    momentum: { type: 'number', least: 0, below: 1, default: 0.95 },
    nesterov: { type: 'flag', default: true },
    nsSteps: { type: 'integer', default: 5 },
    rmsRate: { type: 'number', least: 0, default: 0.2 },
    muonA: { type: 'number', default: 3.4445 },
    muonB: { type: 'number', default: -4.775 },
    muonC: { type: 'number', default: 2.0315 },
    excludeLayers: { type: 'list', of: { type: 'text' }, default: [] },
    excludeEmbeddings: { type: 'flag', default: true },
    weightDecay: { type: 'number', least: 0, default: 0.004 },
    adamLrRatio: { type: 'number', least: 0, default: 1 },
    adamBeta1: { type: 'number', least: 0, below: 1, default: 0.9 },
    adamBeta2: { type: 'number', least: 0, below: 1, default: 0.999 },
    adamWeightDecay: { type: 'number', least: 0, default: 0.004 },
    epsilon: { type: 'number', above: 0, default: 1e-7 },
  })
}
