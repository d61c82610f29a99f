import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, type LSTMCellOptions, lstmBias, lstmChecks, rulesFor } from './options.js'
import { dropoutOf, product } from './product.js'

/**
 * An LSTM whose gates see the cell: i and f read c, o reads the new c, each through one weight per unit.
 *
 * Step: x `[batch, features]`; states h, which is the output, and c `[batch, units]`. Weights: those of `cells.lstm`,
 * and peephole_i, peephole_f, peephole_o `[units]`, zero at first. Source: Gers and Schmidhuber, "Recurrent nets that
 * time and count", 2000. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function peepholeLSTM(options: LSTMCellOptions) {
  checkCell('peepholeLSTM', options, lstmChecks)
  const { units, useBias = true } = options
  const { activation, recurrentActivation } = activationsOf(options)
  const { kernelInitializer = 'glorotUniform', recurrentInitializer = 'orthogonal' } = options
  const dropout = dropoutOf(options)
  return defineCell({
    name: 'peepholeLSTM',
    states: { h: units, c: units },
    weights: {
      kernel: { shape: ['features', 4 * units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: {
        shape: [units, 4 * units],
        initializer: recurrentInitializer,
        ...rulesFor(options, 'recurrent'),
      },
      peephole_i: [units],
      peephole_f: [units],
      peephole_o: [units],
      ...(useBias && { bias: { shape: [4 * units], initializer: lstmBias(options), ...rulesFor(options, 'bias') } }),
    },
    step({ x, h, c }, w) {
      const sum = product(x, w.kernel, 4, dropout.input).add(product(h, w.recurrent_kernel, 4, dropout.state))
      const [i, f, g, o] = (useBias && w.bias ? sum.add(w.bias) : sum).split(4)
      const inputGate = i.add(c.mul(w.peephole_i)).activation(recurrentActivation)
      const forgetGate = f.add(c.mul(w.peephole_f)).activation(recurrentActivation)
      const newC = forgetGate.mul(c).add(inputGate.mul(g.activation(activation)))
      const outputGate = o.add(newC.mul(w.peephole_o)).activation(recurrentActivation)
      return { h: outputGate.mul(newC.activation(activation)), c: newC }
    },
  })
}
