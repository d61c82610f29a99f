import { concat, div } from '../graph/trace/ops.js'
import { checkOptions, integer, oneOf } from '../options.js'
import { requireDivisible } from './bounds.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'
import { logOfGate, openGate } from './sLstm.js'

/** Options of {@link mLSTM}. */
export interface MLSTMCellOptions {
  /** The size of the output: that of the heads together. */
  readonly units: number
  /** How many memories there are; divides `units`. Default 1. */
  readonly heads?: number
  /** The forget gate: `'sigmoid'` (the default) or `'exponential'`. */
  readonly forgetGate?: 'sigmoid' | 'exponential'
}

/**
 * The matrix memory of xLSTM: each head keeps values v under keys k, C' = f·C + i·v·kᵀ and n' = f·n + i·k, and reads
 * them by a query q: h = σ(o)·C'q / max(|n'·q|, 1), with i = exp(ĩ) and f = σ(f̃) or exp(f̃). A state m keeps both
 * from overflow: m' = max(log f + m, ĩ); i, f and the 1 are divided by exp(m'), which changes no output.
 *
 * Step: x `[batch, features]`; output `[batch, units]`; states c `[batch, heads, size, size]`, n `[batch, heads,
 * size]` and m `[batch, heads]`, where size is units / heads. Weights: q_kernel, k_kernel, v_kernel and output_kernel
 * `[features, units]` with biases `[units]`, keys are scaled by 1/√size; gate_kernel `[features, 2 heads]`, input
 * before forget; input_bias `[heads]`, and forget_bias `[heads]`: from 3 to 6 at first, or 0 if the gate is
 * exponential. Source: Beck et al., "xLSTM: extended long short-term memory", arXiv 2405.04517. Errors: `ERR_OPTION`.
 */
export function mLSTM(options: MLSTMCellOptions) {
  checkOptions('cells.mLSTM', options, {
    accepted: { units: integer(1), heads: integer(1), forgetGate: oneOf(['sigmoid', 'exponential']) },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, heads = 1, forgetGate = 'sigmoid' } = options
  requireDivisible('cells.mLSTM', units, heads)
  const size = units / heads
  const kernel = ['features', units] as const
  const bias = [units] as const
  return defineCell({
    name: 'mLSTM',
    states: { c: [heads, size, size], n: [heads, size], m: heads },
    weights: {
      ...{ q_kernel: kernel, k_kernel: kernel, v_kernel: kernel, output_kernel: kernel },
      ...{ q_bias: bias, k_bias: bias, v_bias: bias, output_bias: bias },
      gate_kernel: ['features', 2 * heads],
      input_bias: [heads],
      forget_bias: { shape: [heads], initializer: openGate(forgetGate) },
    },
    step({ x, c, n, m }, w) {
      const q = x.matmul(w.q_kernel).add(w.q_bias).reshape([heads, size])
      const k = x
        .matmul(w.k_kernel)
        .mul(size ** -0.5)
        .add(w.k_bias)
        .reshape([heads, size])
      const v = x.matmul(w.v_kernel).add(w.v_bias).reshape([heads, size])
      const [i, f] = x
        .matmul(w.gate_kernel)
        .add(concat([w.input_bias, w.forget_bias]))
        .split(2)
      const forget = logOfGate(f, forgetGate)
      const next = forget.add(m).maximum(i)
      const kept = forget.add(m).sub(next).exp().expandDims(2)
      const added = i.sub(next).exp().expandDims(2)
      const memory = kept
        .expandDims(3)
        .mul(c)
        .add(v.mul(added).expandDims(3).mul(k.expandDims(2)))
      const norm = kept.mul(n).add(added.mul(k))
      // exp(-m) is the 1 of the paper; beyond e^80 it is as good as infinite.
      const least = next.neg().minimum(80).exp()
      const divisor = norm.mul(q).sum().abs().maximum(least)
      const read = memory.mul(q.expandDims(2)).sum().mul(div(1, divisor).expandDims(2)).reshape([units])
      const output = x.matmul(w.output_kernel).add(w.output_bias).sigmoid().mul(read)
      return { c: memory, n: norm, m: next, output }
    },
  })
}
