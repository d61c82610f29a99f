import { positive } from '../options.js'
import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, type LSTMCellOptions, lstmBias, lstmChecks, rulesFor } from './options.js'
import { dropoutOf, product } from './product.js'

/** Options of {@link layerNormLSTM}. */
export interface LayerNormLSTMCellOptions extends LSTMCellOptions {
  /** Added to the variance; default 1e-3. */
  readonly epsilon?: number
}

/**
 * An LSTM that normalises what comes from the input, what comes from the state, and the cell before it is read.
 *
 * Step: x `[batch, features]`; states h, which is the output, and c `[batch, units]`. Weights: those of `cells.lstm`,
 * and the factors kernel_gamma and recurrent_gamma `[4 units]` and cell_gamma `[units]` with the offset cell_beta
 * `[units]`; the offsets of the gates are the bias. Source: Ba, Kiros and Hinton, arXiv 1607.06450, equations 20 to 22.
 * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function layerNormLSTM(options: LayerNormLSTMCellOptions) {
  checkCell('layerNormLSTM', options, { ...lstmChecks, epsilon: positive })
  const { units, useBias = true } = options
  const { activation, recurrentActivation } = activationsOf(options)
  const { kernelInitializer = 'glorotUniform', recurrentInitializer = 'orthogonal', epsilon = 1e-3 } = options
  const dropout = dropoutOf(options)
  return defineCell({
    name: 'layerNormLSTM',
    states: { h: units, c: units },
    weights: {
      kernel: { shape: ['features', 4 * units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: {
        shape: [units, 4 * units],
        initializer: recurrentInitializer,
        ...rulesFor(options, 'recurrent'),
      },
      kernel_gamma: { shape: [4 * units], initializer: 'ones' },
      recurrent_gamma: { shape: [4 * units], initializer: 'ones' },
      cell_gamma: { shape: [units], initializer: 'ones' },
      cell_beta: [units],
      ...(useBias && { bias: { shape: [4 * units], initializer: lstmBias(options), ...rulesFor(options, 'bias') } }),
    },
    step({ x, h, c }, w) {
      const fromInput = product(x, w.kernel, 4, dropout.input).layerNorm({ epsilon }).mul(w.kernel_gamma)
      const fromState = product(h, w.recurrent_kernel, 4, dropout.state).layerNorm({ epsilon }).mul(w.recurrent_gamma)
      const sum = fromInput.add(fromState)
      const [i, f, g, o] = (useBias && w.bias ? sum.add(w.bias) : sum).split(4)
      const kept = f.activation(recurrentActivation).mul(c)
      const newC = kept.add(i.activation(recurrentActivation).mul(g.activation(activation)))
      const read = newC.layerNorm({ epsilon }).mul(w.cell_gamma).add(w.cell_beta)
      return { h: o.activation(recurrentActivation).mul(read.activation(activation)), c: newC }
    },
  })
}
