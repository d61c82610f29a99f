import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { activationCheck, type CellActivation } from '../layers/activations.js'
import { requireCellActivation } from '../layers/cellOptions.js'
import { checkOptions, integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link indRNN}. */
export interface IndRNNCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /** Default `'relu'`, with which deep stacks and long sequences train. */
  readonly activation?: CellActivation
  /**
   * How many steps sequences have. Recurrent weights are then kept within ±2^(1/steps), so that no state grows more than
   * twofold over them by itself; by default they only begin between 0 and 1.
   */
  readonly steps?: number
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
}

/**
 * A recurrent network whose units see only their own state: h' = activation(x·kernel + u·h + bias), with one recurrent
 * weight for each unit. Units are mixed by the next layer.
 *
 * Step: x `[batch, features]`; state and output h `[batch, units]`. Weights: kernel `[features, units]`, recurrent and
 * bias `[units]`; recurrent is uniform between 0 and 1, or 2^(1/steps), at first. Source: Li et al., "Independently
 * recurrent neural network (IndRNN)", arXiv 1803.04831. Errors: `ERR_OPTION`,
 * `ERR_UNSUPPORTED`.
 */
export function indRNN(options: IndRNNCellOptions) {
  checkOptions('cells.indRNN', options, {
    accepted: {
      units: integer(1),
      activation: activationCheck,
      steps: integer(1),
      kernelInitializer: initializerCheck,
    },
    refused: ofLayers,
    required: ['units'],
  })
  requireCellActivation('cells.indRNN', 'activation', options.activation)
  const { units, activation = 'relu', steps, kernelInitializer = 'glorotUniform' } = options
  const bound = steps === undefined ? 1 : 2 ** (1 / steps)
  return defineCell({
    name: 'indRNN',
    states: { h: units },
    weights: {
      kernel: { shape: ['features', units], initializer: kernelInitializer },
      recurrent: { shape: [units], initializer: { kind: 'randomUniform', minval: 0, maxval: bound } },
      bias: [units],
    },
    step({ x, h }, w) {
      const recurrent = steps === undefined ? w.recurrent : w.recurrent.maximum(-bound).minimum(bound)
      return { h: x.matmul(w.kernel).add(w.bias).add(h.mul(recurrent)).activation(activation) }
    },
  })
}
