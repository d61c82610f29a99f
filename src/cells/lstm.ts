import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, type LSTMCellOptions, lstmBias, lstmChecks, rulesFor } from './options.js'
import { dropoutOf, product } from './product.js'

/**
 * A long short-term memory cell:
 * i, f, g, o = split(x·kernel + h·recurrent_kernel + bias); c' = σ(f)·c + σ(i)·tanh(g); h' = σ(o)·tanh(c').
 *
 * Step: x `[batch, features]`; states h, which is the output, and c `[batch, units]`. Weights and defaults are those of
 * `layers.lstm`, which is this recurrence in one hand-written kernel. Source: Hochreiter and Schmidhuber 1997; Gers et
 * al. 2000. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function lstm(options: LSTMCellOptions) {
  checkCell('lstm', options, lstmChecks)
  const { step, ...declared } = lstmRecurrence(options)
  return defineCell({
    ...declared,
    step(values, w) {
      const { h, c } = step(values, w)
      return { h, c }
    },
  })
}

/** The recurrence of {@link lstm}; its step gives the gates, too. */
export function lstmRecurrence(options: LSTMCellOptions) {
  const { units, useBias = true } = options
  const { activation, recurrentActivation } = activationsOf(options)
  const { kernelInitializer = 'glorotUniform', recurrentInitializer = 'orthogonal' } = options
  const dropout = dropoutOf(options)
  return {
    name: 'lstm',
    states: { h: units, c: units },
    weights: {
      kernel: { shape: ['features', 4 * units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: {
        shape: [units, 4 * units],
        initializer: recurrentInitializer,
        ...rulesFor(options, 'recurrent'),
      },
      ...(useBias && { bias: { shape: [4 * units], initializer: lstmBias(options), ...rulesFor(options, 'bias') } }),
    },
    step({ x, h, c }: Record<'x' | 'h' | 'c', SymbolicValue>, w: LSTMWeights) {
      const sum = product(x, w.kernel, 4, dropout.input).add(product(h, w.recurrent_kernel, 4, dropout.state))
      const [i, f, g, o] = (useBias && w.bias ? sum.add(w.bias) : sum).split(4)
      const forget = f.activation(recurrentActivation)
      const kept = forget.mul(c)
      const input = i.activation(recurrentActivation)
      const candidate = g.activation(activation)
      const newC = kept.add(input.mul(candidate))
      const output = o.activation(recurrentActivation)
      return { h: output.mul(newC.activation(activation)), c: newC, input, forget, candidate, output }
    },
  }
}

type LSTMWeights = Readonly<Record<'kernel' | 'recurrent_kernel', SymbolicValue>> & { readonly bias?: SymbolicValue }
