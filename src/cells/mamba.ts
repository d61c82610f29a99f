import { checkOptions, integer, positive } from '../options.js'
import { requireOrder } from './bounds.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link mamba}. */
export interface MambaCellOptions {
  /** The number of channels: the size of the output. */
  readonly units: number
  /** The size N of each channel's state; default 16. */
  readonly stateSize?: number
  /** The rank of what the steps of time are computed from; default units / 16, rounded up. */
  readonly timeRank?: number
  /** The least step of time Δ at first; default 0.001. Steps are spread by their logarithms. */
  readonly minStep?: number
  /** The largest step of time Δ at first; default 0.1. */
  readonly maxStep?: number
}

/**
 * Mamba's selective state space: how far each channel u moves, what enters its state and what is read from it depend on
 * the input. Δ = softplus(u·time_in·time_out + time_bias); s' = exp(Δ·A)·s + Δ·u·B; y = s'·C + skip·u, with B and C
 * products of u, u = silu(x·kernel), and the output y·silu(x·gate_kernel).
 *
 * Step: x `[batch, features]`; state s `[batch, units, N]`; output `[batch, units]`. Weights: kernel and gate_kernel
 * `[features, units]`; time_in `[units, timeRank]`, time_out `[timeRank, units]` and time_bias `[units]`, so that Δ begins
 * between the bounds; b_kernel and c_kernel `[units, N]`; log_decay `[units, N]`, A = -exp(log_decay), which begins with
 * -1, -2, …, -N; skip `[units]`, ones. The block's causal convolution and its last projection are layers of their own:
 * `depthwiseConv1d` before, `dense` behind. Source: Gu and Dao, "Mamba: linear-time sequence modeling with selective state
 * spaces", arXiv 2312.00752, algorithm 2. Errors: `ERR_OPTION`.
 */
export function mamba(options: MambaCellOptions) {
  checkOptions('cells.mamba', options, {
    accepted: {
      units: integer(1),
      stateSize: integer(1),
      timeRank: integer(1),
      minStep: positive,
      maxStep: positive,
    },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, stateSize = 16, timeRank = Math.ceil(units / 16), minStep = 0.001, maxStep = 0.1 } = options
  requireOrder('cells.mamba', { minStep, maxStep })
  const decays = Array.from({ length: stateSize }, (_, n) => Math.log(n + 1))
  const bound = timeRank ** -0.5
  return defineCell({
    name: 'mamba',
    states: { s: [units, stateSize] },
    weights: {
      kernel: ['features', units],
      gate_kernel: ['features', units],
      time_in: [units, timeRank],
      time_out: { shape: [timeRank, units], initializer: { kind: 'randomUniform', minval: -bound, maxval: bound } },
      time_bias: { shape: [units], initializer: { kind: 'timeSteps', minval: minStep, maxval: maxStep } },
      b_kernel: [units, stateSize],
      c_kernel: [units, stateSize],
      log_decay: { shape: [units, stateSize], initializer: { kind: 'blocks', values: decays } },
      skip: { shape: [units], initializer: 'ones' },
    },
    step({ x, s }, w) {
      const u = x.matmul(w.kernel).activation('silu')
      const step = u.matmul(w.time_in).matmul(w.time_out).add(w.time_bias).softplus()
      const kept = step.expandDims(2).mul(w.log_decay.exp().neg()).exp()
      const added = step.mul(u).expandDims(2).mul(u.matmul(w.b_kernel).expandDims(1))
      const next = kept.mul(s).add(added)
      const read = next.mul(u.matmul(w.c_kernel).expandDims(1)).sum().add(u.mul(w.skip))
      return { s: next, output: read.mul(x.matmul(w.gate_kernel).activation('silu')) }
    },
  })
}
