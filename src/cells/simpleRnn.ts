import type { CellOptions } from '../layers/cellOptions.js'
import { defineCell } from './defineCell.js'
import { checkCell } from './options.js'

/**
 * A simple (Elman) recurrent cell: h' = activation(x·kernel + h·recurrent_kernel + bias).
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights and defaults are those of
 * `layers.simpleRNN`. Source: Elman, "Finding structure in time", 1990. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function simpleRNN(options: CellOptions) {
  checkCell('simpleRNN', options)
  const { units, activation = 'tanh', useBias = true, dropout = 0 } = options
  const {
    kernelInitializer = 'glorotUniform',
    recurrentInitializer = 'orthogonal',
    biasInitializer = 'zeros',
  } = options
  return defineCell({
    name: 'simpleRNN',
    states: { h: units },
    weights: {
      kernel: { shape: ['features', units], initializer: kernelInitializer },
      recurrent_kernel: { shape: [units, units], initializer: recurrentInitializer },
      ...(useBias && { bias: { shape: [units], initializer: biasInitializer } }),
    },
    step({ x, h }, w) {
      const sum = x.dropout(dropout).matmul(w.kernel).add(h.matmul(w.recurrent_kernel))
      const biased = useBias && w.bias ? sum.add(w.bias) : sum
      return { h: biased.activation(activation) }
    },
  })
}
