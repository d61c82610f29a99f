import { sub } from '../graph/trace/ops.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { checkOptions, flag, integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'
import { positivePart } from './positivePart.js'

/** Options of {@link minGRU}. */
export interface MinGRUCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /** Whether candidates are made positive: x + ½ from zero on, σ(x) below (appendix B of the paper); default false. */
  readonly positive?: boolean
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
}

/**
 * A GRU whose gate and candidate do not read the state, so that the state is a running average of what the input says:
 * z = σ(x·Wz + bz); c = x·Wc + bc; h' = (1 - z)·h + z·c.
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights: kernel `[features, 2 units]` and bias
 * `[2 units]`, the gate before the candidate. Source: Feng et al., "Were RNNs all we needed?", arXiv 2410.01201, section
 * 3.1. Errors: `ERR_OPTION`.
 */
export function minGRU(options: MinGRUCellOptions) {
  checkOptions('cells.minGRU', options, {
    accepted: { units: integer(1), positive: flag, kernelInitializer: initializerCheck },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, positive = false, kernelInitializer = 'glorotUniform' } = options
  return defineCell({
    name: 'minGRU',
    states: { h: units },
    weights: { kernel: { shape: ['features', 2 * units], initializer: kernelInitializer }, bias: [2 * units] },
    step({ x, h }, w) {
      const [gate, linear] = x.matmul(w.kernel).add(w.bias).split(2)
      const z = gate.sigmoid()
      const candidate = positive ? positivePart(linear) : linear
      return { h: sub(1, z).mul(h).add(z.mul(candidate)) }
    },
  })
}
