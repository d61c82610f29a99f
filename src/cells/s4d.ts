import { activationCheck, type CellActivation } from '../layers/activations.js'
import { requireCellActivation } from '../layers/cellOptions.js'
import { checkOptions, integer, oneOf, positive } from '../options.js'
import { even, requireOrder } from './bounds.js'
import { type Complex, exponential, over, times } from './complex.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link s4d}. */
export interface S4DCellOptions {
  /** The number of channels: the size of the output. */
  readonly units: number
  /** The size N of each channel's state, an even number: N/2 complex numbers and their conjugates; default 64. */
  readonly stateSize?: number
  /** How the imaginary parts of A begin: π·n (`'lin'`, the default), or N/π·(N/(2n + 1) - 1) (`'inv'`). */
  readonly start?: 'lin' | 'inv'
  /** The least step of time Δ at first; default 0.001. Steps are spread by their logarithms. */
  readonly minStep?: number
  /** The largest step of time Δ at first; default 0.1. */
  readonly maxStep?: number
  /** What follows the linear recurrence; default `'gelu'`. */
  readonly activation?: CellActivation
}

/**
 * A diagonal state space model: each channel u of x·kernel drives complex states of its own, s' = Ā·s + B̄·u with
 * Ā = exp(Δ·A) and B̄ = (Ā - 1)/A (zero-order hold, B = 1); the output is activation(2·Re(C·s') + D·u). The real parts of A are
 * below zero: -exp(log_decay).
 *
 * Step: x `[batch, features]`; states re and im `[batch, units, N/2]`; output `[batch, units]`. Weights: kernel
 * `[features, units]`; log_step `[units, 1]`; log_decay, which begins with log ½, frequency, output_re and output_im
 * `[units, N/2]`, C normal with variance ½ for each part; skip `[units]`, normal. Source: Gu et al., "On the
 * parameterization and initialization of diagonal state space models", arXiv 2206.11893. Errors:
 * `ERR_OPTION`, `ERR_UNSUPPORTED`.
 */
export function s4d(options: S4DCellOptions) {
  checkOptions('cells.s4d', options, {
    accepted: {
      units: integer(1),
      stateSize: even,
      start: oneOf(['lin', 'inv']),
      minStep: positive,
      maxStep: positive,
      activation: activationCheck,
    },
    refused: ofLayers,
    required: ['units'],
  })
  requireCellActivation('cells.s4d', 'activation', options.activation)
  const { units, stateSize = 64, start = 'lin', minStep = 0.001, maxStep = 0.1, activation = 'gelu' } = options
  requireOrder('cells.s4d', { minStep, maxStep })
  const half = stateSize / 2
  const frequencies = Array.from({ length: half }, (_, n) =>
    start === 'lin' ? Math.PI * n : (stateSize / Math.PI) * (stateSize / (2 * n + 1) - 1),
  )
  const normal = (stddev: number) => ({ kind: 'randomNormal', mean: 0, stddev }) as const
  const leaves = { shape: [units, half], initializer: normal(Math.SQRT1_2) } as const
  return defineCell({
    name: 's4d',
    states: { re: [units, half], im: [units, half] },
    weights: {
      kernel: ['features', units],
      log_step: {
        shape: [units, 1],
        initializer: { kind: 'randomUniform', minval: Math.log(minStep), maxval: Math.log(maxStep) },
      },
      log_decay: { shape: [units, half], initializer: { kind: 'constant', value: Math.log(0.5) } },
      frequency: { shape: [units, half], initializer: { kind: 'blocks', values: frequencies } },
      output_re: leaves,
      output_im: leaves,
      skip: { shape: [units], initializer: normal(1) },
    },
    step({ x, re, im }, w) {
      const step = w.log_step.exp()
      const a: Complex = { re: w.log_decay.exp().neg(), im: w.frequency }
      const { power, lessOne } = exponential({ re: a.re.mul(step), im: a.im.mul(step) })
      const entering = over(lessOne, a)
      const u = x.matmul(w.kernel)
      const each = u.expandDims(2)
      const turned = times(power, { re, im })
      const next = { re: turned.re.add(entering.re.mul(each)), im: turned.im.add(entering.im.mul(each)) }
      const read = next.re.mul(w.output_re).sub(next.im.mul(w.output_im)).sum()
      return { ...next, output: read.mul(2).add(u.mul(w.skip)).activation(activation) }
    },
  })
}
