import { sub } from '../graph/trace/ops.js'
import { checkOptions, integer } from '../options.js'
import { additiveScores, additiveWeights, readMemory } from './attend.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link bahdanau}. */
export interface BahdanauCellOptions {
  /** The size of the state. */
  readonly units: number
  /** The hidden units of the attention; default `units`. */
  readonly attentionUnits?: number
}

/**
 * The decoder of Bahdanau, Cho and Bengio (arXiv 1409.0473): before each step it scores every step of the encoder's
 * outputs by the last state, reads their weighted sum, and feeds it to a gated recurrent unit together with the input.
 *
 * Step: x `[batch, features]`, the state s `[batch, units]` and the constant memory `[batch, steps, size]`, whose
 * padding is left out. Outputs: `output` `[batch, units + features + size]`, which is s, x and the context, for a layer
 * that predicts words from them; `alignment` `[batch, steps]`.
 *
 * ```ts
 * const decoder = layers.rnn({ cell: cells.bahdanau({ units: 64 }), returnSequences: true })
 * const [read, alignment] = decoder.apply(embedded, { initialState: last, constants: { memory: encoded } })
 * ```
 *
 * Errors: `ERR_OPTION`.
 */
export function bahdanau(options: BahdanauCellOptions) {
  checkOptions('cells.bahdanau', options, {
    accepted: { units: integer(1), attentionUnits: integer(1) },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, attentionUnits = units } = options
  return defineCell({
    name: 'bahdanau',
    states: { s: units },
    constants: { memory: ['steps', 'size'] },
    outputs: ['output', 'alignment'],
    weights: {
      ...additiveWeights(units, 'size', attentionUnits),
      kernel: ['features', 3 * units],
      context_kernel: ['size', 3 * units],
      recurrent_kernel: { shape: [units, 2 * units], initializer: 'orthogonal' },
      candidate_kernel: { shape: [units, units], initializer: 'orthogonal' },
      bias: [3 * units],
    },
    step({ x, s, memory }, w) {
      const { alignment, context } = readMemory(additiveScores(s, memory, w), memory)
      const read = x.matmul(w.kernel).add(context.matmul(w.context_kernel)).add(w.bias)
      const [readZ, readR, readN] = read.split(3)
      const [stateZ, stateR] = s.matmul(w.recurrent_kernel).split(2)
      const z = readZ.add(stateZ).sigmoid()
      const r = readR.add(stateR).sigmoid()
      const n = readN.add(r.mul(s).matmul(w.candidate_kernel)).tanh()
      const next = sub(1, z).mul(s).add(z.mul(n))
      return { s: next, output: next.concat(x, context), alignment }
    },
  })
}
