import { concat, sub } from '../graph/trace/ops.js'
import { checkOptions, integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link rwkv}. */
export interface RWKVCellOptions {
  /** The size of the output, and of what is kept. */
  readonly units: number
}

/**
 * RWKV's time mixing: a weighted mean of all values v so far, whose weights exp(k) fade by exp(-w) at each step, with a
 * bonus u for the current one, behind a gate:
 * m_t = (Σ_{i<t} exp(-(t-1-i)·w + k_i)·v_i + exp(u + k_t)·v_t) / (Σ_{i<t} exp(-(t-1-i)·w + k_i) + exp(u + k_t));
 * the output is (σ(r)·m)·output_kernel. r, k and v are products of the input mixed with the one before, μ·x_t + (1 - μ)·x_{t-1}.
 *
 * Step: x `[batch, features]`; output `[batch, units]`; states `[batch, units]`: above and below are the sums of the
 * fraction, over exp(largest), which keeps them from overflow; and `before` `[batch, 3 units]`, what the input before
 * gives to r, k and v. Weights: mix_r, mix_k and mix_v `[features]`; r_kernel, k_kernel and v_kernel
 * `[features, units]`; log_decay, w = exp(log_decay), and bonus `[units]`; output_kernel `[units, units]`. Mixes, decays and
 * bonus begin as in the paper's first layer. Source: Peng et al., "RWKV: reinventing RNNs for the transformer era", arXiv
 * 2305.13048. Errors: `ERR_OPTION`.
 */
export function rwkv(options: RWKVCellOptions) {
  checkOptions('cells.rwkv', options, { accepted: { units: integer(1) }, refused: ofLayers, required: ['units'] })
  const { units } = options
  const mix = (end: number) => ({ kind: 'ramp', start: 0, end, endIncluded: false }) as const
  const bonus = Array.from({ length: units }, (_, i) => Math.log(0.3) + 0.5 * (((i + 1) % 3) - 1))
  return defineCell({
    name: 'rwkv',
    states: { above: units, below: units, largest: units, before: 3 * units },
    weights: {
      mix_r: { shape: ['features'], initializer: mix(0.5) },
      mix_k: { shape: ['features'], initializer: mix(1) },
      mix_v: { shape: ['features'], initializer: mix(1) },
      r_kernel: ['features', units],
      k_kernel: ['features', units],
      v_kernel: ['features', units],
      log_decay: { shape: [units], initializer: { kind: 'ramp', start: -5, end: 3, power: 0.7 } },
      bonus: { shape: [units], initializer: { kind: 'blocks', values: bonus } },
      output_kernel: [units, units],
    },
    step({ x, above, below, largest, before }, w) {
      const parts = [
        [w.mix_r, w.r_kernel],
        [w.mix_k, w.k_kernel],
        [w.mix_v, w.v_kernel],
      ] as const
      const now = parts.map(([share, kernel]) => x.mul(share).matmul(kernel))
      const coming = parts.map(([share, kernel]) => x.mul(sub(1, share)).matmul(kernel))
      const [r, k, v] = concat(now).add(before).split(3)
      // Before the first step the sums are empty, whatever they are divided by.
      const empty = below.lessEqual(0)
      const withBonus = k.add(w.bonus)
      const old = empty.where(withBonus, largest)
      const most = old.maximum(withBonus)
      const [ofOld, ofNew] = [old.sub(most).exp(), withBonus.sub(most).exp()]
      const mean = ofOld.mul(above).add(ofNew.mul(v)).div(ofOld.mul(below).add(ofNew))
      const faded = empty.where(k, largest.sub(w.log_decay.exp()))
      const next = faded.maximum(k)
      const [kept, added] = [faded.sub(next).exp(), k.sub(next).exp()]
      return {
        above: kept.mul(above).add(added.mul(v)),
        below: kept.mul(below).add(added),
        largest: next,
        before: concat(coming),
        output: r.sigmoid().mul(mean).matmul(w.output_kernel),
      }
    },
  })
}
