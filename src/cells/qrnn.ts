import { sub } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { checkOptions, integer, oneOf } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

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
 * past_1, past_2, … `[batch, gates · units]`: what the steps so far give to the convolutions of the steps to come, so
 * that no product depends on a state. Weights: kernels `[features, gates · units]`, one for each step of the window,
 * the current one first; bias `[gates · units]`; in the order candidate, forget, output, input. Source: Bradbury et
 * al., "Quasi-recurrent neural networks", arXiv 1611.01576. Errors: `ERR_OPTION`.
 */
export function qrnn(options: QRNNCellOptions) {
  checkOptions('cells.qrnn', options, {
    accepted: {
      units: integer(1),
      window: integer(1, 64),
      pooling: oneOf(['f', 'fo', 'ifo']),
      kernelInitializer: initializerCheck,
    },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, window = 2, pooling = 'fo', kernelInitializer = 'glorotUniform' } = options
  const gates = pooling.length + 1
  const kernel = { shape: ['features', gates * units] as const, initializer: kernelInitializer }
  const places = Array.from({ length: window - 1 }, (_, ahead) => `past_${ahead + 1}`)
  return defineCell({
    name: 'qrnn',
    states: { c: units, ...Object.fromEntries(places.map((place) => [place, gates * units])) },
    weights: { kernels: Array.from({ length: window }, () => kernel), bias: [gates * units] },
    step({ x, c, ...others }, w) {
      const [current, ...ahead] = w.kernels.map((each) => x.matmul(each)) as [SymbolicValue, ...SymbolicValue[]]
      const past: Readonly<Record<string, SymbolicValue>> = others
      const [before] = places.map((place) => past[place] as SymbolicValue)
      const sum = (before ? current.add(before) : current).add(w.bias)
      const [z, f, o, i] = sum.split(gates) as [SymbolicValue, SymbolicValue, ...SymbolicValue[]]
      const forget = f.sigmoid()
      const next = forget.mul(c).add((i ? i.sigmoid() : sub(1, forget)).mul(z.tanh()))
      const coming = ahead.map((product, at) => {
        const later = past[`past_${at + 2}`]
        return [places[at] as string, later ? product.add(later) : product] as const
      })
      return { c: next, output: o ? o.sigmoid().mul(next) : next, ...Object.fromEntries(coming) }
    },
  })
}
