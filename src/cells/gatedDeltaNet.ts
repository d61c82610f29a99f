import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { checkOptions, integer, positive } from '../options.js'
import { requireDivisible, requireOrder } from './bounds.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link gatedDeltaNet}. */
export interface GatedDeltaNetCellOptions {
  /** The size of the output, and of the values of all heads together. */
  readonly units: number
  /** How many memories there are; divides `units`. Default 1. */
  readonly heads?: number
  /** The size of a head's keys and queries; default units / heads. */
  readonly keySize?: number
  /** The least step of time at first, by which memories fade; default 0.001. */
  readonly minStep?: number
  /** The largest step of time at first; default 0.1. */
  readonly maxStep?: number
}

/**
 * A memory that fades by a gate and is corrected rather than added to: S' = α·S + β·(v - α·S·k)·kᵀ, which is
 * S·(α·(1 - β·k·kᵀ)) + β·v·kᵀ, read by a query: S'·q. α = exp(-exp(log_decay)·softplus(x·alpha_kernel + time_bias)) and
 * β = σ(x·beta_kernel); q, k and v are silu of products, q and k have length 1. What each head reads is divided by its root
 * mean square, scaled, gated by silu(x·gate_kernel) and projected.
 *
 * Step: x `[batch, features]`; output `[batch, units]`; state s `[batch, heads, units / heads, keySize]`. Weights: q_kernel
 * and k_kernel `[features, heads · keySize]`; v_kernel and gate_kernel `[features, units]`; alpha_kernel and beta_kernel
 * `[features, heads]`; log_decay, of uniform numbers up to 16 at first, and time_bias `[heads]`; gamma `[units / heads]`,
 * ones; output_kernel `[units, units]`. The block's short convolutions are layers of their own, such as `depthwiseConv1d`.
 * Source: Yang, Kautz and Hatamizadeh, "Gated delta networks", arXiv 2412.06464. Errors:
 * `ERR_OPTION`.
 */
export function gatedDeltaNet(options: GatedDeltaNetCellOptions) {
  checkOptions('cells.gatedDeltaNet', options, {
    accepted: {
      units: integer(1),
      heads: integer(1),
      keySize: integer(1),
      minStep: positive,
      maxStep: positive,
    },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, heads = 1, minStep = 0.001, maxStep = 0.1 } = options
  requireDivisible('cells.gatedDeltaNet', units, heads)
  requireOrder('cells.gatedDeltaNet', { minStep, maxStep })
  const size = units / heads
  const { keySize = size } = options
  return defineCell({
    name: 'gatedDeltaNet',
    states: { s: [heads, size, keySize] },
    weights: {
      q_kernel: ['features', heads * keySize],
      k_kernel: ['features', heads * keySize],
      v_kernel: ['features', units],
      gate_kernel: ['features', units],
      alpha_kernel: ['features', heads],
      beta_kernel: ['features', heads],
      log_decay: { shape: [heads], initializer: { kind: 'logUniform', minval: 0, maxval: 16 } },
      time_bias: { shape: [heads], initializer: { kind: 'timeSteps', minval: minStep, maxval: maxStep } },
      gamma: { shape: [size], initializer: 'ones' },
      output_kernel: [units, units],
    },
    step({ x, s }, w) {
      const q = ofLengthOne(x.matmul(w.q_kernel).activation('silu').reshape([heads, keySize])).expandDims(2)
      const k = ofLengthOne(x.matmul(w.k_kernel).activation('silu').reshape([heads, keySize])).expandDims(2)
      const v = x.matmul(w.v_kernel).activation('silu').reshape([heads, size])
      const step = x.matmul(w.alpha_kernel).add(w.time_bias).softplus()
      const alpha = step.mul(w.log_decay.exp().neg()).exp().expandDims(2).expandDims(3)
      const beta = x.matmul(w.beta_kernel).sigmoid().expandDims(2)
      const faded = alpha.mul(s)
      const error = beta.mul(v.sub(faded.mul(k).sum()))
      const next = faded.add(error.expandDims(3).mul(k))
      const read = next.mul(q).sum()
      const scaled = read
        .div(read.square().mean({ keepDims: true }).add(1e-5).sqrt())
        .mul(w.gamma)
        .reshape([units])
      const gated = scaled.mul(x.matmul(w.gate_kernel).activation('silu'))
      return { s: next, output: gated.matmul(w.output_kernel) }
    },
  })
}

/** Vectors along the last dimension, of length 1. */
const ofLengthOne = (x: SymbolicValue): SymbolicValue => x.div(x.square().sum({ keepDims: true }).add(1e-6).sqrt())
