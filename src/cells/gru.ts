import { sub } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { flag } from '../options.js'
import { defineCell } from './defineCell.js'
import { activationsOf, checkCell, type GatedCellOptions, gatedChecks, rulesFor } from './options.js'
import { dropoutOf, dropped, product } from './product.js'

/** Options of {@link gru}. */
export interface GRUCellOptions extends GatedCellOptions {
  /**
   * Whether the reset gate acts after the recurrent product (cuDNN, PyTorch) or before it (the paper); default true.
   */
  readonly resetAfter?: boolean
}

/**
 * A gated recurrent unit: z = σ(x·Wz + h·Uz + bz); r = σ(x·Wr + h·Ur + br); n = tanh(x·Wn + r·(h·Un + cn) + bn); h' =
 * z·h + (1 - z)·n, or with `resetAfter: false` n = tanh(x·Wn + (r·h)·Un + bn).
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights and defaults are those of `layers.gru`.
 * Source: Cho et al. 2014. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function gru(options: GRUCellOptions) {
  checkCell('gru', options, { ...gatedChecks, resetAfter: flag })
  const { step, ...declared } = gruRecurrence(options)
  return defineCell({ ...declared, step: (values, w) => ({ h: step(values, w).h }) })
}

/** The recurrence of {@link gru}; its step gives the gates, too. */
export function gruRecurrence(options: GRUCellOptions) {
  const { units, useBias = true } = options
  const { activation, recurrentActivation } = activationsOf(options)
  const {
    kernelInitializer = 'glorotUniform',
    recurrentInitializer = 'orthogonal',
    biasInitializer = 'zeros',
  } = options
  const { resetAfter = true } = options
  const dropout = dropoutOf(options)
  return {
    name: 'gru',
    states: { h: units },
    weights: {
      kernel: { shape: ['features', 3 * units], initializer: kernelInitializer, ...rulesFor(options, 'kernel') },
      recurrent_kernel: {
        shape: [units, 3 * units],
        initializer: recurrentInitializer,
        ...rulesFor(options, 'recurrent'),
      },
      ...(useBias && {
        bias: {
          shape: resetAfter ? [2, 3 * units] : [3 * units],
          initializer: biasInitializer,
          ...rulesFor(options, 'bias'),
        },
      }),
    },
    step({ x, h }: Record<'x' | 'h', SymbolicValue>, w: GRUWeights) {
      const gate = recurrentActivation
      const fromInput = product(x, w.kernel, 3, dropout.input)
      if (resetAfter) {
        const fromState = product(h, w.recurrent_kernel, 3, dropout.state)
        const [inputBias, stateBias] = useBias && w.bias ? w.bias.split(2, 0) : [0, 0]
        const [xz, xr, xn] = (useBias ? fromInput.add(inputBias) : fromInput).split(3)
        const [hz, hr, hn] = (useBias ? fromState.add(stateBias) : fromState).split(3)
        const z = xz.add(hz).activation(gate)
        const r = xr.add(hr).activation(gate)
        const n = xn.add(r.mul(hn)).activation(activation)
        return { h: z.mul(h).add(sub(1, z).mul(n)), update: z, reset: r, candidate: n }
      }
      const [xz, xr, xn] = (useBias && w.bias ? fromInput.add(w.bias) : fromInput).split(3)
      const [hz, hr] = product(h, w.recurrent_kernel.slice(0, 2 * units), 2, dropout.state).split(2)
      const z = xz.add(hz).activation(gate)
      const r = xr.add(hr).activation(gate)
      const fromReset = r.mul(dropped(h, dropout.state)).matmul(w.recurrent_kernel.slice(2 * units, 3 * units))
      const n = xn.add(fromReset).activation(activation)
      return { h: z.mul(h).add(sub(1, z).mul(n)), update: z, reset: r, candidate: n }
    },
  }
}

type GRUWeights = Readonly<Record<'kernel' | 'recurrent_kernel', SymbolicValue>> & { readonly bias?: SymbolicValue }
