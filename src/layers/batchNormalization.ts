import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { custom, flag, number } from '../options.js'
import { axisCheck, axisOf, type GivenAxis, singleAxis } from './axes.js'
import { Layer, type LayerOptions } from './layer.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link batchNormalization}. */
export interface BatchNormalizationOptions extends LayerOptions, RuleOptions<'gamma' | 'beta'> {
  /** The dimension of the channels, each of which has its own statistics: counted with the batch, or from the end; default -1. */
  readonly axis?: GivenAxis
  /** How much of the moving statistics stays after a step of training, from 0 to 1; default 0.99. */
  readonly momentum?: number
  /** Added to the variance; default 1e-3. */
  readonly epsilon?: number
  /** Whether to add a learned offset; default true. */
  readonly center?: boolean
  /** Whether to multiply by a learned factor; default true. */
  readonly scale?: boolean
  /** Default `'zeros'`. */
  readonly betaInitializer?: InitializerName | Initializer
  /** Default `'ones'`. */
  readonly gammaInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly movingMeanInitializer?: InitializerName | Initializer
  /** Default `'ones'`. */
  readonly movingVarianceInitializer?: InitializerName | Initializer
}

const share = custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1)

/** The layer that {@link batchNormalization} makes. */
export class BatchNormalization extends Layer {
  static override readonly className = 'BatchNormalization'
  override readonly baseName = 'batch_normalization'
  override readonly stepwise: boolean
  readonly #axis: number
  readonly #settings: {
    readonly momentum: number
    readonly epsilon: number
    readonly center: boolean
    readonly scale: boolean
  }
  readonly #initializers: Readonly<Record<'beta' | 'gamma' | 'movingMean' | 'movingVariance', Initializer>>

  constructor(options: BatchNormalizationOptions) {
    super('layers.batchNormalization', options, {
      accepted: {
        axis: axisCheck,
        momentum: share,
        epsilon: number(0),
        center: flag,
        scale: flag,
        betaInitializer: initializerCheck,
        gammaInitializer: initializerCheck,
        movingMeanInitializer: initializerCheck,
        movingVarianceInitializer: initializerCheck,
      },
      roles: ['gamma', 'beta'],
      refused: { synchronized: [false], renorm: [false], fused: [null, false], virtualBatchSize: [null] },
    })
    this.#axis = singleAxis(options.axis)
    this.stepwise = this.#axis === -1
    this.#settings = {
      momentum: options.momentum ?? 0.99,
      epsilon: options.epsilon ?? 1e-3,
      center: options.center ?? true,
      scale: options.scale ?? true,
    }
    this.#initializers = {
      beta: resolveInitializer(options.betaInitializer ?? 'zeros'),
      gamma: resolveInitializer(options.gammaInitializer ?? 'ones'),
      movingMean: resolveInitializer(options.movingMeanInitializer ?? 'zeros'),
      movingVariance: resolveInitializer(options.movingVarianceInitializer ?? 'ones'),
    }
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …]', 2, 8)
    this.inLayer(() => axisOf(this.#axis, shape))
    return [shape]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { builder } = scope
    const { axis, size } = axisOf(this.#axis, x.shape)
    const { center, scale } = this.#settings
    const learned: number[] = []
    if (scale) learned.push(scope.weight('gamma', [size], this.#initializers.gamma))
    if (center) learned.push(scope.weight('beta', [size], this.#initializers.beta))
    const moving = [
      scope.statistic('moving_mean', [size], this.#initializers.movingMean),
      scope.statistic('moving_variance', [size], this.#initializers.movingVariance),
    ]
    // As in Keras, a frozen layer does what it does in predictions.
    const frozen = !moving.every((index) => builder.changes(index))
    const before = moving.flatMap((index) => builder.replacement(index) ?? [])
    const attributes = { ...this.#settings, axis, frozen }
    const trains = builder.training && !frozen
    const shapes = trains ? [x.shape, [size], [size]] : [x.shape]
    const [y, ...after] = scope.nodes('batchNorm', [x, ...before], [...learned, ...moving], shapes, attributes)
    after.forEach((value, at) => {
      builder.replace(moving[at] as number, value)
    })
    return [y as Value]
  }

  override config(): Record<string, unknown> {
    const { beta, gamma, movingMean, movingVariance } = this.#initializers
    return {
      axis: this.#axis,
      ...this.#settings,
      betaInitializer: beta,
      gammaInitializer: gamma,
      movingMeanInitializer: movingMean,
      movingVarianceInitializer: movingVariance,
    }
  }
}

/**
 * Normalises each channel to mean 0 and variance 1, then scales by gamma and adds beta. In training, mean and variance
 * are those of the batch, of all its rows and steps that are not masked; every step moves `moving_mean` and
 * `moving_variance` towards them: moving · momentum + batch · (1 - momentum). Predictions and evaluations, and training
 * with `trainable: false`, use the moving ones. As Keras's `BatchNormalization`; the variance is that of the values, not an
 * estimate as in PyTorch's `running_var`.
 *
 * Shapes stay. Weights, `[channels]` each: gamma, beta, moving_mean, moving_variance. In `timeDistributed` the statistics
 * are over all steps. Source: Ioffe and Szegedy, arXiv 1502.03167. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`;
 * training rejects with `ERR_NUMERIC` if a moving statistic would not be finite.
 */
export function batchNormalization(options: BatchNormalizationOptions = {}): BatchNormalization {
  return new BatchNormalization(options)
}
