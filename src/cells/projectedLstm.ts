import { integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, type LSTMCellOptions, lstmBias, lstmChecks, rulesFor } from './options.js'
import { dropoutOf, product } from './product.js'

/** Options of {@link projectedLSTM}. */
export interface ProjectedLSTMCellOptions extends LSTMCellOptions {
  /** The size of the output, which the next step reads; usually smaller than `units`. */
  readonly projection: number
}

/**
 * An LSTM whose output is projected to fewer features before it is fed back, so that a large cell needs few weights: h'
 * = (σ(o)·tanh(c'))·projection.
 *
 * Step: x `[batch, features]`; states h `[batch, projection]`, which is the output, and c `[batch, units]`. Weights:
 * kernel `[features, 4 units]`, recurrent_kernel `[projection, 4 units]`, projection `[units, projection]`, bias
 * `[4 units]`. Source: Sak, Senior and Beaufays, arXiv 1402.1128. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function projectedLSTM(options: ProjectedLSTMCellOptions) {
  checkCell('projectedLSTM', options, { ...lstmChecks, projection: integer(1) })
  const { units, projection, useBias = true } = options
  const { activation, recurrentActivation } = activationsOf(options)
  const { kernelInitializer = 'glorotUniform', recurrentInitializer = 'orthogonal' } = options
  const dropout = dropoutOf(options)
  return defineCell({
    name: 'projectedLSTM',
    states: { h: projection, c: units },
    weights: {
      kernel: { shape: ['features', 4 * units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: {
        shape: [projection, 4 * units],
        initializer: recurrentInitializer,
        ...rulesFor(options, 'recurrent'),
      },
      projection: { shape: [units, projection], initializer: kernelInitializer },
      ...(useBias && { bias: { shape: [4 * units], initializer: lstmBias(options), ...rulesFor(options, 'bias') } }),
    },
    step({ x, h, c }, w) {
      const sum = product(x, w.kernel, 4, dropout.input).add(product(h, w.recurrent_kernel, 4, dropout.state))
      const [i, f, g, o] = (useBias && w.bias ? sum.add(w.bias) : sum).split(4)
      const kept = f.activation(recurrentActivation).mul(c)
      const newC = kept.add(i.activation(recurrentActivation).mul(g.activation(activation)))
      const output = o.activation(recurrentActivation).mul(newC.activation(activation))
      return { h: output.matmul(w.projection), c: newC }
    },
  })
}
