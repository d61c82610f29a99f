import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, integer } from '../options.js'
import { type ActivationName, activationCheck } from './activations.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link dense}. */
export interface DenseOptions extends LayerOptions {
  /** The size of the output's last dimension. */
  readonly units: number
  /** Default `'linear'`. */
  readonly activation?: ActivationName
  /** Whether there is a bias; default true. */
  readonly useBias?: boolean
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
}

/** The layer that {@link dense} makes. */
export class Dense extends Layer {
  override readonly className = 'Dense'
  override readonly baseName = 'dense'
  readonly units: number
  readonly activation: ActivationName
  readonly #useBias: boolean
  readonly #kernelInitializer: Initializer
  readonly #biasInitializer: Initializer

  constructor(options: DenseOptions) {
    super('layers.dense', options, {
      accepted: {
        units: integer(1),
        activation: activationCheck,
        useBias: flag,
        kernelInitializer: initializerCheck,
        biasInitializer: initializerCheck,
      },
      required: ['units'],
      refused: {
        kernelRegularizer: [null],
        biasRegularizer: [null],
        activityRegularizer: [null],
        kernelConstraint: [null],
        biasConstraint: [null],
        loraRank: [null],
        inputDim: [null],
      },
    })
    this.units = options.units
    this.activation = options.activation ?? 'linear'
    this.#useBias = options.useBias ?? true
    this.#kernelInitializer = resolveInitializer(options.kernelInitializer ?? 'glorotUniform')
    this.#biasInitializer = resolveInitializer(options.biasInitializer ?? 'zeros')
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …, features]', 2, 8)
    this.features(shape)
    return [[...shape.slice(0, -1), this.units]]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const shape = [...x.shape.slice(0, -1), this.units]
    const weights = [scope.weight('kernel', [this.features(x.shape), this.units], this.#kernelInitializer)]
    if (this.#useBias) weights.push(scope.weight('bias', [this.units], this.#biasInitializer))
    const y = scope.node('dense', [x], weights, shape)
    if (this.activation === 'linear') return [y]
    return [scope.node('activation', [y], [], shape, { kind: this.activation }, 'activation')]
  }

  override config(): Record<string, unknown> {
    return {
      units: this.units,
      activation: this.activation,
      useBias: this.#useBias,
      kernelInitializer: this.#kernelInitializer,
      biasInitializer: this.#biasInitializer,
    }
  }
}

/**
 * A fully connected layer on the last dimension: y = activation(x W + b).
 *
 * Input `[batch, …, features]`; output `[batch, …, units]`. Weights: kernel `[features, units]`, bias `[units]`.
 * Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function dense(options: DenseOptions): Dense {
  return new Dense(options)
}
