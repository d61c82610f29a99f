import { SeqloomError } from '../errors.js'
import { activationCheck, type CellActivation } from '../layers/activations.js'
import { requireCellActivation } from '../layers/cellOptions.js'
import { checkOptions, integer, positive } from '../options.js'
import { even, requireOrder } from './bounds.js'
import { type Complex, exponential, over, times } from './complex.js'
import { defineCell } from './defineCell.js'
import { hippoFrequencies } from './hippo.js'
import { ofLayers } from './options.js'

/** Options of {@link s5}. */
export interface S5CellOptions {
  /** The size of the output. */
  readonly units: number
  /** The size P of the state, an even number: P/2 complex numbers and their conjugates; default 64. */
  readonly stateSize?: number
  /** How many equal parts of the state begin alike, each as a state of its size; default 1. */
  readonly blocks?: number
  /** The least step of time Δ at first; default 0.001. Steps are spread by their logarithms. */
  readonly minStep?: number
  /** The largest step of time Δ at first; default 0.1. */
  readonly maxStep?: number
  /** What follows the linear recurrence; default `'gelu'`. */
  readonly activation?: CellActivation
}

/**
 * A simplified state space model: one diagonal complex state that all features drive, s' = Λ̄·s + B̄·x with
 * Λ̄ = exp(Δ·Λ) and B̄ = Λ⁻¹(Λ̄ - 1)·B (zero-order hold); the output is activation(2·Re(s'·C) + x·D). The real parts of Λ are
 * kept below zero.
 *
 * Step: x `[batch, features]`; states re and im `[batch, P/2]`; output `[batch, units]`. Weights: eigenvalue_re and
 * eigenvalue_im, those of the normal part of the HiPPO-LegS matrix at first, and log_step `[P/2]`; input_re and input_im
 * `[features, P/2]`; output_re and output_im `[P/2, units]`; skip `[features, units]`, the paper's D, as a matrix, since
 * features and units may differ. Source: Smith, Warrington and Linderman, "Simplified state space layers for sequence
 * modeling", arXiv 2208.04933. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function s5(options: S5CellOptions) {
  checkOptions('cells.s5', options, {
    accepted: {
      units: integer(1),
      stateSize: even,
      blocks: integer(1),
      minStep: positive,
      maxStep: positive,
      activation: activationCheck,
    },
    refused: ofLayers,
    required: ['units'],
  })
  requireCellActivation('cells.s5', 'activation', options.activation)
  const { units, stateSize = 64, blocks = 1, minStep = 0.001, maxStep = 0.1, activation = 'gelu' } = options
  requireOrder('cells.s5', { minStep, maxStep })
  if (stateSize % (2 * blocks) !== 0) {
    throw new SeqloomError('ERR_OPTION', `cells.s5: stateSize ${stateSize} is no multiple of 2 · blocks, ${2 * blocks}`)
  }
  const half = stateSize / 2
  const ofBlock = hippoFrequencies(stateSize / blocks)
  const frequencies = Array.from({ length: blocks }, () => ofBlock).flat()
  const normal = (scale: number) =>
    ({ kind: 'varianceScaling', scale, mode: 'fanIn', distribution: 'untruncatedNormal' }) as const
  const enters = { shape: ['features', half], initializer: normal(0.5) } as const
  const leaves = { shape: [half, units], initializer: normal(0.25) } as const
  return defineCell({
    name: 's5',
    states: { re: half, im: half },
    weights: {
      eigenvalue_re: { shape: [half], initializer: { kind: 'constant', value: -0.5 } },
      eigenvalue_im: { shape: [half], initializer: { kind: 'blocks', values: frequencies } },
      log_step: {
        shape: [half],
        initializer: { kind: 'randomUniform', minval: Math.log(minStep), maxval: Math.log(maxStep) },
      },
      ...{ input_re: enters, input_im: enters, output_re: leaves, output_im: leaves },
      skip: { shape: ['features', units], initializer: normal(1) },
    },
    step({ x, re, im }, w) {
      const step = w.log_step.exp()
      const eigenvalue: Complex = { re: w.eigenvalue_re.minimum(-1e-4), im: w.eigenvalue_im }
      const { power, lessOne } = exponential({ re: eigenvalue.re.mul(step), im: eigenvalue.im.mul(step) })
      const input = times(over(lessOne, eigenvalue), { re: x.matmul(w.input_re), im: x.matmul(w.input_im) })
      const turned = times(power, { re, im })
      const next = { re: turned.re.add(input.re), im: turned.im.add(input.im) }
      const read = next.re.matmul(w.output_re).sub(next.im.matmul(w.output_im))
      return { ...next, output: read.mul(2).add(x.matmul(w.skip)).activation(activation) }
    },
  })
}
