import type { CellOptions } from '../layers/cellOptions.js'
import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, rulesFor } from './options.js'
import { dropoutOf, product } from './product.js'

/**
 * A simple (Elman) recurrent cell: h' = activation(x·kernel + h·recurrent_kernel + bias).
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights and defaults are those of
 * `layers.simpleRNN`. Source: Elman, "Finding structure in time", 1990. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function simpleRNN(options: CellOptions) {
  checkCell('simpleRNN', options)
  const { units, useBias = true } = options
  const { activation } = activationsOf(options)
  const {
    kernelInitializer = 'glorotUniform',
    recurrentInitializer = 'orthogonal',
    biasInitializer = 'zeros',
  } = options
  const dropout = dropoutOf(options)
  return defineCell({
    name: 'simpleRNN',
    states: { h: units },
    weights: {
      kernel: { shape: ['features', units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: { shape: [units, units], initializer: recurrentInitializer, ...rulesFor(options, 'recurrent') },
      ...(useBias && { bias: { shape: [units], initializer: biasInitializer, ...rulesFor(options, 'bias') } }),
    },
    step({ x, h }, w) {
      const sum = product(x, w.kernel, 1, dropout.input).add(product(h, w.recurrent_kernel, 1, dropout.state))
      const biased = useBias && w.bias ? sum.add(w.bias) : sum
      return { h: biased.activation(activation) }
    },
  })
}
