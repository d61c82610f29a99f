import { sub } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { checkOptions, integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link cfc}. */
export interface CfCCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /** The hidden units of the network that reads the input and the state; default 128. */
  readonly backboneUnits?: number
  /** How many hidden layers that network has; default 1. */
  readonly backboneLayers?: number
}

/**
 * A closed-form continuous-time cell, for steps at irregular times: the solution of a differential equation between
 * two observations, without a solver. With b = backbone([x, h]) it goes from one candidate to another as time passes:
 * t = σ((b·Wa + ba)·delta + b·Wb + bb); h' = (1 - t)·tanh(b·Wg + bg) + t·tanh(b·Wh + bh). The backbone's activation is
 * 1.7159·tanh(⅔·x).
 *
 * Step: x `[batch, features]` and deltas `[batch, 1]`, the time since the step before; state and output h `[batch,
 * units]`. Weights: backbone_kernels, the first `[features, backboneUnits]` and the others `[backboneUnits,
 * backboneUnits]`, and backbone_biases, of each layer; backbone_recurrent `[units, backboneUnits]`; kernel
 * `[backboneUnits, 4 units]` and bias `[4 units]` in the order g, h, a, b. Source: Hasani et al., "Closed-form
 * continuous-time neural networks", arXiv 2106.13898, and the authors' implementation. Errors:
 * `ERR_OPTION`.
 */
export function cfc(options: CfCCellOptions) {
  checkOptions('cells.cfc', options, {
    accepted: { units: integer(1), backboneUnits: integer(1), backboneLayers: integer(1, 64) },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, backboneUnits = 128, backboneLayers = 1 } = options
  const kernels = Array.from({ length: backboneLayers }, (_, layer) =>
    layer === 0 ? (['features', backboneUnits] as const) : ([backboneUnits, backboneUnits] as const),
  )
  return defineCell({
    name: 'cfc',
    inputs: { x: 'features', deltas: 1 },
    states: { h: units },
    weights: {
      backbone_kernels: kernels,
      backbone_recurrent: [units, backboneUnits],
      backbone_biases: kernels.map(() => [backboneUnits] as const),
      kernel: [backboneUnits, 4 * units],
      bias: [4 * units],
    },
    step({ x, deltas, h }, w) {
      const read = w.backbone_kernels.reduce((value, kernel, layer) => {
        const sum = value.matmul(kernel).add(w.backbone_biases[layer] as SymbolicValue)
        const whole = layer === 0 ? sum.add(h.matmul(w.backbone_recurrent)) : sum
        return whole
          .mul(2 / 3)
          .tanh()
          .mul(1.7159)
      }, x)
      const [g, other, a, b] = read.matmul(w.kernel).add(w.bias).split(4)
      const passed = a.mul(deltas).add(b).sigmoid()
      return { h: sub(1, passed).mul(g.tanh()).add(passed.mul(other.tanh())) }
    },
  })
}
