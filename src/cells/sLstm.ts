import { sub } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import type { Initializer } from '../initializers/initializer.js'
import { checkOptions, integer, oneOf } from '../options.js'
import { requireDivisible } from './bounds.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link sLSTM}. */
export interface SLSTMCellOptions {
  /** The size of the states and of the output. */
  readonly units: number
  /** How many equal parts of the state see only themselves in recurrent products; divides `units`. Default 1. */
  readonly heads?: number
  /** The forget gate: `'sigmoid'` (the default) or `'exponential'`. */
  readonly forgetGate?: 'sigmoid' | 'exponential'
}

/**
 * The scalar memory of xLSTM: an LSTM whose input gate is exponential, and whose cell is divided by what was let in:
 * c' = f·c + i·tanh(z); n' = f·n + i; h' = σ(o)·c'/n', with i = exp(ĩ) and f = σ(f̃) or exp(f̃). A state m keeps both
 * from overflow: m' = max(log f + m, ĩ), i and f are divided by exp(m') and exp(m' - m), which changes no output.
 *
 * Step: x `[batch, features]`; states h, which is the output, c, n and m `[batch, units]`. Weights: kernel `[features,
 * 4 units]`, recurrent_kernel `[heads, units / heads, 4 units / heads]` and bias `[3 units]` in the order input,
 * forget, candidate, output, where forget_bias `[units]` is on its own: from 3 to 6 at first, or 0 if the gate is
 * exponential. Source: Beck et al., "xLSTM: extended long short-term memory", arXiv 2405.04517. Errors: `ERR_OPTION`.
 */
export function sLSTM(options: SLSTMCellOptions) {
  checkOptions('cells.sLSTM', options, {
    accepted: { units: integer(1), heads: integer(1), forgetGate: oneOf(['sigmoid', 'exponential']) },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, heads = 1, forgetGate = 'sigmoid' } = options
  requireDivisible('cells.sLSTM', units, heads)
  const size = units / heads
  return defineCell({
    name: 'sLSTM',
    states: { h: units, c: units, n: units, m: units },
    weights: {
      kernel: ['features', 4 * units],
      recurrent_kernel: { shape: [heads, size, 4 * size], initializer: 'orthogonal' },
      bias: [3 * units],
      forget_bias: { shape: [units], initializer: openGate(forgetGate) },
    },
    step({ x, h, c, n, m }, w) {
      const ofHeads = h
        .reshape([heads, 1, size])
        .matmul(w.recurrent_kernel)
        .reshape([heads, 4 * size])
      const fromState = ofHeads.split(4).map((part) => part.reshape([units]))
      const gates = x.matmul(w.kernel).split(4)
      const [i, f, z, o] = gates.map((part, gate) => part.add(fromState[gate] as SymbolicValue)) as Gates
      const [inputBias, candidateBias, outputBias] = w.bias.split(3)
      const input = i.add(inputBias)
      const forget = logOfGate(f.add(w.forget_bias), forgetGate)
      // Before the first step nothing was let in, whatever it would be divided by.
      const old = n.greater(0).where(forget.add(m), input)
      const next = old.maximum(input)
      const kept = old.sub(next).exp()
      const added = input.sub(next).exp()
      const cell = kept.mul(c).add(added.mul(z.add(candidateBias).tanh()))
      const norm = kept.mul(n).add(added)
      return { h: o.add(outputBias).sigmoid().mul(cell.div(norm)), c: cell, n: norm, m: next }
    },
  })
}

type Gates = [SymbolicValue, SymbolicValue, SymbolicValue, SymbolicValue]

/** The first biases of forget gates: they let nearly everything pass, of different units for different times. */
export const openGate = (gate: 'sigmoid' | 'exponential'): Initializer =>
  gate === 'sigmoid' ? { kind: 'ramp', start: 3, end: 6 } : { kind: 'zeros' }

/** The logarithm of a forget gate: log σ(x) = -softplus(-x), or x itself. */
export const logOfGate = (x: SymbolicValue, gate: 'sigmoid' | 'exponential'): SymbolicValue =>
  gate === 'sigmoid' ? sub(0, x.neg().softplus()) : x
