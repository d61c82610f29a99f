import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { checkOptions, flag, integer, number } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'
import { positivePart } from './positivePart.js'

/** Options of {@link minLSTM}. */
export interface MinLSTMCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /** Whether candidates are made positive: x + ½ from zero on, σ(x) below (appendix B of the paper); default false. */
  readonly positive?: boolean
  /** What the bias of the forget gate begins with; more makes an untrained cell remember longer. Default 0. */
  readonly forgetBias?: number
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
}

/**
 * An LSTM whose gates and candidate do not read the state, without a separate cell and output gate. The gates are scaled
 * to sum to one: f = σ(x·Wf + bf); i = σ(x·Wi + bi); c = x·Wc + bc; h' = f/(f + i)·h + i/(f + i)·c.
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights: kernel `[features, 3 units]` and bias
 * `[3 units]` in the order forget, input, candidate. Source: Feng et al., "Were RNNs all we needed?", arXiv 2410.01201,
 * section 3.2. Errors: `ERR_OPTION`.
 */
export function minLSTM(options: MinLSTMCellOptions) {
  checkOptions('cells.minLSTM', options, {
    accepted: { units: integer(1), positive: flag, forgetBias: number(), kernelInitializer: initializerCheck },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, positive = false, forgetBias = 0, kernelInitializer = 'glorotUniform' } = options
  return defineCell({
    name: 'minLSTM',
    states: { h: units },
    weights: {
      kernel: { shape: ['features', 3 * units], initializer: kernelInitializer },
      bias: { shape: [3 * units], initializer: { kind: 'blocks', values: [forgetBias, 0, 0] } },
    },
    step({ x, h }, w) {
      const [forget, input, linear] = x.matmul(w.kernel).add(w.bias).split(3)
      const f = forget.sigmoid()
      const i = input.sigmoid()
      const kept = f.div(f.add(i))
      const added = i.div(f.add(i)).mul(positive ? positivePart(linear) : linear)
      return { h: kept.mul(h).add(added) }
    },
  })
}
