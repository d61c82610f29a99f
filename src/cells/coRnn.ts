import { checkOptions, integer, positive } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link coRNN}. */
export interface CoRNNCellOptions {
  /** The number of oscillators: the size of both states and of the output. */
  readonly units: number
  /** The step of time Δt; default 0.042. Longer sequences want smaller ones. */
  readonly timeStep?: number
  /** How strongly oscillators are drawn back, γ; default 2.7. */
  readonly frequency?: number
  /** How much they are damped, ε; default 4.7. */
  readonly damping?: number
}

/**
 * A network of coupled oscillators with positions y and velocities z:
 * z' = z + Δt·(tanh(x·kernel + y·recurrent_kernel + z·velocity_kernel + bias) - γ·y - ε·z); y' = y + Δt·z'. Its gradients
 * neither vanish nor explode over long sequences.
 *
 * Step: x `[batch, features]`; states y, which is the output, and z `[batch, units]`. Weights: kernel
 * `[features, units]`, recurrent_kernel and velocity_kernel `[units, units]`, bias `[units]`. Defaults are those of the
 * authors for sequential MNIST. Source: Rusch and Mishra, "Coupled oscillatory recurrent neural network (coRNN)", arXiv
 * 2010.00951, with n̄ = n - 1. Errors: `ERR_OPTION`.
 */
export function coRNN(options: CoRNNCellOptions) {
  checkOptions('cells.coRNN', options, {
    accepted: { units: integer(1), timeStep: positive, frequency: positive, damping: positive },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, timeStep = 0.042, frequency = 2.7, damping = 4.7 } = options
  return defineCell({
    name: 'coRNN',
    states: { y: units, z: units },
    weights: {
      kernel: ['features', units],
      recurrent_kernel: [units, units],
      velocity_kernel: [units, units],
      bias: [units],
    },
    step({ x, y, z }, w) {
      const fromState = y.matmul(w.recurrent_kernel).add(z.matmul(w.velocity_kernel))
      const force = x.matmul(w.kernel).add(w.bias).add(fromState).tanh()
      const velocity = z.add(force.sub(y.mul(frequency)).sub(z.mul(damping)).mul(timeStep))
      return { y: y.add(velocity.mul(timeStep)), z: velocity }
    },
  })
}
