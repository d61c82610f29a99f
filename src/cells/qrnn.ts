import { stack, sub } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { checkOptions, integer, oneOf } from '../options.js'
import { defineCell } from './defineCell.js'

/** Options of {@link qrnn}. */
export interface QRNNCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /** How many steps the convolution sees: the current one and those before it; default 2. */
  readonly window?: number
  /**
   * Which gates there are: forget (`'f'`), forget and output (`'fo'`, the default), or forget, output and input (`'ifo'`,
   * whose input gate is not tied to the forget gate).
   */
  readonly pooling?: 'f' | 'fo' | 'ifo'
  /** Default `'glorotUniform'`, for the matrix of each step of the window. */
  readonly kernelInitializer?: InitializerName | Initializer
}

/**
 * A quasi-recurrent network: gates and candidates are a convolution over the last steps of the input, and the state is
 * only pooled over time: c' = f·c + (1 - f)·z; h = o·c', with z = tanh(Wz ∗ x), f = σ(Wf ∗ x), o = σ(Wo ∗ x).
 *
 * Step: x `[batch, features]`; output `[batch, units]`; states c `[batch, units]`, and for a window of several steps
 * `past` `[batch, window - 1, gates · units]`: what the steps before give to the convolutions of those to come, so that
 * no product depends on a state. Weights: kernels `[features, gates · units]`, one for each step of the window, the
 * current one first; bias `[gates · units]`; in the order candidate, forget, output, input. Source: Bradbury et al.,
 * "Quasi-recurrent neural networks", arXiv 1611.01576, equations 1 to 5. Errors: `ERR_OPTION`.
 */
export function qrnn(options: QRNNCellOptions) {
  checkOptions('cells.qrnn', options, {
    accepted: {
      units: integer(1),
      window: integer(1, 64),
      pooling: oneOf(['f', 'fo', 'ifo']),
      kernelInitializer: initializerCheck,
    },
    required: ['units'],
  })
  const { units, window = 2, pooling = 'fo', kernelInitializer = 'glorotUniform' } = options
  const gates = pooling.length + 1
  const kernel = { shape: ['features', gates * units] as const, initializer: kernelInitializer }
  return defineCell({
    name: 'qrnn',
    states: { c: units, ...(window > 1 && { past: [window - 1, gates * units] as const }) },
    weights: { kernels: Array.from({ length: window }, () => kernel), bias: [gates * units] },
    step({ x, c, ...carried }, w) {
      const [current, ...others] = w.kernels.map((each) => x.matmul(each))
      const past = carried.past?.unstack() ?? []
      const sum = [...past.slice(0, 1), w.bias].reduce((all, each) => all.add(each), current as SymbolicValue)
      const [z, f, o, i] = sum.split(gates) as [SymbolicValue, SymbolicValue, ...SymbolicValue[]]
      const forget = f.sigmoid()
      const next = forget.mul(c).add((i ? i.sigmoid() : sub(1, forget)).mul(z.tanh()))
      const coming = others.map((product, at) => {
        const before = past[at + 1]
        return before ? product.add(before) : product
      })
      return {
        ...{ c: next, output: o ? o.sigmoid().mul(next) : next },
        ...(window > 1 && { past: stack(coming) }),
      }
    },
  })
}
