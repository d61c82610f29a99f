import { checkOptions, integer } from '../options.js'
import { additiveScores, additiveWeights, readMemory } from './attend.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link showAttendTell}. */
export interface ShowAttendTellCellOptions {
  /** The size of the LSTM's states. */
  readonly units: number
  /** The hidden units of the attention; default `units`. */
  readonly attentionUnits?: number
}

/**
 * The captioning decoder of Xu et al. (arXiv 1502.03044) with soft attention: the last state scores an image's
 * annotation vectors; their weighted sum passes a gate β and enters an LSTM together with the word; word, state and
 * context are added for the deep output.
 *
 * Step: x, the embedded word, `[batch, features]`; the states h and c `[batch, units]`, which the paper starts from the
 * mean annotation (`layers.globalAveragePooling1d` and two dense layers with tanh); the constant annotations
 * `[batch, places, size]`. Outputs: `output` `[batch, features]`, x + h·output_h + context·output_z, to which a dense
 * layer gives the words' logits; `alignment` `[batch, places]`, for `layers.doublyStochasticPenalty`. Errors:
 * `ERR_OPTION`.
 */
export function showAttendTell(options: ShowAttendTellCellOptions) {
  checkOptions('cells.showAttendTell', options, {
    accepted: { units: integer(1), attentionUnits: integer(1) },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, attentionUnits = units } = options
  return defineCell({
    name: 'showAttendTell',
    states: { h: units, c: units },
    constants: { annotations: ['places', 'size'] },
    outputs: ['output', 'alignment'],
    weights: {
      ...additiveWeights(units, 'size', attentionUnits),
      gate_kernel: [units, 1],
      gate_bias: [1],
      kernel: ['features', 4 * units],
      context_kernel: ['size', 4 * units],
      recurrent_kernel: { shape: [units, 4 * units], initializer: 'orthogonal' },
      bias: { shape: [4 * units], initializer: 'lstmBias' },
      output_h: [units, 'features'],
      output_z: ['size', 'features'],
    },
    step({ x, h, c, annotations }, w) {
      const { alignment, context } = readMemory(additiveScores(h, annotations, w), annotations)
      const beta = h.matmul(w.gate_kernel).add(w.gate_bias).sigmoid()
      const seen = context.mul(beta)
      const sum = x.matmul(w.kernel).add(seen.matmul(w.context_kernel)).add(h.matmul(w.recurrent_kernel)).add(w.bias)
      const [i, f, g, o] = sum.split(4)
      const newC = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()))
      const newH = o.sigmoid().mul(newC.tanh())
      const output = x.add(newH.matmul(w.output_h)).add(seen.matmul(w.output_z))
      return { h: newH, c: newC, output, alignment }
    },
  })
}
