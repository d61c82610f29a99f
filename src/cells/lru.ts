import { activationCheck, type CellActivation } from '../layers/activations.js'
import { requireCellActivation } from '../layers/cellOptions.js'
import { checkOptions, custom, integer, number, positive } from '../options.js'
import { requireOrder } from './bounds.js'
import { exponential, times } from './complex.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link lru}. */
export interface LRUCellOptions {
  /** The size of the output. */
  readonly units: number
  /** The number of complex states; default `units`. */
  readonly stateSize?: number
  /** The least magnitude of an eigenvalue at first; default 0. */
  readonly minRadius?: number
  /** The largest magnitude of an eigenvalue at first; default 1. Near 1, states remember for long. */
  readonly maxRadius?: number
  /** The largest angle of an eigenvalue at first; default 2π. Smaller ones suit longer sequences. */
  readonly maxPhase?: number
  /** What follows the linear recurrence; default `'gelu'`. */
  readonly activation?: CellActivation
}

const radius = custom('a number above 0 and up to 1', (v) => typeof v === 'number' && v > 0 && v <= 1)

/**
 * A linear recurrent unit: complex states that turn and fade, each by itself, s' = λ·s + γ·(x·B); the output is
 * activation(Re(s'·C) + x·D). λ = exp(-exp(ν) + i·exp(θ)) cannot leave the unit circle, and γ keeps the size of states
 * whatever λ is.
 *
 * Step: x `[batch, features]`; states re and im `[batch, stateSize]`; output `[batch, units]`. Weights: ring
 * `[3, stateSize]`, whose rows are ν, θ and log γ; input_re and input_im `[features, stateSize]`; output_re and output_im
 * `[stateSize, units]`; skip `[features, units]`, the paper's D, as a matrix, since features and units may differ. They
 * begin as in the paper: λ uniform on the ring between the radii, γ = √(1 - |λ|²), B and C normal. Source: Orvieto et
 * al., "Resurrecting recurrent neural networks for long sequences", arXiv 2303.06349. Errors:
 * `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function lru(options: LRUCellOptions) {
  checkOptions('cells.lru', options, {
    accepted: {
      units: integer(1),
      stateSize: integer(1),
      minRadius: number(0, 1),
      maxRadius: radius,
      maxPhase: positive,
      activation: activationCheck,
    },
    refused: ofLayers,
    required: ['units'],
  })
  requireCellActivation('cells.lru', 'activation', options.activation)
  const {
    units,
    stateSize = units,
    minRadius = 0,
    maxRadius = 1,
    maxPhase = 2 * Math.PI,
    activation = 'gelu',
  } = options
  requireOrder('cells.lru', { minRadius, maxRadius })
  const normal = (scale: number) =>
    ({ kind: 'varianceScaling', scale, mode: 'fanIn', distribution: 'untruncatedNormal' }) as const
  const enters = { shape: ['features', stateSize], initializer: normal(0.5) } as const
  const leaves = { shape: [stateSize, units], initializer: normal(1) } as const
  return defineCell({
    name: 'lru',
    states: { re: stateSize, im: stateSize },
    weights: {
      ring: { shape: [3, stateSize], initializer: { kind: 'ring', minRadius, maxRadius, maxPhase } },
      ...{ input_re: enters, input_im: enters, output_re: leaves, output_im: leaves },
      skip: { shape: ['features', units], initializer: normal(1) },
    },
    step({ x, re, im }, w) {
      const [nu, theta, gamma] = w.ring.split(3, 0)
      const { power } = exponential({ re: nu.exp().neg(), im: theta.exp() })
      const size = gamma.exp()
      const turned = times(power, { re, im })
      const next = {
        re: turned.re.add(x.matmul(w.input_re).mul(size)),
        im: turned.im.add(x.matmul(w.input_im).mul(size)),
      }
      const read = next.re.matmul(w.output_re).sub(next.im.matmul(w.output_im))
      return { ...next, output: read.add(x.matmul(w.skip)).activation(activation) }
    },
  })
}
