import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Shape, showShape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, integer, label, orNull } from '../options.js'
import { type ActivationName, activationCheck } from './activations.js'
import { Layer, type LayerOptions, type SizeOptions } from './layer.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link dense}. */
export interface DenseOptions extends LayerOptions, SizeOptions, RuleOptions<'kernel' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly units: number
  /** Default `'linear'`, which is also null. */
  readonly activation?: ActivationName | null
  /** Whether there is a bias; default true. */
  readonly useBias?: boolean
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
  /**
   * The name of an earlier embedding layer whose table, transposed, is the kernel (Press and Wolf 2017). `units` must
   * be its `inputDim`, and the input's last dimension its `outputDim`. There is then one weight, which both layers
   * train.
   */
  readonly tiedTo?: string
}

/** The layer that {@link dense} makes. */
export class Dense extends Layer {
  static override readonly className = 'Dense'
  override readonly baseName = 'dense'
  override readonly stepwise = true
  readonly units: number
  readonly activation: ActivationName
  readonly #useBias: boolean
  readonly #tiedTo: string | undefined
  readonly #kernelInitializer: Initializer
  readonly #biasInitializer: Initializer

  constructor(options: DenseOptions) {
    super('layers.dense', options, {
      accepted: {
        units: integer(1),
        activation: orNull(activationCheck),
        useBias: flag,
        kernelInitializer: initializerCheck,
        biasInitializer: initializerCheck,
        tiedTo: label,
      },
      required: ['units'],
      roles: ['kernel', 'bias'],
      reads: 'features',
      refused: { loraRank: [null], loraAlpha: [null] },
    })
    if (options.tiedTo !== undefined && (options.kernelRegularizer || options.kernelConstraint)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layers.dense: the kernel is the table of '${options.tiedTo}'; give its regularizer or constraint to that layer`,
      )
    }
    this.units = options.units
    this.activation = options.activation ?? 'linear'
    this.#useBias = options.useBias ?? true
    this.#tiedTo = options.tiedTo
    this.#kernelInitializer = resolveInitializer(options.kernelInitializer ?? 'glorotUniform')
    this.#biasInitializer = resolveInitializer(options.biasInitializer ?? 'zeros')
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …, features]', 2, 8)
    this.features(shape)
    return [[...shape.slice(0, -1), this.units]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const shape = [...x.shape.slice(0, -1), this.units]
    const weights = [this.#kernel(scope, this.features(x.shape))]
    if (this.#useBias) weights.push(scope.weight('bias', [this.units], this.#biasInitializer))
    const y = scope.node('dense', [x], weights, shape, this.#tiedTo === undefined ? {} : { transposed: true })
    if (this.activation === 'linear') return [y]
    return [scope.node('activation', [y], [], shape, { kind: this.activation }, 'activation')]
  }

  #kernel(scope: LayerScope, features: number): number {
    if (this.#tiedTo === undefined) return scope.weight('kernel', [features, this.units], this.#kernelInitializer)
    const table = scope.builder.weightNamed(`${this.#tiedTo}/embeddings`)
    if (!table) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layer '${this.label}' (Dense): tiedTo must name an embedding layer before it; there is none called '${this.#tiedTo}'`,
      )
    }
    if (table.shape[0] !== this.units || table.shape[1] !== features) {
      throw this.shapeError(
        `tied to '${this.#tiedTo}' with a table of shape ${showShape(table.shape)}, it needs units ${table.shape[0]} and an input of ${table.shape[1]} values, not units ${this.units} and ${features} values`,
      )
    }
    return table.index
  }

  override config(): Record<string, unknown> {
    return {
      units: this.units,
      activation: this.activation,
      ...(this.#tiedTo === undefined ? {} : { tiedTo: this.#tiedTo }),
      useBias: this.#useBias,
      kernelInitializer: this.#kernelInitializer,
      biasInitializer: this.#biasInitializer,
    }
  }
}

/**
 * A fully connected layer on the last dimension: y = activation(x W + b).
 *
 * Input `[batch, …, features]`; output `[batch, …, units]`. Weights: kernel `[features, units]`, unless it is tied, and
 * bias `[units]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function dense(options: DenseOptions): Dense {
  return new Dense(options)
}
